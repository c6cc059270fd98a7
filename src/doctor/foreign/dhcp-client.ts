/**
 * Sends a DISCOVER with the client of the `dhcp` package and prints the OFFERs as the package reads them. Wrapped, because by itself it
 * leaves the broadcast flag out, needs a route for 255.255.255.255, knows no PXE option, and would follow an offer with a REQUEST: here it writes and reads
 * messages, our socket on the interface carries them, and nothing but DISCOVER is ever sent.
 *
 * It asks as an iPXE, whose answer (a script) is the same whether its machine is armed or not, and under the doctor's host name, so that it leaves no mark.
 * Arguments: interface, its address, MAC, milliseconds to wait, address of the server to wait for.
 */
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { DOCTOR_HOST_NAME } from '../../boot/facts.ts';
import { IronwakeError } from '../../errors.ts';
import type { Ipv4 } from '../../net/ipv4.ts';
import { loadKernel, openBroadcastPort } from '../../net/socket.ts';

interface Message {
  xid: number;
  flags: number;
  readonly op: number;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly file: string;
  options: Record<number, unknown>;
}

/** The part of the package's client that is used, as its source has it. */
interface DhcpClient {
  _sock: NodeJS.EventEmitter & { close(): void };
  _send(host: string, message: Message): void;
  handleOffer(message: Message): void;
  sendDiscover(): void;
  on(event: 'message', listener: (message: Message) => void): void;
  on(event: 'error', listener: () => void): void;
}

const require = createRequire(import.meta.url);
const { addOption, createClient } = require('dhcp') as {
  addOption(code: number, option: { readonly name: string; readonly type: string }): void;
  createClient(options: { readonly mac: string; readonly features: readonly string[] }): DhcpClient;
};
const { format } = require('dhcp/lib/protocol.js') as {
  format(message: Message): { readonly _data: Buffer; readonly _w: number };
};

const CLIENT_PORT = 68;
const SERVER_PORT = 67;
const BROADCAST_FLAG = 0x8000;
const REPEAT_MS = 1000;
const PARAMETERS = [1, 3, 6, 43, 60, 66, 67, 175];
const PXE_CLASS = 'PXEClient:Arch:00007:UNDI:003010';
/** iPXE's features: HTTP and TFTP. */
const IPXE_FEATURES = [0x13, 1, 1, 0x15, 1, 1];

const [interfaceName = '', address = '', mac = '', waitMs = '3000', expected = ''] = process.argv.slice(2);

for (const [code, name, type] of [
  [77, 'User Class', 'ASCII'],
  [93, 'Client Architecture', 'UInt16s'],
  [94, 'Client Network Device', 'UInt8s'],
  [97, 'Client UUID', 'UInt8s'],
  [175, 'iPXE', 'UInt8s'],
] as const)
  addOption(code, { name, type });

const xid = randomInt(1, 2 ** 32);
const offers: object[] = [];
let enough: () => void = () => {};
const done = new Promise<void>((resolve) => {
  enough = resolve;
});

try {
  const client = createClient({ mac, features: ['bootFile'] });
  const socket = await openBroadcastPort({
    interfaceName,
    address: address as Ipv4,
    port: CLIENT_PORT,
    kernel: await loadKernel(),
    handlers: {
      onMessage: ({ bytes }) => client._sock.emit('message', Buffer.from(bytes)),
      onError: () => {},
    },
  });
  // The package's own way on: a REQUEST. Never here.
  client.handleOffer = () => {};
  client.on('error', () => {});
  client.on('message', (message) => {
    if (message.op !== 2 || message.xid !== xid) return;
    const { file, options, siaddr, yiaddr } = message;
    offers.push({ yiaddr, siaddr, file, server: options[54], vendorClass: options[60], bootFile: options[67] });
    if (options[54] === expected) enough();
  });
  client._send = (host, message) => {
    message.xid = xid;
    message.flags = BROADCAST_FLAG;
    message.options = {
      ...message.options,
      12: DOCTOR_HOST_NAME,
      55: PARAMETERS,
      60: PXE_CLASS,
      77: 'iPXE',
      93: [7],
      94: [1, 3, 10],
      175: IPXE_FEATURES,
    };
    const { _data, _w } = format(message);
    socket.send(_data.subarray(0, _w), host as Ipv4, SERVER_PORT).catch(() => {});
  };
  client.sendDiscover();
  const again = setInterval(() => client.sendDiscover(), REPEAT_MS);
  const limit = setTimeout(enough, Number(waitMs));
  await done;
  clearInterval(again);
  clearTimeout(limit);
  client._sock.close();
  await socket.close();
  process.stdout.write(JSON.stringify({ offers }));
} catch (error) {
  if (!(error instanceof IronwakeError)) throw error;
  process.stdout.write(JSON.stringify({ failure: { message: error.message, remedy: error.remedy } }));
}
