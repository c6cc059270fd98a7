/**
 * Refusals. Whoever is refused reads one sentence with a reference, the same for every reason; the reason stands on the node's timeline only.
 */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import type { RefusalReason } from '../runs/transition.ts';
import type { Journey } from './journey.ts';
import { appendEvent } from './observe.ts';

export type Refused =
  | RefusalReason
  | 'unknown-machine'
  | 'wrong-mac'
  | 'not-armed'
  | 'bad-token'
  | 'no-token'
  | 'other-machine'
  | 'bad-signature'
  | 'bad-credential';

export interface Refusal {
  readonly kind: 'refused';
  /** The one sentence. */
  readonly text: string;
  readonly reference: string;
  /** The run is over: asking again will never help. A node that reads it stops asking. */
  readonly gone: boolean;
}

/** No vowels, nothing that looks like something else: a reference is read out over the telephone. */
const ALPHABET = '23456789bcdfghjkmnpqrstvwxz';

/** A stranger who tries a thousand times gets a thousand answers and leaves one row and one log line in this time. */
const SAME_REFUSAL_MS = 10_000;

/**
 * Refuses a request: makes the reference, writes the reason to log and (for a known node) timeline.
 * @param what what was asked for, in the timeline's words: `the boot script`, `the answer`
 */
export async function refuse(
  journey: Journey,
  reason: Refused,
  what: string,
  address: Ipv4 | undefined,
  subject?: { readonly node: Node; readonly run?: Run | undefined },
): Promise<Refusal> {
  // Whoever repeats himself gets the reference of the line that was written, so that every reference can be found.
  const {
    passes,
    name: reference,
    leftOut,
  } = journey.throttle.named(`refused ${subject?.node.id} ${reason} ${what} ${address}`, SAME_REFUSAL_MS, () =>
    makeReference(journey),
  );
  journey.metrics.refused(reason);
  if (address !== undefined && journey.limits.refusals.fail(address))
    journey.log.warn({ ip: address }, 'this address is refused so often that it is shut out for a minute');
  if (passes) {
    const repeated = leftOut === 0 ? undefined : leftOut;
    journey.log.warn({ ip: address, run: subject?.run?.id, reason, reference, repeated }, `refused ${what}`);
  }
  // A row a second for each reason, whatever the addresses: the log has them all, and a stranger with many must not push a timeline out of sight.
  if (subject !== undefined && passes && journey.throttle.passes(`refused ${subject.node.id} ${reason}`, 1000)) {
    await appendEvent(
      journey,
      { code: 'refused', data: { what, reason, reference, address: address ?? '?' } },
      subject.node,
      subject.run,
    );
  }
  return {
    kind: 'refused',
    reference,
    gone: reason === 'run-ended',
    text: `Refused. Whoever looks after this boot server finds the reason under reference ${reference}.\n`,
  };
}

/** A reference that a person can read out. */
export function makeReference(journey: Journey): string {
  return [...journey.keys.randomBytes(8)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
