/**
 * What PXE firmware and iPXE put into options: sub-options of 43 and 175, user class, client UUID. Pure.
 * Sources: PXE 2.1, RFC 4578, RFC 3004, iPXE's `src/include/ipxe/dhcp.h` and `features.h`.
 */
import { printable } from './options.ts';

/** Sub-options of option 43 under vendor class `PXEClient` (PXE 2.1, table 2-1). */
export const PXE_SUB = { discoveryControl: 6, bootServers: 8, bootMenu: 9, menuPrompt: 10, bootItem: 71 } as const;

/** Sub-options of option 175 (iPXE). */
export const IPXE_SUB = { http: 0x13, https: 0x14, tftp: 0x15, busId: 0xb1, version: 0xeb } as const;

/** "Use the boot file of this packet, no prompt, no menu" (discovery control, bit 3): the offer needs no port 4011. */
export const USE_BOOT_FILE: Uint8Array = encodeSubOptions([[PXE_SUB.discoveryControl, [0x08]]]);

/**
 * A menu of one item of type 0, "boot locally", taken at once (prompt of 0 seconds). edk2 leaves PXE 4 s after its DISCOVER and goes to the
 * next boot option (netboot.md section 5; captured with OVMF 2022.11). PXE 2.1 says the same for BIOS ROMs.
 */
export const BOOT_LOCALLY: Uint8Array = encodeSubOptions([
  [PXE_SUB.discoveryControl, [0x00]],
  [PXE_SUB.menuPrompt, [0, ...Buffer.from('PXE')]],
  [PXE_SUB.bootMenu, [0, 0, 10, ...Buffer.from('Local boot')]],
]);

/** Encapsulated options: type, length, value, closed by 255. */
export function encodeSubOptions(list: ReadonlyArray<readonly [number, ArrayLike<number>]>): Uint8Array {
  const bytes: number[] = [];
  for (const [code, value] of list) bytes.push(code, value.length, ...Array.from(value));
  bytes.push(255);
  return Uint8Array.from(bytes);
}

/**
 * Reads encapsulated options. Lenient, because a client's mistake in here must not cost it the boot: reading stops at the first one that
 * runs over the end, and what came before it counts. The first of two equal codes wins.
 */
export function parseSubOptions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at] ?? 255;
    if (code === 255) break;
    at += 1;
    if (code === 0) continue;
    const length = bytes[at];
    if (length === undefined || at + 1 + length > bytes.length) break;
    if (!found.has(code)) found.set(code, bytes.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return found;
}

/**
 * Option 77. iPXE and many others send the plain string; RFC 3004 wants instances with a length byte each. It is taken as instances
 * only when their lengths cover the option exactly (`iPXE` as lengths would need 105 bytes, so the two cannot be confused).
 */
export function parseUserClass(bytes: Uint8Array): readonly string[] {
  const instances: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = bytes[at] ?? 0;
    if (length === 0 || at + 1 + length > bytes.length) return raw(bytes);
    instances.push(printable(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return instances;
}

function raw(bytes: Uint8Array): readonly string[] {
  const text = printable(bytes);
  return text === '' ? [] : [text];
}

/**
 * Option 97: type 0 and 16 bytes in SMBIOS order (the first three fields little-endian). Returned as dmidecode, Redfish and iPXE's
 * `${uuid}` print it, lower case. Undefined for another type or length, and for all zeros or all ones, which mean "none" on many boards.
 */
export function parseUuid(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 17 || bytes[0] !== 0) return undefined;
  const value = bytes.subarray(1);
  if (value.every((b) => b === 0) || value.every((b) => b === 0xff)) return undefined;
  const swapped = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => value[i] ?? 0);
  return Buffer.from(swapped)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The inverse of `parseUuid`, for messages that we send as a client. */
export function encodeUuid(uuid: string): Uint8Array {
  const value = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from([0, ...order.map((i) => value[i] ?? 0)]);
}

/** What an iPXE says of itself in option 175. */
export interface IpxeFeatures {
  readonly http: boolean;
  readonly https: boolean;
  /** `1.0.0`; undefined in builds that do not say. */
  readonly version: string | undefined;
}

export function parseIpxe(bytes: Uint8Array): IpxeFeatures {
  const sub = parseSubOptions(bytes);
  const version = sub.get(IPXE_SUB.version);
  return {
    http: sub.get(IPXE_SUB.http)?.[0] === 1,
    https: sub.get(IPXE_SUB.https)?.[0] === 1,
    version: version?.length === 3 ? version.join('.') : undefined,
  };
}
