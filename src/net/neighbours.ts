/** The kernel's IPv4 neighbour table: which MAC stands behind an address on our own segments. */
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ipv4 } from './ipv4.ts';
import { type Mac, parseMac } from './mac.ts';

export interface Neighbours {
  /** The MAC that answered ARP for `address` on `interfaceName`, or undefined (other network, relay, incomplete entry). */
  macOf(address: Ipv4, interfaceName: string): Promise<Mac | undefined>;
  /** The same after the kernel has been made to ask: who has `address` at this moment. Takes up to half a second where nobody answers. */
  ask(address: Ipv4, interfaceName: string): Promise<Mac | undefined>;
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

/** RFC 863: whoever hears the datagram throws it away. */
const DISCARD_PORT = 9;
const ASK_EVERY_MS = 25;
/** Longer than a neighbour on the same wire takes, shorter than a firmware waits for an offer. */
const ASK_MS = 400;

/** Read afresh at each call (some 50 µs): an entry may change between two requests, and that is what the caller wants to notice. */
export const kernelNeighbours: Neighbours = {
  async macOf(address, interfaceName) {
    const rows = parseArpTable(await readFile('/proc/net/arp', 'utf8'));
    return rows.find((row) => row.address === address && row.interfaceName === interfaceName)?.mac;
  },
  /**
   * Sends an empty datagram: the kernel asks by ARP where it should go, without any right of ours, and the answer stands in its table. An entry
   * of before is taken as it is: the kernel itself asks again when it is old (arp(7)).
   */
  async ask(address, interfaceName) {
    const socket = createSocket('udp4');
    socket.on('error', () => {});
    try {
      await new Promise<void>((resolve) => {
        socket.send(new Uint8Array(0), DISCARD_PORT, address, () => resolve());
      });
      for (let waitedMs = 0; ; waitedMs += ASK_EVERY_MS) {
        const mac = await kernelNeighbours.macOf(address, interfaceName);
        if (mac !== undefined || waitedMs >= ASK_MS) return mac;
        await pause(ASK_EVERY_MS);
      }
    } finally {
      socket.close();
    }
  },
};
