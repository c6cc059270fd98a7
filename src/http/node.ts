/** TLS, pinned by public key: the installed node on its first boot. It proves its host key, then speaks with its own credential. */
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { takeBornSecret } from '../journey/born-secrets.ts';
import {
  askRelease,
  challenge,
  fetchPlan,
  finishPlan,
  nodeOf,
  probeKeyOf,
  proveNode,
  takeReports,
} from '../journey/configure.ts';
import type { Journey } from '../journey/journey.ts';
import { probeNode } from '../journey/reach.ts';
import { type Refusal, refuse } from '../journey/refusal.ts';
import type { TokenHolder } from '../journey/tokens.ts';
import {
  fetchOrderedPlan,
  finishOrderedPlan,
  runsOrderedPlan,
  takeOrderedReports,
  takeWatch,
} from '../journey/watch.ts';
import { sourceOf } from '../journey/whereabouts.ts';
import { type ProbeRequest, ProbeRequestSchema } from '../postinstall/checks.ts';
import {
  type BornBody,
  BornSchema,
  type Finished,
  FinishedSchema,
  MAX_REPORTS_BODY,
  type Reports,
  ReportsSchema,
  type WatchBody,
  WatchSchema,
} from '../postinstall/reports.ts';
import { callerOf } from './caller.ts';
import { sendLine } from './problem.ts';

const RunId = Type.String({ minLength: 36, maxLength: 36 });
const ChallengeBody = Type.Object({ run: RunId });
const ProofBody = Type.Object({
  run: RunId,
  nonce: Type.String({ maxLength: 256 }),
  signature: Type.String({ maxLength: 16_384 }),
});

