/**
 * What the journey needs from the world, as interfaces: the store implements the repositories, media the catalogue. Asynchronous and free
 * of SQL words, so that another database can stand behind them.
 */

import type { MediaRecord } from '../media/record.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { DiscoveredMachine, Node } from '../nodes/node.ts';
import type { Watch } from '../nodes/watch.ts';
import type { Rule } from '../rules/rule.ts';
import type { EventCode } from '../runs/events.ts';
import type { Run, RunState, StepReport } from '../runs/run.ts';
import type { Answer } from '../webhooks/attempt.ts';
import type { TargetRights } from '../webhooks/target.ts';
import type { Delivery, DeliveryState, Health, Webhook } from '../webhooks/webhook.ts';

/** The images on disk are media's: journey sees them through these types. */
export type { ImageSources, MediaRecord, OverlayFile } from '../media/record.ts';

/** One row of a machine's timeline. Text is made from code and data when it is shown (runs/events.ts). */
export interface TimelineEvent {
  /** Rises with time, unique in this store: the cursor of the feed. */
  readonly id: number;
  readonly at: number;
  readonly mac: Mac | undefined;
  readonly nodeId: string | undefined;
  readonly runId: string | undefined;
  readonly code: EventCode;
  readonly data: Readonly<Record<string, unknown>>;
}

export type NewEvent = Omit<TimelineEvent, 'id'>;

export interface NodeRepository {
  /** @throws IronwakeError `node.mac-taken`, `node.fqdn-taken` (409), naming the other node */
  insert(node: Node): Promise<void>;
  /** Conditional on `expectedRevision`; false when somebody else was faster. */
  update(node: Node, expectedRevision: number): Promise<boolean>;
  remove(id: string): Promise<boolean>;
  byId(id: string): Promise<Node | undefined>;
  byMac(mac: Mac): Promise<Node | undefined>;
  /** Archived nodes have given their names back: only living ones are found by it. */
  byFqdn(fqdn: string): Promise<Node | undefined>;
  /** Living nodes whose full name begins with this host name and a dot, by name. */
  byHostName(hostName: string, limit: number): Promise<readonly Node[]>;
  /** The node that had this name and was archived last. */
  archivedAs(fqdn: string): Promise<Node | undefined>;
  /** All living nodes, by name. */
  list(): Promise<readonly Node[]>;
  /** By full name. */
  page(query: NodeQuery): Promise<readonly Node[]>;
}

/** Who said it: the machine's DHCP packets, its loader, the installer with its request for the answer, the installer after its work. */
export type HardwareSource = 'dhcp' | 'ipxe' | 'system-information' | 'report';

