/** How long a block may be so that it leaves in one packet. */
import { readFileSync } from 'node:fs';

const HEADERS_BYTES = 20 + 8 + 4;
const ETHERNET_MTU = 1500;

/** The greatest blksize that fits `mtu`: IPv4, UDP and TFTP headers off. Never below the 512 that every client may expect. */
export function maxBlksizeOf(mtu: number): number {
  return Math.max(512, Math.min(65464, mtu - HEADERS_BYTES));
}

/** The interface's MTU from sysfs, read at each request (some 20 µs), as it can be changed at any time; Ethernet's if it cannot be read. */
export function interfaceMtu(interfaceName: string): number {
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${interfaceName}/mtu`, 'utf8'));
    return Number.isInteger(mtu) && mtu > 0 ? mtu : ETHERNET_MTU;
  } catch {
    return ETHERNET_MTU;
  }
}
