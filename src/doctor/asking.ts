/** Asks a segment's DHCP servers as a machine would: DISCOVERs of a made-up client, every OFFER collected for some seconds. Nothing is requested, no lease is taken. */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DOCTOR_HOST_NAME } from '../boot/facts.ts';
import { encodeDiscover, type ImitatedClient } from '../dhcp/discover.ts';
import { MESSAGE, OPTION } from '../dhcp/options.ts';
import { parsePacket } from '../dhcp/packet.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { type Mac, macFromBytes } from '../net/mac.ts';
import type { Segment } from '../net/segment.ts';
import { type Kernel, openBroadcastPort } from '../net/socket.ts';
import type { Offer } from './offers.ts';

const EVERYBODY = '255.255.255.255' as Ipv4;
const CLIENT_PORT = 68;
const SERVER_PORT = 67;
/** A server that pings an address before it offers it (dnsmasq: 3 s) answers the first or second DISCOVER within this time. */
export const LISTEN_MS = 6000;
const REPEAT_MS = 2500;

const CLIENTS: ReadonlyArray<{ readonly client: string; readonly imitated: ImitatedClient }> = [
  { client: 'BIOS', imitated: 'bios' },
  { client: 'UEFI', imitated: 'uefi' },
];

/**
 * All OFFERs of a segment to a BIOS and a UEFI client whose MAC (locally administered) is made up anew each time.
 * @throws IronwakeError when port 68 of the interface cannot be had; the system's error when nothing can be sent (`ENETDOWN`)
 */
export async function collectOffers(segment: Segment, kernel: Kernel | undefined): Promise<readonly Offer[]> {
  const mac = madeUpMac();
  const asking = CLIENTS.map((each) => ({ ...each, xid: randomInt(1, 2 ** 32) }));
  const offers: Offer[] = [];
  const port = await openBroadcastPort({
    interfaceName: segment.interfaceName,
    address: segment.address,
    port: CLIENT_PORT,
    kernel,
    handlers: {
      onMessage: ({ address, bytes }) => {
        const parsed = parsePacket(bytes);
        if (!parsed.ok || parsed.packet.op !== 2) return;
        const { packet } = parsed;
        const asked = asking.find(({ xid }) => xid === packet.xid);
        if (asked === undefined || packet.options.get(OPTION.messageType)?.[0] !== MESSAGE.offer) return;
        offers.push({ client: asked.client, source: address, packet });
      },
      onError: () => {},
    },
  });
  try {
    for (let waitedMs = 0; waitedMs < LISTEN_MS; waitedMs += REPEAT_MS) {
      for (const { imitated, xid } of asking) {
        const packet = encodeDiscover({ client: imitated, mac, xid, hostName: DOCTOR_HOST_NAME });
        await port.send(packet, EVERYBODY, SERVER_PORT);
      }
      await pause(Math.min(REPEAT_MS, LISTEN_MS - waitedMs));
    }
  } finally {
    await port.close();
  }
  return offers;
}

/** Locally administered (bit 1 of the first byte), unicast. */
function madeUpMac(): Mac {
  const bytes = Uint8Array.from(randomBytes(6));
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 2;
  return macFromBytes(bytes);
}
