/**
 * DHCP on real broadcast segments, in namespaces without any default route: two segments of one server, a client behind each, and plain DHCP servers
 * (dnsmasq, leases only) beside it.
 *
 *   server --seg-a-- [bridge br-a] --eth0-- client-a      server --seg-b-- eth0 client-b
 *                         |
 *                       eth0 (lease server)
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Test, t, test } from 'tap';
import { bootServerRequest, discoverPacket, encodeDiscover, leaseRequest } from '../../src/dhcp/discover.ts';
import { MESSAGE, OPTION, readIpv4 } from '../../src/dhcp/options.ts';
import { type DhcpPacket, encodePacket, parsePacket } from '../../src/dhcp/packet.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { ended, Namespaces, plainLeases } from '../support/netns.ts';

const peer = (name: string) => fileURLToPath(new URL(`peers/${name}.ts`, import.meta.url));
const EVERYBODY = '255.255.255.255';
const ARMED = '52:54:00:aa';
const MACHINE = '52:54:00:aa:00:01' as Mac;
const STRANGER = '52:54:00:bb:00:01' as Mac;

const lab = new Namespaces('iwd');
t.teardown(() => lab.remove());
const server = lab.add('server');
const network = lab.add('switch');
const clientA = lab.add('a');
const clientB = lab.add('b');
const leases = lab.add('leases');
lab.ip(network, 'link add br-a type bridge');
lab.ip(network, 'link set br-a up');
for (const [ns, name, port, address] of [
  [server, 'seg-a', 'p-server', '10.91.1.2/24'],
  [clientA, 'eth0', 'p-client', '10.91.1.9/24'],
  [leases, 'eth0', 'p-leases', '10.91.1.1/24'],
] as const) {
  lab.veth({ ns, name, address }, { ns: network, name: port });
  lab.ip(network, `link set ${port} master br-a`);
}
lab.veth(
  { ns: server, name: 'seg-b', address: '10.91.2.2/24' },
  { ns: clientB, name: 'eth0', address: '10.91.2.9/24' },
);

interface Line {
  readonly ready?: unknown;
  readonly error?: string;
  readonly line?: string;
  readonly decide?: { readonly kind: string; readonly message: string; readonly port: number; readonly mac: string };
  readonly interface?: string;
  readonly observed?: string;
  readonly segment?: { readonly address: string };
  readonly counters?: Counters;
}

interface Counters {
  readonly received: number;
  readonly answered: number;
  readonly malformed: Readonly<Record<string, number>>;
}

/** Our server in `server`: its lines, and a way to wait for one. */
class Daemon {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  #wake: () => void = () => {};

