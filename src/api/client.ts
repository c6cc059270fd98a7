/** The API as functions: one method a route, typed by the contract. */
import type { Readable } from 'node:stream';
import { IronwakeError } from '../errors.ts';
import type { ExchangeFormat } from '../exchange/rows.ts';
import { type LiveMessage, readEvents } from './event-stream.ts';
import type { AdoptInput, HardwareView, NodePatch } from './registry.ts';
import type { RuleInput, RuleTrial, RuleTrialView, RuleVerdictsView, RuleView } from './rules.ts';
import type {
  AnswerPreviewView,
  ArmedView,
  AuditView,
  BornSecretView,
  CertificateInput,
  CertificateView,
  CredentialView,
  DiscoveredView,
  EventPage,
  ExplanationView,
  ExportQuery,
  FileQuery,
  ImportView,
  InstallInput,
  IssuedTokenView,
  MediaInput,
  MediaView,
  NodeCredentialView,
  NodeDetails,
  NodeInput,
  NodeProfileView,
  NodeSummary,
  NodesQuery,
  NodeView,
  PlanDiffView,
  PlanExportView,
  PlanImpactView,
  PlanView,
  ProfileList,
  ProfileView,
  ReadBornSecretView,
  ReportView,
  RootPasswordView,
  RunView,
  SecretView,
  ServedAnswerView,
  StatusView,
  TokenInput,
  TokenView,
  WatchView,
} from './schemas.ts';
import { type ApiRequest, openStream, type ServerAddress, send } from './transport.ts';
import type {
  DeliveriesDone,
  DeliveriesQuery,
  DeliverySummary,
  DeliveryView,
  IssuedWebhookView,
  WebhookInput,
  WebhookPatch,
  WebhookRotation,
  WebhookView,
} from './webhooks.ts';

