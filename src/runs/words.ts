/** Words for the values that events carry: sizes, durations, and the longer texts of stalls, contests, refusals and failures. */
import { type Signal, type Stall, stallOf } from './stalls.ts';

export type EventData = Readonly<Record<string, unknown>>;

/** A value of an event's data as text; a missing one is shown as `?`, never as `undefined`. */
export function text(data: EventData, key: string): string {
  const value = data[key];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '?';
}

export function formatBytes(value: unknown): string {
  if (typeof value !== 'number') return '?';
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = -1;
  do {
    size /= 1024;
    unit += 1;
  } while (size >= 1024 && unit < units.length - 1);
  return `${size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds as people say them: `250 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(length: unknown): string {
  if (typeof length !== 'number') return '?';
  const value = Math.max(0, length);
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 60_000) return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(value / 60_000);
  const seconds = Math.round((value % 60_000) / 1000);
  if (minutes < 60) return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const CONTESTS: Readonly<Record<string, string>> = {
  'second-claim': 'the answer was asked for a second time',
  'another-source': 'a valid token was used from another address or machine',
  'out-of-order': 'a step came before the one that must precede it',
  'other-webhook': 'a second, different post-installation report came',
};

const REFUSALS: Readonly<Record<string, string>> = {
  'unknown-machine': 'no registered machine stands behind this address',
  'wrong-mac': 'the machine behind this address is another one than it says',
  'not-armed': 'no installation is armed for this machine',
  'not-in-this-state': 'the run is past (or before) the step that this token opens',
  'bad-token': 'the token is not valid',
  'no-token': 'it came without a token: from an installer before 9.2, or one of another image than that of this run',
  'run-ended': 'the run has ended',
  contested: 'the run is contested',
  'another-source': 'the run is bound to another address',
  'second-claim': 'the answer was handed out before',
  'out-of-order': 'a step that must come first has not come',
  'other-webhook': 'a different report was stored before',
  'other-machine': 'the system information does not hold a MAC of this node',
  'bad-signature': 'the signature was not made by the host key of this node',
  'nothing-withheld': 'nothing waits for a confirmation code',
  'too-many-codes': 'too many wrong confirmation codes',
  'wrong-code': "the confirmation code is not this node's",
  'no-credential': 'the node has no credential',
  'bad-credential': 'the node credential is not valid',
};

const FAILURES: Readonly<Record<string, string>> = {
  'plan-failed': 'a step of the first-boot plan failed',
  'reports-missing': 'the node says that its plan is done, but has not reported for every module that it holds',
  'answer-invalid': 'no valid answer could be made from profile and node values',
  silent: 'the machine was silent for too long',
  'not-confirmed': 'nobody confirmed the node by its code in time',
};

function lookUp(table: Readonly<Record<string, string>>, value: unknown): string {
  return (typeof value === 'string' ? table[value] : undefined) ?? String(value ?? '?');
}

function stallIn(data: EventData): Stall | undefined {
  const { arch } = data;
  return stallOf((data.signal ?? data.state) as Signal, typeof arch === 'string' ? arch : undefined);
}

export const DETAIL = {
  stallCause: (data: EventData): string | undefined => stallIn(data)?.cause,
  stallRemedy: (data: EventData): string | undefined => stallIn(data)?.remedy,
  contest: (data: EventData): string => `${lookUp(CONTESTS, data.reason)} (from ${text(data, 'address')})`,
  refusal: (data: EventData): string => lookUp(REFUSALS, data.reason),
  failure: (data: EventData): string => lookUp(FAILURES, data.failure),
  /** What was changed of a node, from what to what, where it may be told. */
  changes: (data: EventData): string => {
    const told = ['fqdn', 'macs', 'profile', 'tags', 'installPolicy', 'protected'].filter(
      (field) => typeof data[field] === 'string',
    );
    return told.length === 0 ? '' : `: ${told.map((field) => text(data, field)).join('; ')}`;
  },
  list: (value: unknown): string => (Array.isArray(value) ? value.join(', ') : '?'),
  reference: (data: EventData): string => (typeof data.reference === 'string' ? ` (reference ${data.reference})` : ''),
  suffix: (data: EventData): string => {
    const detail = data.detail;
    return typeof detail === 'string' && detail !== '' ? `: ${detail}` : '';
  },
};
