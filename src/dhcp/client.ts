/**
 * Who sent this packet: DHCP options -> `ClientFacts`, the words of the boot decision. Pure. The quirks of firmware stand in one table, each
 * with the machine that needs it.
 */
import type { ClientFacts, ClientKind, DhcpMessage } from '../boot/facts.ts';
import { type Arch, archOf } from '../net/arch.ts';
import { type Mac, macFromBytes } from '../net/mac.ts';
import { MESSAGE, OPTION, readIpv4, readText, readUint16List } from './options.ts';
import { type DhcpPacket, NO_ADDRESS } from './packet.ts';
import { PXE_SUB, parseIpxe, parseSubOptions, parseUserClass, parseUuid } from './pxe.ts';

/** Why a well-formed message is not a client that we can speak with. */
export type ClientFault = 'not-a-request' | 'not-ethernet' | 'not-unicast-mac';

export type ClientResult =
  | { readonly ok: true; readonly facts: ClientFacts; readonly quirk: string | undefined }
  | { readonly ok: false; readonly fault: ClientFault };

/** What the options say, before quirks. */
interface Said {
  readonly mac: Mac;
  readonly vendorClass: string | undefined;
  readonly userClasses: readonly string[];
  readonly archNumber: number | undefined;
  readonly arch: Arch | undefined;
  readonly ipxe: boolean;
  readonly ipxeHttp: boolean;
  readonly parameters: ReadonlySet<number>;
}

type Reading = Pick<ClientFacts, 'kind' | 'arch' | 'archNumber'>;

/** IANA's number for the Raspberry Pi's boot ROM ("arm rpiboot"), which Ironwake has no loader for. */
const ARM_RPIBOOT = 41;
const RASPBERRY_PI_OUIS = ['b8:27:eb', 'dc:a6:32', 'e4:5f:01', '28:cd:c1', 'd8:3a:dd'];

/** First row that matches decides. Rows look at what was said and correct the plain reading. */
const QUIRKS: ReadonlyArray<{
  readonly name: string;
  readonly matches: (said: Said) => boolean;
  readonly read: (said: Said, plain: ClientKind) => Reading;
}> = [
  {
    // Its ROM says architecture 0 (BIOS) although it is ARM, and would fetch a BIOS loader (seen by tinkerbell).
    name: 'raspberry-pi-rom',
    matches: (s) => s.archNumber === 0 && !s.ipxe && RASPBERRY_PI_OUIS.includes(s.mac.slice(0, 8)),
    read: (_, plain) => ({ kind: plain, arch: undefined, archNumber: ARM_RPIBOOT }),
  },
  {
    // iPXE's forerunner in old NIC ROMs: sends option 175 as well, but does not know iPXE's scripts.
    name: 'gpxe-rom',
    matches: (s) => s.userClasses.includes('gPXE'),
    read: (s) => ({ kind: 'pxe', arch: s.arch, archNumber: s.archNumber }),
  },
  {
    // An iPXE in an old vendor ROM without HTTP cannot fetch a script from us: it gets our own iPXE by TFTP first.
    name: 'ipxe-without-http',
    matches: (s) => s.ipxe && !s.ipxeHttp,
    read: (s) => ({ kind: 'pxe', arch: s.arch, archNumber: s.archNumber }),
  },
];

/**
 * Translates a request.
 *
 * A netboot client has option 60 beginning `PXEClient` or `HTTPClient` and option 93. The text after it is not read: iPXE
 * chain-loaded through a proxy repeats the proxy's bare `PXEClient` (captured with iPXE 2.0.0), so the architecture is option 93's first known number.
 * GRUB sends neither and is therefore `other`, never answered. The live system is known by asking for options 250 and 251 without a PXE
 * class (edk2's HTTP client asks for 251 too: uninitialised memory, but it has a class).
 *
 * @param port the port of ours the packet came to. A REQUEST on 67 that names no DHCP server and carries 43.71 is iPXE's broadcast search
 *   for a boot server and counts as 4011 (netboot.md 2.2).
 */
