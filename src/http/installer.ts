/** TLS, pinned: the three requests of the official installer. It sends one POST and never tries again, so nothing here may be slow or redirect. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { claimAnswer, fetchHook, takeWebhook } from '../journey/install.ts';
import type { Journey } from '../journey/journey.ts';
import { callerOf } from './caller.ts';
import { sendLine } from './problem.ts';

const ANSWER_BODY_BYTES = 1024 * 1024;
/** A real report has some 23 kB. */
const WEBHOOK_BODY_BYTES = 4 * 1024 * 1024;

/** Two different tokens are none. */
const OPENS_NOTHING = '?';

type TokenRequest = FastifyRequest<{ Params: { token: string } }>;

export function registerInstaller(app: FastifyInstance, journey: Journey): void {
  const caller = (request: TokenRequest) => callerOf(request.raw, journey.segments());
  // Old installers cut the content type off (`charset=utf-`), so the body is read as text whatever the header says.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  /**
   * The token stands in the Authorization header, which installers know from 9.2 on, or in the URL: the mode file (mode-file.ts) says which. Both are
   * taken of any release: a run whose image was made by an older daemon has it in both places.
   */
  const answer = async (request: FastifyRequest, reply: FastifyReply, inUrl: string | undefined) => {
    const bearer = bearerOf(request);
    // biome-ignore lint/plugin: both were sent by the caller, and are put to each other, not to ours
    const differ = bearer !== undefined && inUrl !== undefined && bearer !== inUrl;
    const reached = await claimAnswer(journey, callerOf(request.raw, journey.segments()), {
      token: differ ? OPENS_NOTHING : (bearer ?? inUrl ?? ''),
      body: textOf(request.body),
      prefers: preferredFormat(request.headers.accept),
    });
    if (reached.kind === 'refused') return sendLine(reply, 403, reached.text);
    if (reached.kind === 'unusable') return sendLine(reply, 422, reached.text);
    await reply.code(200).type(`application/${reached.format}; charset=utf-8`).send(reached.text);
  };
  app.post<{ Params: { token: string } }>(
    '/installer/:token/answer',
    { bodyLimit: ANSWER_BODY_BYTES },
    async (request, reply) => answer(request, reply, request.params.token),
  );
  app.post('/installer/answer', { bodyLimit: ANSWER_BODY_BYTES }, async (request, reply) =>
    answer(request, reply, undefined),
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

function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  return header === undefined ? undefined : (/^Bearer (\S{1,200})$/i.exec(header)?.[1] ?? '');
}

/**
 * JSON where the Accept header names it and ranks it at least as high as TOML (RFC 9110, 12.5.1). A wildcard, which
 * installers before 9.2 send, is no wish for JSON.
 */
export function preferredFormat(accept: string | undefined): 'toml' | 'json' {
  const quality = (type: string): number => {
    const range = (accept ?? '').split(',').find((each) => each.split(';')[0]?.trim().toLowerCase() === type);
    if (range === undefined) return 0;
    const q = /;\s*q=([\d.]+)/i.exec(range)?.[1];
    return q === undefined ? 1 : Number(q);
  };
  const json = quality('application/json');
  return json > 0 && json >= quality('application/toml') ? 'json' : 'toml';
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : '';
}
