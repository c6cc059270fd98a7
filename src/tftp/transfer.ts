/**
 * One read transfer as a value: `begin` and `step` say what to send next and until when to wait; nothing here sends, waits or knows the
 * time. Blocks are counted without end inside (1, 2, ... 70000) and wrap to 16 bits only on the wire, so that files of any size go through.
 */
import type { Terms } from './terms.ts';

export interface Transfer {
  readonly terms: Terms;
  readonly sizeBytes: number;
  /** Data blocks in all; the last one is short, and empty when the size is a multiple of blksize (RFC 1350, section 6). */
  readonly blocks: number;
  /** `oack`: the options are sent and not yet confirmed. */
  readonly phase: 'oack' | 'data';
  /** Highest block that the client has confirmed; 0 for none. */
  readonly acked: number;
  /** Highest block that was sent. */
  readonly sent: number;
  /** When the client last confirmed something new, epoch ms. */
  readonly progressAt: number;
  /** Repetitions since then because nothing was heard. */
  readonly retries: number;
  /** Repetitions since then because the client said that the first block of the window is missing. */
  readonly gaps: number;
  /** The client has said so, and `deadlineAt` is when it gets its answer. */
  readonly gap: boolean;
  /** The wait that runs now, and when it ends (epoch ms). */
  readonly waitMs: number;
  readonly deadlineAt: number;
}

export type Input =
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  /** The same request came again from the same port. */
  | { readonly kind: 'request-repeated' }
  /** ICMP port unreachable: nobody listens there any more. */
  | { readonly kind: 'port-closed' }
  /** `deadlineAt` has come. */
  | { readonly kind: 'deadline' };

export type Outcome =
  | { readonly kind: 'complete' }
  /** The client wanted to know the size only. Every edk2 firmware does that first; it is no error. */
  | { readonly kind: 'probe' }
  | { readonly kind: 'aborted'; readonly because: string }
  | { readonly kind: 'timeout' };

export interface Step {
  readonly transfer: Transfer;
  readonly action:
    | { readonly kind: 'wait' }
    | { readonly kind: 'send-oack' }
    | { readonly kind: 'send-data'; readonly first: number; readonly count: number }
    | { readonly kind: 'end'; readonly outcome: Outcome };
}

/** GRUB may be silent for seconds after the OACK while it allocates memory: repeat for at least this long. */
const GIVE_UP_AFTER_MS = 30_000;
const MIN_RETRIES = 4;
/** Reached only if the clock was set back meanwhile. */
const MAX_RETRIES = 12;
const MAX_GAPS = 300;
const MAX_WAIT_MS = 8000;
/** How soon a whole window goes out again when the client says that its first block is missing; see `onAck`. */
const GAP_WAIT_MS = 100;

const WAIT = { kind: 'wait' } as const;

export function begin(terms: Terms, sizeBytes: number, now: number): Step {
  const transfer: Transfer = {
    terms,
    sizeBytes,
    blocks: Math.floor(sizeBytes / terms.blksize) + 1,
    phase: terms.oack === undefined ? 'data' : 'oack',
    acked: 0,
    sent: 0,
    progressAt: now,
    retries: 0,
    gaps: 0,
    gap: false,
    waitMs: terms.timeoutMs,
    deadlineAt: now + terms.timeoutMs,
  };
  return terms.oack === undefined ? sendWindow(transfer) : { transfer, action: { kind: 'send-oack' } };
}

/** Bytes of the file that the client has confirmed. */
export function deliveredBytes(transfer: Transfer): number {
  return Math.min(transfer.acked * transfer.terms.blksize, transfer.sizeBytes);
}

export function step(transfer: Transfer, input: Input, now: number): Step {
  switch (input.kind) {
    case 'ack':
      return onAck(transfer, input.block, now);
    case 'error':
      return end(transfer, onError(transfer, input.code, input.message));
    case 'request-repeated':
      return onRepeatedRequest(transfer);
    case 'port-closed':
      // Many ROMs acknowledge the last block once and close: if that one packet is lost, the closed port is all we hear.
      return end(
        transfer,
        transfer.sent === transfer.blocks ? { kind: 'complete' } : { kind: 'aborted', because: 'port closed' },
      );
    case 'deadline':
      return onDeadline(transfer, now);
  }
}

