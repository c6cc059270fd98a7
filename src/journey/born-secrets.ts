/**
 * Secrets born on a node: a module made a password, a seed, a key there and hands it over. It is sealed at once, an administrator reads it one
 * time, and with that it is erased. The node knows what it made; this place only keeps it from getting lost on the way to a person.
 */
import { IronwakeError, invalid } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import { MAX_BORN_BYTES } from '../postinstall/reports.ts';
import type { RunState } from '../runs/run.ts';
import { uuidv7 } from '../trust/uuid.ts';
import type { Journey } from './journey.ts';
import { eventOf } from './observe.ts';
import type { AuditOf, BornSecret } from './ports.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { TokenHolder } from './tokens.ts';
import { isOnDisk, isOurs } from './watch.ts';
import type { Caller } from './whereabouts.ts';

/** That nobody has read, of one node: whoever is root there can fill no more than this. */
export const MOST_UNREAD = 64;
/** Of one node. A plan makes a handful. */
export const MOST_AN_HOUR = 64;
const HOUR_MS = 3_600_000;
/** Rows of one node, with those that hold nothing any more: the history. More than come in an hour, which is counted by them. */
const KEPT = 256;

/** Somebody has decided that this installation is none. */
const GIVEN_UP: ReadonlySet<RunState> = new Set(['cancelled', 'expired']);

export interface HandedOver {
  /** A UUID that the node made with the value: sent twice, it is one. */
  readonly delivery: string;
  readonly module: string;
  readonly name: string;
  /** Base64 of UTF-8. */
  readonly value: string;
}

const purpose = ({
  id,
  nodeId,
  runId,
  module,
  name,
}: Pick<BornSecret, 'id' | 'nodeId' | 'runId' | 'module' | 'name'>) =>
  `born secret ${id} ${nodeId} ${runId} ${module} ${name}`;

/**
 * Takes one from the node that made it. A value of the same name that nobody has read is replaced: it opens nothing any more. It is taken for
 * as long as the machine has what this run installed, whatever has become of the run: the value is in use there already.
 * @throws IronwakeError `born.malformed` (400), `born.too-many` (409), `born.too-often` (429); nothing is taken
 */
export async function takeBornSecret(
  journey: Journey,
  caller: Caller,
  holder: TokenHolder,
  { delivery, module, name, value }: HandedOver,
): Promise<{ readonly kind: 'taken' } | Refusal> {
  const { node, run } = holder;
  if (run.contested || GIVEN_UP.has(run.state) || !(await isOnDisk(journey, holder)))
    return refuse(journey, 'run-ended', 'a secret of the node', caller.address, holder);
  const text = textOf(value);
  if (!isOurs(module)) throw malformed('module', 'there is no such module');
  const now = journey.clock.now();
  const secret = {
    ...{ id: uuidv7(now, journey.keys.randomBytes), nodeId: node.id, runId: run.id },
    ...{ module, name, delivery, bornAt: now },
  };
  const sealed = journey.keys.seal(purpose(secret), text);
  const taken = await journey.store.transaction(async ({ bornSecrets, events }) => {
    const known = await bornSecrets.ofNode(node.id);
    if (known.some((other) => other.delivery === delivery)) return false;
    const before = known.find((other) => other.unread && other.module === module && other.name === name);
    if (before === undefined && known.filter(({ unread }) => unread).length >= MOST_UNREAD) throw tooMany(node);
    if (known.filter(({ bornAt }) => bornAt > now - HOUR_MS).length >= MOST_AN_HOUR) throw tooOften();
    if (before !== undefined) await bornSecrets.replace(before.id, now);
    const gone = known.filter(({ id, unread }) => !unread || id === before?.id);
    await bornSecrets.remove(gone.slice(Math.max(0, KEPT - 1 - (known.length - gone.length))).map(({ id }) => id));
    await bornSecrets.insert({ ...secret, sealed });
    const data = { module, name, replaced: before !== undefined };
    await events.append([eventOf(journey, { code: 'secret.born', data }, node, run)]);
    return true;
  });
  if (taken) {
    journey.log.info({ run: run.id, module, name }, 'a secret that the node made was taken and sealed');
    journey.changes.notify();
  }
  return { kind: 'taken' };
}

