/** Who asks: the bearer token of a request, and what its role allows. Every change is written to the audit log with this name. */
import type { FastifyRequest } from 'fastify';
import { IronwakeError } from '../errors.ts';
import type { Journey } from '../journey/journey.ts';
import type { Role } from '../journey/ports.ts';
import { allows, hashApiToken } from '../trust/api-token.ts';

export interface Actor {
  readonly name: string;
  readonly role: Role;
  readonly from: string;
}

/** @throws IronwakeError `api.unauthorised` (401, the same for absent, wrong and expired), `api.forbidden` (403) */
export async function actorOf(journey: Journey, request: FastifyRequest, needed: Role): Promise<Actor> {
  const presented = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
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
      remedy: `Use the token of ${needed === 'admin' ? 'an admin' : `an ${needed}`}.`,
    });
  }
  return { name: token.name, role: token.role, from: request.socket.remoteAddress ?? '?' };
}