  constructor(ns: string, settings: object, wrapper: readonly string[] = []) {
    const [program = '', ...args] = [...wrapper, process.execPath, peer('dhcp-server')];
    this.child = lab.spawn(ns, program, [...args, JSON.stringify({ armed: ARMED, ...settings })]);
    if (this.child.stdout === null || this.child.stderr === null) throw new Error('no pipes');
    createInterface({ input: this.child.stdout }).on('line', (text) => {
      this.lines.push(JSON.parse(text));
      this.#wake();
    });
    this.child.stderr.on('data', (data) => this.lines.push({ error: String(data) }));
    this.child.once('exit', () => this.#wake());
  }

  async until(found: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const line = this.lines.find(found);
      if (line !== undefined) return line;
      if (this.child.exitCode !== null) throw new Error(`server ended: ${JSON.stringify(this.lines)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What it answers to a word, and the lines before that: output that came while this test ran something else is read first. */
  async ask(word: 'check' | 'counters'): Promise<{ readonly counters: Counters; readonly before: readonly Line[] }> {
    this.child.stdin?.write(`${word}\n`);
    const { counters } = await this.until((line) => line.counters !== undefined);
    if (counters === undefined) throw new Error('no counters');
    return { counters, before: this.lines.splice(0) };
  }
}

/** `kind message port interface` of the packets that `decide` saw. */
const decided = (lines: readonly Line[]) =>
  lines.flatMap(({ decide: d, interface: i }) => (d === undefined ? [] : [`${d.kind} ${d.message} ${d.port} ${i}`]));

/** Ended with its test, also with one that fails: what is left over would fail all that follow. */
async function started(t: Test, settings: object, wrapper: readonly string[] = []): Promise<Daemon> {
  const daemon = new Daemon(server, settings, wrapper);
  t.teardown(() => ended(daemon.child));
  const line = await daemon.until((l) => l.ready !== undefined || l.error !== undefined);
  if (line.error !== undefined) throw new Error(JSON.stringify(line));
  return daemon;
}

/** dnsmasq with leases only, as on any network; resolves when it listens. */
async function dnsmasq(
  t: Test,
  ns: string,
  interfaceName: string,
  range: string,
  more: readonly string[],
): Promise<ChildProcess> {
  const child = lab.spawn(ns, 'dnsmasq', plainLeases(interfaceName, range, more));
  t.teardown(() => ended(child));
  const { stderr } = child;
  if (stderr === null) throw new Error('no pipes');
  let text = '';
  await new Promise<void>((resolve, reject) => {
    stderr.on('data', (data) => {
      text += data;
      if (text.includes('sockets bound') || text.includes('DHCP, IP range')) resolve();
    });
    child.once('exit', () => reject(new Error(text)));
  });
  return child;
}

interface Answer {
  readonly from: string;
  readonly port: number;
  readonly packet: DhcpPacket;
}

/** Sends packets from a client's namespace and returns the `expect` first answers. */
function asked(
  ns: string,
  sends: ReadonlyArray<{ readonly bytes: Uint8Array; readonly to?: string; readonly port?: number }>,
  expect: number,
  port = 68,
): readonly Answer[] {
  const order = {
    device: 'eth0',
    port,
    expect,
    sends: sends.map((s) => ({ hex: Buffer.from(s.bytes).toString('hex'), to: s.to ?? EVERYBODY, port: s.port ?? 67 })),
  };
  const text = lab.run(ns, process.execPath, [peer('dhcp-client')], JSON.stringify(order));
  return (JSON.parse(text) as { hex: string; from: string; port: number }[]).map(({ hex, from, port: source }) => {
    const parsed = parsePacket(Buffer.from(hex, 'hex'));
    if (!parsed.ok) throw new Error(parsed.fault);
    return { from, port: source, packet: parsed.packet };
  });
}

let xid = 1;
const discover = (mac: Mac, client: Parameters<typeof encodeDiscover>[0]['client'] = 'uefi') => ({
  bytes: encodeDiscover({ client, mac, xid: xid++ }),
});
const row = (a: Answer) => ({ from: a.from, port: a.port, yiaddr: a.packet.yiaddr, file: a.packet.file });

test('two segments, no default route: each client is answered out of its own interface, with its own address', async (t) => {
  t.equal(lab.ip(server, 'route show default'), '', 'the host has no default route');
  const daemon = await started(t, { interfaces: ['seg-a', 'seg-b'] });
  t.strictSame(asked(clientA, [discover(MACHINE)], 1).map(row), [
    { from: '10.91.1.2', port: 67, yiaddr: '0.0.0.0', file: 'ipxe-x86_64.efi' },
  ]);
  t.strictSame(asked(clientB, [discover(MACHINE, 'bios')], 1).map(row), [
    { from: '10.91.2.2', port: 67, yiaddr: '0.0.0.0', file: 'undionly.kpxe' },
  ]);
  t.strictSame(
    decided((await daemon.ask('counters')).before),
    ['pxe discover 67 seg-a', 'pxe discover 67 seg-b'],
    'every packet was heard once, on its own segment',
  );

  t.strictSame(
    // The stranger asks first; an answer to him would come first.
    asked(
      clientA,
      [discover(STRANGER), discover(STRANGER, 'ipxe'), discover(STRANGER, 'http-boot'), discover(MACHINE)],
      1,
    ).map((a) => a.packet.chaddr.slice(0, 6).join()),
    [[0x52, 0x54, 0, 0xaa, 0, 1].join()],
    'a stranger gets nothing',
  );
  t.equal((await daemon.ask('counters')).counters.answered, 3);

  const request = { client: 'uefi', mac: MACHINE, xid: 77 } as const;
  t.strictSame(
    asked(
      clientA,
      [
        { bytes: encodePacket(leaseRequest(request, '10.91.1.1' as Ipv4, '10.91.1.50' as Ipv4)) },
        { bytes: encodeDiscover({ client: 'installer', mac: MACHINE, xid: 78, hostName: 'proxmox' }) },
        { bytes: encodePacket(bootServerRequest(request, '10.91.1.9' as Ipv4)), to: '10.91.1.2', port: 4011 },
      ],
      1,
      4011,
    ).map((a) => ({ ...row(a), type: a.packet.options.get(OPTION.messageType)?.[0] })),
    [{ from: '10.91.1.2', port: 4011, yiaddr: '0.0.0.0', file: 'ipxe-x86_64.efi', type: MESSAGE.ack }],
    'port 4011 answers to the port it was asked from; the lease REQUEST and the live system get no answer',
  );
  t.strictSame(
    decided((await daemon.ask('counters')).before).sort(),
    ['installer discover 67 seg-a', 'pxe request 4011 seg-a', 'pxe request 67 seg-a'],
    'but all of them were shown to decide',
  );
  await ended(daemon.child);
});

test('the right to bind low ports is all that it needs (as under systemd), and without it says so', async (t) => {
  const rights = (bounding: string) => ['setpriv', '--no-new-privs', `--bounding-set=${bounding}`];
  const daemon = await started(t, { interfaces: ['seg-a'] }, rights('-all,+net_bind_service'));
  t.hasStrict(asked(clientA, [discover(MACHINE)], 1).map(row), [{ from: '10.91.1.2', port: 67 }]);
  await ended(daemon.child);
  const bare = new Daemon(server, { interfaces: ['seg-a'] }, rights('-all'));
  const { error, line } = await bare.until((l) => l.error !== undefined);
  t.equal(error, 'net.port-forbidden');
  t.match(line, /UDP port 67 on seg-a may not be bound.*CAP_NET_BIND_SERVICE/);
});

test('500 machines powered on at once are all answered at their first DISCOVER', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-a'] });
  const sends = Array.from({ length: 500 }, (_, i) =>
    discover(`${ARMED}:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}` as Mac),
  );
  const answers = asked(clientA, sends, 500);
  t.equal(new Set(answers.map((a) => a.packet.xid)).size, 500);
  await ended(daemon.child);
});

test('a flood of malformed packets is counted and survived', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-a'] });
  const good = encodeDiscover({ client: 'uefi', mac: MACHINE, xid: 9, uuid: '00112233-4455-6677-8899-aabbccddeeff' });
  const flood = Array.from({ length: 1500 }, (_, i) => {
    if (i % 3 === 0) return { bytes: randomBytes(i % 1400) };
    if (i % 3 === 1) return { bytes: good.slice(0, i % good.length) };
    const bytes = Uint8Array.from(good);
    for (const at of randomBytes(8)) bytes[(at * 7 + i) % bytes.length] = at;
    // The MAC of a stranger, so that what survives the damage is not answered.
    bytes.set([0x52, 0x54, 0, 0xbb, 0, 1], 28);
    return { bytes };
  });
  asked(clientA, flood, 0);
  const malformed = async () =>
    Object.values((await daemon.ask('counters')).counters.malformed).reduce((a, b) => a + b, 0);
  // What the kernel still holds for the daemon leaves no room for one more; firmware would ask again.
  for (let before = -1, now = 0; now === 0 || now !== before; await delay(200)) {
    before = now;
    now = await malformed();
  }
  t.strictSame(
    asked(clientA, [{ bytes: good }], 1).map((a) => a.packet.xid),
    [9],
    'it still answers',
  );
  t.ok((await malformed()) > 500, 'malformed packets were counted');
  t.equal(daemon.child.exitCode, null);
  await ended(daemon.child);
});

test('beside a plain DHCP server on the network: both offers arrive, and leases work', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-a'] });
  const other = await dnsmasq(t, leases, 'eth0', '10.91.1.100,10.91.1.150', ['--bind-dynamic']);
  const offers = asked(clientA, [discover(MACHINE)], 2);
  t.strictSame(offers.map((a) => `${a.from} ${a.packet.yiaddr === '0.0.0.0' ? 'proxy' : 'lease'}`).sort(), [
    '10.91.1.1 lease',
    '10.91.1.2 proxy',
  ]);
  const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '10', '-T', '2', '-s', '/bin/true'];
  t.doesNotThrow(() => lab.run(clientA, 'busybox', udhcpc), 'an ordinary client (udhcpc) gets its lease');
  await Promise.all([ended(daemon.child), ended(other)]);
});

for (const order of ['dnsmasq first', 'ironwake first'] as const) {
  test(`beside dnsmasq (bind-dynamic) on the same host, ${order}: both offers, and unicast stays dnsmasq's`, async (t) => {
    const lease = () => dnsmasq(t, server, 'seg-a', '10.91.1.100,10.91.1.150', ['--bind-dynamic']);
    const first = order === 'dnsmasq first' ? await lease() : undefined;
    const daemon = await started(t, { interfaces: ['seg-a'] });
    const other = first ?? (await lease());
    const offers = asked(clientA, [discover(MACHINE)], 2);
    t.strictSame(offers.map((a) => `${a.from} ${a.packet.yiaddr === '0.0.0.0' ? 'proxy' : 'lease'}`).sort(), [
      '10.91.1.2 lease',
      '10.91.1.2 proxy',
    ]);
    const before = (await daemon.ask('counters')).counters.received;
    const inform = bootServerRequest({ client: 'plain', mac: MACHINE, xid: 5 }, '10.91.1.9' as Ipv4, 'inform');
    const answers = asked(clientA, [{ bytes: encodePacket(inform), to: '10.91.1.2' }], 1);
    t.strictSame(
      answers.map((a) => a.packet.options.get(OPTION.messageType)?.[0]),
      [MESSAGE.ack],
      'the DHCP server answers its unicast',
    );
    t.equal((await daemon.ask('counters')).counters.received, before, 'and we never saw it');
    await Promise.all([ended(daemon.child), ended(other)]);
  });
}

