/** Who asks: the bearer token of a request. Every change is written to the audit log with this name and address. */
import type { FastifyRequest } from 'fastify';
import { authenticate } from '../journey/access.ts';
import type { Journey } from '../journey/journey.ts';
import type { Role } from '../journey/ports.ts';

export interface Actor {
  readonly name: string;
  readonly role: Role;
  readonly from: string;
}

/** @throws IronwakeError `api.unauthorised`, `api.forbidden` */
export async function actorOf(journey: Journey, request: FastifyRequest, needed: Role): Promise<Actor> {
  const presented = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
  const { name, role } = await authenticate(journey, presented, needed);
  return { name, role, from: request.socket.remoteAddress ?? '?' };
}
