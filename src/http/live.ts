/**
 * TLS: the timeline as it grows, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Event ids are the
 * store's, so that a client that comes back with Last-Event-ID misses nothing. Nothing is queued for a slow client: each stream reads its next
 * page from the store when the one before has left.
 */
import type { ServerResponse } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { EventStream, type RunFrame, StreamQuery } from '../api/schemas.ts';
import { eventView, runView, waitingView } from '../api/views.ts';
import { IronwakeError, messageOf } from '../errors.ts';
import { hostKeyFingerprint } from '../journey/access.ts';
import type { Journey } from '../journey/journey.ts';
import { findNode } from '../journey/registry.ts';
import type { Run } from '../runs/run.ts';
import { actorOf, guardOf } from './identity.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

export interface LiveLimits {
  /** Streams at once. */
  readonly streams: number;
  /** A comment line after so much silence: proxies and clients see that the daemon is there. */
  readonly heartbeatMs: number;
  /** A client that takes nothing for so long is let go; it comes back where it stopped. */
  readonly patienceMs: number;
  /** Progress of an image is told at most so often. */
  readonly framesMs: number;
}

export const LIVE_LIMITS: LiveLimits = { streams: 200, heartbeatMs: 15_000, patienceMs: 30_000, framesMs: 1000 };

const PAGE = 200;
/** Several writes of one moment are told together. */
const COALESCE_MS = 50;

export interface Live {
  /** Open streams. */
  count(): number;
}

export function registerLive(plugin: FastifyInstance, journey: Journey, limits: LiveLimits = LIVE_LIMITS): Live {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs } = guardOf(journey);
  const open = new Set<AbortController>();

  // Before fastify waits for open requests: these would never end by themselves.
  app.addHook('preClose', async () => {
    for (const stream of open) stream.abort();
  });

  app.get(
    '/api/v1/events/stream',
    {
      ...needs('viewer'),
      schema: {
        tags: ['events'],
        summary: 'What happens, as it happens, as server-sent events',
        produces: ['text/event-stream'],
        querystring: StreamQuery,
        response: { 200: EventStream },
      },
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      const { node: reference, after } = request.query;
      if (open.size >= limits.streams) throw tooMany();
      const node = reference === undefined ? undefined : await findNode(journey, reference);
      const resumed = lastEventId(request) ?? (after === undefined ? undefined : Number(after));
      // An id that is not there yet was given out before an older backup was restored: what comes next is what is new.
      const newest = await journey.store.events.lastId();
      const cursor = Math.min(resumed ?? newest, newest);
      const stopped = new AbortController();
      open.add(stopped);
      reply.hijack();
      const { raw } = reply;
      raw.once('close', () => stopped.abort());
      raw.on('error', () => stopped.abort());
      try {
        raw.writeHead(200, {
          'Content-Type': 'text/event-stream; charset=utf-8',
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
        });
        await pour({ journey, limits, request, response: raw, nodeId: node?.id, signal: stopped.signal }, cursor);
      } catch (error) {
        if (!stopped.signal.aborted) journey.log.warn({ err: messageOf(error) }, 'a live stream ended');
      } finally {
        open.delete(stopped);
        raw.end();
      }
    },
  );
  return { count: () => open.size };
}

interface Stream {
  readonly journey: Journey;
  readonly limits: LiveLimits;
  readonly request: FastifyRequest;
  readonly response: ServerResponse;
  /** Only this node; undefined for all. */
  readonly nodeId: string | undefined;
  readonly signal: AbortSignal;
}

async function pour(stream: Stream, from: number): Promise<void> {
  const { limits, signal } = stream;
  const { clock } = stream.journey;
  const frames = createFrames(stream);
  let cursor = from;
  let framesAt = Number.NEGATIVE_INFINITY;
  let beatAt = clock.monotonic();
  let owed = true;
  // The client may come back after this many milliseconds.
  await send(stream, 'retry: 2000\n: ironwake\n\n');
  while (!signal.aborted) {
    const sinceFrames = clock.monotonic() - framesAt;
    const changed = nextChange(stream, owed ? Math.max(1, limits.framesMs - sinceFrames) : limits.heartbeatMs);
    try {
      const before = cursor;
      cursor = await sendEvents(stream, cursor);
      const now = clock.monotonic();
      if (cursor > before || (owed && now - framesAt >= limits.framesMs)) {
        owed = false;
        framesAt = now;
        await frames();
      }
      if (now - beatAt >= limits.heartbeatMs) {
        beatAt = now;
        // A token that was taken away or ran out in the meantime ends the stream.
        await actorOf(stream.journey, stream.request, 'viewer');
        await send(stream, ': still here\n\n');
      }
      await changed.wait;
      if (!changed.seen()) continue;
      owed = true;
      await sleep(stream, COALESCE_MS);
    } finally {
      changed.cancel();
    }
  }
}