test('dnsmasq without bind-dynamic holds the port: one line names it and says what to do', async (t) => {
  const other = await dnsmasq(t, server, 'seg-a', '10.91.1.100,10.91.1.150', []);
  const daemon = new Daemon(server, { interfaces: ['seg-a'] });
  const { error, line } = await daemon.until((l) => l.error !== undefined);
  t.equal(error, 'net.port-in-use');
  t.match(line, new RegExp(`UDP port 67 on seg-a is taken by dnsmasq \\(pid ${other.pid}\\)\\. Set bind-dynamic`));
  await ended(other);
});

test('a second Ironwake on the same segment is refused, naming the first', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-a'] });
  const second = new Daemon(server, { interfaces: ['seg-a'] });
  const { error, line } = await second.until((l) => l.error !== undefined);
  t.equal(error, 'net.port-in-use');
  t.match(line, `(pid ${daemon.child.pid})`);
  await ended(daemon.child);
});

test('through a relay: the offer goes to the relay, port 67, with its option 82', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-b'], relay: true });
  const relayAgent = Uint8Array.of(1, 4, 1, 2, 3, 4);
  const packet = discoverPacket({
    client: 'bios',
    mac: MACHINE,
    xid: 4,
    giaddr: '10.91.2.9' as Ipv4,
    extra: [[OPTION.relayAgent, relayAgent]],
  });
  const [answer] = asked(clientB, [{ bytes: encodePacket(packet), to: '10.91.2.2' }], 1, 67);
  t.match(answer, { from: '10.91.2.2', port: 67, packet: { giaddr: '10.91.2.9', file: 'undionly.kpxe' } });
  t.strictSame([...(answer?.packet.options.get(OPTION.relayAgent) ?? [])], [...relayAgent]);
  t.equal(answer && readIpv4(answer.packet.options, OPTION.serverId), '10.91.2.2');
  await ended(daemon.child);
});