export function readClient(packet: DhcpPacket, port: 67 | 4011): ClientResult {
  if (packet.op !== 1) return { ok: false, fault: 'not-a-request' };
  if (packet.htype !== 1 || packet.hlen !== 6) return { ok: false, fault: 'not-ethernet' };
  const mac = macFromBytes(packet.chaddr);
  if (((packet.chaddr[0] ?? 1) & 1) === 1 || mac === '00:00:00:00:00:00')
    return { ok: false, fault: 'not-unicast-mac' };

  const { options } = packet;
  const said = listen(packet, mac);
  const message = messageOf(options.get(OPTION.messageType)?.[0]);
  const serverId = readIpv4(options, OPTION.serverId);
  const kind = plainKind(said);
  const netboots = kind !== 'other' && kind !== 'installer';
  const quirk = netboots ? QUIRKS.find((row) => row.matches(said)) : undefined;
  const reading = quirk?.read(said, kind) ?? { kind, arch: said.arch, archNumber: said.archNumber };
  const seeksBootServer =
    port === 67 && message === 'request' && serverId === undefined && netboots && bootItem(packet) !== undefined;
  const uuid = options.get(OPTION.clientUuid);
  return {
    ok: true,
    quirk: quirk?.name,
    facts: {
      ...reading,
      mac,
      message,
      port: seeksBootServer ? 4011 : port,
      uuid: uuid === undefined ? undefined : parseUuid(uuid),
      vendorClass: said.vendorClass,
      userClass: said.userClasses.length === 0 ? undefined : said.userClasses.join(' '),
      hostName: readText(options, OPTION.hostName),
      secs: packet.secs,
      relay: packet.giaddr === NO_ADDRESS ? undefined : packet.giaddr,
      address: packet.ciaddr === NO_ADDRESS ? undefined : packet.ciaddr,
      serverId,
    },
  };
}

/** Sub-option 71 of option 43 (boot item: type and layer), which an ACK must copy or iPXE drops it. */
export function bootItem(packet: DhcpPacket): Uint8Array | undefined {
  const vendor = packet.options.get(OPTION.vendorSpecific);
  return vendor === undefined ? undefined : parseSubOptions(vendor).get(PXE_SUB.bootItem);
}

function listen(packet: DhcpPacket, mac: Mac): Said {
  const { options } = packet;
  const numbers = readUint16List(options, OPTION.clientArch);
  const archNumber = numbers.find((number) => archOf(number) !== undefined) ?? numbers[0];
  const userClass = options.get(OPTION.userClass);
  const userClasses = userClass === undefined ? [] : parseUserClass(userClass);
  const encapsulated = options.get(OPTION.ipxe);
  const ipxe = encapsulated === undefined ? undefined : parseIpxe(encapsulated);
  return {
    mac,
    vendorClass: readText(options, OPTION.vendorClass),
    userClasses,
    archNumber,
    arch: archNumber === undefined ? undefined : archOf(archNumber),
    // Builds with a user class of their own are told by option 175.
    ipxe: userClasses.includes('iPXE') || ipxe !== undefined,
    ipxeHttp: ipxe?.http === true,
    parameters: new Set(options.get(OPTION.parameterList) ?? []),
  };
}

function plainKind(said: Said): ClientKind {
  const pxe = said.vendorClass?.startsWith('PXEClient') === true;
  const http = said.vendorClass?.startsWith('HTTPClient') === true;
  if (pxe || http) {
    if (said.archNumber === undefined) return 'other';
    if (said.ipxe) return 'ipxe';
    return http ? 'http-boot' : 'pxe';
  }
  const asksForAnswer = said.parameters.has(OPTION.proxmoxAnswerUrl) && said.parameters.has(OPTION.proxmoxFingerprint);
  return asksForAnswer ? 'installer' : 'other';
}

function messageOf(type: number | undefined): DhcpMessage {
  if (type === MESSAGE.discover) return 'discover';
  if (type === MESSAGE.request) return 'request';
  return type === MESSAGE.inform ? 'inform' : 'other';
}