export function registerNode(app: FastifyInstance, journey: Journey): void {
  const caller = (request: FastifyRequest) => callerOf(request.raw, journey.segments());
  /** A run that is over will never take anything again: the node stops asking at 410. */
  const sendRefusal = (reply: FastifyReply, refusal: Refusal) =>
    sendLine(reply, refusal.gone ? 410 : 403, refusal.text);

  app.post<{ Body: Static<typeof ChallengeBody> }>(
    '/node/v1/challenge',
    { schema: { body: ChallengeBody } },
    async (request, reply) => {
      const answer = await challenge(journey, caller(request), request.body.run);
      return answer.kind === 'refused' ? sendRefusal(reply, answer) : reply.send({ nonce: answer.nonce });
    },
  );

  app.post<{ Body: Static<typeof ProofBody> }>(
    '/node/v1/credential',
    { schema: { body: ProofBody } },
    async (request, reply) => {
      const answer = await proveNode(journey, caller(request), request.body);
      return answer.kind === 'refused' ? sendRefusal(reply, answer) : reply.send({ credential: answer.credential });
    },
  );

  /** The holder of the credential, from an address that is the node's; else the reply has been sent. */
  async function authenticated(
    request: FastifyRequest,
    reply: FastifyReply,
    what: string,
  ): Promise<TokenHolder | undefined> {
    const from = caller(request);
    const credential = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    const holder = credential === undefined ? undefined : await nodeOf(journey, credential);
    if (holder === undefined) {
      // 401 tells the node, and nobody else who has to know, that it must prove its host key again.
      await sendLine(reply, 401, (await refuse(journey, 'bad-credential', what, from.address)).text);
      return undefined;
    }
    if ((await sourceOf(journey, from, holder.node, holder.run, true)) === undefined) {
      await sendLine(reply, 403, (await refuse(journey, 'wrong-mac', what, from.address, holder)).text);
      return undefined;
    }
    // A contested run that was cancelled is over: what it still takes are repetitions, and the node may stop asking.
    if (holder.run.contested && holder.run.endedAt === undefined) {
      await sendLine(reply, 403, (await refuse(journey, 'contested', what, from.address, holder)).text);
      return undefined;
    }
    const body: unknown = request.body;
    if (typeof body === 'object' && body !== null && 'run' in body && body.run !== holder.run.id) {
      await sendLine(reply, 403, (await refuse(journey, 'bad-credential', what, from.address, holder)).text);
      return undefined;
    }
    return holder;
  }

  /** The plan of the run, or one that was ordered: that may come to SSH or a firewall long after the node was ready. */
  const runsPlan = async (holder: TokenHolder): Promise<boolean> =>
    holder.run.endedAt === undefined || (await runsOrderedPlan(journey, holder));

  app.get('/node/v1/plan', { exposeHeadRoute: false }, async (request, reply) => {
    const holder = await authenticated(request, reply, 'the plan');
    if (holder === undefined) return reply;
    const plan =
      (await fetchOrderedPlan(journey, caller(request), holder)) ?? (await fetchPlan(journey, caller(request), holder));
    if (plan.kind === 'refused') return sendRefusal(reply, plan);
    return reply.type('text/x-shellscript; charset=utf-8').header('Cache-Control', 'no-store').send(plan.script);
  });

  app.get('/node/v1/release', { exposeHeadRoute: false }, async (request, reply) => {
    const holder = await authenticated(request, reply, 'the rest of the plan');
    if (holder === undefined) return reply;
    const answer = await askRelease(journey, caller(request), holder);
    return answer.kind === 'refused' ? sendRefusal(reply, answer) : reply.send({ release: answer.release });
  });

  app.get('/node/v1/probe-key', { exposeHeadRoute: false }, async (request, reply) => {
    const holder = await authenticated(request, reply, 'the probe key');
    if (holder === undefined) return reply;
    if (!(await runsPlan(holder)))
      return sendRefusal(reply, await refuse(journey, 'run-ended', 'the probe key', caller(request).address, holder));
    const key = probeKeyOf(holder);
    return key === undefined ? sendLine(reply, 404, 'Fetch the plan first.') : sendLine(reply, 200, key);
  });

  app.post<{ Body: ProbeRequest }>(
    '/node/v1/probe',
    { schema: { body: ProbeRequestSchema } },
    async (request, reply) => {
      const holder = await authenticated(request, reply, 'a probe');
      if (holder === undefined) return reply;
      if (!(await runsPlan(holder)))
        return sendRefusal(reply, await refuse(journey, 'run-ended', 'a probe', caller(request).address, holder));
      return reply.send(await probeNode(journey, caller(request), holder, request.body));
    },
  );

  app.post<{ Body: Reports }>(
    '/node/v1/reports',
    { schema: { body: ReportsSchema }, bodyLimit: MAX_REPORTS_BODY },
    async (request, reply) => {
      const holder = await authenticated(request, reply, 'a report');
      if (holder === undefined) return reply;
      const taken =
        (await takeOrderedReports(journey, holder, request.body.reports)) ??
        (await takeReports(journey, caller(request), holder, request.body.reports));
      return taken.kind === 'refused' ? sendRefusal(reply, taken) : reply.send({ taken: request.body.reports.length });
    },
  );

  app.post<{ Body: BornBody }>('/node/v1/born', { schema: { body: BornSchema } }, async (request, reply) => {
    const holder = await authenticated(request, reply, 'a secret of the node');
    if (holder === undefined) return reply;
    const taken = await takeBornSecret(journey, caller(request), holder, request.body);
    return taken.kind === 'refused' ? sendRefusal(reply, taken) : reply.send({ taken: 1 });
  });

  app.post<{ Body: Finished }>('/node/v1/finished', { schema: { body: FinishedSchema } }, async (request, reply) => {
    const holder = await authenticated(request, reply, 'the end of the plan');
    if (holder === undefined) return reply;
    const taken =
      (await finishOrderedPlan(journey, holder, request.body.result)) ??
      (await finishPlan(journey, caller(request), holder, request.body.result));
    return taken.kind === 'refused' ? sendRefusal(reply, taken) : reply.send({ taken: 1 });
  });

  app.post<{ Body: WatchBody }>(
    '/node/v1/watch',
    { schema: { body: WatchSchema }, bodyLimit: MAX_REPORTS_BODY },
    async (request, reply) => {
      const holder = await authenticated(request, reply, 'a look of the node');
      if (holder === undefined) return reply;
      const { verifications, packages } = request.body;
      const answer = await takeWatch(journey, caller(request), holder, { verifications, packages });
      return answer.kind === 'refused'
        ? sendRefusal(reply, answer)
        : reply.send({ order: answer.order, pins: answer.pins });
    },
  );
}
