/**
 * Whoever is refused all the time on the routes of machines is shut out for a moment, before any work is done for him: all but what a run under
 * way is waiting for, for behind a gateway a machine shares its address with strangers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isExpected, type Knock } from '../journey/expected.ts';
import type { Journey } from '../journey/journey.ts';
import { fromPeerAddress } from '../net/ipv4.ts';
import { parseMac } from '../net/mac.ts';
import { sendLine } from './problem.ts';

/** Their bodies say which run is meant, so these are let in as far as that. */
const TOLD_IN_BODY = /^[/]node[/]v1[/](challenge|credential)$/;

/** The route's own pattern: an address can be written in many ways (`/%62oot/...`). Where no route is, nothing but 404 is. */
const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? request.url;

export function limitRefusals(app: FastifyInstance, journey: Journey): void {
  const waitOf = (request: FastifyRequest): number => {
    if (!/^\/+(boot|installer|node)\//.test(routeOf(request))) return 0;
    const address = fromPeerAddress(request.socket.remoteAddress);
    return address === undefined ? 0 : journey.limits.refusals.blockedFor(address);
  };
  app.addHook('onRequest', async (request, reply) => {
    const waitMs = waitOf(request);
    if (waitMs === 0 || TOLD_IN_BODY.test(routeOf(request))) return;
    const knock = knockOf(request);
    if (knock !== undefined && (await isExpected(journey, knock))) return;
    await refuse(reply, waitMs);
  });
  app.addHook('preValidation', async (request, reply) => {
    const waitMs = waitOf(request);
    if (waitMs === 0 || !TOLD_IN_BODY.test(routeOf(request))) return;
    const { body } = request;
    const run = typeof body === 'object' && body !== null && 'run' in body ? body.run : undefined;
    if (typeof run === 'string' && (await isExpected(journey, { kind: 'first-boot', runId: run }))) return;
    await refuse(reply, waitMs);
  });
}

async function refuse(reply: FastifyReply, waitMs: number): Promise<void> {
  reply.header('Retry-After', String(Math.ceil(waitMs / 1000)));
  await sendLine(reply, 429, 'Refused too often. Try again in a minute.');
}

function knockOf(request: FastifyRequest): Knock | undefined {
  const bearer = /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];
  const room = routeOf(request).split('/')[1];
  // What is written in another way than ours is nothing that a run waits for.
  const [, first = '', second = ''] =
    request.url
      .split('?')[0]
      ?.split('/')
      .filter((part) => part !== '') ?? [];
  if (room === 'node') return bearer === undefined ? undefined : { kind: 'credential', credential: bearer };
  if (room === 'installer') {
    const token = first === 'answer' && second === '' ? bearer : first;
    return token === undefined ? undefined : { kind: 'step', token, steps: ['answer', 'hook', 'webhook'] };
  }
  if (first !== 'script') return { kind: 'step', token: first, steps: ['image'] };
  try {
    return { kind: 'script', mac: parseMac(second) };
  } catch {
    return undefined;
  }
}
