/** A transfer over a network that loses, doubles, delays and reorders: the file arrives byte for byte, or the transfer ends in time. */
import fc from 'fast-check';
import t from 'tap';
import { ManualClock } from '../../../src/clock.ts';
import { bytesSource } from '../../../src/media/source.ts';
import { parseIpv4 } from '../../../src/net/ipv4.ts';
import { Frames } from '../../../src/tftp/frames.ts';
import { decodePacket, encodePacket, type Packet } from '../../../src/tftp/packet.ts';
import { Session } from '../../../src/tftp/session.ts';
import type { TransferSocketEvents } from '../../../src/tftp/socket.ts';
import { negotiate } from '../../../src/tftp/terms.ts';
import type { Outcome } from '../../../src/tftp/transfer.ts';

const ADDRESS = parseIpv4('192.0.2.1');

/** What happens to one packet: how often it arrives, and after how many milliseconds. None: lost. */
type Fate = readonly number[];

interface Weather {
  /** Taken in turn, then from the start again. */
  readonly fates: readonly Fate[];
}

interface Result {
  readonly outcome: Outcome | undefined;
  readonly received: Buffer;
  readonly finished: boolean;
  readonly packetsSent: number;
  readonly blocks: number;
  readonly tookMs: number;
}

/** A receiver as RFC 1350 and RFC 7440 describe it: takes blocks in order, confirms each window, a gap, and its own timeout. */
class Receiver {
  readonly #send: (packet: Packet) => void;
  readonly #blksize: number;
  readonly #windowsize: number;
  readonly #parts: Buffer[] = [];
  #inOrder = 0;
  #sinceAck = 0;
  finished = false;

  constructor(blksize: number, windowsize: number, send: (packet: Packet) => void) {
    this.#blksize = blksize;
    this.#windowsize = windowsize;
    this.#send = send;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  take(packet: Packet): void {
    if (packet.kind === 'oack') {
      if (this.#inOrder === 0) this.#send({ kind: 'ack', block: 0 });
      return;
    }
    if (packet.kind !== 'data') return;
    if (this.finished || packet.block !== ((this.#inOrder + 1) & 0xffff)) {
      // A gap or a repetition: say where we are. Answering each one is the worst that a client does.
      this.acknowledge();
      return;
    }
    this.#inOrder++;
    this.#sinceAck++;
    this.#parts.push(Buffer.from(packet.data));
    this.finished = packet.data.byteLength < this.#blksize;
    if (this.finished || this.#sinceAck >= this.#windowsize) this.acknowledge();
  }

  acknowledge(): void {
    this.#sinceAck = 0;
    this.#send({ kind: 'ack', block: this.#inOrder & 0xffff });
  }
}

async function transfer(file: Uint8Array, options: Record<string, string>, weather: Weather): Promise<Result> {
  const clock = new ManualClock();
  const startedAt = clock.now();
  const terms = negotiate(new Map(Object.entries(options)), file.byteLength, { maxBlksize: 1468, maxWindowsize: 16 });
  const frames = new Frames({ totalBytes: 1e9, keptBytes: 0 });
  const lease = await frames.lease(bytesSource(file), undefined, terms.blksize);
  if (lease === undefined) throw new Error('no room');

  let packet = 0;
  let packetsSent = 0;
  const travel = (arrive: () => void) => {
    const fate = weather.fates[packet++ % weather.fates.length] ?? [0];
    for (const delayMs of fate) clock.after(delayMs, arrive);
  };
  let server: TransferSocketEvents | undefined;
  let outcome: Outcome | undefined;
  const receiver = new Receiver(terms.blksize, terms.windowsize, (reply) =>
    travel(() => {
      if (outcome === undefined) server?.packet(encodePacket(reply));
    }),
  );
  const session = await Session.start({
    clock,
    local: ADDRESS,
    remote: { address: ADDRESS, port: 1024 },
    terms,
    lease,
    openSocket: async (_options, events) => {
      server = events;
      return {
        send(bytes, stride) {
          for (let at = 0; at < bytes.length; at += stride) {
            packetsSent++;
            const decoded = decodePacket(Buffer.from(bytes.subarray(at, at + stride)));
            travel(() => {
              if (decoded.ok) receiver.take(decoded.packet);
            });
          }
        },
        close() {},
      };
    },
    ended: (how) => {
      outcome = how;
    },
  });
  session.begin();
  // Clients repeat their acknowledgement too, here after 4 s as edk2 does.
  for (let ms = 0; outcome === undefined && ms < 600_000; ms += 4000) {
    clock.advance(4000);
    if (!receiver.finished) receiver.acknowledge();
  }
  return {
    outcome,
    received: receiver.bytes,
    finished: receiver.finished,
    packetsSent,
    blocks: Math.floor(file.byteLength / terms.blksize) + 1,
    tookMs: clock.now() - startedAt,
  };
}

const file = fc.uint8Array({ maxLength: 6000 });
const asked = fc.record(
  {
    blksize: fc.integer({ min: 8, max: 600 }).map(String),
    windowsize: fc.integer({ min: 1, max: 20 }).map(String),
    tsize: fc.constant('0'),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const arrival = fc.integer({ min: 0, max: 30 });
/** Mostly well, sometimes lost, sometimes doubled; any delay, so that packets overtake each other. */
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: arrival.map((ms) => [ms]) },
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.tuple(arrival, arrival) },
);

t.test('a bad network: the file arrives byte for byte', async (t) => {
  await fc.assert(
    fc.asyncProperty(file, asked, fc.array(fate, { minLength: 40, maxLength: 200 }), async (bytes, options, fates) => {
      // Two packets in a row that surely arrive keep a pattern from losing the same packet for ever.
      const result = await transfer(bytes, options, { fates: [...fates, [0], [0], [1]] });
      if (!result.finished) {
        // Given up: only after the full patience, never with a wrong byte.
        return (
          result.outcome?.kind === 'timeout' &&
          Buffer.from(bytes).subarray(0, result.received.length).equals(result.received)
        );
      }
      return result.received.equals(bytes);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('every packet doubled: nothing is lost, and the doubling does not feed itself', async (t) => {
  for (const windowsize of ['1', '4', '16']) {
    const bytes = Buffer.alloc(512 * 400 + 7, 'ironwake');
    const result = await transfer(bytes, { windowsize }, { fates: [[1, 2]] });
    t.same(result.outcome, { kind: 'complete' }, `window ${windowsize}`);
    t.ok(result.received.equals(bytes));
    // One sending of each block, and one more window where a doubled packet looked like a gap.
    t.ok(
      result.packetsSent <= result.blocks * 2,
      `window ${windowsize}: ${result.packetsSent} packets for ${result.blocks} blocks`,
    );
  }
});

t.test('every seventh packet lost: a window goes on from the gap', async (t) => {
  const bytes = Buffer.alloc(512 * 400 + 7, 'ironwake');
  // 101 is prime, so that no pattern of the transfer falls into step with the losses.
  const fates = Array.from({ length: 101 }, (_, index) => (index % 7 === 3 ? [] : [1]));
  for (const windowsize of ['1', '4', '16']) {
    const result = await transfer(bytes, { windowsize }, { fates });
    t.same(result.outcome, { kind: 'complete' }, `window ${windowsize}`);
    t.ok(result.received.equals(bytes));
  }
});

t.test('a network that is dead: the transfer ends by itself', async (t) => {
  const result = await transfer(Buffer.alloc(5000), {}, { fates: [[]] });
  t.same(result.outcome, { kind: 'timeout' });
  t.ok(result.packetsSent <= 12, `${result.packetsSent} packets sent into nothing`);
});
