/** Tokens of the API: made, listed, rotated, revoked. The text of a token is told once, when it is made; the store has its hash. */
import { IronwakeError, invalid } from '../errors.ts';
import { hashApiToken, makeApiToken } from '../trust/api-token.ts';
import { uuidv7 } from '../trust/uuid.ts';
import type { Journey } from './journey.ts';
import type { ApiToken, AuditOf, Repositories, Role } from './ports.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const DAY = 86_400_000;
const MINUTE = 60_000;

export interface IssuedToken {
  readonly token: ApiToken;
  /** The token itself: for the one answer to whoever asked. */
  readonly text: string;
}

export interface RotatedToken extends IssuedToken {
  readonly before: ApiToken;
}

export interface NewToken {
  readonly name: string;
  readonly role: Role;
  /** Without it the token lives until it is revoked. */
  readonly expiresDays?: number | undefined;
}

/** @throws IronwakeError `token.malformed-name`, `token.name-taken` (409) */
export async function addToken(
  journey: Journey,
  { name, role, expiresDays }: NewToken,
  audit?: AuditOf<IssuedToken>,
): Promise<IssuedToken> {
  if (!NAME.test(name)) {
    throw invalid(
      'token.malformed-name',
      'name',
      `'${name.slice(0, 80)}' is not a name for a token`,
      'Use 1 to 64 lower-case letters, digits, dots, dashes and underscores.',
    );
  }
  const now = journey.clock.now();
  const issued = issue(journey, name, role, expiresDays === undefined ? undefined : now + expiresDays * DAY);
  await journey.store.transaction(async ({ tokens, audit: log }) => {
    if ((await tokens.list()).some((token) => token.name === name && isAlive(token, now))) {
      throw new IronwakeError({
        kind: 'conflict',
        code: 'token.name-taken',
        field: 'name',
        message: `there is a token named '${name}' already`,
        remedy: `Rotate it (npx ironwake token rotate ${name}), or take another name.`,
      });
    }
    await tokens.insert(issued.token);
    if (audit !== undefined) await log.append(audit(issued));
  });
  return issued;
}

/**
 * A new token in place of the newest one of that name, with its role.
 * @param overlapMinutes how long the old one still works; 0: not at all from now on
 * @throws IronwakeError `token.unknown`
 */
export async function rotateToken(
  journey: Journey,
  reference: string,
  overlapMinutes: number,
  audit?: AuditOf<RotatedToken>,
): Promise<RotatedToken> {
  const now = journey.clock.now();
  return journey.store.transaction(async ({ tokens, audit: log }) => {
    const before = (await named(tokens, reference)).filter((token) => isAlive(token, now)).at(-1);
    if (before === undefined) throw unknown(reference);
    const lifetime = before.expiresAt === undefined ? undefined : before.expiresAt - before.createdAt;
    const issued = issue(journey, before.name, before.role, lifetime === undefined ? undefined : now + lifetime);
    await tokens.insert(issued.token);
    if (overlapMinutes === 0) await tokens.remove(before.id);
    else await tokens.expire(before.id, Math.min(before.expiresAt ?? Infinity, now + overlapMinutes * MINUTE));
    const rotated = { ...issued, before };
    if (audit !== undefined) await log.append(audit(rotated));
    return rotated;
  });
}

/**
 * Revokes every token of that name (or the one with that id): the next request with it is refused.
 * @returns what was revoked
 * @throws IronwakeError `token.unknown`; `token.last-admin` (409) when nobody could administer any more
 */
export async function removeToken(
  journey: Journey,
  reference: string,
  audit?: AuditOf<ApiToken>,
): Promise<readonly ApiToken[]> {
  const now = journey.clock.now();
  return journey.store.transaction(async ({ tokens, audit: log }) => {
    const found = await named(tokens, reference);
    if (found.length === 0) throw unknown(reference);
    const ids = new Set(found.map(({ id }) => id));
    const left = (await tokens.list()).filter((token) => !ids.has(token.id) && isAlive(token, now));
    const revokesAdmin = found.some((token) => token.role === 'admin' && isAlive(token, now));
    if (revokesAdmin && !left.some(({ role, expiresAt }) => role === 'admin' && expiresAt === undefined)) {
      throw new IronwakeError({
        kind: 'conflict',
        code: 'token.last-admin',
        message: `'${found[0]?.name}' is the last admin token that does not expire`,
        remedy: 'Make another one first (npx ironwake token add NAME --role admin), or rotate this one.',
      });
    }
    for (const token of found) {
      await tokens.remove(token.id);
      if (audit !== undefined) await log.append(audit(token));
    }
    return found;
  });
}

function issue(journey: Journey, name: string, role: Role, expiresAt: number | undefined): IssuedToken {
  const { keys, clock } = journey;
  const text = makeApiToken(keys.randomBytes);
  const createdAt = clock.now();
  const id = uuidv7(createdAt, keys.randomBytes);
  return { text, token: { id, name, role, hash: hashApiToken(text), createdAt, expiresAt } };
}

async function named(tokens: Repositories['tokens'], reference: string): Promise<readonly ApiToken[]> {
  return (await tokens.list()).filter(({ id, name }) => id === reference || name === reference);
}

function isAlive({ expiresAt }: ApiToken, now: number): boolean {
  return expiresAt === undefined || expiresAt > now;
}

function unknown(reference: string): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'token.unknown',
    message: `there is no valid token '${reference.slice(0, 80)}'`,
    remedy: 'List them: npx ironwake token list.',
  });
}
