/** Errors at the edge: problem+json (RFC 9457) for people and programs, one line of text for machines. Never a stack. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { IronwakeError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly remedy: string;
  readonly field?: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request cannot be used',
  401: 'Who are you?',
  403: 'Not allowed',
  404: 'Not found',
  409: 'This conflicts with what is there',
  413: 'Too large',
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
  };
}

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
    return new IronwakeError({
      kind: status === 404 ? 'not-found' : 'invalid',
      code: status === 413 ? 'request.too-large' : 'request.unreadable',
      message: status === 413 ? 'the body is larger than this route takes' : messageOf(error),
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

export async function sendProblem(error: IronwakeError, _request: FastifyRequest, reply: FastifyReply): Promise<void> {
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
