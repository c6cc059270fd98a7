/**
 * The reply to one packet: decision and request in, bytes and destination out. Pure. What each field must hold, and which firmware breaks
 * otherwise, stands in netboot.md 2.1 to 2.4, 2.7 and 5; the tests hold the captured packets that it comes from.
 */
import type { BootDecision } from '../boot/decision.ts';
import type { ClientFacts } from '../boot/facts.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Segment } from '../net/segment.ts';
import { bootItem } from './client.ts';
import type { OfferForm } from './offers.ts';
import { address, ascii, byte, MESSAGE, OPTION, readUint16 } from './options.ts';
import { BROADCAST_FLAG, type DhcpPacket, encodePacket, NO_ADDRESS } from './packet.ts';
import { BOOT_LOCALLY, encodeSubOptions, PXE_SUB, USE_BOOT_FILE } from './pxe.ts';

export interface Endpoint {
  readonly address: Ipv4;
  readonly port: number;
}

export interface Reply {
  readonly bytes: Uint8Array;
  readonly destination: Endpoint;
}

export interface ReplyInput {
  readonly request: DhcpPacket;
  readonly facts: ClientFacts;
  readonly decision: BootDecision;
  readonly segment: Segment;
  /** Where the packet came from; replies on 4011 go back there, port included (edk2 asks from 4011, iPXE from 68). */
  readonly source: Endpoint;
  readonly form: OfferForm;
}

export const LIMITED_BROADCAST = '255.255.255.255' as Ipv4;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const MAX_HEADER_FILE = 127;
/** edk2 drops larger replies. */
const MAX_REPLY_BYTES = 1472;
/** RFC 2131 section 2: every client takes a message of 576 bytes, IP and UDP headers (28) included. */
const MIN_ACCEPTED_BYTES = 576;
const IP_UDP_HEADERS = 28;

/** What the client is told to load: header field `file`, option 43, option 67. */
interface Load {
  readonly file: string;
  readonly vendorSpecific: Uint8Array | undefined;
  readonly bootFile: string | undefined;
}

/**
 * Builds the reply, or undefined when this packet gets none: the decision is silence, the message is not ours to answer (REQUESTs on 67 belong to
 * the DHCP server), port 4011 has nothing for this client, or the reply would be larger than the client accepts.
 */
export function buildReply(input: ReplyInput): Reply | undefined {
  const { facts, request, segment } = input;
  const isOffer = facts.port === 67;
  if (isOffer ? facts.message !== 'discover' : facts.message !== 'request' && facts.message !== 'inform')
    return undefined;
  const load = isOffer ? loadOfOffer(input) : loadOfAck(input);
  if (load === undefined) return undefined;

  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, byte(isOffer ? MESSAGE.offer : MESSAGE.ack));
  options.set(OPTION.serverId, address(segment.address));
  options.set(OPTION.vendorClass, ascii(facts.kind === 'http-boot' ? 'HTTPClient' : 'PXEClient'));
  copy(request, options, OPTION.clientUuid);
  if (load.vendorSpecific !== undefined) options.set(OPTION.vendorSpecific, load.vendorSpecific);
  copy(request, options, OPTION.relayAgent);
  // Last, see encodePacket.
  if (load.bootFile !== undefined) options.set(OPTION.bootFile, ascii(load.bootFile));

  const bytes = encodePacket({
    op: 2,
    htype: request.htype,
    hlen: request.hlen,
    hops: 0,
    xid: request.xid,
    secs: 0,
    flags: isOffer ? request.flags | BROADCAST_FLAG : request.flags,
    ciaddr: isOffer ? NO_ADDRESS : request.ciaddr,
    // Any other value would make this the offer of a DHCP server.
    yiaddr: NO_ADDRESS,
    siaddr: segment.address,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: segment.address,
    file: load.file,
    options,
  });
  if (bytes.length > acceptedBytes(request, facts)) return undefined;
  return { bytes, destination: destinationOf(input) };
}

/** Option 43, 67 and `file` of an OFFER on port 67. */
function loadOfOffer({ decision, facts, form, segment }: ReplyInput): Load | undefined {
  switch (decision.kind) {
    case 'silent':
      return undefined;
    case 'script':
      return named(decision.url, USE_BOOT_FILE);
    case 'loader':
      return named(decision.file, form === 'binl' && facts.arch?.firmware === 'uefi' ? undefined : USE_BOOT_FILE);
    case 'http-loader':
      return { file: '', vendorSpecific: undefined, bootFile: decision.url };
    case 'local-disk':
      if (facts.kind === 'http-boot')
        // A URL that answers 404 sends the firmware to its next boot option at once; silence costs it a minute.
        return { file: '', vendorSpecific: undefined, bootFile: `${segment.httpUrl}/boot/local-disk` };
      // An iPXE leaves netboot by a script of ours, never by a menu.
      if (facts.kind === 'ipxe') return undefined;
      return { file: '', vendorSpecific: BOOT_LOCALLY, bootFile: undefined };
  }
}

/** The same for an ACK on port 4011. HTTP boot clients never ask there, and a machine that boots its disk finds nothing there. */
function loadOfAck({ decision, request }: ReplyInput): Load | undefined {
  const item = bootItem(request);
  const echo = item === undefined ? undefined : encodeSubOptions([[PXE_SUB.bootItem, item]]);
  if (decision.kind === 'loader') return named(decision.file, echo);
  return decision.kind === 'script' ? named(decision.url, echo) : undefined;
}

/** shim, GRUB, U-Boot and old ROMs read only the header's `file`; a name that does not fit there can stand in option 67 alone. */
function named(name: string, vendorSpecific: Uint8Array | undefined): Load {
  return name.length <= MAX_HEADER_FILE
    ? { file: name, vendorSpecific, bootFile: undefined }
    : { file: '', vendorSpecific, bootFile: name };
}

function destinationOf({ facts, request, source }: ReplyInput): Endpoint {
  // The relay listens on the server port; a broadcast here never reaches its client.
  if (request.giaddr !== NO_ADDRESS) return { address: request.giaddr, port: SERVER_PORT };
  return facts.port === 67 ? { address: LIMITED_BROADCAST, port: CLIENT_PORT } : source;
}

/** Option 57 counts IP and UDP headers. edk2 writes it with swapped bytes into its REQUESTs (0xff00), so it is read in DISCOVERs only. */
function acceptedBytes(request: DhcpPacket, facts: ClientFacts): number {
  const said = facts.message === 'discover' ? readUint16(request.options, OPTION.maxMessageSize) : undefined;
  return Math.min(MAX_REPLY_BYTES, Math.max(MIN_ACCEPTED_BYTES, said ?? MAX_REPLY_BYTES) - IP_UDP_HEADERS);
}

function copy(request: DhcpPacket, options: Map<number, Uint8Array>, code: number): void {
  const value = request.options.get(code);
  if (value !== undefined) options.set(code, value);
}