test('an interface that is made anew under its name, with another address, is served again', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-b'] });
  lab.ip(server, 'link delete seg-b');
  t.ok((await daemon.ask('check')).before.some((l) => l.observed === 'segment-lost'));
  lab.veth(
    { ns: server, name: 'seg-b', address: '10.91.2.3/24' },
    { ns: clientB, name: 'eth0', address: '10.91.2.9/24' },
  );
  // A look while the interface is only half made finds it so, and the next one mends it.
  let restored: Line | undefined;
  for (let looks = 0; looks < 50 && restored === undefined; looks += 1) {
    restored = (await daemon.ask('check')).before.find((l) => l.observed === 'segment-restored');
  }
  t.match(restored, { segment: { address: '10.91.2.3' } });
  t.strictSame(asked(clientB, [discover(MACHINE)], 1).map(row), [
    { from: '10.91.2.3', port: 67, yiaddr: '0.0.0.0', file: 'ipxe-x86_64.efi' },
  ]);
  await ended(daemon.child);
});

test('without koffi: both segments are still answered out of the right interface', async (t) => {
  const daemon = await started(t, { interfaces: ['seg-a', 'seg-b'], koffi: false });
  t.ok(
    daemon.lines.some((l) => JSON.stringify(l).includes('koffi does not load')),
    'it says so',
  );
  t.hasStrict(asked(clientA, [discover(MACHINE)], 1).map(row), [{ from: '10.91.1.2', port: 67 }]);
  t.hasStrict(asked(clientB, [discover(MACHINE)], 1).map(row), [{ from: '10.91.2.3', port: 67 }]);
  await ended(daemon.child);
});

for (const [name, ns, interfaces, code] of [
  ['a bridge port is refused with a hint to its bridge', network, ['p-client'], /net\.bridge-port.*--interface br-a/],
  ['an interface without an address', network, ['br-a'], /net\.no-address.*ip address add/],
  ['an interface that is not there', server, ['nope0'], /net\.interface-missing.*seg-a \(10\.91\.1\.2\), seg-b/],
  ['several candidates and no default route', server, [], /net\.interface-ambiguous.*seg-a \(10\.91\.1\.2\), seg-b/],
] as const) {
  test(name, async (t) => {
    const daemon = new Daemon(ns, { interfaces });
    const line = await daemon.until((l) => l.error !== undefined);
    t.match(JSON.stringify(line), code);
  });
}

test('the only interface with an address is taken without asking', async (t) => {
  const daemon = new Daemon(clientA, { interfaces: [] });
  t.match(await daemon.until((l) => l.ready !== undefined || l.error !== undefined), {
    ready: [{ interfaceName: 'eth0', address: '10.91.1.9', prefixLength: 24, httpUrl: 'http://10.91.1.9:8080' }],
  });
  await ended(daemon.child);
});
