/** Who may use the API: a bearer token, its role, and what that allows. */
import { IronwakeError } from '../errors.ts';
import { allows, hashApiToken } from '../trust/api-token.ts';
import { parseOpenSshPublicKey, sshFingerprint } from '../trust/ssh-key.ts';
import type { Journey } from './journey.ts';
import type { ApiToken, Role } from './ports.ts';

/** @throws IronwakeError `api.unauthorised` (401, the same for absent, wrong and expired), `api.forbidden` (403) */
export async function authenticate(journey: Journey, presented: string | undefined, needed: Role): Promise<ApiToken> {
  const token = presented === undefined ? undefined : await journey.store.tokens.byHash(hashApiToken(presented));
  if (token === undefined || (token.expiresAt !== undefined && token.expiresAt <= journey.clock.now())) {
    throw new IronwakeError({
      kind: 'unauthorised',
      code: 'api.unauthorised',
      message: 'this request carries no valid token',
      remedy:
        "Send 'Authorization: Bearer TOKEN'; the first token stands in the file admin-token of the data directory.",
    });
  }
  if (!allows(token.role, needed)) {
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