/** Sends what came after `from`, page by page. @returns the last id that was sent */
async function sendEvents(stream: Stream, from: number): Promise<number> {
  const { events } = stream.journey.store;
  let cursor = from;
  for (;;) {
    const page =
      stream.nodeId === undefined
        ? await events.since(cursor, PAGE)
        : await events.ofNode(stream.nodeId, { afterId: cursor, limit: PAGE });
    for (const event of page) {
      await send(stream, `id: ${event.id}\nevent: timeline\ndata: ${JSON.stringify(eventView(event))}\n\n`);
      cursor = event.id;
    }
    if (page.length < PAGE || stream.signal.aborted) return cursor;
    // A long replay leaves room for everybody else.
    await turnOfTheLoop();
  }
}

/** Sends the state of each run that has changed since it was sent last; at first that of every run under way. */
function createFrames(stream: Stream): () => Promise<void> {
  const { journey, nodeId } = stream;
  const { runs, nodes } = journey.store;
  const sent = new Map<string, number>();
  const one = async (run: Run): Promise<void> => {
    const node = await nodes.byId(run.nodeId);
    if (node === undefined) return;
    const frame: RunFrame = {
      node: { id: node.id, fqdn: node.fqdn },
      run: runView(run, { fingerprintOf: hostKeyFingerprint }),
      waiting: waitingView(run),
    };
    await send(stream, `event: run\ndata: ${JSON.stringify(frame)}\n\n`);
  };
  return async () => {
    if (nodeId !== undefined) {
      const run = await runs.latestOf(nodeId);
      if (run === undefined || sent.get(run.id) === run.revision) return;
      sent.set(run.id, run.revision);
      return one(run);
    }
    const active = new Map((await runs.revisions()).map(({ id, revision }) => [id, revision]));
    const ended = [...sent.keys()].filter((id) => !active.has(id));
    for (const [id, revision] of active) {
      if (sent.get(id) === revision) continue;
      sent.set(id, revision);
      const run = await runs.byId(id);
      if (run !== undefined) await one(run);
    }
    for (const id of ended) {
      sent.delete(id);
      const run = await runs.byId(id);
      if (run !== undefined) await one(run);
    }
  };
}

/** Writes, and waits until the client has taken it. @throws when the client went away or takes nothing */
function send({ response, signal, journey, limits }: Stream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted || response.destroyed) return reject(new Error('the client went away'));
    if (response.write(text)) return resolve();
    const done = (error?: Error): void => {
      cancel();
      response.off('drain', drained);
      signal.removeEventListener('abort', gone);
      if (error === undefined) resolve();
      else reject(error);
    };
    const drained = (): void => done();
    const gone = (): void => done(new Error('the client went away'));
    const cancel = journey.clock.after(limits.patienceMs, () => {
      response.destroy();
      done(new Error('the client takes nothing'));
    });
    response.once('drain', drained);
    signal.addEventListener('abort', gone, { once: true });
  });
}

/** Begins to listen at once, so that nothing written during a read is missed. */
function nextChange({ journey, signal }: Stream, atMostMs: number) {
  let seen = false;
  let resolve = (): void => {};
  const wait = new Promise<void>((done) => {
    resolve = done;
  });
  const changed = (): void => {
    seen = true;
    resolve();
  };
  const unlisten = journey.changes.listen(changed);
  const cancelTimer = journey.clock.after(atMostMs, resolve);
  signal.addEventListener('abort', resolve, { once: true });
  return {
    wait,
    seen: () => seen,
    cancel() {
      unlisten();
      cancelTimer();
      signal.removeEventListener('abort', resolve);
    },
  };
}

function sleep({ journey, signal }: Stream, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = journey.clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

function lastEventId(request: FastifyRequest): number | undefined {
  const value = request.headers['last-event-id'];
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function tooMany(): IronwakeError {
  return new IronwakeError({
    kind: 'unavailable',
    code: 'live.too-many',
    message: 'too many live streams are open already',
    remedy: 'Close some of them, or ask GET /api/v1/events from time to time.',
  });
}
