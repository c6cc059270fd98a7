/**
 * The TFTP server: one socket per segment for requests, one per transfer for data. It knows the protocol and its limits; what a name
 * means for this client is `resolve`'s to say.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Peer } from '../journey/ports.ts';
import type { Log } from '../log.ts';
import type { ByteSource } from '../media/source.ts';
import { fromPeerAddress } from '../net/ipv4.ts';
import { bindError } from '../net/port-holder.ts';
import type { Segment } from '../net/segment.ts';
import { normaliseFile } from './file.ts';
import { Frames } from './frames.ts';
import { gsoSockets, loadGsoCalls } from './gso.ts';
import type { TftpCounters, TftpObservation } from './observation.ts';
import { decodePacket, ERROR_CODE, encodePacket, type ReadRequest } from './packet.ts';
import { interfaceMtu, maxBlksizeOf } from './route.ts';
import { Session } from './session.ts';
import { type OpenTransferSocket, openPlainSocket, settled } from './socket.ts';
import { negotiate } from './terms.ts';
import type { Outcome } from './transfer.ts';

export interface TftpLimits {
  /** Transfers in progress, all clients together. */
  readonly transfers: number;
  /** Transfers in progress of one address. A loader has one or two. */
  readonly transfersPerClient: number;
  /** Larger files are refused: they belong on HTTP. */
  readonly fileBytes: number;
  /** Blocks in flight of one transfer. More than a small switch can buffer is loss, not speed. */
  readonly windowsize: number;
  /** Memory for cut files, in use and kept for the next machine. */
  readonly frameBytes: number;
  readonly keptFrameBytes: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_TFTP_LIMITS: TftpLimits = {
  transfers: 256,
  transfersPerClient: 16,
  fileBytes: 128 * MIB,
  windowsize: 16,
  frameBytes: 256 * MIB,
  keptFrameBytes: 16 * MIB,
};

export type TftpAnswer =
  /** `key` names the content (same key, same bytes: a hash, or path, size and time), so that a cut file serves the next machine too. */
  | { readonly kind: 'file'; readonly source: ByteSource; readonly key?: string }
  | { readonly kind: 'not-found' }
  /** `message` is what the client is told. */
  | { readonly kind: 'refused'; readonly message: string };

export interface TftpOptions {
  readonly segments: readonly Segment[];
  /** 69; 0 takes any free port (tests). */
  readonly port: number;
  readonly resolve: (request: { readonly file: string; readonly client: Peer }) => Promise<TftpAnswer>;
  readonly observe: (observation: TftpObservation) => void;
  readonly log: Log;
  readonly clock: Clock;
  readonly limits?: Partial<TftpLimits>;
  /** MTU of the route to a segment's clients; the interface's by default. */
  readonly mtuOf?: (interfaceName: string) => number;
  readonly openSocket?: OpenTransferSocket;
}

/** A request on its way: being looked up, or served. */
interface Place {
  readonly request: Buffer;
  readonly client: Peer;
  readonly file: string;
  readonly startedAt: number;
  session: Session | undefined;
  /** Taken over by a newer request from the same port, or cut by `close`. */
  cancelled: boolean;
}

interface Listener {
  readonly segment: Segment;
  readonly socket: Socket;
}

/**
 * Binds `address:port` of every segment, or none.
 * @throws IronwakeError `net.port-in-use` (names the holder), `net.port-forbidden`, `net.bind-failed`
 */
export async function startTftp(options: TftpOptions): Promise<TftpServer> {
  const listeners: Listener[] = [];
  try {
    for (const segment of options.segments) listeners.push(await listen(segment, options.port));
  } catch (error) {
    for (const { socket } of listeners) socket.close();
    throw error;
  }
  return new TftpServer({ ...options, openSocket: options.openSocket ?? (await bestSocket(options.log)) }, listeners);
}

async function listen(segment: Segment, port: number): Promise<Listener> {
  // Room for a rack that is switched on at once; the kernel gives what its limit allows.
  const socket = createSocket({ type: 'udp4', recvBufferSize: MIB });
  try {
    await settled(socket, 'listening', () => socket.bind({ address: segment.address, port, exclusive: true }));
  } catch (cause) {
    throw await bindError('udp', port, `TFTP port ${segment.address}:${port} on ${segment.interfaceName}`, cause);
  }
  return { segment, socket };
}