/** The newest of its kind that a machine has said of itself: claims, all of it. */
export interface HardwareRecord {
  readonly nodeId: string;
  readonly source: HardwareSource;
  readonly at: number;
  readonly runId: string | undefined;
  /** SMBIOS UUID, lower case: a hint. */
  readonly uuid: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A port of a machine that was taken out of the registry. */
export interface RetiredPort {
  readonly mac: Mac;
  /** The node that it belonged to. */
  readonly fqdn: string;
  readonly because: string;
  readonly at: number;
}

export interface HardwareRepository {
  put(record: HardwareRecord): Promise<void>;
  ofNode(nodeId: string): Promise<readonly HardwareRecord[]>;
  /** Forgets it: other hardware has taken the node's place. */
  clear(nodeId: string): Promise<void>;
  /** Ids of nodes whose hardware said this UUID, at most ten. */
  nodesWithUuid(uuid: string): Promise<readonly string[]>;
  retire(macs: readonly Mac[], of: Omit<RetiredPort, 'mac'>): Promise<void>;
  retiredAs(mac: Mac): Promise<RetiredPort | undefined>;
  unretire(macs: readonly Mac[]): Promise<void>;
}

export interface RuleRepository {
  /** @throws IronwakeError `rule.name-taken` (409) */
  insert(rule: Rule): Promise<void>;
  /**
   * Everything but the count, conditional on `expectedRevision`; false when somebody else was faster.
   * @throws IronwakeError `rule.name-taken` (409)
   */
  update(rule: Rule, expectedRevision: number): Promise<boolean>;
  remove(id: string): Promise<boolean>;
  byName(name: string): Promise<Rule | undefined>;
  /** Names by id; a rule that is gone is left out. */
  namesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** By priority, the highest first, then by name: default rules stand among the others (rules/match.ts has the order in which they are tried). */
  list(): Promise<readonly Rule[]>;
  /** Counts one more machine; false when the rule is full, over, gone, or no longer of this revision. */
  takePlace(id: string, revision: number, now: number): Promise<boolean>;
}

export interface RunRepository {
  /** @throws IronwakeError `run.active` (409) when the node has an active run already (a partial unique index holds it) */
  insert(run: Run): Promise<void>;
  /** Writes state, data and flags if the stored revision is still `expectedRevision`; the stored one becomes `run.revision`. */
  update(run: Run, expectedRevision: number): Promise<boolean>;
  byId(id: string): Promise<Run | undefined>;
  /** The node's run that has not ended. */
  activeOf(nodeId: string): Promise<Run | undefined>;
  /** The newest run, ended or not. */
  latestOf(nodeId: string): Promise<Run | undefined>;
  /** `latestOf` of each of these nodes, in no order; a node without a run is left out. */
  latestOfEach(nodeIds: readonly string[]): Promise<readonly Run[]>;
  /** Newest first. */
  listOf(nodeId: string, limit?: number): Promise<readonly Run[]>;
  /** Runs whose deadline lies at or before `now`, earliest first. */
  due(now: number, limit: number): Promise<readonly Run[]>;
  /** The earliest deadline of all, or undefined. */
  nextDeadline(): Promise<number | undefined>;
  /** All runs that have not ended. */
  active(): Promise<readonly Run[]>;
  /** The same runs, only what tells whether one has changed. */
  revisions(): Promise<ReadonlyArray<{ readonly id: string; readonly revision: number }>>;
  /** How many runs are in each state that something leaves, and since when the oldest of them is. */
  states(): Promise<readonly RunCount[]>;
  /** Removes ended runs by age and number, but never the newest run of a node. @returns how many, at most `limit` */
  prune(rule: PruneRule): Promise<number>;
  saveReport(runId: string, report: StepReport): Promise<boolean>;
  reports(runId: string): Promise<readonly StepReport[]>;
}

export interface RunCount {
  readonly state: RunState;
  readonly contested: boolean;
  readonly runs: number;
  /** Epoch milliseconds. */
  readonly oldestSince: number;
}

export interface PruneRule {
  /** What happened before this moment may go. Epoch milliseconds. */
  readonly before: number;
  /** What is older than the newest `keep` may go, however young. */
  readonly keep: number;
  /** Removed at once, at most. */
  readonly limit: number;
}

export interface EventRepository {
  append(events: readonly NewEvent[]): Promise<void>;
  /** With `afterId` the next ones after it, without it the newest ones; oldest first both times. The same for `ofMac`. */
  ofNode(
    nodeId: string,
    options?: { readonly afterId?: number; readonly limit?: number },
  ): Promise<readonly TimelineEvent[]>;
  ofMac(mac: Mac, options?: { readonly afterId?: number; readonly limit?: number }): Promise<readonly TimelineEvent[]>;
  /** The newest ones of a node, oldest first. */
  newestOf(nodeId: string, limit: number): Promise<readonly TimelineEvent[]>;
  /** The same, without what anybody on the network can repeat as he likes (`REPEATABLE_CODES`): alarms, and the steps of its runs. */
  landmarksOf(nodeId: string, limit: number): Promise<readonly TimelineEvent[]>;
  since(afterId: number, limit: number): Promise<readonly TimelineEvent[]>;
  /** The cursor of now: 0 when nothing has ever happened. */
  lastId(): Promise<number>;
  /** Removes the oldest events by age and number. @returns how many, at most `limit` */
  prune(rule: PruneRule): Promise<number>;
}

export interface DiscoveredRepository {
  /** Counts one more packet of a machine nobody registered; the table keeps at most `capacity` rows, oldest out first. */
  record(machine: Omit<DiscoveredMachine, 'firstSeenAt' | 'packets'>, capacity: number): Promise<void>;
  remove(mac: Mac): Promise<void>;
  byMac(mac: Mac): Promise<DiscoveredMachine | undefined>;
  /** Last seen first; with `before` those that come after that one. */
  list(
    limit: number,
    before?: { readonly lastSeenAt: number; readonly mac: string },
  ): Promise<readonly DiscoveredMachine[]>;
  /** What an installer that nobody armed said of itself, for a machine that is in the table; else nothing is written. */
  putSystemInformation(mac: Mac, document: Readonly<Record<string, unknown>>): Promise<void>;
  systemInformationOf(mac: Mac): Promise<Readonly<Record<string, unknown>> | undefined>;
}

export interface MediaRepository {
  insert(record: MediaRecord): Promise<void>;
  byId(id: string): Promise<MediaRecord | undefined>;
  list(): Promise<readonly MediaRecord[]>;
  remove(id: string): Promise<boolean>;
}

export interface SecretRepository {
  put(name: string, sealed: string, at: number): Promise<void>;
  get(name: string): Promise<string | undefined>;
  list(): Promise<ReadonlyArray<{ readonly name: string; readonly updatedAt: number }>>;
  remove(name: string): Promise<boolean>;
}

export type Role = 'viewer' | 'operator' | 'admin';

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
}

