/**
 * `Idempotency-Key`: a POST that is sent twice, because its answer was lost, is done once. The answer is kept for a day, sealed, for it may hold a
 * token; what was refused wrote nothing and is forgotten, so that a corrected request may use its key.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { IronwakeError, invalid } from '../errors.ts';
import type { Journey } from '../journey/journey.ts';
import { takesKey } from './route-config.ts';

const DAY_MS = 86_400_000;
/** More keys than an installation of a thousand machines sends in a day; the oldest goes first. */
const MOST = 10_000;
const HEADERS = ['content-type', 'location', 'etag', 'cache-control'] as const;
const PURPOSE = 'kept answer';

interface Kept {
  /** SHA-256 over method, address and body. */
  readonly request: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Must be called before the routes are registered. */
export function keepAnswers(app: FastifyInstance, journey: Journey): void {
  const places = new WeakMap<FastifyRequest, { readonly id: string; readonly request: string }>();
  const underWay = new Set<string>();

  const before = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const key = request.headers['idempotency-key'];
    if (key === undefined) return undefined;
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(key)) {
      throw invalid(
        'idempotency.malformed',
        'Idempotency-Key',
        'it must be 1 to 200 characters of ASCII without spaces',
        'Make one that nobody guesses or uses twice, for example a UUID.',
      );
    }
    const id = digest(request.headers.authorization ?? '', key);
    const asked = digest(request.method, request.url, JSON.stringify(request.body) ?? '');
    const { store, keys, clock } = journey;
    const now = clock.now();
    const there = await store.keptAnswers.reserve(
      { id, sealed: keys.seal(`${PURPOSE} ${id}`, JSON.stringify({ request: asked } satisfies Kept)), at: now },
      { before: now - DAY_MS, keep: MOST },
    );
    if (there === undefined) {
      places.set(request, { id, request: asked });
      underWay.add(id);
      return undefined;
    }
    const kept = JSON.parse(keys.unseal(`${PURPOSE} ${id}`, there.sealed)) as Kept;
    if (kept.request !== asked) throw otherRequest();
    if (!there.answered) throw underWay.has(id) ? stillWorking() : interrupted();
    return reply
      .code(kept.status ?? 200)
      .headers({ ...kept.headers, 'idempotency-replayed': 'true' })
      .send(kept.body === '' ? undefined : kept.body);
  };

  const after = async (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<void> => {
    const place = places.get(request);
    if (place === undefined) return;
    places.delete(request);
    const { id } = place;
    const { store, keys } = journey;
    try {
      if (reply.statusCode >= 400) {
        await store.keptAnswers.release(id);
        return;
      }
      const headers = Object.fromEntries(
        HEADERS.flatMap((name) => {
          const value = reply.getHeader(name);
          return value === undefined ? [] : [[name, String(value)]];
        }),
      );
      const body = typeof payload === 'string' ? payload : '';
      const kept: Kept = { request: place.request, status: reply.statusCode, headers, body };
      await store.keptAnswers.keep(id, keys.seal(`${PURPOSE} ${id}`, JSON.stringify(kept)));
    } finally {
      underWay.delete(id);
    }
  };

  app.addHook('onRoute', (route) => {
    if (!takesKey(route)) return;
    // After the token and the schema: a key is nobody's place to store what was never valid.
    route.preHandler = [before, ...listOf(route.preHandler)] as never;
    route.onSend = [
      ...listOf(route.onSend),
      async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
        await after(request, reply, payload);
        return payload;
      },
    ] as never;
  });
}

function listOf(hooks: unknown): readonly unknown[] {
  return hooks === undefined ? [] : Array.isArray(hooks) ? hooks : [hooks];
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function otherRequest(): IronwakeError {
  return new IronwakeError({
    kind: 'mismatch',
    code: 'idempotency.other-request',
    field: 'Idempotency-Key',
    message: 'this key was used for another request',
    remedy: 'Take a new key for a new request.',
  });
}

function stillWorking(): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'idempotency.under-way',
    field: 'Idempotency-Key',
    message: 'the first request with this key is not answered yet',
    remedy: 'Ask again in a moment, with the same key.',
  });
}

/** The daemon was killed between the change and its answer: whether it was made cannot be told from here. */
function interrupted(): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'idempotency.interrupted',
    field: 'Idempotency-Key',
    message: 'the daemon was stopped before the first request with this key was answered',
    remedy: 'Look whether it was done; if it was not, send it with a new key.',
  });
}