export interface Upload {
  readonly source: Readable;
  readonly sizeBytes: number;
  /** The checksum that the daemon must find, hex. */
  readonly sha256?: string | undefined;
  /** Called with the bytes that have been handed to the network so far. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/** What `node list` is asked for. */
export type NodeFilter = Pick<NodesQuery, 'state' | 'tag' | 'profile' | 'q' | 'archived'>;

/** `node` is a UUID, a full name, a host name or a MAC. Every method throws what `send` (transport.ts) throws. */
export interface Client {
  status(): Promise<StatusView>;
  profiles(): Promise<ProfileList>;
  profile(name: string): Promise<ProfileView>;
  nodeProfile(node: string): Promise<NodeProfileView>;
  answerPreview(node: string): Promise<AnswerPreviewView>;
  plan(node: string): Promise<PlanView>;
  planDiff(node: string): Promise<PlanDiffView>;
  /** Installed nodes whose profile wants another plan by now. */
  planImpact(): Promise<readonly PlanImpactView[]>;
  /** Installed nodes that look at themselves, and what they found. */
  drift(): Promise<readonly WatchView[]>;
  driftOf(node: string): Promise<WatchView>;
  /** The node fetches the plan, as the profile wants it now, when it asks the next time. */
  applyPlan(node: string): Promise<WatchView>;
  exportPlan(node: string, secrets: boolean): Promise<PlanExportView>;
  /** All of them, whatever pages they come in. */
  nodes(filter?: NodeFilter): Promise<readonly NodeSummary[]>;
  addNode(input: NodeInput): Promise<NodeDetails>;
  node(node: string): Promise<NodeView>;
  removeNode(node: string): Promise<void>;
  install(node: string, input: InstallInput): Promise<ArmedView>;
  cancel(node: string): Promise<NodeView>;
  trust(node: string): Promise<NodeView>;
  /** Arms one more installation like the last. */
  retry(node: string): Promise<NodeView>;
  /** All installations of a node, newest first. */
  runs(node: string): Promise<readonly RunView[]>;
  /**
   * Everything that happens from now on, or from the event after `after`: ends when the connection does, with what `send` throws or quietly.
   * Ask again with the last id.
   */
  live(options: { readonly node?: string; readonly after?: number }): AsyncGenerator<LiveMessage>;
  /** The database as a file. */
  backup(withKeys: boolean): Promise<Awaited<ReturnType<typeof openStream>>>;
  /** The answer that was served in a run: its id, or a node for its newest. */
  servedAnswer(run: string): Promise<ServedAnswerView>;
  reports(node: string): Promise<readonly ReportView[]>;
  rootPassword(node: string): Promise<RootPasswordView>;
  /** What the node made and handed over; no values. */
  bornSecrets(node: string): Promise<readonly BornSecretView[]>;
  /** The value, the one time that it can be read. @param secret its id */
  readBornSecret(node: string, secret: string): Promise<ReadBornSecretView>;
  events(after: number, limit?: number): Promise<EventPage>;
  /** Registers the machines of a file, all or none. */
  importNodes(file: string, format: ExchangeFormat, dryRun: boolean): Promise<ImportView>;
  exportNodes(format: ExchangeFormat, filter?: FileQuery): Promise<string>;
  /** The registry as a text for another program. */
  exportAs(format: string, filter?: ExportQuery): Promise<string>;
  media(): Promise<readonly MediaView[]>;
  uploadMedia(upload: Upload): Promise<MediaView>;
  importMedia(input: MediaInput): Promise<MediaView>;
  /** @param media id, its beginning, or name */
  removeMedia(media: string): Promise<void>;
  secrets(): Promise<readonly SecretView[]>;
  setSecret(name: string, value: string): Promise<void>;
  removeSecret(name: string): Promise<void>;
  /** Releases what waits for the code that the node's screen shows. */
  confirm(node: string, code: string): Promise<NodeView>;
  credential(node: string): Promise<CredentialView>;
  /** Of all nodes that were given one, by full name. */
  credentials(): Promise<readonly NodeCredentialView[]>;
  revokeCredential(node: string): Promise<CredentialView>;
  tokens(): Promise<readonly TokenView[]>;
  addToken(input: TokenInput): Promise<IssuedTokenView>;
  rotateToken(token: string, overlapMinutes: number): Promise<IssuedTokenView>;
  removeToken(token: string): Promise<void>;
  /** Newest first. */
  audit(limit: number, before?: number): Promise<readonly AuditView[]>;
  certificate(): Promise<CertificateView>;
  rotateCertificate(input: CertificateInput): Promise<CertificateView>;
  explain(mac: string): Promise<ExplanationView>;
  discovered(): Promise<readonly DiscoveredView[]>;
  /** @param mac of a machine that was seen */
  adopt(mac: string, input: AdoptInput): Promise<NodeDetails>;
  forgetDiscovered(mac: string): Promise<void>;
  changeNode(node: string, change: NodePatch): Promise<NodeDetails>;
  addMac(node: string, mac: string): Promise<NodeDetails>;
  removeMac(node: string, mac: string): Promise<NodeDetails>;
  replaceHardware(node: string, macs: readonly string[]): Promise<NodeDetails>;
  archive(node: string): Promise<NodeDetails>;
  unarchive(node: string): Promise<NodeDetails>;
  hardware(node: string): Promise<HardwareView>;
  /** In the order in which they are tried. */
  rules(): Promise<readonly RuleView[]>;
  rule(name: string): Promise<RuleView>;
  addRule(rule: RuleInput): Promise<RuleView>;
  changeRule(name: string, rule: RuleInput): Promise<RuleView>;
  /** Adds or replaces by name, all of them or none. */
  importRules(rules: readonly RuleInput[]): Promise<readonly RuleView[]>;
  removeRule(name: string): Promise<void>;
  testRule(trial: RuleTrial): Promise<RuleTrialView['items']>;
  explainRules(mac: string): Promise<RuleVerdictsView>;
  webhooks(): Promise<readonly WebhookView[]>;
  webhook(name: string): Promise<WebhookView>;
  addWebhook(input: WebhookInput): Promise<IssuedWebhookView>;
  changeWebhook(name: string, change: WebhookPatch): Promise<WebhookView>;
  removeWebhook(name: string): Promise<void>;
  rotateWebhook(name: string, input: WebhookRotation): Promise<IssuedWebhookView>;
  tryWebhook(name: string): Promise<DeliveryView>;
  /** The newest ones, newest first. */
  deliveries(name: string, query: Pick<DeliveriesQuery, 'state' | 'limit'>): Promise<readonly DeliverySummary[]>;
  delivery(name: string, id: string): Promise<DeliveryView>;
  retryDelivery(name: string, id: string): Promise<DeliveryView>;
  /** The dead-letter list, as much of it as may wait at once. */
  retryDeliveries(name: string): Promise<DeliveriesDone>;
  discardDelivery(name: string, id: string): Promise<void>;
  discardDeliveries(name: string): Promise<DeliveriesDone>;
}

/** An import hashes and reads a file of gigabytes before it answers. */
const IMPORT_TIMEOUT_MS = 30 * 60_000;

/** The daemon says something every 15 seconds. */
const LIVE_TIMEOUT_MS = 40_000;

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `?name=value&...`; what is undefined is left out, and of nothing nothing is made. */
function queryOf(parameters: Query): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query}`;
}

/**
 * A word as one segment of a path. An empty one would leave the path of the list that it belongs to, and `DELETE` that of a whole list.
 * @throws IronwakeError `client.empty-name`
 */
function segment(word: string): string {
  if (word.trim() !== '') return encodeURIComponent(word);
  throw new IronwakeError({
    kind: 'invalid',
    code: 'client.empty-name',
    message: 'a name or id is empty',
    remedy: 'Say which one is meant; nothing was asked of the daemon.',
  });
}

export function createClient(server: ServerAddress): Client {
  const call = async <T>(request: ApiRequest, timeoutMs = server.timeoutMs): Promise<T> =>
    // The daemon checks what it sends against the contract's schemas; a wrong server is noticed by its status or by not being JSON.
    (await send({ ...server, timeoutMs }, request)) as T;
  const get = <T>(path: string) => call<T>({ method: 'GET', path });
  const post = <T>(path: string, json: unknown = {}) => call<T>({ method: 'POST', path, json });
  const list = async <T>(path: string) => (await get<{ readonly items: readonly T[] }>(path)).items;
  const text = async (path: string) => textOf(await openStream(server, { method: 'GET', path }));
  /** Every page of a list, one after the other. */
  const all = async <T>(path: string, filter: NodeFilter = {}): Promise<readonly T[]> => {
    const items: T[] = [];
    for (let cursor: string | undefined; ; ) {
      const query = queryOf({ ...filter, limit: 1000, cursor });
      const page = await get<{ readonly items: readonly T[]; readonly next?: string | null }>(`${path}${query}`);
      items.push(...page.items);
      if (page.next === undefined || page.next === null) return items;
      cursor = page.next;
    }
  };
  const nodePath = (node: string, rest = '') => `/api/v1/nodes/${segment(node)}${rest}`;
  const tokenPath = (token: string, rest = '') => `/api/v1/tokens/${segment(token)}${rest}`;
  const rulePath = (name: string) => `/api/v1/rules/${segment(name)}`;
  const hookPath = (name: string, rest = '') => `/api/v1/webhooks/${segment(name)}${rest}`;
  const deliveryPath = (name: string, id: string) => hookPath(name, `/deliveries/${segment(id)}`);
  const secretPath = (name: string) => `/api/v1/secrets/${segment(name)}`;
  return {
    status: () => get('/api/v1/status'),
    profiles: () => get('/api/v1/profiles'),
    profile: (name) => get(`/api/v1/profiles/${segment(name)}`),
    nodeProfile: (node) => get(nodePath(node, '/profile')),
    answerPreview: (node) => get(nodePath(node, '/answer-preview')),
    plan: (node) => get(nodePath(node, '/plan')),
    planDiff: (node) => get(nodePath(node, '/plan/diff')),
    planImpact: () => list('/api/v1/plans/impact'),
    drift: () => list('/api/v1/drift'),
    driftOf: (node) => get(nodePath(node, '/drift')),
    applyPlan: (node) => post(nodePath(node, '/plan/apply')),
    exportPlan: (node, secrets) => post(nodePath(node, '/plan/export'), { secrets }),
    nodes: (filter = {}) => all('/api/v1/nodes', filter),
    addNode: (input) => post('/api/v1/nodes', input),
    node: (node) => get(nodePath(node)),
    removeNode: (node) => call({ method: 'DELETE', path: nodePath(node) }),
    install: (node, input) => post(nodePath(node, '/install'), input),
    cancel: (node) => post(nodePath(node, '/cancel')),
    trust: (node) => post(nodePath(node, '/trust')),
    retry: (node) => post(nodePath(node, '/retry')),
    runs: (node) => list(nodePath(node, '/runs')),
    async *live({ node, after }) {
      const path = `/api/v1/events/stream${queryOf({ node })}`;
      const headers = { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': String(after) }) };
      yield* readEvents(await openStream({ ...server, timeoutMs: LIVE_TIMEOUT_MS }, { method: 'GET', path, headers }));
    },
    backup: (withKeys) =>
      openStream(
        { ...server, timeoutMs: IMPORT_TIMEOUT_MS },
        { method: 'POST', path: `/api/v1/backup${queryOf({ keys: withKeys ? 'yes' : 'no' })}` },
      ),
    servedAnswer: (run) => get(`/api/v1/runs/${segment(run)}/answer`),
    reports: (node) => list(nodePath(node, '/reports')),
    rootPassword: (node) => post(nodePath(node, '/root-password')),
    bornSecrets: (node) => list(nodePath(node, '/secrets')),
    readBornSecret: (node, secret) => post(nodePath(node, `/secrets/${segment(secret)}/read`)),
    events: (after, limit = 200) => get(`/api/v1/events${queryOf({ after, limit })}`),
    importNodes: (file, format, dryRun) =>
      call(
        {
          method: 'POST',
          path: `/api/v1/nodes/import${queryOf({ format, dry_run: dryRun || undefined })}`,
          text: { body: file, contentType: format === 'csv' ? 'text/csv' : `application/${format}` },
        },
        IMPORT_TIMEOUT_MS,
      ),
    exportNodes: (format, filter = {}) => text(`/api/v1/exports/nodes${queryOf({ ...filter, format })}`),
    exportAs: (format, filter = {}) => text(`/api/v1/exports/${segment(format)}${queryOf(filter)}`),
    media: () => list('/api/v1/media'),
    uploadMedia: ({ source, sizeBytes, sha256, onSent }) =>
      call(
        {
          method: 'POST',
          path: '/api/v1/media',
          stream: { source, sizeBytes, ...(onSent !== undefined && { onSent }) },
          ...(sha256 !== undefined && { headers: { 'x-expected-sha256': sha256 } }),
        },
        IMPORT_TIMEOUT_MS,
      ),
    importMedia: (input) => call({ method: 'POST', path: '/api/v1/media', json: input }, IMPORT_TIMEOUT_MS),
    removeMedia: (media) => call({ method: 'DELETE', path: `/api/v1/media/${segment(media)}` }),
    secrets: () => list('/api/v1/secrets'),
    setSecret: (name, value) => call({ method: 'PUT', path: secretPath(name), json: { value } }),
    removeSecret: (name) => call({ method: 'DELETE', path: secretPath(name) }),
    confirm: (node, code) => post(nodePath(node, '/confirm'), { code }),
    credential: (node) => get(nodePath(node, '/credential')),
    credentials: () => all('/api/v1/credentials'),
    revokeCredential: (node) => call({ method: 'DELETE', path: nodePath(node, '/credential') }),
    tokens: () => list('/api/v1/tokens'),
    addToken: (input) => post('/api/v1/tokens', input),
    rotateToken: (token, overlapMinutes) => post(tokenPath(token, '/rotate'), { overlapMinutes }),
    removeToken: (token) => call({ method: 'DELETE', path: tokenPath(token) }),
    audit: (limit, before) => list(`/api/v1/audit${queryOf({ limit, before })}`),
    certificate: () => get('/api/v1/certificate'),
    rotateCertificate: (input) => post('/api/v1/certificate/rotate', input),
    explain: (mac) => get(`/api/v1/explain/${segment(mac)}`),
    discovered: () => all('/api/v1/discovered'),
    adopt: (mac, input) => post(`/api/v1/discovered/${segment(mac)}/adopt`, input),
    forgetDiscovered: (mac) => call({ method: 'DELETE', path: `/api/v1/discovered/${segment(mac)}` }),
    changeNode: (node, change) => call({ method: 'PATCH', path: nodePath(node), json: change }),
    addMac: (node, mac) => post(nodePath(node, '/macs'), { mac }),
    removeMac: (node, mac) => call({ method: 'DELETE', path: nodePath(node, `/macs/${segment(mac)}`) }),
    replaceHardware: (node, macs) => post(nodePath(node, '/replace'), { macs }),
    archive: (node) => post(nodePath(node, '/archive')),
    unarchive: (node) => post(nodePath(node, '/unarchive')),
    hardware: (node) => get(nodePath(node, '/hardware')),
    rules: () => list('/api/v1/rules'),
    rule: (name) => get(rulePath(name)),
    addRule: (rule) => post('/api/v1/rules', rule),
    changeRule: (name, rule) => call({ method: 'PUT', path: rulePath(name), json: rule }),
    importRules: async (items) => (await post<{ readonly items: RuleView[] }>('/api/v1/rules/import', { items })).items,
    removeRule: (name) => call({ method: 'DELETE', path: rulePath(name) }),
    testRule: async (trial) => (await post<RuleTrialView>('/api/v1/rules/test', trial)).items,
    explainRules: (mac) => get(`/api/v1/rules/explain/${segment(mac)}`),
    webhooks: () => list('/api/v1/webhooks'),
    webhook: (name) => get(hookPath(name)),
    addWebhook: (input) => post('/api/v1/webhooks', input),
    changeWebhook: (name, change) => call({ method: 'PATCH', path: hookPath(name), json: change }),
    removeWebhook: (name) => call({ method: 'DELETE', path: hookPath(name) }),
    rotateWebhook: (name, input) => post(hookPath(name, '/rotate'), input),
    tryWebhook: (name) => post(hookPath(name, '/test')),
    deliveries: (name, query) => list(hookPath(name, `/deliveries${queryOf(query)}`)),
    delivery: (name, id) => get(deliveryPath(name, id)),
    retryDelivery: (name, id) => post(`${deliveryPath(name, id)}/retry`),
    retryDeliveries: (name) => post(hookPath(name, '/deliveries/retry')),
    discardDelivery: (name, id) => call({ method: 'DELETE', path: deliveryPath(name, id) }),
    discardDeliveries: (name) => call({ method: 'DELETE', path: hookPath(name, '/deliveries') }),
  };
}
