/** `ironwake node secrets|read-secret`: what modules made on a node, listed as often as one likes and shown once. */
import type { BornSecretView } from '../api/schemas.ts';
import { IronwakeError } from '../errors.ts';
import { print, type Session } from './session.ts';
import { table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

export async function list(session: Session, [node = '']: readonly string[]): Promise<ExitStatus> {
  const secrets = await session.client.bornSecrets(node);
  print(session, secrets, () =>
    table(
      ['MODULE', 'NAME', 'CAME', 'STATE'],
      secrets.map((secret) => [secret.module, secret.name, dayAndTime(secret.bornAt), stateOf(secret)]),
      'This node has handed over no secret.',
    ),
  );
  if (!session.json && secrets.some(({ state }) => state === 'unread'))
    session.io.err(`read one, which can be done once: npx ironwake node read-secret ${printable(node)} NAME\n`);
  return 0;
}

function stateOf({ state, readAt, readBy, replacedAt }: BornSecretView): string {
  if (state === 'read' && readAt !== null) return `read by ${readBy ?? '?'}, ${dayAndTime(readAt)}`;
  if (state === 'replaced' && replacedAt !== null) return `replaced unread, ${dayAndTime(replacedAt)}`;
  return 'unread';
}

/** Asking is written to the daemon's audit log, and can be done once. */
export async function read(session: Session, [node = '', wanted = '']: readonly string[]): Promise<ExitStatus> {
  const { id } = chosen(node, wanted, await session.client.bornSecrets(node));
  const secret = await session.client.readBornSecret(node, id);
  print(session, secret, () => `${secret.value.replace(/\n$/, '')}\n`);
  if (!session.json)
    session.io.err(
      `${printable(secret.name)} of ${printable(secret.module)}, made ${dayAndTime(secret.bornAt)}; it is not shown again\n`,
    );
  return 0;
}

/**
 * By NAME, MODULE/NAME or id: the one that can be read, else the newest of the others, so that the daemon says who has read it.
 * @throws IronwakeError `born.unknown`, `born.ambiguous`
 */
function chosen(node: string, wanted: string, secrets: readonly BornSecretView[]): BornSecretView {
  const named = secrets.filter(
    ({ id, module, name }) => wanted === id || wanted === name || wanted === `${module}/${name}`,
  );
  const unread = named.filter(({ state }) => state === 'unread');
  if (unread.length > 1)
    throw new IronwakeError({
      kind: 'conflict',
      code: 'born.ambiguous',
      field: 'NAME',
      message: `several modules made a secret '${wanted.slice(0, 80)}'`,
      remedy: `Say which: ${unread.map(({ module, name }) => `${module}/${name}`).join(', ')}.`,
    });
  const found = unread[0] ?? named.find(({ state }) => state === 'read') ?? named[0];
  if (found !== undefined) return found;
  throw new IronwakeError({
    kind: 'not-found',
    code: 'born.unknown',
    field: 'NAME',
    message: `${node.slice(0, 80)} has handed over no secret '${wanted.slice(0, 80)}'`,
    remedy: `See what it has: npx ironwake node secrets ${node.slice(0, 80)}.`,
  });
}
