/** What a read transfer agrees with its client on: the options of RFC 2348, 2349 and 7440, each answered only if asked for. Pure. */
import type { Options } from './packet.ts';

export interface Terms {
  /** Data bytes of every block but the last. */
  readonly blksize: number;
  /** Blocks sent before an acknowledgement is due; 1 is the lockstep of RFC 1350. */
  readonly windowsize: number;
  /** First wait for an acknowledgement before sending again. */
  readonly timeoutMs: number;
  /** The options to confirm, or undefined when there is none: then data starts at once. */
  readonly oack: Options | undefined;
}

export interface TermLimits {
  /** What fits the route in one packet: interface MTU - 32 (IPv4, UDP and TFTP headers). */
  readonly maxBlksize: number;
  readonly maxWindowsize: number;
}

export const DEFAULT_BLKSIZE = 512;
const DEFAULT_TIMEOUT_MS = 1000;
/** RFC 2349 allows 255 s; a promise to be silent that long would hold a place for minutes, so such a wish is left unanswered. */
const MAX_TIMEOUT_S = 30;

/**
 * Values are never above the client's. An option that makes no sense (`blksize` below 8, text where a number is due) is passed over, as
 * RFC 2347 says for everything unknown: the client then goes on with the default.
 */
export function negotiate(options: Options, sizeBytes: number, limits: TermLimits): Terms {
  const oack = new Map<string, string>();
  const asked = (name: string, least: number, most: number): number | undefined => {
    const text = options.get(name);
    if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
    const value = Number(text);
    return value >= least && value <= most ? value : undefined;
  };

  const blksizeAsked = asked('blksize', 8, Number.MAX_SAFE_INTEGER);
  const blksize = Math.min(blksizeAsked ?? DEFAULT_BLKSIZE, limits.maxBlksize, 65464);
  if (blksizeAsked !== undefined) oack.set('blksize', String(blksize));

  // The client sends 0 and reads the size out of the answer.
  if (options.has('tsize')) oack.set('tsize', String(sizeBytes));

  // RFC 2349: the answer must be the very value that was asked for, or nothing.
  const timeoutSeconds = asked('timeout', 1, MAX_TIMEOUT_S);
  if (timeoutSeconds !== undefined) oack.set('timeout', String(timeoutSeconds));

  const windowAsked = asked('windowsize', 1, 65535);
  const windowsize = Math.min(windowAsked ?? 1, limits.maxWindowsize);
  if (windowAsked !== undefined) oack.set('windowsize', String(windowsize));

  return {
    blksize,
    windowsize,
    timeoutMs: timeoutSeconds === undefined ? DEFAULT_TIMEOUT_MS : timeoutSeconds * 1000,
    oack: oack.size === 0 ? undefined : oack,
  };
}
