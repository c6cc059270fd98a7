/** TLS, pinned: the three requests of the official installer. It sends one POST and never tries again, so nothing here may be slow or redirect. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { claimAnswer, fetchHook, takeWebhook } from '../journey/install.ts';
import type { Journey } from '../journey/journey.ts';
import { callerOf } from './caller.ts';
import { sendLine } from './problem.ts';

const ANSWER_BODY_BYTES = 1024 * 1024;
/** A real report has some 23 kB. */
const WEBHOOK_BODY_BYTES = 4 * 1024 * 1024;

type TokenRequest = FastifyRequest<{ Params: { token: string } }>;

export function registerInstaller(app: FastifyInstance, journey: Journey): void {
  const caller = (request: TokenRequest) => callerOf(request.raw, journey.segments());
  // Old installers cut the content type off (`charset=utf-`), so the body is read as text whatever the header says.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  app.post<{ Params: { token: string } }>(
    '/installer/:token/answer',
    { bodyLimit: ANSWER_BODY_BYTES },
    async (request, reply) => {
      const answer = await claimAnswer(journey, caller(request), request.params.token, textOf(request.body));
      if (answer.kind === 'refused') return sendLine(reply, 403, answer.text);
      if (answer.kind === 'unusable') return sendLine(reply, 422, answer.text);
      await reply.code(200).type('application/toml; charset=utf-8').send(answer.toml);
    },
  );

  app.get<{ Params: { token: string } }>(
    '/installer/:token/first-boot',
    { exposeHeadRoute: false },
    async (request, reply) => {
      const hook = await fetchHook(journey, caller(request), request.params.token);
      if (hook.kind === 'refused') return sendLine(reply, 403, hook.text);
      await reply.code(200).type('application/octet-stream').send(hook.script);
    },
  );

  app.post<{ Params: { token: string } }>(
    '/installer/:token/webhook',
    { bodyLimit: WEBHOOK_BODY_BYTES },
    async (request, reply) => {
      const stored = await takeWebhook(journey, caller(request), request.params.token, textOf(request.body));
      if (stored.kind === 'refused') return sendLine(reply, 403, stored.text);
      await reply.code(200).type('text/plain; charset=utf-8').send('Stored.\n');
    },
  );
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : '';
}
