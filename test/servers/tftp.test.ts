/** The TFTP server, asked on loopback by clients that we did not write: curl, tftp-hpa, atftp, busybox and the tftp2 package. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { systemClock } from '../../src/clock.ts';
import { IronwakeError } from '../../src/errors.ts';
import type { Peer } from '../../src/journey/ports.ts';
import { silentLog } from '../../src/log.ts';
import { bytesSource } from '../../src/media/source.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { Segment } from '../../src/net/segment.ts';
import { type GsoCalls, gsoSockets, loadGsoCalls } from '../../src/tftp/gso.ts';
import type { TftpObservation } from '../../src/tftp/observation.ts';
import { decodePacket, encodePacket, type Packet } from '../../src/tftp/packet.ts';
import { startTftp, type TftpAnswer, type TftpLimits, type TftpServer } from '../../src/tftp/server.ts';
import type { OpenTransferSocket } from '../../src/tftp/socket.ts';

const LOOPBACK: Segment = {
  interfaceName: 'lo',
  address: parseIpv4('127.0.0.1'),
  prefixLength: 8,
  httpUrl: 'http://127.0.0.1:8080',
  httpsUrl: 'https://127.0.0.1:8443',
};

/** Bytes that differ from block to block, so that a block in the wrong place shows. */
function patterned(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at);
  return bytes;
}

const FILES: Readonly<Record<string, Buffer>> = {
  'ipxe.efi': patterned(1_048_577),
  'grub/grub.cfg': Buffer.from('configfile /boot/grub\n'),
  'two-blocks': patterned(1024),
  'large.img': patterned(40_000_000),
};

interface Scene {
  readonly server: TftpServer;
  readonly port: number;
  readonly seen: TftpObservation[];
  readonly asked: Array<{ readonly file: string; readonly client: Peer }>;
  readonly directory: string;
}

