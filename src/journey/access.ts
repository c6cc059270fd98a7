/** Who may use the API: a bearer token, its role, and what that allows. */
import { IronwakeError } from '../errors.ts';
import { allows, hashApiToken } from '../trust/api-token.ts';
import { parseOpenSshPublicKey, sshFingerprint } from '../trust/ssh-key.ts';
import type { Journey } from './journey.ts';
import { tooManyAttempts } from './limits.ts';
import type { ApiToken, Role } from './ports.ts';

/**
 * @param address of the connection; one that was wrong too often is shut out for a while
 * @throws IronwakeError `api.unauthorised` (401, the same for absent, wrong and expired), `api.forbidden` (403),
 *   `api.too-many-attempts` (429)
 */
export async function authenticate(
  journey: Journey,
  presented: string | undefined,
  needed: Role,
  address: string,
): Promise<ApiToken> {
  const { limits, store, clock, log } = journey;
  const hash = presented === undefined ? undefined : hashApiToken(presented);
  const blockedMs = limits.logins.blockedFor(address);
  // Shut out before the token is looked up: what is refused now tells nothing about whether it is right.
  // biome-ignore lint/plugin: a hash is looked up, in memory as in the table
  if (blockedMs > 0 && (hash === undefined || !limits.known.has(address, hash))) throw tooManyAttempts(blockedMs);
  const token = hash === undefined ? undefined : await store.tokens.byHash(hash);
  if (hash === undefined || token === undefined || (token.expiresAt !== undefined && token.expiresAt <= clock.now())) {
    if (limits.logins.fail(address)) log.warn({ ip: address }, 'too many API requests without a valid token');
    throw new IronwakeError({
      kind: 'unauthorised',
      code: 'api.unauthorised',
      message: 'this request carries no valid token',
      remedy:
        "Send 'Authorization: Bearer TOKEN'; the first token stands in the file admin-token of the data directory.",
    });
  }
  limits.known.remember(address, hash);
  if (!allows(token.role, needed)) {
    const waitMs = limits.roles.blockedFor(token.id);
    if (waitMs > 0) throw tooManyAttempts(waitMs);
    if (limits.roles.fail(token.id))
      log.warn({ ip: address, name: token.name }, 'a token keeps asking beyond its role');
    throw new IronwakeError({
      kind: 'refused',
      code: 'api.forbidden',
      message: `a ${token.role}'s token may not do this`,
      remedy: `Use the token of an ${needed}.`,
    });
  }
  return token;
}

/** `SHA256:...` of a host key line, as ssh shows it. */
export function hostKeyFingerprint(line: string): string {
  return sshFingerprint(parseOpenSshPublicKey(line));
}
