/** One transfer at work: carries out what the state machine says, on a socket and with a clock. */
import type { Clock } from '../clock.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { strideOf, windowOf } from './frame.ts';
import type { FrameLease } from './frames.ts';
import { decodePacket, ERROR_CODE, encodePacket, OPCODE } from './packet.ts';
import type { OpenTransferSocket, TransferSocket, TransferSocketOptions } from './socket.ts';
import type { Terms } from './terms.ts';
import { begin, deliveredBytes, type Input, type Outcome, type Step, step, type Transfer } from './transfer.ts';

export interface SessionOptions {
  readonly clock: Clock;
  readonly openSocket: OpenTransferSocket;
  readonly local: Ipv4;
  readonly remote: TransferSocketOptions['remote'];
  readonly terms: Terms;
  readonly lease: FrameLease;
  /** Called exactly once, after the socket is closed. `trouble` is the last system error on the way, if there was one. */
  readonly ended: (outcome: Outcome, bytes: number, trouble: string | undefined) => void;
}

const ABANDONED_AFTER_MS = 2000;

export class Session {
  readonly #options: SessionOptions;
  #transfer: Transfer;
  #first: Step | undefined;
  #socket: TransferSocket | undefined;
  #over = false;
  #trouble: string | undefined;
  #cancelTimer: (() => void) | undefined;
  /** The deadline that the running timer is for: acknowledgements only move the deadline, the timer is renewed when it fires. */
  #timerFor = 0;

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#first = begin(options.terms, options.lease.frame.sizeBytes, options.clock.now());
    this.#transfer = this.#first.transfer;
  }

  /** Opens the socket and sends the first packet. @throws system errors of opening the socket */
  static async start(options: SessionOptions): Promise<Session> {
    const session = new Session(options);
    const { local, remote, terms, lease } = options;
    session.#socket = await options.openSocket(
      { local, remote, stride: strideOf(lease.frame), windowsize: terms.windowsize },
      {
        packet: (bytes) => session.#onPacket(bytes),
        portClosed: () => session.#input({ kind: 'port-closed' }),
        trouble: (code) => {
          session.#trouble = code;
        },
      },
    );
    return session;
  }

  /** Sends the first packet. Apart from `start`, so that the caller knows the session before it can end. */
  begin(): void {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined && !this.#over) this.#perform(first);
  }

  /** The same request came again from the same port. */
  requestRepeated(): void {
    this.#input({ kind: 'request-repeated' });
  }

  /**
   * Whether an equal request from the same port must be a new one: data has been confirmed, and nothing for a while. A ROM that always uses
   * one port does that when its machine is restarted; a packet doubled on the way comes at once.
   */
  get abandoned(): boolean {
    const silentMs = this.#options.clock.now() - this.#transfer.progressAt;
    return this.#transfer.acked > 0 && silentMs >= ABANDONED_AFTER_MS;
  }

  /** Ends the transfer from our side; the client is told unless it has gone on to something else on the same port. */
  abort(because: string, how: 'aloud' | 'silently' = 'aloud'): void {
    if (this.#over) return;
    if (how === 'aloud') {
      const error = encodePacket({ kind: 'error', code: ERROR_CODE.undefined, message: because });
      this.#socket?.send(error, error.length);
    }
    this.#end({ kind: 'aborted', because });
  }

  #onPacket(bytes: Buffer): void {
    // The one packet that comes by the thousand is read without making objects for it.
    if (bytes.length >= 4 && bytes.readUInt16BE(0) === OPCODE.ack) {
      this.#input({ kind: 'ack', block: bytes.readUInt16BE(2) });
      return;
    }
    const decoded = decodePacket(bytes);
    if (decoded.ok && decoded.packet.kind === 'error') {
      const { code, message } = decoded.packet;
      this.#input({ kind: 'error', code, message });
    }
    // Anything else has no business on this port; the timer goes on.
  }

  #input(input: Input): void {
    if (!this.#over) this.#perform(step(this.#transfer, input, this.#options.clock.now()));
  }

  #perform({ transfer, action }: Step): void {
    this.#transfer = transfer;
    const { frame } = this.#options.lease;
    switch (action.kind) {
      case 'wait':
        break;
      case 'send-oack': {
        const oack = encodePacket({ kind: 'oack', options: transfer.terms.oack ?? new Map() });
        this.#socket?.send(oack, oack.length);
        break;
      }
      case 'send-data':
        this.#socket?.send(windowOf(frame, action.first, action.count), strideOf(frame));
        break;
      case 'end':
        this.#end(action.outcome);
        return;
    }
    this.#armTimer();
  }

  #armTimer(): void {
    const { deadlineAt } = this.#transfer;
    if (this.#cancelTimer !== undefined) {
      if (this.#timerFor <= deadlineAt) return;
      this.#cancelTimer();
    }
    this.#timerFor = deadlineAt;
    this.#cancelTimer = this.#options.clock.after(deadlineAt - this.#options.clock.now(), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    if (this.#over) return;
    // Compared with the deadline itself and not with the time: the clock may have been set meanwhile.
    if (this.#transfer.deadlineAt === this.#timerFor) this.#input({ kind: 'deadline' });
    else this.#armTimer();
  }

  #end(outcome: Outcome): void {
    this.#over = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#socket?.close();
    this.#options.lease.release();
    this.#options.ended(outcome, deliveredBytes(this.#transfer), this.#trouble);
  }
}