async function scene(
  t: Test,
  options: {
    readonly limits?: Partial<TftpLimits>;
    readonly resolve?: (file: string) => Promise<TftpAnswer>;
    readonly openSocket?: OpenTransferSocket;
  } = {},
): Promise<Scene> {
  const seen: TftpObservation[] = [];
  const asked: Scene['asked'] = [];
  const sources = new Map(Object.entries(FILES).map(([file, bytes]) => [file, bytesSource(bytes)]));
  const server = await startTftp({
    segments: [LOOPBACK],
    port: 0,
    clock: systemClock,
    log: silentLog,
    observe: (observation) => seen.push(observation),
    resolve: async ({ file, client }) => {
      asked.push({ file, client });
      if (options.resolve !== undefined) return options.resolve(file);
      if (file.startsWith('secret')) return { kind: 'refused', message: 'not for this machine' };
      const source = sources.get(file);
      return source === undefined ? { kind: 'not-found' } : { kind: 'file', source };
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.openSocket === undefined ? {} : { openSocket: options.openSocket }),
  });
  const directory = await mkdtemp(join(tmpdir(), 'ironwake-tftp-'));
  t.teardown(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { server, port: server.addresses[0]?.port ?? 0, seen, asked, directory };
}

const execute = promisify(execFile);

/** Runs a client; its exit status and output are returned, never thrown. A client that hangs is ended after 60 s. */
async function client(command: string, args: readonly string[], cwd: string) {
  try {
    const { stdout, stderr } = await execute(command, [...args], { cwd, timeout: 60_000 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: code ?? -1, output: `${stdout ?? ''}${stderr ?? ''}${stdout === undefined ? String(error) : ''}` };
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const CLIENTS: ReadonlyArray<readonly [string, (file: string, port: number) => readonly [string, readonly string[]]]> =
  [
    ['curl', (file, port) => ['curl', ['-sS', '-o', 'out', `tftp://127.0.0.1:${port}/${file}`]]],
    [
      'curl, blksize 1468',
      (file, port) => ['curl', ['-sS', '--tftp-blksize', '1468', '-o', 'out', `tftp://127.0.0.1:${port}/${file}`]],
    ],
    [
      'curl without options',
      (file, port) => ['curl', ['-sS', '--tftp-no-options', '-o', 'out', `tftp://127.0.0.1:${port}/${file}`]],
    ],
    ['tftp-hpa', (file, port) => ['tftp', ['-m', 'binary', '127.0.0.1', String(port), '-c', 'get', file, 'out']]],
    [
      'tftp-hpa, doubled slash',
      (file, port) => ['tftp', ['-m', 'octet', '127.0.0.1', String(port), '-c', 'get', `//${file}`, 'out']],
    ],
    ['atftp', (file, port) => ['atftp', ['--get', '-r', file, '-l', 'out', '127.0.0.1', String(port)]]],
    [
      'atftp, windowsize 16, blksize 1428',
      (file, port) => [
        'atftp',
        [
          '--option',
          'windowsize 16',
          '--option',
          'blksize 1428',
          '--option',
          'tsize 0',
          '--get',
          '-r',
          file,
          '-l',
          'out',
          '127.0.0.1',
          String(port),
        ],
      ],
    ],
    ['busybox', (file, port) => ['busybox', ['tftp', '-g', '-r', file, '-l', 'out', '127.0.0.1', String(port)]]],
    [
      'busybox, blksize 1468',
      (file, port) => ['busybox', ['tftp', '-b', '1468', '-g', '-r', file, '-l', 'out', '127.0.0.1', String(port)]],
    ],
  ];

t.test('clients that we did not write get every file byte for byte', async (t) => {
  for (const [name, command] of CLIENTS) {
    await t.test(name, async (t) => {
      const { port, seen, directory, server } = await scene(t);
      for (const file of ['ipxe.efi', 'grub/grub.cfg', 'two-blocks']) {
        const [program, args] = command(file, port);
        const { code, output } = await client(program, args, directory);
        t.equal(code, 0, `${file}: ${output.trim()}`);
        const got = await readFile(join(directory, 'out')).catch(() => Buffer.from('nothing'));
        t.equal(sha256(got), sha256(FILES[file] ?? Buffer.alloc(0)), file);
        await rm(join(directory, 'out'), { force: true });
      }
      await until(() => server.counters.complete === 3);
      t.match(seen.at(-1), {
        kind: 'complete',
        file: 'two-blocks',
        bytes: 1024,
        client: { address: '127.0.0.1', interfaceName: 'lo' },
      });
      t.equal(server.counters.active, 0);
    });
  }
});

t.test('the tftp2 package reads a loader', async (t) => {
  const { port } = await scene(t);
  const read: unknown = createRequire(import.meta.url)('tftp2');
  const got = await readWithTftp2(read as Tftp2, port, 'ipxe.efi');
  t.equal(sha256(got), sha256(FILES['ipxe.efi'] ?? Buffer.alloc(0)));
});

t.test('a file of more than 65535 blocks', async (t) => {
  const { port, directory, server } = await scene(t);
  const { code, output } = await client('curl', ['-sS', '-o', 'out', `tftp://127.0.0.1:${port}/large.img`], directory);
  t.equal(code, 0, output);
  t.equal(sha256(await readFile(join(directory, 'out'))), sha256(FILES['large.img'] ?? Buffer.alloc(0)));
  await until(() => server.counters.complete === 1);
});

t.test('what is refused, and how the client hears of it', async (t) => {
  const rows: ReadonlyArray<readonly [string, Buffer, number, RegExp, TftpObservation['kind'], string]> = [
    ['a missing file', request('nothing.efi'), 1, /not found/, 'not-found', 'nothing.efi'],
    ['a file that is not for this client', request('/secret/key'), 2, /not for this machine/, 'refused', 'secret/key'],
    ['climbing out of the root', request('../../etc/shadow'), 2, /leaves-root/, 'refused', '../../etc/shadow'],
    ['a name that would write to a terminal', request('a\x1b[2Jb'), 2, /control-character/, 'refused', 'a?[2Jb'],
    [
      'writing',
      encodePacket({ kind: 'write', file: 'x', mode: 'octet', options: new Map() }),
      2,
      /only serves/,
      'refused',
      'x',
    ],
    [
      'mail mode',
      encodePacket({ kind: 'read', file: 'x', mode: 'mail', options: new Map() }),
      4,
      /octet/,
      'refused',
      'x',
    ],
    ['a file too large for TFTP', request('large.img'), 0, /HTTP/, 'refused', 'large.img'],
  ];
  const { port, seen } = await scene(t, { limits: { fileBytes: 10_000_000 } });
  for (const [name, datagram, code, message, kind, file] of rows) {
    const peer = await rawPeer(t);
    peer.send(datagram, port);
    const { packet } = await peer.receive();
    t.match(packet, { kind: 'error', code, message }, name);
    t.match(seen.at(-1), { kind, file }, name);
  }
});

t.test('a resolver that throws is an error for one client only', async (t) => {
  const { port, server } = await scene(t, {
    resolve: async (file) => {
      if (file === 'broken') throw new Error('disk on fire at /secret/place');
      return { kind: 'file', source: bytesSource(Buffer.from('fine')) };
    },
  });
  const peer = await rawPeer(t);
  peer.send(request('broken'), port);
  t.match((await peer.receive()).packet, { kind: 'error', code: 0, message: 'internal error' });
  peer.send(request('whole'), port);
  t.match((await peer.receive()).packet, { kind: 'data', block: 1, data: Buffer.from('fine') });
  t.equal(server.counters.refused, 1);
});

t.test('malformed datagrams are counted and end nothing', async (t) => {
  const { port, server } = await scene(t);
  const peer = await rawPeer(t);
  const datagrams = [Buffer.from([0]), Buffer.from([]), Buffer.from([0, 1]), Buffer.from([255, 255, 255, 255, 255])];
  for (let seed = 0; datagrams.length < 100; seed++) {
    // Opcode 0 to 6 with bytes that form no request, in all lengths up to 600.
    const bytes = createHash('shake256', { outputLength: (seed * 7) % 600 })
      .update(String(seed))
      .digest();
    const junk = Buffer.concat([Buffer.from([0, seed % 7]), bytes.map((byte) => byte | 1)]);
    datagrams.push(junk);
  }
  for (const datagram of datagrams) peer.send(datagram, port);
  await until(() => server.counters.malformed === 100);
  peer.send(request('grub/grub.cfg'), port);
  t.match((await peer.receive()).packet, { kind: 'data', block: 1, data: FILES['grub/grub.cfg'] });
});

t.test('the size probe of edk2, then the real request', async (t) => {
  const { port, seen, server } = await scene(t);
  const probe = await rawPeer(t);
  probe.send(request('ipxe.efi', { tsize: '0', blksize: '1468', windowsize: '4' }), port);
  const oack = await probe.receive();
  t.same(oack.packet, {
    kind: 'oack',
    options: new Map([
      ['blksize', '1468'],
      ['tsize', '1048577'],
      ['windowsize', '4'],
    ]),
  });
  probe.send(encodePacket({ kind: 'error', code: 8, message: 'User aborted the transfer' }), oack.port);
  await until(() => server.counters.active === 0);
  t.same(
    seen.map(({ kind }) => kind),
    ['request', 'probe'],
  );
  t.equal(server.counters.aborted, 0, 'a probe is no failure');

  probe.send(request('ipxe.efi', { blksize: '1468', windowsize: '4' }), port);
  const second = await probe.receive();
  probe.send(encodePacket({ kind: 'ack', block: 0 }), second.port);
  const blocks = [];
  for (let count = 0; count < 4; count++) blocks.push((await probe.receive()).packet);
  t.match(
    blocks,
    [1, 2, 3, 4].map((block) => ({ kind: 'data', block })),
    'a full window',
  );
});

t.test('the same request from the same port is answered again, not served twice', async (t) => {
  const { port, server, asked } = await scene(t);
  const grub = await rawPeer(t);
  const wish = request('/grub/grub.cfg', { blksize: '1024', tsize: '0' });
  grub.send(wish, port);
  const first = await grub.receive();
  grub.send(wish, port);
  const second = await grub.receive();
  t.same(second, first, 'the same OACK from the same port');
  t.equal(server.counters.requests, 1);
  t.equal(asked.length, 1);
  grub.send(encodePacket({ kind: 'ack', block: 0 }), first.port);
  t.match((await grub.receive()).packet, { kind: 'data', block: 1 });
});

t.test('another request from the same port takes the place of the first', async (t) => {
  const { port, server, seen } = await scene(t);
  const peer = await rawPeer(t);
  peer.send(request('ipxe.efi', { tsize: '0' }), port);
  const first = await peer.receive();
  peer.send(request('two-blocks', { tsize: '0' }), port);
  const second = await peer.receive();
  t.match(second.packet, { kind: 'oack', options: new Map([['tsize', '1024']]) });
  t.not(second.port, first.port, 'a transfer identifier of its own');
  t.same(
    seen.map(({ kind, file }) => [kind, file]),
    [
      ['request', 'ipxe.efi'],
      ['aborted', 'ipxe.efi'],
      ['request', 'two-blocks'],
    ],
  );
  t.equal(server.counters.active, 1);
});

t.test('packets from a stranger do not touch a transfer', async (t) => {
  const { port } = await scene(t);
  const peer = await rawPeer(t);
  const stranger = await rawPeer(t);
  peer.send(request('two-blocks'), port);
  const data = await peer.receive();
  stranger.send(encodePacket({ kind: 'error', code: 0, message: 'die' }), data.port);
  stranger.send(encodePacket({ kind: 'ack', block: 1 }), data.port);
  peer.send(encodePacket({ kind: 'ack', block: 1 }), data.port);
  t.match((await peer.receive()).packet, { kind: 'data', block: 2 });
});

t.test('a client that closed its port is heard of, long before patience ends', async (t) => {
  const { port, server, seen } = await scene(t);
  const peer = await rawPeer(t);
  peer.send(request('ipxe.efi', { tsize: '0' }), port);
  const oack = await peer.receive();
  peer.send(encodePacket({ kind: 'ack', block: 0 }), oack.port);
  await peer.close();
  await until(() => server.counters.active === 0);
  t.match(seen.at(-1), { kind: 'aborted', because: 'port closed' });
});

t.test('more transfers than a client may have wait for their turn', async (t) => {
  const { port, server } = await scene(t, { limits: { transfersPerClient: 2 } });
  const peers = [];
  for (let count = 0; count < 3; count++) {
    const peer = await rawPeer(t);
    peers.push(peer);
    peer.send(request('two-blocks'), port);
    if (count < 2) await peer.receive();
  }
  await until(() => server.counters.dropped === 1);
  t.equal(server.counters.active, 2);
});

t.test('close tells running clients and is done at once', async (t) => {
  const { port, server, seen } = await scene(t);
  const peer = await rawPeer(t);
  peer.send(request('ipxe.efi'), port);
  await peer.receive();
  await server.close();
  t.match((await peer.receive()).packet, { kind: 'error', message: /shutting down/ });
  t.match(seen.at(-1), { kind: 'aborted', because: /shutting down/ });
  t.equal(server.counters.active, 0);
  await server.close();
});

t.test('an interface that changed its address is served at the new one, and running transfers go on', async (t) => {
  const { port, server } = await scene(t);
  const peer = await rawPeer(t);
  peer.send(request('two-blocks'), port);
  const first = await peer.receive();
  const moved = { ...LOOPBACK, address: parseIpv4('127.0.0.3') };
  await server.replaceSegment(LOOPBACK, moved);
  t.match(server.addresses, [{ address: '127.0.0.3' }]);
  peer.send(encodePacket({ kind: 'ack', block: 1 }), first.port);
  t.match((await peer.receive()).packet, { kind: 'data', block: 2 });
  const other = await rawPeer(t);
  other.send(request('two-blocks'), server.addresses[0]?.port ?? 0, '127.0.0.3');
  t.match((await other.receive()).packet, { kind: 'data', block: 1 });
});

t.test('windows arrive whole, whatever segmentation offload does', async (t) => {
  const real = await loadGsoCalls();
  if (real === undefined) throw new Error('koffi does not load');
  const rows: ReadonlyArray<readonly [string, GsoCalls, readonly string[]]> = [
    ['it works', real, []],
    ['no socket to be had', { ...real, boundSocket: () => -1 }, []],
    ['the kernel does not know it', { ...real, setSegmentBytes: () => -1 }, ['setsockopt']],
    // More segments at once than the kernel takes: the first window fails to go out, as on a device that cannot do it.
    [
      'the first send fails',
      { ...real, setSegmentBytes: (fd, bytes) => real.setSegmentBytes(fd, bytes === 0 ? 0 : 100) },
      ['EINVAL'],
    ],
  ];
  for (const [name, calls, refusals] of rows) {
    const refused: string[] = [];
    const openSocket = gsoSockets(calls, (_address, code) => refused.push(code));
    const { port } = await scene(t, { openSocket });
    for (let transfer = 0; transfer < 2; transfer++) {
      const peer = await rawPeer(t);
      peer.send(request('ipxe.efi', { blksize: '1468', windowsize: '16' }), port);
      const { port: transferPort } = await peer.receive();
      peer.send(encodePacket({ kind: 'ack', block: 0 }), transferPort);
      const blocks: number[] = [];
      while (blocks.length < 16) {
        const { packet } = await peer.receive();
        if (packet.kind === 'data' && packet.data.byteLength === 1468) blocks.push(packet.block);
      }
      t.same(
        blocks,
        Array.from({ length: 16 }, (_, index) => index + 1),
        name,
      );
      await peer.close();
    }
    t.same(refused, refusals, `${name}: said once`);
  }
});

t.test('a port in use is one clear error, and nothing stays open', async (t) => {
  const { port } = await scene(t);
  const attempt = startTftp({
    segments: [{ ...LOOPBACK, address: parseIpv4('127.0.0.2') }, LOOPBACK],
    port,
    clock: systemClock,
    log: silentLog,
    observe: () => {},
    resolve: async () => ({ kind: 'not-found' }),
  });
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  t.ok(error instanceof IronwakeError && error.code === 'net.port-in-use', String(error));
  const socket = createSocket('udp4');
  socket.bind({ address: '127.0.0.2', port, exclusive: true });
  await once(socket, 'listening');
  socket.close();
});

/** A request in octet mode. */
function request(file: string, options: Readonly<Record<string, string>> = {}): Buffer {
  return encodePacket({ kind: 'read', file, mode: 'octet', options: new Map(Object.entries(options)) });
}

interface RawPeer {
  send(datagram: Uint8Array, port: number, address?: string): void;
  receive(): Promise<{ readonly packet: Packet; readonly port: number }>;
  close(): Promise<void>;
}

/** A socket that says exactly what a test wants. */
async function rawPeer(t: Test): Promise<RawPeer> {
  const socket: Socket = createSocket('udp4');
  const arrived: Array<{ readonly packet: Packet; readonly port: number }> = [];
  let wake: (() => void) | undefined;
  socket.on('message', (bytes, from) => {
    const decoded = decodePacket(bytes);
    if (decoded.ok) arrived.push({ packet: decoded.packet, port: from.port });
    wake?.();
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    socket.close();
    await once(socket, 'close');
  };
  t.teardown(close);
  return {
    send: (datagram, port, address = '127.0.0.1') => socket.send(datagram, port, address),
    async receive() {
      for (;;) {
        const next = arrived.shift();
        if (next !== undefined) return next;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close,
  };
}

/** Waits for something that comes soon; the test's own time limit ends a wait in vain. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The part of tftp2 that is used, as its source has it. */
type Tftp2 = (
  host: string,
  port: number,
) => {
  read(file: string, push: (data: Buffer) => Promise<void>, done: () => void): Promise<void>;
  close(): void;
};

/** tftp2 hangs for ever on loss and on errors, hence the time limit. */
async function readWithTftp2(tftp: Tftp2, port: number, file: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  const reader = tftp('127.0.0.1', port);
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      reader.read(
        file,
        async (data) => {
          parts.push(Buffer.from(data));
        },
        () => {},
      ),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('tftp2 did not finish in 20 s')), 20_000);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    reader.close();
  }
  return Buffer.concat(parts);
}
