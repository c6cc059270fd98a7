/**
 * The proxyDHCP server: one socket per segment for broadcasts to port 67 and one on its address for port 4011. It gives no leases. Effects only: parsing, reading,
 * deciding and building are pure and stand elsewhere; this file moves values between them and the wire.
 */
import type { BootDecision } from '../boot/decision.ts';
import type { ClientFacts } from '../boot/facts.ts';
import type { Clock } from '../clock.ts';
import { IronwakeError, messageOf, systemCode } from '../errors.ts';
import type { Log } from '../log.ts';
import { changeOf, chooseInterfaces, type HostNetwork, readHost } from '../net/interfaces.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Segment } from '../net/segment.ts';
import {
  type Kernel,
  loadKernel,
  openBroadcastPort,
  openUdpPort,
  type UdpMessage,
  type UdpPort,
} from '../net/socket.ts';
import { type ClientFault, readClient } from './client.ts';
import { type DhcpCounters, newDhcpCounters } from './counters.ts';
import { takenLease } from './lease.ts';
import { type OfferForm, OfferMemory } from './offers.ts';
import { NO_ADDRESS, type PacketFault, parsePacket } from './packet.ts';
import { Rarely } from './rarely.ts';
import { buildReply, LIMITED_BROADCAST, type ReplyInput } from './reply.ts';

/** What the server notices beside the packets that it asks `decide` about. */
export type DhcpObservation =
  /** This firmware takes no PXE10 offer: from now on it gets the other form (netboot.md 2.4). */
  | {
      readonly kind: 'offer-form-changed';
      readonly facts: ClientFacts;
      readonly segment: Segment;
      readonly form: OfferForm;
    }
  /** A client takes an address that a DHCP server offered: its broadcast names both. */
  | { readonly kind: 'lease-taken'; readonly segment: Segment; readonly server: Ipv4; readonly address: Ipv4 }
  | { readonly kind: 'segment-lost'; readonly segment: Segment; readonly because: 'interface' | 'address' }
  /** Sockets were made anew; the segment's address and URLs may differ from `before`. */
  | { readonly kind: 'segment-restored'; readonly segment: Segment; readonly before: Segment };

export interface DhcpServerOptions {
  readonly segments: readonly Segment[];
  /**
   * Called for every packet of a netboot client and of the live system, also for those that are never answered (REQUESTs on 67, the
   * `installer` kind): they are observations. Its failure costs this packet its reply and nothing else.
   */
  readonly decide: (facts: ClientFacts, segment: Segment) => Promise<BootDecision>;
  readonly observe?: (observation: DhcpObservation) => void;
  readonly log: Log;
  readonly clock: Clock;
  readonly counters?: DhcpCounters;
  /** 67 and 4011; 0 takes a free port (tests). */
  readonly ports?: { readonly dhcp: number; readonly bootServer: number };
  /**
   * Also listen on the address itself, port 67, for packets that relays send there. Off by default: it would take the renewals of a DHCP server
   * on this host.
   */
  readonly relay?: boolean;
  /** For tests: the C library, or undefined to run without koffi; and the look at the host. */
  readonly loadKernel?: () => Promise<Kernel | undefined>;
  readonly readHost?: () => Promise<HostNetwork>;
}

/** A segment with its sockets; `ports` is empty while the interface is gone. */
interface Served {
  segment: Segment;
  index: number;
  ports: readonly UdpPort[];
}

/** One loop turn's worth of a large burst; more decisions than this pending means that the store hangs. */
const MAX_PENDING = 4096;
const WATCH_MS = 5000;
/** The same answer to the same machine stands in the log once in this time. */
const SAME_ANSWER_MS = 10_000;
/** What 500 DISCOVERs take in the kernel's accounting (about 1250 bytes each, measured). */
const ENOUGH_BUFFER_BYTES = 640_000;

