/** What the TFTP server tells the journey about a machine. */
import type { Peer } from '../journey/ports.ts';

export interface TftpObservation {
  readonly kind:
    | 'request'
    | 'complete'
    /** The client asked for the size only and ended with ERROR 8: normal, the real request follows. */
    | 'probe'
    | 'aborted'
    | 'timeout'
    | 'refused'
    | 'not-found';
  /** Normalised name; for a refused one that has no normal form, the printable part of what was sent. */
  readonly file: string;
  readonly client: Peer;
  /** Bytes that the client has confirmed. */
  readonly bytes: number;
  /** Since the request. */
  readonly durationMs: number;
  /** Why a transfer was aborted, refused or given up, in words for the timeline. */
  readonly because?: string;
}

/** What has been counted since the start. */
export interface TftpCounters {
  readonly requests: number;
  readonly complete: number;
  readonly aborted: number;
  readonly timeouts: number;
  readonly refused: number;
  readonly notFound: number;
  /** Datagrams to the server port that are no request. */
  readonly malformed: number;
  /** Requests that were left unanswered because a limit was reached; the client asks again. */
  readonly dropped: number;
  /** Transfers in progress. */
  readonly active: number;
}
