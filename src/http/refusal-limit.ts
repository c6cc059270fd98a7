/** Whoever is refused all the time on the routes of machines is shut out for a moment, before any work is done for him. */
import type { FastifyInstance } from 'fastify';
import type { Journey } from '../journey/journey.ts';
import { fromPeerAddress } from '../net/ipv4.ts';
import { sendLine } from './problem.ts';

export function limitRefusals(app: FastifyInstance, journey: Journey): void {
  app.addHook('onRequest', async (request, reply) => {
    if (!/^\/+(boot|installer|node)\//.test(request.url)) return;
    const address = fromPeerAddress(request.socket.remoteAddress);
    const waitMs = address === undefined ? 0 : journey.limits.refusals.blockedFor(address);
    if (waitMs === 0) return;
    reply.header('Retry-After', String(Math.ceil(waitMs / 1000)));
    await sendLine(reply, 429, 'Refused too often. Try again in a minute.');
  });
}