export class DhcpServer {
  readonly #options: DhcpServerOptions;
  readonly #ports: { readonly dhcp: number; readonly bootServer: number };
  readonly #log: Log;
  readonly #rarely: Rarely;
  readonly #answers: Rarely;
  readonly #forms = new OfferMemory();
  readonly counters: DhcpCounters;
  #served: Served[] = [];
  #kernel: Kernel | undefined;
  #pending = 0;
  #open = false;
  #stopWatching: () => void = () => {};
  #watching: Promise<void> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    this.#ports = options.ports ?? { dhcp: 67, bootServer: 4011 };
    this.#log = options.log;
    this.#rarely = new Rarely(options.clock);
    this.#answers = new Rarely(options.clock, SAME_ANSWER_MS);
    this.counters = options.counters ?? newDhcpCounters();
  }

  /** The segments as they are served now (an interface's address may have changed since the start). */
  get segments(): readonly Segment[] {
    return this.#served.map((served) => served.segment);
  }

  /** Ports that are really bound, in the order of the segments: `{ dhcp, bootServer }`, absent while an interface is gone. */
  get boundPorts(): ReadonlyArray<{ readonly dhcp: number; readonly bootServer: number } | undefined> {
    return this.#served.map(({ ports: [dhcp, bootServer] }) =>
      dhcp === undefined || bootServer === undefined ? undefined : { dhcp: dhcp.port, bootServer: bootServer.port },
    );
  }

  /**
   * Binds everything or nothing.
   * @throws IronwakeError `net.port-in-use` (names the holder and the remedy), `net.port-forbidden`, `net.interface-missing` and its kin
   */
  async start(): Promise<void> {
    this.#kernel = await (this.#options.loadKernel ?? loadKernel)();
    if (this.#kernel === undefined)
      this.#log.error(
        'koffi does not load: DHCP runs without device-bound sockets. Every segment hears the broadcasts of all interfaces, and unicast of a DHCP server on this host is taken away. Reinstall the npm packages (npm ci).',
      );
    const host = await this.#host();
    this.#open = true;
    try {
      for (const segment of this.#options.segments) {
        const index = chooseInterfaces([segment.interfaceName], host)[0]?.index ?? 0;
        const served: Served = { segment, index, ports: [] };
        await this.#bind(served);
        this.#served.push(served);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#watchAgain();
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#stopWatching();
    await this.#watching;
    await Promise.all(this.#served.map((served) => this.#unbind(served)));
    this.#served = [];
  }

  /** Compares the interfaces with their sockets and makes what no longer fits anew. Runs every few seconds; public for tests. */
  checkInterfaces(): Promise<void> {
    // One look after the other: two at once would bind the same sockets twice.
    const look = this.#looking.then(() => this.#look());
    this.#looking = look.catch(() => {});
    return look;
  }

  async #look(): Promise<void> {
    const host = await this.#host();
    for (const served of this.#served) {
      if (!this.#open) return;
      const change = changeOf(served.segment, served.index, host);
      if (change.kind === 'gone') {
        if (served.ports.length === 0) continue;
        await this.#unbind(served);
        const { interfaceName, address } = served.segment;
        this.#log.warn(
          { interface: interfaceName, because: change.because },
          `${interfaceName} lost its ${change.because === 'interface' ? 'device' : `address ${address}`}: not serving it until it is back`,
        );
        this.#options.observe?.({ kind: 'segment-lost', segment: served.segment, because: change.because });
        continue;
      }
      if (change.kind === 'same' && served.ports.length > 0) continue;
      await this.#rebind(served, change.kind === 'changed' ? change : { segment: served.segment, index: served.index });
    }
  }

  async #rebind(served: Served, next: { readonly segment: Segment; readonly index: number }): Promise<void> {
    const { segment: before, index } = served;
    await this.#unbind(served);
    try {
      await this.#bind(Object.assign(served, { segment: next.segment, index: next.index }));
    } catch (error) {
      // Tried again at the next look, from where it stood: whoever is told of the change must hear of the address that was really left.
      Object.assign(served, { segment: before, index });
      const line = error instanceof IronwakeError ? error.line : messageOf(error);
      this.#rarely.say(`rebind ${before.interfaceName}`, () =>
        this.#log.error({ interface: before.interfaceName }, line),
      );
      return;
    }
    this.#log.info(
      { interface: served.segment.interfaceName, ip: served.segment.address },
      `serving ${served.segment.interfaceName} again on ${served.segment.address}`,
    );
    this.#options.observe?.({ kind: 'segment-restored', segment: served.segment, before });
  }

  #watchAgain(): void {
    this.#stopWatching = this.#options.clock.after(WATCH_MS, () => {
      this.#watching = this.checkInterfaces()
        .catch((error: unknown) => this.#rarely.say('watch', () => this.#log.error(messageOf(error))))
        .then(() => {
          if (this.#open) this.#watchAgain();
        });
    });
  }

  #host(): Promise<HostNetwork> {
    return (this.#options.readHost ?? readHost)();
  }

  async #bind(served: Served): Promise<void> {
    const { interfaceName, address } = served.segment;
    const handlers = (port: 67 | 4011, own: () => UdpPort | undefined, accept: (relayed: boolean) => boolean) => ({
      onMessage: (message: UdpMessage) => {
        const from = own();
        if (from !== undefined) this.#receive(message, port, served, from, accept);
      },
      onError: (error: Error) =>
        this.#rarely.say(`socket ${port}`, () =>
          this.#log.error({ interface: interfaceName, port, error: error.message }, 'DHCP socket error'),
        ),
    });
    const open: UdpPort[] = [];
    try {
      let broadcast: UdpPort | undefined;
      broadcast = await openBroadcastPort({
        interfaceName,
        address,
        port: this.#ports.dhcp,
        kernel: this.#kernel,
        alone: true,
        handlers: handlers(
          67,
          () => broadcast,
          () => true,
        ),
      });
      open.push(broadcast);
      let bootServer: UdpPort | undefined;
      bootServer = await openUdpPort({
        address,
        port: this.#ports.bootServer,
        handlers: handlers(
          4011,
          () => bootServer,
          () => true,
        ),
      });
      open.push(bootServer);
      if (this.#options.relay === true && broadcast.deviceBound) {
        let relay: UdpPort | undefined;
        // Unicast without a relay's address is somebody's renewal and none of ours.
        const accept = (relayed: boolean) => relayed;
        relay = await openUdpPort({ address, port: this.#ports.dhcp, handlers: handlers(67, () => relay, accept) });
        open.push(relay);
      }
      if (broadcast.receiveBufferBytes < ENOUGH_BUFFER_BYTES)
        this.#log.warn(
          { interface: interfaceName, bytes: broadcast.receiveBufferBytes },
          'the kernel grants a small receive buffer: machines powered on together may have to ask twice (sysctl net.core.rmem_max=4194304)',
        );
    } catch (error) {
      await Promise.all(open.map((port) => port.close()));
      throw error;
    }
    served.ports = open;
  }

  async #unbind(served: Served): Promise<void> {
    const { ports } = served;
    served.ports = [];
    await Promise.all(ports.map((port) => port.close()));
  }

  /** Everything up to the decision is synchronous, so that one burst is read out of the kernel's buffer in one go. */
  #receive(
    message: UdpMessage,
    port: 67 | 4011,
    served: Served,
    from: UdpPort,
    accept: (relayed: boolean) => boolean,
  ): void {
    const { counters } = this;
    counters.received += 1;
    const parsed = parsePacket(message.bytes);
    if (!parsed.ok) {
      this.#malformed(parsed.fault, message, served);
      return;
    }
    const request = parsed.packet;
    const client = readClient(request, port);
    if (!client.ok) {
      this.#malformed(client.fault, message, served);
      return;
    }
    const { facts, quirk } = client;
    const lease = port === 67 ? takenLease(request) : undefined;
    if (lease !== undefined) this.#options.observe?.({ kind: 'lease-taken', segment: served.segment, ...lease });
    if (facts.kind === 'other' || !accept(request.giaddr !== NO_ADDRESS)) {
      counters.ignored += 1;
      return;
    }
    if (this.#pending >= MAX_PENDING) {
      counters.dropped += 1;
      this.#rarely.say('dropped', () =>
        this.#log.error({ pending: this.#pending }, 'DHCP packets are dropped: decisions take too long'),
      );
      return;
    }
    const { segment } = served;
    const { form, switched } = this.#forms.note(facts);
    if (switched) {
      this.#log.info({ mac: facts.mac, arch: facts.arch?.name }, 'no PXE10 offer was taken: offering the BINL form');
      this.#options.observe?.({ kind: 'offer-form-changed', facts, segment, form });
    }
    this.#pending += 1;
    this.#answer({ request, facts, segment, form, source: message }, quirk, from)
      .catch((error: unknown) => {
        counters.failed += 1;
        this.#rarely.say(`failed ${systemCode(error) ?? ''}`, (leftOut) =>
          this.#log.error(
            { mac: facts.mac, interface: segment.interfaceName, error: messageOf(error), leftOut },
            'a DHCP packet could not be answered',
          ),
        );
      })
      .finally(() => {
        this.#pending -= 1;
      });
  }

  async #answer(input: Omit<ReplyInput, 'decision'>, quirk: string | undefined, from: UdpPort): Promise<void> {
    const { facts, segment, source } = input;
    const decision = await this.#options.decide(facts, segment);
    const reply = buildReply({ ...input, decision });
    const subject = {
      mac: facts.mac,
      arch: facts.arch?.name ?? facts.archNumber,
      ip: facts.address,
      interface: segment.interfaceName,
      because: decision.because,
      quirk,
    };
    const what = `DHCP ${facts.message} on ${facts.port}: ${decision.kind}`;
    if (reply === undefined || !this.#open) {
      this.counters.silent += 1;
      this.#log.debug(subject, `${what}, no reply`);
      return;
    }
    // Loopback has no broadcast, and its clients have an address.
    const loopback = reply.destination.address === LIMITED_BROADCAST && segment.address.startsWith('127.');
    const to = loopback ? source : reply.destination;
    await from.send(reply.bytes, to.address, to.port);
    this.counters.answered += 1;
    // A firmware asks four times in a minute; one that asks a thousand times is told of once.
    this.#answers.say(`${facts.mac} ${what}`, (leftOut) =>
      this.#log.info(leftOut === 0 ? subject : { ...subject, leftOut }, what),
    );
  }

  #malformed(fault: PacketFault | ClientFault, message: UdpMessage, served: Served): void {
    this.counters.malformed.set(fault, (this.counters.malformed.get(fault) ?? 0) + 1);
    this.#rarely.say(`malformed ${fault}`, (leftOut) =>
      this.#log.warn(
        { ip: message.address, interface: served.segment.interfaceName, fault, bytes: message.bytes.length, leftOut },
        'not a DHCP request that can be read',
      ),
    );
  }
}
