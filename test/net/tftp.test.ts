/**
 * TFTP over real interfaces (veth, MTU 1500), without any default route: two segments of one server, a client behind each.
 *
 *   server --seg-a-- eth0 client-a      server --seg-b-- eth0 client-b
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { t, test } from 'tap';
import { ended, Namespaces } from '../support/netns.ts';
import type { TftpPeerSettings } from './peers/tftp-server.ts';

const PEER = fileURLToPath(new URL('peers/tftp-server.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'ironwake-tftp-'));
const lab = new Namespaces('iwt');
t.teardown(async () => {
  await lab.remove();
  rmSync(directory, { recursive: true, force: true });
});
const server = lab.add('server');
const clientA = lab.add('a');
const clientB = lab.add('b');
const A = '10.92.1.2';
const B = '10.92.2.2';
lab.veth({ ns: server, name: 'seg-a', address: `${A}/24` }, { ns: clientA, name: 'eth0', address: '10.92.1.9/24' });
lab.veth({ ns: server, name: 'seg-b', address: `${B}/24` }, { ns: clientB, name: 'eth0', address: '10.92.2.9/24' });

const LOADER = createHash('shake256', { outputLength: 600_000 }).update('loader').digest();
writeFileSync(join(directory, 'loader.efi'), LOADER);
const SEGMENTS = [
  { interfaceName: 'seg-a', address: A },
  { interfaceName: 'seg-b', address: B },
];

interface Line {
  readonly ready?: unknown;
  readonly observed?: { readonly kind: string; readonly client: { readonly interfaceName: string } };
  readonly msg?: string;
  readonly code?: string;
}

/** Starts our server and collects what it says. */
async function start(settings: Partial<TftpPeerSettings> = {}) {
  const child: ChildProcess = lab.spawn(server, process.execPath, [
    PEER,
    JSON.stringify({ segments: SEGMENTS, directory, port: 69, ...settings }),
  ]);
  const lines: Line[] = [];
  let errors = '';
  child.stderr?.on('data', (data) => {
    errors += String(data);
  });
  if (child.stdout === null) throw new Error('no output of the server');
  const reader = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    reader.on('line', (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line.ready !== undefined) resolve();
    });
    child.once('exit', () => reject(new Error(`server ended: ${errors}`)));
  });
  return { lines, stop: () => ended(child, 'SIGKILL') };
}

/** Fetches by atftp and returns the file. */
function fetch(ns: string, address: string, options: readonly string[]): Buffer {
  const out = join(directory, `${ns}.out`);
  rmSync(out, { force: true });
  const wanted = options.flatMap((option) => ['--option', option]);
  lab.run(ns, 'atftp', [...wanted, '--get', '-r', '/loader.efi', '-l', out, address, '69']);
  return readFileSync(out);
}

test('each segment is served from its own address, by windows', async (t) => {
  const { lines, stop } = await start();
  for (const [ns, address] of [
    [clientA, A],
    [clientB, B],
  ] as const)
    t.ok(fetch(ns, address, ['windowsize 16', 'blksize 1468']).equals(LOADER), address);
  await stop();
  const complete = lines.flatMap(({ observed }) =>
    observed?.kind === 'complete' ? [observed.client.interfaceName] : [],
  );
  t.same(complete, ['seg-a', 'seg-b']);
  t.same(
    lines.filter(({ msg }) => msg?.includes('offload')),
    [],
    'segmentation offload works on this kernel',
  );
});

test('a block longer than the route is talked down to what fits', async (t) => {
  const { stop } = await start();
  // The packets that really arrive are counted by the client's interface: none may be a fragment.
  const before = fragments(clientA);
  t.ok(fetch(clientA, A, ['blksize 8192', 'windowsize 4']).equals(LOADER));
  t.equal(fragments(clientA), before);
  await stop();
});

test('a device that refuses segmentation gets single packets, within the same transfer', async (t) => {
  // Believing in an MTU of 9000 makes segments that this device cannot take.
  const { lines, stop } = await start({ mtu: 9000 });
  const before = fragments(clientA);
  t.ok(fetch(clientA, A, ['blksize 8192', 'windowsize 4']).equals(LOADER));
  t.ok(fragments(clientA) > before, 'sent as fragments, as any big datagram');
  t.ok(fetch(clientA, A, ['blksize 1400', 'windowsize 4']).equals(LOADER), 'and from then on');
  await stop();
  t.equal(lines.filter(({ msg }) => msg?.includes('offload')).length, 1, 'said once');
});

test('without segmentation offload at all', async (t) => {
  const { stop } = await start({ plain: true });
  t.ok(fetch(clientB, B, ['windowsize 16', 'blksize 1468']).equals(LOADER));
  await stop();
});

test('every 97th packet lost, both ways', async (t) => {
  const { stop } = await start();
  // Dropped where they arrive: a drop on the way out would be an error of the sender's own send call.
  for (const ns of [clientB, server]) {
    lab.run(ns, 'nft', ['-f', '-'], lossEvery(97));
    t.teardown(() => lab.run(ns, 'nft', ['flush', 'ruleset']));
  }
  t.ok(fetch(clientB, B, ['windowsize 8', 'blksize 1468']).equals(LOADER));
  await stop();
});

/** Fragments that the namespace's IP layer put together so far. */
function fragments(ns: string): number {
  const [names, values] = lab
    .run(ns, 'cat', ['/proc/net/snmp'])
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('ReasmReqds') ?? -1]);
}

function lossEvery(nth: number): string {
  return `table inet loss {
    chain in { type filter hook input priority 0; meta l4proto udp numgen inc mod ${nth} 0 drop; }
  }`;
}
