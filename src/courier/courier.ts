/**
 * Carries webhooks: one POST each, over a connection of its own. Which address a name leads to is looked at before a byte goes there, so that a
 * name which was harmless when it was registered leads nowhere else later.
 */
import { lookup as lookUp } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { systemCode } from '../errors.ts';
import type { Courier } from '../journey/ports.ts';
import { type Answer, retryAfterOf } from '../webhooks/attempt.ts';
import { hostOf, refusedAddress, type TargetRights, WORDS } from '../webhooks/target.ts';

export interface CourierLimits {
  readonly connectMs: number;
  /** From the beginning to the head of the answer. */
  readonly answerMs: number;
  /** The body of an answer says nothing to us: so much of it is read, so that the receiver ends in peace. */
  readonly bodyBytes: number;
  readonly bodyMs: number;
}

export const COURIER_LIMITS: CourierLimits = { connectMs: 5000, answerMs: 15_000, bodyBytes: 16_384, bodyMs: 1000 };

/** getaddrinfo takes a thread of the four that files are read by as well: names that nobody answers for must not take them all. */
const LOOKUPS = 2;

export function createCourier(version: string, limits: CourierLimits = COURIER_LIMITS): Courier {
  const turn = turns(LOOKUPS);
  return {
    async send({ url, rights, ca, headers, body, signal }): Promise<Answer> {
      const target = new URL(url);
      const host = hostOf(target);
      const refused = isIP(host) === 0 ? undefined : refusedAddress(host, rights);
      if (refused !== undefined) return { kind: 'failed', reason: `it leads to ${WORDS[refused]}` };
      const agent = new Agent({
        connect: { timeout: limits.connectMs, lookup: guardedLookup(rights, turn), ...(ca !== undefined && { ca }) },
        headersTimeout: limits.answerMs,
        // One request, then it is closed.
        pipelining: 0,
      });
      try {
        const response = await request(target, {
          method: 'POST',
          dispatcher: agent,
          headers: { ...headers, 'content-type': 'application/json', 'user-agent': `ironwake/${version}` },
          body,
          signal: AbortSignal.any([signal, AbortSignal.timeout(limits.answerMs)]),
        });
        const { 'retry-after': retryAfter } = response.headers;
        const after = typeof retryAfter === 'string' ? retryAfterOf(retryAfter, Date.now()) : undefined;
        await response.body
          .dump({ limit: limits.bodyBytes, signal: AbortSignal.timeout(limits.bodyMs) })
          .catch(() => undefined);
        return { kind: 'answered', status: response.statusCode, retryAfterMs: after };
      } catch (error) {
        return { kind: 'failed', reason: reasonOf(error, limits) };
      } finally {
        await agent.destroy();
      }
    },
  };
}

class Refused extends Error {}

/** Name lookup that gives only addresses which webhooks may go to. */
function guardedLookup(rights: TargetRights, turn: <T>(work: () => Promise<T>) => Promise<T>): LookupFunction {
  return (hostname, options, callback) => {
    const found = turn(
      () =>
        new Promise<ReadonlyArray<{ readonly address: string; readonly family: number }>>((resolve, reject) => {
          lookUp(hostname, { ...options, all: true }, (error, addresses) => {
            if (error === null) resolve(addresses);
            else reject(error);
          });
        }),
    );
    found.then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => refusedAddress(address, rights) === undefined);
        const [first] = allowed;
        if (first === undefined) {
          const because = addresses.map(({ address }) => refusedAddress(address, rights)).find(Boolean) ?? 'nobody';
          callback(new Refused(`its name leads to ${WORDS[because]}`), []);
        } else if (options.all === true) callback(null, [...allowed]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

/** At most so many at once; the others wait for their turn. */
function turns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: Array<() => void> = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** Words of ours for what an administrator can mend; else the code alone: a message might repeat the URL. */
function reasonOf(error: unknown, { connectMs, answerMs }: CourierLimits): string {
  if (error instanceof Refused) return error.message;
  const name = error instanceof Error ? error.name : '';
  const code = systemCode(error) ?? name;
  if (name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT') return `no answer within ${answerMs / 1000} s`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return `no connection within ${connectMs / 1000} s`;
  if (CERTIFICATE.test(code)) return `its certificate was not trusted (${code})`;
  return WORDS_OF_CODES[code] ?? (name === 'HTTPParserError' ? 'no HTTP answer' : `not delivered (${code})`);
}

const CERTIFICATE = /CERT|SIGNATURE|ERR_TLS_|UNABLE_TO/;

const WORDS_OF_CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'no name server answers',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed without an answer',
  UND_ERR_HEADERS_OVERFLOW: 'its answer has too long a head',
};