/** Segmentation offload where koffi loads; its absence costs speed and nothing else. */
async function bestSocket(log: Log): Promise<OpenTransferSocket> {
  const calls = await loadGsoCalls();
  if (calls === undefined) return openPlainSocket;
  return gsoSockets(calls, (address, code) =>
    log.info({ ip: address, code }, 'no UDP segmentation offload here, TFTP sends packet by packet'),
  );
}

export class TftpServer {
  readonly #options: TftpOptions & { readonly openSocket: OpenTransferSocket };
  readonly #limits: TftpLimits;
  readonly #listeners: Listener[] = [];
  readonly #frames: Frames;
  /** By listening address, client address and client port. */
  readonly #places = new Map<string, Place>();
  readonly #perClient = new Map<string, number>();
  readonly #counters = {
    requests: 0,
    complete: 0,
    aborted: 0,
    timeouts: 0,
    refused: 0,
    notFound: 0,
    malformed: 0,
    dropped: 0,
  };
  #closed = false;
  /** Takes requests; the transfers that are under way do not need it. */
  #taking = true;
  /** Told when the last place is left. */
  #onIdle: () => void = () => {};

  /** Use `startTftp`. */
  constructor(options: TftpOptions & { readonly openSocket: OpenTransferSocket }, listeners: readonly Listener[]) {
    this.#options = options;
    this.#limits = { ...DEFAULT_TFTP_LIMITS, ...options.limits };
    this.#frames = new Frames({ totalBytes: this.#limits.frameBytes, keptBytes: this.#limits.keptFrameBytes });
    for (const listener of listeners) this.#add(listener);
  }

  #add(listener: Listener): void {
    this.#listeners.push(listener);
    listener.socket.on('message', (bytes, from) => this.#onDatagram(listener, bytes, from));
    // ICMP answers to our ERROR packets, an interface that went down: nothing that ends a server.
    listener.socket.on('error', (error) =>
      this.#options.log.debug(
        { interface: listener.segment.interfaceName, err: messageOf(error) },
        'TFTP socket error',
      ),
    );
  }

  /**
   * Serves `after` in the place of `before`: an interface came back with another address, or its URLs changed. Transfers go on. An interface
   * that comes back as it was needs nothing: a socket on an address survives that.
   * @throws what `startTftp` throws; `before` is then no longer served
   */
  async replaceSegment(before: Segment, after: Segment): Promise<void> {
    const index = this.#listeners.findIndex(({ segment }) => segment.address === before.address);
    const [old] = index === -1 ? [] : this.#listeners.splice(index, 1);
    if (old !== undefined) await new Promise<void>((resolve) => old.socket.close(() => resolve()));
    const port = this.#options.port;
    const listener = await listen(after, port);
    if (this.#taking) this.#add(listener);
    else listener.socket.close();
  }

  /** Where requests are taken, in the order of the segments. */
  get addresses(): ReadonlyArray<{ readonly address: string; readonly port: number }> {
    return this.#listeners.map(({ socket }) => {
      const { address, port } = socket.address();
      return { address, port };
    });
  }

  get counters(): TftpCounters {
    return { ...this.#counters, active: this.#places.size };
  }

  /**
   * Takes no more requests: the port is closed, which firmware notices at once. What is being transferred goes on, each in a socket of
   * its own. @returns when the last of them has ended; `close` ends them
   */
  async drain(): Promise<void> {
    await this.#stopTaking();
    if (this.#places.size > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
  }

  async #stopTaking(): Promise<void> {
    this.#taking = false;
    await Promise.all(
      this.#listeners.splice(0).map(({ socket }) => new Promise<void>((resolve) => socket.close(() => resolve()))),
    );
  }

  /** Takes no more requests, tells running clients and closes every socket. Done at once: nothing is waited for but the sockets. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closing = this.#stopTaking();
    for (const [id, place] of [...this.#places]) this.#cancel(id, place, 'the server is shutting down');
    this.#frames.clear();
    await closing;
  }

  #onDatagram(listener: Listener, bytes: Buffer, from: RemoteInfo): void {
    if (!this.#taking) return;
    const address = fromPeerAddress(from.address);
    const decoded = decodePacket(bytes);
    // Nothing is answered to what is no request: two servers would keep each other busy, and a forged sender would be hit.
    if (!decoded.ok || address === undefined || from.port === 0) {
      this.#counters.malformed++;
      this.#options.log.debug(
        { ip: from.address, because: decoded.ok ? 'no usable sender' : decoded.because },
        'malformed TFTP datagram',
      );
      return;
    }
    const { packet } = decoded;
    if (packet.kind !== 'read' && packet.kind !== 'write') {
      this.#counters.malformed++;
      this.#options.log.debug({ ip: address, because: `${packet.kind} is no request` }, 'stray TFTP packet');
      return;
    }
    const client: Peer = { address, interfaceName: listener.segment.interfaceName };
    if (packet.kind === 'write') {
      this.#refuse(listener, from, client, packet.file, ERROR_CODE.accessViolation, 'this server only serves files');
      return;
    }
    this.#onRead(listener, from, client, packet, bytes);
  }

  #onRead(listener: Listener, from: RemoteInfo, client: Peer, packet: ReadRequest, request: Buffer): void {
    const id = `${listener.segment.address} ${client.address} ${from.port}`;
    const known = this.#places.get(id);
    if (known !== undefined) {
      const repeated = known.request.equals(request) && known.session?.abandoned !== true;
      if (repeated) {
        known.session?.requestRepeated();
        return;
      }
      // The client has begun something else: it may reuse the port before its ERROR is read here.
      this.#cancel(id, known, 'the client asked anew from the same port', 'silently');
    }
    // netascii is served as octet: no loader asks for it and wants its line ends changed.
    if (packet.mode !== 'octet' && packet.mode !== 'netascii') {
      this.#refuse(listener, from, client, packet.file, ERROR_CODE.illegalOperation, 'only octet mode is served');
      return;
    }
    const name = normaliseFile(packet.file);
    if (!name.ok) {
      this.#refuse(
        listener,
        from,
        client,
        packet.file,
        ERROR_CODE.accessViolation,
        `not a usable file name: ${name.because}`,
      );
      return;
    }
    const ofClient = this.#perClient.get(client.address) ?? 0;
    if (this.#places.size >= this.#limits.transfers || ofClient >= this.#limits.transfersPerClient) {
      // No answer rather than an error: clients ask again after a second, an error would end their boot.
      this.#counters.dropped++;
      this.#options.log.debug({ ip: client.address, file: name.file }, 'TFTP request dropped: too many transfers');
      return;
    }
    const place: Place = {
      request: Buffer.from(request),
      client,
      file: name.file,
      startedAt: this.#options.clock.now(),
      session: undefined,
      cancelled: false,
    };
    this.#places.set(id, place);
    this.#perClient.set(client.address, ofClient + 1);
    this.#counters.requests++;
    this.#observe(place, 'request', 0);
    this.#serve(id, place, listener, from, packet).catch((error: unknown) => {
      this.#options.log.error({ ip: client.address, file: place.file, err: messageOf(error) }, 'TFTP request failed');
      if (place.cancelled) return;
      this.#leave(id, place);
      this.#counters.refused++;
      this.#sendError(listener, from, ERROR_CODE.undefined, 'internal error');
      this.#observe(place, 'refused', 0, 'internal error');
    });
  }

  async #serve(id: string, place: Place, listener: Listener, from: RemoteInfo, packet: ReadRequest): Promise<void> {
    const { client, file } = place;
    const answer = await this.#options.resolve({ file, client });
    if (place.cancelled) return;
    if (answer.kind === 'not-found') {
      this.#leave(id, place);
      this.#counters.notFound++;
      this.#sendError(listener, from, ERROR_CODE.notFound, 'file not found');
      this.#observe(place, 'not-found', 0);
      return;
    }
    if (answer.kind === 'refused') {
      this.#giveUp(id, place, listener, from, ERROR_CODE.accessViolation, answer.message);
      return;
    }
    const { source, key } = answer;
    if (source.sizeBytes > this.#limits.fileBytes) {
      this.#giveUp(id, place, listener, from, ERROR_CODE.undefined, 'file is too large for TFTP, take it by HTTP');
      return;
    }
    const mtu = (this.#options.mtuOf ?? interfaceMtu)(client.interfaceName);
    const terms = negotiate(packet.options, source.sizeBytes, {
      maxBlksize: maxBlksizeOf(mtu),
      maxWindowsize: this.#limits.windowsize,
    });
    const lease = await this.#frames.lease(source, key, terms.blksize);
    if (lease === undefined || place.cancelled) {
      lease?.release();
      if (place.cancelled) return;
      // As above: the client asks again, and by then a transfer may have ended.
      this.#leave(id, place);
      this.#counters.dropped++;
      this.#options.log.warn({ ip: client.address, file }, 'TFTP request dropped: no memory left for its file');
      return;
    }
    let session: Session;
    try {
      session = await Session.start({
        clock: this.#options.clock,
        openSocket: this.#options.openSocket,
        local: listener.segment.address,
        remote: { address: client.address, port: from.port },
        terms,
        lease,
        // A place that was cancelled before its socket was open has been accounted for.
        ended: (outcome, bytes, trouble) => {
          if (place.session !== undefined) this.#onEnd(id, place, outcome, bytes, trouble);
        },
      });
    } catch (error) {
      lease.release();
      throw error;
    }
    if (place.cancelled) {
      session.abort('cancelled', 'silently');
      return;
    }
    place.session = session;
    session.begin();
  }

  #onEnd(id: string, place: Place, outcome: Outcome, bytes: number, trouble: string | undefined): void {
    this.#leave(id, place);
    switch (outcome.kind) {
      case 'complete':
        this.#counters.complete++;
        this.#observe(place, 'complete', bytes);
        return;
      case 'probe':
        this.#observe(place, 'probe', 0);
        return;
      case 'aborted':
        this.#counters.aborted++;
        this.#observe(place, 'aborted', bytes, outcome.because);
        return;
      case 'timeout':
        this.#counters.timeouts++;
        this.#observe(
          place,
          'timeout',
          bytes,
          trouble === undefined ? 'the client went silent' : `sending failed: ${trouble}`,
        );
    }
  }

  /** Ends a request that has its place. Without a session yet there is nobody to tell. */
  #cancel(id: string, place: Place, because: string, how: 'aloud' | 'silently' = 'aloud'): void {
    place.cancelled = true;
    if (place.session !== undefined) {
      place.session.abort(because, how);
      return;
    }
    this.#leave(id, place);
    this.#counters.aborted++;
    this.#observe(place, 'aborted', 0, because);
  }

  #leave(id: string, place: Place): void {
    if (this.#places.get(id) !== place) return;
    this.#places.delete(id);
    if (this.#places.size === 0) this.#onIdle();
    const left = (this.#perClient.get(place.client.address) ?? 1) - 1;
    if (left > 0) this.#perClient.set(place.client.address, left);
    else this.#perClient.delete(place.client.address);
  }

  #giveUp(id: string, place: Place, listener: Listener, from: RemoteInfo, code: number, message: string): void {
    this.#leave(id, place);
    this.#counters.refused++;
    this.#sendError(listener, from, code, message);
    this.#observe(place, 'refused', 0, message);
  }

  #refuse(listener: Listener, from: RemoteInfo, client: Peer, rawFile: string, code: number, message: string): void {
    this.#counters.refused++;
    this.#sendError(listener, from, code, message);
    const file = rawFile.replace(/[^\x20-\x7e]/g, '?').slice(0, 255);
    this.#observe({ client, file, startedAt: this.#options.clock.now() }, 'refused', 0, message);
  }

  #sendError(listener: Listener, from: RemoteInfo, code: number, message: string): void {
    // The segment may have been replaced while its file was looked up.
    if (!this.#listeners.includes(listener)) return;
    listener.socket.send(encodePacket({ kind: 'error', code, message }), from.port, from.address, () => {
      // Lost like any packet: the client asks again.
    });
  }

  #observe(
    place: Pick<Place, 'client' | 'file' | 'startedAt'>,
    kind: TftpObservation['kind'],
    bytes: number,
    because?: string,
  ): void {
    const { client, file } = place;
    const durationMs = Math.max(0, this.#options.clock.now() - place.startedAt);
    this.#options.log.debug({ ip: client.address, file, bytes, durationMs, because }, `TFTP ${kind}`);
    try {
      this.#options.observe({
        kind,
        file,
        client,
        bytes,
        durationMs,
        ...(because === undefined ? {} : { because }),
      });
    } catch (error) {
      this.#options.log.error({ file, err: messageOf(error) }, 'TFTP observer failed');
    }
  }
}
