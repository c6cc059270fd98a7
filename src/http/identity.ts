/** Who asks: the bearer token of a request. Every change is written to the audit log with this name and address. */
import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import { authenticate } from '../journey/access.ts';
import type { Journey } from '../journey/journey.ts';
import type { AuditEntry, Role } from '../journey/ports.ts';

export interface Actor {
  readonly name: string;
  readonly role: Role;
  readonly from: string;
}

/** @throws IronwakeError `api.unauthorised`, `api.forbidden` */
export async function actorOf(journey: Journey, request: FastifyRequest, needed: Role): Promise<Actor> {
  const presented = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
  const from = request.socket.remoteAddress ?? '?';
  const { name, role } = await authenticate(journey, presented, needed, from);
  return { name, role, from };
}

/** What the routes of the API need around them: who asks, and a place where every change is written down. */
export interface Guard {
  /** Checked before the body is read, so that a stranger cannot make us read gigabytes. */
  needs(
    role: Role,
    config?: FastifyContextConfig,
  ): { readonly onRequest: (request: FastifyRequest) => Promise<void>; readonly config: FastifyContextConfig };
  nameOf(request: FastifyRequest): string;
  /** That of the token; `viewer` where none was needed. */
  roleOf(request: FastifyRequest): Role;
  /** A line of the audit log for whoever writes it together with what it tells of. */
  entry(request: FastifyRequest, action: string, target: string, data?: Readonly<Record<string, unknown>>): AuditEntry;
  /** One line of the audit log; `data` says what was before and after, and never a secret. */
  audit(
    request: FastifyRequest,
    action: string,
    target: string,
    data?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
}

export function guardOf(journey: Journey): Guard {
  const actors = new WeakMap<FastifyRequest, Actor>();
  const entry: Guard['entry'] = (request, action, target, data = {}) => ({
    at: journey.clock.now(),
    actor: actors.get(request)?.name ?? '?',
    from: actors.get(request)?.from ?? '?',
    action,
    target,
    data,
  });
  return {
    entry,
    needs: (role, config) => ({
      config: { ...config, role },
      onRequest: async (request) => {
        actors.set(request, await actorOf(journey, request, role));
      },
    }),
    nameOf: (request) => actors.get(request)?.name ?? '?',
    roleOf: (request) => actors.get(request)?.role ?? 'viewer',
    audit: (...told) => journey.store.audit.append(entry(...told)),
  };
}
