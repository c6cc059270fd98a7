/** Errors at the edge: problem+json (RFC 9457) for people and programs, one line of text for machines. Never a stack. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { IronwakeError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly remedy: string;
  readonly field?: string;
  readonly errors?: IronwakeError['rows'];
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request cannot be used',
  401: 'Who are you?',
  403: 'Not allowed',
  404: 'Not found',
  409: 'This conflicts with what is there',
  412: 'It was changed meanwhile',
  413: 'Too large',
  422: 'The request does not fit',
  429: 'Too many attempts',
  503: 'Not available now',
};

export function problemOf(error: IronwakeError): ProblemBody {
  return {
    type: `urn:ironwake:error:${error.code}`,
    title: TITLES[error.status] ?? 'Something went wrong',
    status: error.status,
    detail: error.message,
    code: error.code,
    remedy: error.remedy,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.rows === undefined ? {} : { errors: error.rows }),
  };
}

/** Field and words for fastify's codes: its own messages repeat what was sent, and tokens stand in addresses. */
const UNREADABLE: Readonly<Record<string, readonly [field: string, message: string]>> = {
  FST_ERR_BAD_URL: ['path', 'the address holds a percent sign that no UTF-8 character follows'],
  FST_ERR_MAX_PARAM_LENGTH: ['path', 'a part of the address is too long'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['body', 'it is not JSON'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['body', 'it is empty, and its Content-Type says JSON'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body', 'it is larger than this route takes'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['Content-Length', 'it is not the length of the body'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['Content-Type', 'this route does not take such a body'],
  FST_ERR_CTP_EMPTY_TYPE: ['Content-Type', 'this route does not take such a body'],
};

/** Fastify's own refusals (schema, size, content type) in our words; anything unknown is a defect of ours and says only that. */
export function toIronwakeError(error: FastifyError | Error, log: Log): IronwakeError {
  if (error instanceof IronwakeError) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if ('validation' in error && Array.isArray(error.validation)) {
    const [first] = error.validation;
    const missing = first?.keyword === 'required' ? String(first.params.missingProperty) : undefined;
    const extra = first?.keyword === 'additionalProperties' ? String(first.params.additionalProperty) : undefined;
    const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
    const field = [path, missing ?? extra].filter((part) => part !== undefined && part !== '').join('.') || 'body';
    const message =
      missing !== undefined
        ? 'is required'
        : extra !== undefined
          ? 'is not known here'
          : (first?.message ?? 'is not valid');
    return new IronwakeError({
      kind: 'invalid',
      code: 'request.invalid',
      field,
      message,
      remedy: 'See docs/api.md for the fields of this request.',
    });
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const [field, message] = UNREADABLE['code' in error ? error.code : ''] ?? ['request', 'it cannot be read'];
    return new IronwakeError({
      kind: status === 404 ? 'not-found' : 'invalid',
      code: status === 413 ? 'request.too-large' : 'request.unreadable',
      field,
      message,
      remedy: 'Send what docs/api.md describes for this route.',
    });
  }
  log.error({ err: error }, 'unexpected error');
  return new IronwakeError({
    kind: 'internal',
    code: 'internal',
    message: 'something went wrong in the daemon itself',
    remedy: "The daemon's log has the details; please report it.",
  });
}

/** Programs and people ask here; everything else is asked by machines. */
export function isApi(request: FastifyRequest): boolean {
  return /^\/+api(\/|$)/.test(request.url);
}

export function nothingHere(): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'request.no-such-route',
    field: 'path',
    message: 'there is nothing at this address, or not for this method',
    remedy: 'See docs/api.md for the routes; the API answers on the TLS port.',
  });
}

/** After a 503. */
const RETRY_AFTER_SECONDS = 5;

/** Whatever went wrong, as the asker can read it. */
export async function sendError(error: Error, request: FastifyRequest, reply: FastifyReply, log: Log): Promise<void> {
  const known = toIronwakeError(error, log);
  // Whoever reads this header waits; what is in the way (a full disk, a lock) is seldom gone at once.
  if (known.kind === 'unavailable') reply.header('Retry-After', String(RETRY_AFTER_SECONDS));
  await (isApi(request) ? sendProblem(known, reply) : sendLine(reply, known.status, known.line));
}

async function sendProblem(error: IronwakeError, reply: FastifyReply): Promise<void> {
  await reply
    .code(error.status)
    .type('application/problem+json')
    .send(JSON.stringify(problemOf(error)));
}

/** For firmware, loaders and installers: one line of text that can be read on a screen. shim hangs on a 404 with an empty body. */
export async function sendLine(reply: FastifyReply, status: number, line: string): Promise<void> {
  await reply
    .code(status)
    .type('text/plain; charset=utf-8')
    .send(line.endsWith('\n') ? line : `${line}\n`);
}