/** @throws IronwakeError `born.malformed`; what it holds is not repeated */
function textOf(value: string): string {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0 || bytes.length > MAX_BORN_BYTES)
    throw malformed('value', `a secret holds 1 to ${MAX_BORN_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('value', 'it is not UTF-8');
  }
  if (text.includes('\0')) throw malformed('value', 'it holds a NUL');
  return text;
}

/** What the node has handed over, newest first: unread, read and replaced; no values. */
export async function bornSecretsOf(journey: Journey, node: Node): Promise<readonly BornSecret[]> {
  return journey.store.bornSecrets.ofNode(node.id);
}

/**
 * The value, the one time that it can be read: it is erased, audited and told on the timeline in one transaction.
 * @throws IronwakeError `born.unknown` (404), `born.read` (409) with who read it and when, `born.replaced` (409)
 */
export async function readBornSecret(
  journey: Journey,
  node: Node,
  id: string,
  by: string,
  audit: AuditOf<BornSecret>,
): Promise<{ readonly secret: BornSecret; readonly value: string }> {
  const now = journey.clock.now();
  const read = await journey.store.transaction(async ({ bornSecrets, events, audit: log }) => {
    const secret = (await bornSecrets.ofNode(node.id)).find((other) => other.id === id);
    if (secret === undefined) throw unknown(node);
    const sealed = await bornSecrets.take(id, by, now);
    if (sealed === undefined) throw gone(node, secret);
    // A value that does not open is not erased: the transaction goes back with the error.
    const value = journey.keys.unseal(purpose(secret), sealed);
    await log.append(audit(secret));
    const { module, name } = secret;
    await events.append([
      {
        ...eventOf(journey, { code: 'secret.read', data: { module, name, by } }, node, undefined),
        runId: secret.runId,
      },
    ]);
    return { secret, value };
  });
  journey.changes.notify();
  return read;
}

function malformed(field: string, message: string): IronwakeError {
  return invalid('born.malformed', field, message, 'The node runs a plan of another version, or its module is broken.');
}

function tooMany({ fqdn }: Node): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'born.too-many',
    message: `${fqdn} has handed over ${MOST_UNREAD} secrets that nobody has read`,
    remedy: `Read them: npx ironwake node secrets ${fqdn}. If no module of yours makes so many, somebody else is root there.`,
  });
}

function tooOften(): IronwakeError {
  return new IronwakeError({
    kind: 'limited',
    code: 'born.too-often',
    message: `${MOST_AN_HOUR} secrets of a node are taken an hour`,
    remedy: 'Wait: the node keeps them and comes again.',
  });
}

function unknown({ fqdn }: Node): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'born.unknown',
    message: `${fqdn} has handed over no such secret`,
    remedy: `See what it has: npx ironwake node secrets ${fqdn}.`,
  });
}

function gone({ fqdn }: Node, { module, name, readAt, readBy, replacedAt }: BornSecret): IronwakeError {
  const moment = (at: number | undefined) => new Date(at ?? 0).toISOString();
  const which = `the secret ${name} of ${module} on ${fqdn}`;
  if (replacedAt !== undefined)
    return new IronwakeError({
      kind: 'conflict',
      code: 'born.replaced',
      message: `${which} was replaced by a newer one (${moment(replacedAt)}) before anybody had read it`,
      remedy: `Read that one: npx ironwake node secrets ${fqdn}.`,
    });
  return new IronwakeError({
    kind: 'conflict',
    code: 'born.read',
    message: `${which} was read by ${readBy} (${moment(readAt)}), and is kept no longer`,
    remedy: `Ask ${readBy}. If it was somebody else, or it is lost, make a new one on the node and look who has that token: npx ironwake audit.`,
  });
}
