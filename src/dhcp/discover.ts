/**
 * Messages as a booting client sends them, for `doctor`, the bench and the tests: modelled on the captured packets of OVMF 2022.11, on
 * RFC 4578 for the BIOS ROM, and on iPXE 1.0.0. Pure; the transaction number comes from the caller.
 */
import type { Ipv4 } from '../net/ipv4.ts';
import { type Mac, macToBytes } from '../net/mac.ts';
import { address, ascii, byte, MESSAGE, OPTION, uint16 } from './options.ts';
import { BROADCAST_FLAG, type DhcpPacket, encodePacket, NO_ADDRESS } from './packet.ts';
import { encodeSubOptions, encodeUuid, IPXE_SUB } from './pxe.ts';

/** `plain` is any other DHCP client (no netboot); `installer` the live system's dhclient. */
export type ImitatedClient = 'uefi' | 'bios' | 'ipxe' | 'ipxe-uefi' | 'http-boot' | 'installer' | 'plain';

interface Trait {
  readonly arch: number | undefined;
  readonly vendorClass: string | undefined;
  readonly ndi: readonly number[] | undefined;
  readonly flags: number;
  readonly maxMessageSize: number;
  readonly parameters: readonly number[];
}

const FIRMWARE_PARAMETERS = [
  1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97, 128, 129, 130,
  131, 132, 133, 134, 135,
];
const IPXE_PARAMETERS = [
  1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135, 175, 203,
];

function firmware(arch: number, undi: string, ndi: readonly number[], flags: number, maxMessageSize: number): Trait {
  const name = arch === 16 ? 'HTTPClient' : 'PXEClient';
  return {
    arch,
    vendorClass: `${name}:Arch:${String(arch).padStart(5, '0')}:UNDI:${undi}`,
    ndi,
    flags,
    maxMessageSize,
    parameters: FIRMWARE_PARAMETERS,
  };
}

const TRAITS: { readonly [C in ImitatedClient]: Trait } = {
  uefi: firmware(7, '003000', [1, 3, 0], BROADCAST_FLAG, 1472),
  bios: firmware(0, '002001', [1, 2, 1], BROADCAST_FLAG, 1260),
  ipxe: { ...firmware(0, '002001', [1, 2, 1], 0, 1472), parameters: IPXE_PARAMETERS },
  'ipxe-uefi': { ...firmware(7, '003010', [1, 3, 10], 0, 1472), parameters: IPXE_PARAMETERS },
  'http-boot': firmware(16, '003000', [1, 3, 0], BROADCAST_FLAG, 1472),
  installer: {
    arch: undefined,
    vendorClass: undefined,
    ndi: undefined,
    flags: 0,
    maxMessageSize: 576,
    parameters: [1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42, 250, 251],
  },
  plain: {
    arch: undefined,
    vendorClass: undefined,
    ndi: undefined,
    flags: 0,
    maxMessageSize: 576,
    parameters: [1, 3, 6, 12, 15, 28],
  },
};

export interface Imitation {
  readonly client: ImitatedClient;
  readonly mac: Mac;
  /** Transaction number, 32 bits. */
  readonly xid: number;
  readonly secs?: number;
  readonly uuid?: string;
  readonly hostName?: string;
  readonly giaddr?: Ipv4;
  /** Options that go over or beside the client's own ones. */
  readonly extra?: ReadonlyArray<readonly [number, Uint8Array]>;
}

/** A DISCOVER as this client broadcasts it to port 67. */
export function discoverPacket(imitation: Imitation): DhcpPacket {
  return message(imitation, MESSAGE.discover, NO_ADDRESS);
}

export function encodeDiscover(imitation: Imitation): Uint8Array {
  return encodePacket(discoverPacket(imitation));
}

/** A REQUEST on port 67 that takes the lease `requested` of the DHCP server `serverId`. */
export function leaseRequest(imitation: Imitation, serverId: Ipv4, requested: Ipv4): DhcpPacket {
  const extra = [
    [OPTION.serverId, address(serverId)],
    [OPTION.requestedAddress, address(requested)],
    ...(imitation.extra ?? []),
  ] as const;
  return message({ ...imitation, extra }, MESSAGE.request, NO_ADDRESS);
}

/** A REQUEST to a boot server's port 4011, from a client that has the address `ciaddr`. */
export function bootServerRequest(
  imitation: Imitation,
  ciaddr: Ipv4,
  type: 'request' | 'inform' = 'request',
): DhcpPacket {
  return message(imitation, MESSAGE[type], ciaddr);
}

function message(imitation: Imitation, type: number, ciaddr: Ipv4): DhcpPacket {
  const trait = TRAITS[imitation.client];
  const ipxe = imitation.client === 'ipxe' || imitation.client === 'ipxe-uefi';
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, byte(type));
  options.set(OPTION.maxMessageSize, uint16(trait.maxMessageSize));
  options.set(OPTION.parameterList, Uint8Array.from(trait.parameters));
  if (imitation.uuid !== undefined) options.set(OPTION.clientUuid, encodeUuid(imitation.uuid));
  if (imitation.hostName !== undefined) options.set(OPTION.hostName, ascii(imitation.hostName));
  if (trait.ndi !== undefined) options.set(OPTION.clientNdi, Uint8Array.from(trait.ndi));
  if (trait.arch !== undefined) options.set(OPTION.clientArch, uint16(trait.arch));
  if (trait.vendorClass !== undefined) options.set(OPTION.vendorClass, ascii(trait.vendorClass));
  if (ipxe) {
    options.set(OPTION.userClass, ascii('iPXE'));
    options.set(
      OPTION.ipxe,
      encodeSubOptions([
        [IPXE_SUB.version, [1, 0, 0]],
        [IPXE_SUB.http, [1]],
        [IPXE_SUB.tftp, [1]],
      ]),
    );
    options.set(OPTION.clientId, Uint8Array.from([1, ...macToBytes(imitation.mac)]));
  }
  for (const [code, value] of imitation.extra ?? []) options.set(code, value);
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(imitation.mac));
  return {
    op: 1,
    htype: 1,
    hlen: 6,
    hops: imitation.giaddr === undefined ? 0 : 1,
    xid: imitation.xid,
    secs: imitation.secs ?? 0,
    flags: trait.flags,
    ciaddr,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: imitation.giaddr ?? NO_ADDRESS,
    chaddr,
    sname: '',
    file: '',
    options,
  };
}
