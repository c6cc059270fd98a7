/**
 * A TFTP server of ours in a process of its own (started inside a namespace), serving a directory from memory. Arguments: one JSON object.
 * Prints JSON lines: `{"ready":[addresses]}`, observations and log lines; ends when standard input does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/clock.ts';
import { createLog } from '../../../src/log.ts';
import { bytesSource } from '../../../src/media/source.ts';
import { parseIpv4 } from '../../../src/net/ipv4.ts';
import { startTftp } from '../../../src/tftp/server.ts';
import { openPlainSocket } from '../../../src/tftp/socket.ts';

export interface TftpPeerSettings {
  readonly segments: ReadonlyArray<{ readonly interfaceName: string; readonly address: string }>;
  readonly directory: string;
  readonly port: number;
  /** Says every packet singly, without segmentation offload. */
  readonly plain?: boolean;
  /** The MTU that the server believes in, instead of the interface's. */
  readonly mtu?: number;
  readonly windowsize?: number;
  readonly quiet?: boolean;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as TftpPeerSettings;
const say = (line: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(line)}\n`);
const files = new Map(
  readdirSync(settings.directory).map((name) => [name, bytesSource(readFileSync(join(settings.directory, name)))]),
);
const { mtu } = settings;
const server = await startTftp({
  segments: settings.segments.map(({ interfaceName, address }) => ({
    interfaceName,
    address: parseIpv4(address),
    prefixLength: 24,
    httpUrl: `http://${address}:8080`,
    httpsUrl: `https://${address}:8443`,
  })),
  port: settings.port,
  clock: systemClock,
  log: await createLog({ level: settings.quiet === true ? 'error' : 'info', format: 'json' }),
  observe: (observation) => {
    if (settings.quiet !== true) say({ observed: observation });
  },
  resolve: async ({ file }) => {
    const source = files.get(file);
    return source === undefined ? { kind: 'not-found' } : { kind: 'file', source, key: file };
  },
  limits: {
    transfersPerClient: 256,
    ...(settings.windowsize === undefined ? {} : { windowsize: settings.windowsize }),
  },
  ...(mtu === undefined ? {} : { mtuOf: () => mtu }),
  ...(settings.plain === true ? { openSocket: openPlainSocket } : {}),
});
say({ ready: server.addresses });
process.stdin.resume();
process.stdin.on('end', async () => {
  await server.close();
  process.exit(0);
});