function onAck(transfer: Transfer, wireBlock: number, now: number): Step {
  if (transfer.phase === 'oack') {
    return wireBlock === 0 ? sendWindow(progress({ ...transfer, phase: 'data' }, now)) : { transfer, action: WAIT };
  }
  // Only blocks that are under way can be meant; anything else is an echo of the past.
  const ahead = (wireBlock - transfer.acked) & 0xffff;
  if (ahead > transfer.sent - transfer.acked) return { transfer, action: WAIT };
  if (ahead > 0) {
    // A whole window, or (RFC 7440, section 4) the last block before a gap: either way the next window starts behind it.
    const acked = transfer.acked + ahead;
    if (acked === transfer.blocks) return end({ ...transfer, acked }, { kind: 'complete' });
    return sendWindow(progress({ ...transfer, acked }, now));
  }
  // The same acknowledgement again. In lockstep it is ignored: answering it would double every packet that follows (the sorcerer's
  // apprentice, RFC 1123, 4.2.3.1). With a window it can also mean that the first block was lost, so the wait is cut short, and an
  // acknowledgement of the window that is still on its way has time to come first.
  if (transfer.terms.windowsize === 1) return { transfer, action: WAIT };
  const deadlineAt = Math.min(transfer.deadlineAt, now + GAP_WAIT_MS);
  return { transfer: { ...transfer, gap: true, deadlineAt }, action: WAIT };
}

/** After the OACK an ERROR 8 is a size probe; old ROMs end theirs with other codes once they have the size. */
function onError(transfer: Transfer, code: number, message: string): Outcome {
  const probing = transfer.phase === 'oack' && (code === 8 || transfer.terms.oack?.has('tsize') === true);
  if (probing) return { kind: 'probe' };
  return { kind: 'aborted', because: message === '' ? `error ${code}` : `error ${code}: ${message}` };
}

/** GRUB repeats its request from the same port after 400 ms: the first answer was lost, or is on its way. */
function onRepeatedRequest(transfer: Transfer): Step {
  if (transfer.phase === 'oack') return { transfer, action: { kind: 'send-oack' } };
  // Data that answered no options is the first answer too; anything later shows that the client has had it.
  return transfer.acked === 0 && transfer.terms.oack === undefined ? sendWindow(transfer) : { transfer, action: WAIT };
}

function onDeadline(transfer: Transfer, now: number): Step {
  const { retries, gaps } = transfer;
  const patient = now - transfer.progressAt >= GIVE_UP_AFTER_MS || retries >= MAX_RETRIES || gaps >= MAX_GAPS;
  if (patient && retries + gaps >= MIN_RETRIES) return end(transfer, { kind: 'timeout' });
  // A client that reports a gap is there: no reason to become slower.
  const waitMs = transfer.gap
    ? transfer.waitMs
    : Math.max(transfer.terms.timeoutMs, Math.min(transfer.waitMs * 2, MAX_WAIT_MS));
  const counted = transfer.gap ? { gaps: gaps + 1 } : { retries: retries + 1 };
  const again = { ...transfer, ...counted, gap: false, waitMs, deadlineAt: now + waitMs };
  return again.phase === 'oack' ? { transfer: again, action: { kind: 'send-oack' } } : sendWindow(again);
}

function progress(transfer: Transfer, now: number): Transfer {
  const waitMs = transfer.terms.timeoutMs;
  return { ...transfer, progressAt: now, retries: 0, gaps: 0, gap: false, waitMs, deadlineAt: now + waitMs };
}

/** Always a full window from the first unconfirmed block: a client counts what it gets since its last acknowledgement (RFC 7440). */
function sendWindow(transfer: Transfer): Step {
  const first = transfer.acked + 1;
  const count = Math.min(transfer.terms.windowsize, transfer.blocks - transfer.acked);
  return {
    transfer: { ...transfer, sent: Math.max(transfer.sent, transfer.acked + count) },
    action: { kind: 'send-data', first, count },
  };
}

function end(transfer: Transfer, outcome: Outcome): Step {
  return { transfer, action: { kind: 'end', outcome } };
}