export interface TokenRepository {
  insert(token: ApiToken): Promise<void>;
  byHash(hash: string): Promise<ApiToken | undefined>;
  /** Oldest first, expired ones too. */
  list(): Promise<readonly ApiToken[]>;
  /** @returns whether there was one */
  remove(id: string): Promise<boolean>;
  /** @returns whether there is one */
  expire(id: string, at: number): Promise<boolean>;
}

export interface AuditEntry {
  readonly at: number;
  /** Token name, or `setup`. */
  readonly actor: string;
  readonly from: string;
  readonly action: string;
  readonly target: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What the audit log says of a change, made of what came of it: written in the transaction of the change, so that neither is there without the other. */
export type AuditOf<T> = (done: T) => AuditEntry;

/** `id` rises with time. */
export interface AuditRecord extends AuditEntry {
  readonly id: number;
}

export interface AuditRepository {
  append(entry: AuditEntry): Promise<void>;
  /** Newest first; with `before` those that are older than this id. */
  list(limit: number, before?: number): Promise<readonly AuditRecord[]>;
  /** Removes the oldest entries by age and number. @returns how many, at most `limit` */
  prune(rule: PruneRule): Promise<number>;
}

/** A number that a node holds: an IPv4 address as an unsigned number, or the value of a counter. */
export interface Claim {
  readonly nodeId: string;
  /** Within a scope a number is held once: all address pools of a site share one, each counter has its own. */
  readonly scope: string;
  readonly pool: string;
  readonly number: number;
  readonly at: number;
}

export interface ClaimRequest extends Omit<Claim, 'number'> {
  /** First and last number of the pool. */
  readonly from: number;
  readonly to: number;
  /** Numbers that nobody may get: addresses that are in use otherwise. Static addresses of other nodes are known to the store itself. */
  readonly except: readonly number[];
  /** The caller knows that nothing below is free, and the search begins here; `from` when absent. */
  readonly searchFrom?: number;
}

export interface ClaimRepository {
  /**
   * The number that the node holds of this pool, or the lowest free one, which it holds from now on; undefined when none is left. A number
   * is never held twice, whoever asks at the same time. A held number outside of the range is given back first.
   */
  take(request: ClaimRequest): Promise<number | undefined>;
  /** What `take` would give at this moment; takes nothing. */
  peek(request: ClaimRequest): Promise<number | undefined>;
  /** By scope and pool. They end with the node. */
  ofNode(nodeId: string): Promise<readonly Claim[]>;
  /** A node that is archived gives all its numbers back. */
  releaseAll(nodeId: string): Promise<void>;
  /** Id of the node that holds a number. */
  holderOf(scope: string, number: number): Promise<string | undefined>;
}

/** Values of this installation that are written once: `instance-key` (sealed) and so on. */
export interface SettingsRepository {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
}

/** Answers to requests that may come twice (Idempotency-Key), sealed by whoever keeps them. */
export interface KeptAnswerRepository {
  /**
   * Takes the place for an answer, or says what is there already. What is older than `before`, and what is more than the newest `keep`, goes
   * first.
   */
  reserve(
    place: { readonly id: string; readonly sealed: string; readonly at: number },
    limits: { readonly before: number; readonly keep: number },
  ): Promise<{ readonly sealed: string; readonly answered: boolean } | undefined>;
  keep(id: string, sealed: string): Promise<void>;
  /** Gives a place without an answer back. */
  release(id: string): Promise<void>;
}

/** A secret that a node made and handed over. Its value is with `take` only. */
export interface BornSecret {
  readonly id: string;
  readonly nodeId: string;
  readonly runId: string;
  readonly module: string;
  readonly name: string;
  /** Made by the node for this value: what it sends twice is one. */
  readonly delivery: string;
  readonly unread: boolean;
  /** When it came here. Epoch milliseconds, as the others. */
  readonly bornAt: number;
  readonly readAt: number | undefined;
  readonly readBy: string | undefined;
  /** When a newer value came before anybody had read this one. */
  readonly replacedAt: number | undefined;
}

export interface BornSecretRepository {
  insert(
    secret: Pick<BornSecret, 'id' | 'nodeId' | 'runId' | 'module' | 'name' | 'delivery' | 'bornAt'> & {
      readonly sealed: string;
    },
  ): Promise<void>;
  /** Newest first, those that were read or replaced too. */
  ofNode(nodeId: string): Promise<readonly BornSecret[]>;
  /** Erases an unread value for a newer one. */
  replace(id: string, at: number): Promise<void>;
  /** The sealed value of an unread one, which is erased with that. */
  take(id: string, by: string, at: number): Promise<string | undefined>;
  remove(ids: readonly string[]): Promise<void>;
}

export interface NodeQuery {
  /** Nodes whose full name comes after this one. */
  readonly after?: string | undefined;
  /** The archived nodes instead of the living ones; `search` alone narrows them. */
  readonly archived?: boolean | undefined;
  /** Names of archived ones may be equal: with `after`, the id of the last one that was seen. */
  readonly afterId?: string | undefined;
  readonly limit: number;
  /** State of the newest run; `none` for a node that was never armed. */
  readonly state?: string | undefined;
  readonly tag?: string | undefined;
  readonly profile?: string | undefined;
  /** Part of the name or of a MAC, lower case. */
  readonly search?: string | undefined;
}

export interface WatchRepository {
  of(nodeId: string): Promise<Watch | undefined>;
  /** In place of what was known of the node. */
  put(watch: Watch): Promise<void>;
  ofEach(nodeIds: readonly string[]): Promise<readonly Watch[]>;
}

/** A webhook, and how it goes with it. */
export interface KnownWebhook {
  readonly webhook: Webhook;
  readonly health: Health;
}

/** Deliveries are put into the queues by `EventRepository.append`, in its transaction. */
export interface WebhookRepository {
  /** @throws IronwakeError `webhook.name-taken` (409) */
  insert(webhook: Webhook): Promise<void>;
  /** Conditional on `expectedRevision`; false when somebody else was faster. How it goes is not touched. */
  update(webhook: Webhook, expectedRevision: number): Promise<boolean>;
  /** Its deliveries go with it. */
  remove(id: string): Promise<boolean>;
  byId(id: string): Promise<KnownWebhook | undefined>;
  byName(name: string): Promise<KnownWebhook | undefined>;
  /** By name. */
  list(): Promise<readonly KnownWebhook[]>;
  /** All but `shed`, which the queue counts. */
  putHealth(id: string, health: Health): Promise<void>;
  /** By webhook. */
  counts(): Promise<ReadonlyMap<string, { readonly waiting: number; readonly dead: number }>>;
  enqueue(delivery: Omit<Delivery, 'seq'>): Promise<void>;
  /** The endpoints that are switched on and that something waits for, with the moment of its first. */
  queue(): Promise<
    ReadonlyArray<{ readonly webhookId: string; readonly dueAt: number; readonly pausedUntil: number | undefined }>
  >;
  /** Of those that wait, the one that is due first. */
  next(webhookId: string): Promise<Delivery | undefined>;
  delivery(id: string): Promise<Delivery | undefined>;
  /** Newest first; with `before` those of a lower number. */
  deliveries(
    webhookId: string,
    query: {
      readonly state?: DeliveryState | undefined;
      readonly before?: number | undefined;
      readonly limit: number;
    },
  ): Promise<readonly Delivery[]>;
  /** What an attempt, or an administrator, makes of it. */
  updateDelivery(delivery: Delivery): Promise<void>;
  /** All that wait for an endpoint are due, the oldest first. */
  hasten(webhookId: string): Promise<void>;
  /** Takes dead ones back, the oldest first. @returns how many */
  reviveDead(webhookId: string, now: number, limit: number): Promise<number>;
  /** @returns how many */
  discardDead(webhookId: string): Promise<number>;
  discard(id: string): Promise<void>;
  /** Gives up what has waited since before a moment. @returns how many, at most `limit` */
  expire(before: number, now: number, limit: number): Promise<number>;
  /** Removes what was delivered or given up, by age and number. @returns how many, at most `limit` */
  prune(rule: PruneRule): Promise<number>;
}

export interface Repositories {
  readonly nodes: NodeRepository;
  readonly runs: RunRepository;
  readonly events: EventRepository;
  readonly discovered: DiscoveredRepository;
  readonly media: MediaRepository;
  readonly secrets: SecretRepository;
  readonly tokens: TokenRepository;
  readonly audit: AuditRepository;
  readonly settings: SettingsRepository;
  readonly claims: ClaimRepository;
  readonly keptAnswers: KeptAnswerRepository;
  readonly hardware: HardwareRepository;
  readonly rules: RuleRepository;
  readonly watches: WatchRepository;
  readonly bornSecrets: BornSecretRepository;
  readonly webhooks: WebhookRepository;
}

export interface Store extends Repositories {
  /** Everything that `work` does through its argument happens or nothing of it. */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>;
  /** Writes something and waits until the disk has it. @throws IronwakeError what keeps the store from being written */
  probe(): Promise<void>;
  /** Reads everything once, in the background. @throws IronwakeError `store.corrupt` */
  check(): Promise<void>;
  /** What the database takes on the disk. */
  sizeBytes(): number;
  close(): Promise<void>;
}

/** Connects to a node's SSH server, as an administrator would. Implemented by src/ssh. */
export interface SshProber {
  /**
   * Opens a connection to `address` port 22, demands one of `hostKeys` (OpenSSH public key lines), and logs in with the private key.
   * Never throws: what went wrong is the result.
   */
  probe(target: {
    readonly address: Ipv4;
    readonly user: string;
    readonly hostKeys: readonly string[];
    /** OpenSSH private key, PEM. */
    readonly privateKey: string;
  }): Promise<{ readonly result: 'ok' | 'failed'; readonly detail: string }>;
}

/** Knocks at a node, as anybody could. Implemented by src/ssh. Never throws. */
export interface Reach {
  /** `silent`: no answer in time. `unreachable`: this host has no way there, so nothing was learned. @param target `from`: an address of this host */
  connect(target: {
    readonly address: Ipv4;
    readonly port: number;
    readonly from?: Ipv4;
  }): Promise<'open' | 'refused' | 'silent' | 'unreachable'>;
  /** `untried`: this host has no ping program, or it may not send. */
  ping(address: Ipv4): Promise<'answered' | 'silent' | 'untried'>;
}

/** Sends one webhook. Implemented by src/courier. */
export interface Courier {
  /** Never throws: what went wrong is the answer. Redirects are not followed, and nothing of an answer's body is kept. */
  send(message: {
    readonly url: string;
    readonly rights: TargetRights;
    /** PEM; undefined: the authorities that Node knows. */
    readonly ca: string | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    /** Gives up at once. */
    readonly signal: AbortSignal;
  }): Promise<Answer>;
}

/** A client's address on one of our networks. */
export interface Peer {
  readonly address: Ipv4;
  readonly interfaceName: string;
}
