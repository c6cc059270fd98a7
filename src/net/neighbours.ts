/** The kernel's IPv4 neighbour table: which MAC stands behind an address on our own segments. */
import { readFile } from 'node:fs/promises';
import type { Ipv4 } from './ipv4.ts';
import { type Mac, parseMac } from './mac.ts';

export interface Neighbours {
  /** The MAC that answered ARP for `address` on `interfaceName`, or undefined (other network, relay, incomplete entry). */
  macOf(address: Ipv4, interfaceName: string): Promise<Mac | undefined>;
}

/** One line of /proc/net/arp: address, hardware type, flags, MAC, mask, device (proc(5)). Flag 0x2 = complete. */
export function parseArpTable(
  text: string,
): ReadonlyArray<{ readonly address: string; readonly mac: Mac; readonly interfaceName: string }> {
  const rows = [];
  for (const line of text.split('\n').slice(1)) {
    const [address, , flags, mac, , interfaceName] = line.trim().split(/\s+/);
    if (address === undefined || mac === undefined || interfaceName === undefined) continue;
    if ((Number(flags) & 2) === 0 || mac === '00:00:00:00:00:00') continue;
    try {
      rows.push({ address, mac: parseMac(mac), interfaceName });
    } catch {
      // A neighbour that is not Ethernet (InfiniBand): no node of ours.
    }
  }
  return rows;
}

/** Read afresh at each call (some 50 µs): an entry may change between two requests, and that is what the caller wants to notice. */
export const kernelNeighbours: Neighbours = {
  async macOf(address, interfaceName) {
    const rows = parseArpTable(await readFile('/proc/net/arp', 'utf8'));
    return rows.find((row) => row.address === address && row.interfaceName === interfaceName)?.mac;
  },
};
