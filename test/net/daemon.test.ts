/**
 * The daemon as a process, in a network of its own: what it says at start, what it refuses to start with, what a stop does to those who are in the
 * middle of something, and what strangers on the same switch get from it.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parse as parseToml } from 'smol-toml';
import t, { type Test } from 'tap';
import type { NodeView } from '../../src/api/schemas.ts';
import { encodeDiscover } from '../../src/dhcp/discover.ts';
import { parseMac } from '../../src/net/mac.ts';
import { hostKey, webhookOf } from '../support/machine.ts';
import { ended, Namespaces } from '../support/netns.ts';
import { PUBLIC_KEY } from '../support/parts.ts';
import { makeStandInIso } from '../support/stand-in-iso.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const DHCP_CLIENT = fileURLToPath(new URL('peers/dhcp-client.ts', import.meta.url));
const NODE_MAC = 'bc:24:11:00:00:01';
const MAC_IN_URL = NODE_MAC.replaceAll(':', '-');
const SERVER = '10.96.0.2';

/** Between SIGTERM and the end it may take 5 s. Twice that is no measure of it, but of whether somebody was waited for: other tests run beside this one. */
const STOP_SECONDS = 10;
/** No measure of anything: only the end of a wait for what never comes. */
const PATIENCE_MS = 60_000;

/** A switch with the daemon's host, the machine, and a stranger on it. */
class Office {
  static #count = 0;
  readonly spaces = new Namespaces(`iwo${++Office.#count}`);
  readonly folder = mkdtempSync(join(tmpdir(), 'ironwake-office-'));
  readonly data = join(this.folder, 'data');
  readonly lan: string;
  readonly server: string;
  readonly machine: string;
  readonly stranger: string;

  constructor() {
    const lan = this.spaces.add('switch');
    this.lan = lan;
    this.spaces.ip(lan, 'link add br0 type bridge');
    this.spaces.ip(lan, 'link set br0 up');
    const plug = (name: string, address: string, mac?: string): string => {
      const ns = this.spaces.add(name);
      this.spaces.veth({ ns, name: 'eth0', address: `${address}/24` }, { ns: lan, name: `to-${name}` });
      this.spaces.ip(lan, `link set to-${name} master br0`);
      if (mac !== undefined) this.spaces.ip(ns, `link set eth0 address ${mac}`);
      return ns;
    };
    this.server = plug('server', SERVER);
    this.machine = plug('machine', '10.96.0.50', NODE_MAC);
    this.stranger = plug('stranger', '10.96.0.66', '02:00:00:00:66:66');
    const answers = join(this.folder, 'answers');
    mkdirSync(answers);
    writeFileSync(
      join(answers, 'default.yaml'),
      `answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: admin@lab.example }
  network: { source: from-dhcp }
  disk-setup: { filesystem: ext4, filter: { DEVNAME: /dev/vda } }
postInstall: { ssh: {}, admin-user: { name: admin, keys: ["${PUBLIC_KEY}"] } }
`,
    );
  }

  serve(flags: readonly string[] = [], ns = this.server): Process {
    const all = [
      'serve',
      '--data-dir',
      this.data,
      '--answers',
      join(this.folder, 'answers'),
      '--log-format',
      'json',
      ...flags,
    ];
    return new Process(this.spaces.spawn(ns, process.execPath, [MAIN, ...all]));
  }

  cli(...args: readonly string[]): string {
    return this.spaces.run(this.server, process.execPath, [MAIN, ...args, '--data-dir', this.data]);
  }

  view(): NodeView {
    return JSON.parse(this.cli('node', 'show', 'pve1', '--json'));
  }

  /** curl in a namespace: status and body. */
  curl(ns: string, url: string, ...args: readonly string[]): { readonly status: number; readonly body: string } {
    const out = this.spaces.run(ns, 'curl', ['-sk', '--max-time', '20', '-w', '\n%{http_code}', ...args, url]);
    const cut = out.lastIndexOf('\n');
    return { status: Number(out.slice(cut + 1)), body: out.slice(0, cut) };
  }

  /** A DISCOVER of the machine's firmware: how many answers came. Waits no longer than two seconds. */
  async offers(): Promise<number> {
    const child = this.spaces.spawn(this.machine, process.execPath, [DHCP_CLIENT]);
    const client = new Process(child);
    const hex = Buffer.from(encodeDiscover({ client: 'bios', mac: parseMac(NODE_MAC), xid: 7 })).toString('hex');
    const sends = [{ hex, to: '255.255.255.255', port: 67 }];
    child.stdin?.end(JSON.stringify({ device: 'eth0', port: 68, expect: 1, patienceMs: 2000, sends }));
    if ((await client.exit()) !== 0) throw new Error(client.output);
    return JSON.parse(client.output).length;
  }

  /** A loader by TFTP: curl's exit status. */
  loader(): Promise<number | null> {
    const url = `tftp://${SERVER}/undionly.kpxe`;
    return this.background(this.machine, 'curl', '-s', '--max-time', '2', '-o', '/dev/null', url).exit();
  }

  background(ns: string, program: string, ...args: readonly string[]): Process {
    return new Process(this.spaces.spawn(ns, program, args));
  }

  async remove(): Promise<void> {
    await this.spaces.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class Process {
  readonly child: ChildProcess;
  output = '';

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString('utf8');
      });
    }
  }

  async until(pattern: RegExp): Promise<string> {
    for (const end = Date.now() + PATIENCE_MS; ; ) {
      if (pattern.test(this.output)) return this.output;
      if (this.child.exitCode !== null)
        throw new Error(`it ended with ${this.child.exitCode} before ${pattern}:\n${this.output}`);
      if (Date.now() > end) throw new Error(`never said ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async exit(): Promise<number | null> {
    const { child } = this;
    if (child.exitCode !== null) return child.exitCode;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        child.once('exit', (code) => resolve(code));
        timer = setTimeout(() => reject(new Error(`it never ended:\n${this.output}`)), PATIENCE_MS);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends a daemon as an administrator does: its exit status and how long it took. `meanwhile` runs from its first word on. */
  async stop(meanwhile: () => Promise<void> = async () => {}) {
    const startedAt = process.hrtime.bigint();
    const end = this.exit().then((code) => ({ code, seconds: Number(process.hrtime.bigint() - startedAt) / 1e9 }));
    this.child.kill('SIGTERM');
    await this.until(/"stopping"/);
    await meanwhile();
    return end;
  }
}

function office(t: Test): Office {
  const made = new Office();
  t.teardown(() => made.remove());
  return made;
}

async function armedOffice(t: Test, paddingBytes = 0): Promise<{ readonly office: Office; readonly daemon: Process }> {
  const made = office(t);
  const image = makeStandInIso(made.folder, paddingBytes);
  const daemon = made.serve();
  await daemon.until(/Ironwake is serving/);
  made.cli('media', 'add', image);
  made.cli('node', 'add', '--mac', NODE_MAC, '--fqdn', 'pve1.lab.example', '--profile', 'default');
  made.cli('node', 'install', 'pve1');
  return { office: made, daemon };
}

// Several daemons start one after the other; the limit of the whole file is the runner's.
t.setTimeout(0);

t.test('the first start', async (t) => {
  const made = office(t);
  const { spaces, data, server } = made;
  const daemon = made.serve();
  const said = await daemon.until(/node install .*\n/);
  t.match(said, /Ironwake is serving \(IPv4\)/);
  t.match(
    said,
    new RegExp(`eth0 ${SERVER}/24: proxyDHCP on UDP 67 and 4011, TFTP on 69, boot files http://${SERVER}:8080`),
    'the only interface is taken',
  );
  t.match(said, /certificate SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}/);
  t.match(said, `administrator's token in ${data}/admin-token`);
  for (const command of ['media add', 'node add', 'node install'])
    t.match(said, new RegExp(`npx ironwake ${command} .* --data-dir ${data}\\n`), 'and what to type next');
  for (const file of ['admin-token', 'instance.key', 'tls.pem', 'ironwake.db', 'server.json']) {
    t.equal(statSync(join(data, file)).mode & 0o077, 0, `${file} is for this user only`);
  }
  for (const url of [
    `http://${SERVER}:8080/readyz`,
    `https://${SERVER}:8443/readyz`,
    'https://127.0.0.1:8443/readyz',
  ]) {
    t.match(spaces.run(server, 'curl', ['-sk', url]), '"ready":true', url);
  }
  const listening = spaces
    .run(server, 'ss', ['-lntuH'])
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/)[4]);
  t.same(
    listening.sort(),
    [
      `${SERVER}:4011`,
      `${SERVER}:69`,
      `${SERVER}:8080`,
      `${SERVER}:8443`,
      '127.0.0.1:8443',
      '255.255.255.255%eth0:67',
    ].sort(),
    'this is all that listens: nothing on all addresses',
  );
  t.equal((await daemon.stop()).code, 0);
  t.notOk(existsSync(join(data, 'server.json')), 'nobody is told of a daemon that is gone');
});

t.test('npm run serve, ended by a signal to npm', async (t) => {
  const made = office(t);
  const { spaces, data, folder, server } = made;
  const flags = ['--data-dir', data, '--answers', join(folder, 'answers'), '--log-format', 'json'];
  const npm = made.background(server, 'npm', '--prefix', ROOT, 'run', 'serve', '--', ...flags);
  await npm.until(/Ironwake is serving/);
  t.equal((await npm.stop()).code, 0, 'npm says what the daemon says');
  t.equal(spaces.run(server, 'ss', ['-lntuH']), '', 'and nobody is left that listens');
});

t.test('packets that cannot be read are counted, and the count can be read', async (t) => {
  const made = office(t);
  const daemon = made.serve();
  await daemon.until(/Ironwake is serving/);
  const sends = [
    { hex: 'deadbeef', to: '255.255.255.255', port: 67 },
    { hex: '00'.repeat(300), to: SERVER, port: 4011 },
    { hex: '0009', to: SERVER, port: 69 },
  ];
  made.spaces.run(
    made.machine,
    process.execPath,
    [DHCP_CLIENT],
    JSON.stringify({ device: 'eth0', port: 68, expect: 0, sends }),
  );
  const { counters } = JSON.parse(made.cli('status', '--json'));
  t.match(counters, { dhcp: { malformed: 2, answered: 0 }, tftp: { malformed: 1 } });
  t.same(counters.dhcpMalformed, { 'too-short': 1, 'not-bootp': 1 });
  t.match(made.cli('status'), /malformed +1 too short, 1 not bootp\n/);
  t.equal((await daemon.stop()).code, 0);
});

t.test('what it does not start with: one line, with the remedy, and a status', async (t) => {
  const made = office(t);
  const { spaces, folder, server } = made;
  writeFileSync(join(folder, 'broken.yaml'), 'ports:\n  htpp: 80\n');
  writeFileSync(join(folder, 'file'), '');
  const two = spaces.add('two');
  for (const [index, name] of ['one', 'two'].entries()) {
    spaces.ip(two, `link add ${name} type veth peer name peer-${name}`);
    spaces.ip(two, `link set peer-${name} up`);
    spaces.ip(two, `address add 10.97.${index}.2/24 dev ${name}`);
    spaces.ip(two, `link set ${name} up`);
  }
  const squatters = {
    tcp: (port: number) => `require('net').createServer().listen(${port},'${SERVER}',()=>console.log('holding'))`,
    udp: (port: number) => `require('dgram').createSocket('udp4').bind(${port},'0.0.0.0',()=>console.log('holding'))`,
  };
  const rows: ReadonlyArray<{
    readonly name: string;
    readonly flags: readonly string[];
    readonly ns?: string;
    readonly squat?: readonly ['tcp' | 'udp', number];
    readonly says: readonly RegExp[];
  }> = [
    { name: 'a port in use', flags: [], squat: ['tcp', 8080], says: [/8080 is taken by node \(pid/] },
    // Each of these fails when others are open already, which must not keep the process.
    { name: 'TLS', flags: ['--http-port', '0'], squat: ['tcp', 8443], says: [/8443 is taken by node \(pid/] },
    { name: 'TFTP', flags: [], squat: ['udp', 69], says: [/69 on eth0 is taken by node \(pid/] },
    { name: 'PXE', flags: [], squat: ['udp', 4011], says: [/4011 is taken by node \(pid/] },
    { name: 'DHCP', flags: [], squat: ['udp', 67], says: [/67 on eth0 is taken by node \(pid/] },
    {
      name: 'a missing interface',
      flags: ['--interface', 'nope'],
      says: [/no interface 'nope'/, /eth0 \(10\.96\.0\.2\)/],
    },
    {
      name: 'which interface?',
      flags: [],
      ns: two,
      says: [/several interfaces/, /one \(10\.97\.0\.2\)/, /two \(10\.97\.1\.2\)/, /--interface/],
    },
    {
      name: 'an unwritable directory',
      flags: ['--data-dir', join(folder, 'file', 'data')],
      says: [/cannot be written/, /--data-dir/],
    },
    {
      name: 'a broken configuration',
      flags: ['--config', join(folder, 'broken.yaml')],
      says: [/broken\.yaml:2/, /htpp/, /http/],
    },
    { name: 'a port that is none', flags: ['--http-port', '99999'], says: [/--http-port/, /65535/] },
    { name: 'no profiles directory', flags: ['--answers', join(folder, 'none')], says: [/none/, /answers/] },
  ];
  for (const { name, flags, ns = server, squat, says } of rows) {
    const squatter = squat && made.background(server, process.execPath, '-e', squatters[squat[0]](squat[1]));
    await squatter?.until(/holding/);
    const refused = made.serve(flags, ns);
    const code = await refused.exit();
    t.not(code, 0, name);
    t.notMatch(refused.output, /\n\s+at /, `${name}: no stack`);
    const lines = refused.output
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('{'));
    t.equal(lines.length, 1, `${name}: ${refused.output}`);
    for (const pattern of says) t.match(lines[0], pattern, name);
    if (squatter === undefined) continue;
    t.match(lines[0], `(pid ${squatter.child.pid})`, name);
    await ended(squatter.child);
  }
  t.notOk(existsSync(join(made.data, 'server.json')));
});

t.test('a second daemon', async (t) => {
  const made = office(t);
  const elsewhere = ['--data-dir', join(made.folder, 'other')];
  const free = ['--pxe-port', '0', '--tftp-port', '0', '--http-port', '0', '--https-port', '0'];
  const first = made.serve();
  await first.until(/Ironwake is serving/);
  const second = made.serve([...elsewhere, ...free]);
  t.not(await second.exit(), 0, 'on the same interface, all other ports free');
  t.match(second.output, `UDP port 67 on eth0 is taken by ironwake serve (pid ${first.child.pid}). Stop it`);
  made.spaces.ip(made.server, 'link add lan2 type veth peer name lan2-peer');
  made.spaces.ip(made.server, 'link set lan2-peer up');
  made.spaces.ip(made.server, 'address add 10.98.0.2/24 dev lan2');
  made.spaces.ip(made.server, 'link set lan2 up');
  const beside = made.serve([...elsewhere, ...free, '--interface', 'lan2']);
  t.match(await beside.until(/Ironwake is serving/), /lan2 10\.98\.0\.2/, 'on another interface there is no conflict');
  for (const daemon of [first, beside]) t.equal((await daemon.stop()).code, 0);
});

t.test('a second start finds everything as it was', async (t) => {
  const { office: made, daemon } = await armedOffice(t);
  const before = ['admin-token', 'instance.key', 'tls.pem'].map((file) => readFileSync(join(made.data, file), 'utf8'));
  daemon.child.kill('SIGKILL');
  await daemon.exit();
  const again = made.serve();
  await again.until(/Ironwake is serving/);
  t.same(
    ['admin-token', 'instance.key', 'tls.pem'].map((file) => readFileSync(join(made.data, file), 'utf8')),
    before,
  );
  t.equal(made.view().run?.state, 'armed', 'also after a kill');
  const script = made.curl(made.machine, `http://${SERVER}:8080/boot/script/${MAC_IN_URL}`);
  t.match(script.body, /initrd\.img/, 'and the machine can go on');
});

/** Where the mode file in an image on disk leads the installer of 9.2, and how it proves that it may have the answer. */
function modeFileIn(image: string): {
  readonly url: string;
  readonly token: string;
  readonly header: readonly string[];
} {
  const text = readFileSync(image, 'latin1');
  const token = /^token = "([^"]+)"$/m.exec(text)?.[1] ?? '';
  return { url: /url = "([^"]+)"/.exec(text)?.[1] ?? '', token, header: ['-H', `Authorization: Bearer ${token}`] };
}

t.test("the server's cable is out in the middle of the image, and before each further step", async (t) => {
  const { office: made } = await armedOffice(t, 48 * 1024 * 1024);
  const { machine, folder } = made;
  const api = `https://127.0.0.1:8443/api/v1/nodes/pve1`;
  const token = readFileSync(join(made.data, 'admin-token'), 'utf8').trim();
  const view = (): NodeView => JSON.parse(made.curl(made.server, api, '-H', `Authorization: Bearer ${token}`).body);
  const cable = (state: 'up' | 'down') => made.spaces.ip(made.lan, `link set to-server ${state}`);
  /** In vain while it is out, and once more when it is in again. */
  const interrupted = (url: string, ...args: readonly string[]): string => {
    const { run: before } = view();
    cable('down');
    t.throws(() => made.curl(machine, url, '--max-time', '2', ...args), `${new URL(url).pathname}: nobody is there`);
    t.strictSame(view().run, before, 'the run waits');
    cable('up');
    const patiently = ['--retry', '20', '--retry-delay', '1', '--retry-all-errors', '--max-time', '60'];
    const { status, body } = made.curl(machine, url, ...patiently, ...args);
    t.equal(status, 200, status === 200 ? 'and then it is done' : body.slice(0, 200));
    return body;
  };
  const script = interrupted(`http://${SERVER}:8080/boot/script/${MAC_IN_URL}`);
  const [kernelUrl = '', initrdUrl = ''] = [...script.matchAll(/http:\/\/\S+/g)].map(([url]) => url);
  interrupted(kernelUrl, '-o', join(folder, 'kernel'));
  const image = join(folder, 'initrd');
  // Nobody takes what it gets: it comes to a standstill in the middle, as the image is larger than all buffers on the way.
  const loading = made.spaces.spawn(machine, 'curl', ['-sSf', initrdUrl]);
  const loaded = once(loading, 'close');
  if (loading.stdout === null) throw new Error('no pipe');
  await once(loading.stdout, 'readable');
  cable('down');
  t.equal(view().run?.state, 'loading');
  t.equal(loading.exitCode, null, 'it waits in the middle');
  cable('up');
  await pipeline(loading.stdout, createWriteStream(image));
  t.strictSame(await loaded, [0, null], 'and goes on to the end');
  const { url: answerUrl, header } = modeFileIn(image);
  const system = JSON.stringify({
    product: { product: 'pve' },
    iso: { release: '9.2', isorelease: '1' },
    network_interfaces: [{ link: 'eth0', mac: NODE_MAC }],
  });
  const answer = interrupted(answerUrl, ...header, '-d', system);
  const urls = parseToml(answer) as Record<string, { url: string } | undefined>;
  const keys = mkdtempSync(join(folder, 'node-'));
  const key = hostKey(keys);
  interrupted(urls['first-boot']?.url ?? '');
  interrupted(urls['post-installation-webhook']?.url ?? '', '-d', webhookOf(key.publicKey));
  const node = `https://${SERVER}:8443/node/v1`;
  const json = ['-H', 'Content-Type: application/json', '-d'];
  const run = view().run?.id ?? '';
  const { nonce } = JSON.parse(interrupted(`${node}/challenge`, ...json, JSON.stringify({ run })));
  const proof = JSON.stringify({ run, nonce, signature: await key.sign(nonce) });
  const { credential } = JSON.parse(interrupted(`${node}/credential`, ...json, proof));
  const bearer = ['-H', `Authorization: Bearer ${credential}`];
  interrupted(`${node}/plan`, ...bearer, '-o', join(folder, 'plan'));
  const words = ['apply changed', 'verify ok', 'reapply unchanged'].map((text) => text.split(' '));
  const reports = ['admin-user', 'ssh'].flatMap((module, i) =>
    words.map(([step, result], j) => ({
      ...{ seq: 3 * i + j + 1, module, step, result },
      ...{ startedAt: 1, durationMs: 2, output: '', detail: '' },
    })),
  );
  interrupted(`${node}/reports`, ...bearer, ...json, JSON.stringify({ run, reports: reports.slice(0, 3) }));
  // The node does not know which of them arrived, and sends them all.
  interrupted(`${node}/reports`, ...bearer, ...json, JSON.stringify({ run, reports }));
  interrupted(`${node}/finished`, ...bearer, ...json, JSON.stringify({ run, result: 'ok' }));
  const { run: done, timeline } = view();
  t.match(done, { state: 'ready', contested: false });
  const count = (code: string): number => timeline.filter((event) => event.code === code).length;
  t.equal(count('plan.step'), reports.length, 'each report once');
  for (const code of [
    'boot.image-delivered',
    'installer.answer-served',
    'installer.hook-fetched',
    'installer.installed',
    'node.proved',
    'plan.fetched',
    'run.ready',
  ])
    t.equal(count(code), 1, `${code}, once`);
});

t.test('strangers on the switch', async (t) => {
  const { office: made } = await armedOffice(t);
  const { machine, stranger } = made;
  const scriptUrl = `http://${SERVER}:8080/boot/script/${MAC_IN_URL}`;
  const spied = made.curl(stranger, scriptUrl);
  t.equal(spied.status, 403, '(a) the MAC in the URL');
  t.match(spied.body, /^Refused\./);
  const script = made.curl(machine, scriptUrl);
  t.equal(script.status, 200);
  const [kernelUrl, initrdUrl] = [...script.body.matchAll(/http:\/\/\S+/g)].map(([url]) => url);
  t.equal(made.curl(machine, kernelUrl ?? '', '-o', '/dev/null').status, 200);
  const image = join(made.folder, 'sniffed');
  t.equal(made.curl(machine, initrdUrl ?? '', '-o', image).status, 200);
  const { url: answerUrl, token, header } = modeFileIn(image);
  t.equal(answerUrl, `https://${SERVER}:8443/installer/answer`);
  t.match(token, /^[\w.~-]{40,}$/, 'the image on the wire holds the token of the answer');
  const system = JSON.stringify({
    product: { product: 'pve' },
    iso: { release: '9.2', isorelease: '1' },
    network_interfaces: [{ link: 'eth0', mac: NODE_MAC }],
  });
  t.equal(
    made.curl(stranger, answerUrl, ...header, '-d', system).status,
    403,
    '(c) a sniffed image is of no use elsewhere',
  );
  t.equal(made.view().run?.contested, true, 'and raises the alarm');
  t.equal(made.curl(machine, answerUrl, ...header, '-d', system).status, 403, 'nothing more is released');
  made.cli('node', 'trust', 'pve1');
  t.equal(made.curl(machine, answerUrl, ...header, '-d', system).status, 200, 'until an administrator looked');
  // (b) the stranger takes over the MAC of the machine.
  made.spaces.ip(stranger, `link set eth0 address ${NODE_MAC}`);
  t.equal(made.curl(stranger, answerUrl, ...header, '-d', system).status, 403, '(d) a claim after the node');
  const { timeline, run } = made.view();
  t.equal(run?.contested, true);
  const codes = timeline.map((event) => event.code);
  t.equal(codes.filter((code) => code === 'run.contested').length, 2);
  const refused = timeline.filter((event) => event.code === 'refused').map((event) => event.text);
  t.match(refused[0], /the boot script from 10\.96\.0\.66: the machine behind this address is another one/);
  t.notMatch(JSON.stringify(timeline), token, 'no token on a timeline');
});

t.test('a stop in the middle of an image', async (t) => {
  const { office: made, daemon } = await armedOffice(t, 96 * 1024 * 1024);
  const script = made.curl(made.machine, `http://${SERVER}:8080/boot/script/${MAC_IN_URL}`);
  const initrdUrl = [...script.body.matchAll(/http:\/\/\S+/g)].map(([url]) => url)[1] ?? '';
  t.equal(await made.offers(), 1, 'before, a DISCOVER is answered');
  t.equal(await made.loader(), 0, 'and a loader is served');
  const slowly = (...args: readonly string[]) =>
    made.background(made.machine, 'curl', '-sk', '-w', '%{http_code}', '-o', '/dev/null', '--limit-rate', ...args);
  // Slower than four seconds by far, whatever the buffers on the way hold.
  const loading = slowly('4M', initrdUrl);
  const body = join(made.folder, 'body');
  writeFileSync(body, Buffer.alloc(32 * 1024 * 1024, ' '));
  const token = readFileSync(join(made.data, 'admin-token'), 'utf8').trim();
  const octets = ['-H', 'Content-Type: application/octet-stream', '-H', `Authorization: Bearer ${token}`];
  const uploading = slowly('1M', '-T', body, '-X', 'POST', ...octets, `https://${SERVER}:8443/api/v1/media`);
  const json = ['-H', 'Content-Type: application/json', '--data-binary', `{"run":"${'x'.repeat(2000)}"}`];
  const trickling = slowly('10', ...json, `https://${SERVER}:8443/node/v1/challenge`);
  for (let tries = 0; made.view().run?.state !== 'loading'; tries += 1) {
    if (tries > 100) throw new Error('the image never started');
  }
  const stopped = await daemon.stop(async () => {
    const [ready, offers, loader] = await Promise.all([
      made.background(made.machine, 'curl', '-s', '-o', '/dev/null', `http://${SERVER}:8080/readyz`).exit(),
      made.offers(),
      made.loader(),
    ]);
    t.not(ready, 0, 'new work is refused');
    t.equal(offers, 0, 'no DISCOVER is answered any more');
    t.not(loader, 0, 'no loader is served any more');
    t.equal(daemon.child.exitCode, null, 'while the image is still on its way');
  });
  t.equal(stopped.code, 0, 'status 0');
  t.ok(stopped.seconds > 3.5, `the stream had its four seconds (${stopped.seconds.toFixed(1)} s)`);
  t.ok(stopped.seconds < STOP_SECONDS, `and no more (${stopped.seconds.toFixed(1)} s)`);
  t.notMatch(daemon.output, /\n\s+at |"stack"|destroyed/, 'nothing was written to what is closed');
  for (const [what, client] of Object.entries({ loading, uploading, trickling }))
    t.not(await client.exit(), 0, `${what}: the client sees that it is not whole`);
  const again = made.serve();
  await again.until(/Ironwake is serving/);
  const cut = made.view().timeline.find((event) => event.code === 'boot.image-cut');
  t.match(cut, { data: { because: 'shutdown' } }, 'an event says why');
  t.equal((await again.stop()).code, 0);
});

const SYSTEM = JSON.stringify({
  product: { product: 'pve' },
  iso: { release: '9.2', isorelease: '1' },
  network_interfaces: [{ link: 'eth0', mac: NODE_MAC }],
});

/** The machine loads its image: what that says of its answer. */
function loadImage(made: Office): ReturnType<typeof modeFileIn> {
  const script = made.curl(made.machine, `http://${SERVER}:8080/boot/script/${MAC_IN_URL}`);
  const image = join(made.folder, 'image');
  for (const [url] of script.body.matchAll(/http:\/\/\S+/g)) made.curl(made.machine, url, '-o', image);
  return modeFileIn(image);
}

/** The daemon is told to stop when half of this body has left the machine; the other half follows when it has said that it stops. */
async function postAcrossStop(
  made: Office,
  daemon: Process,
  { url, header = [] }: { readonly url: string; readonly header?: readonly string[] },
  body: string,
) {
  const reply = join(made.folder, 'reply');
  const post = [...header, '-X', 'POST', '-T', '-', '-H', 'Content-Type: application/json'];
  // The daemon says with 100 that it has begun to read this request.
  const patient = ['-H', 'Expect: 100-continue', '--expect100-timeout', '60', '--trace-ascii', '-'];
  const client = made.background(
    made.machine,
    'curl',
    '-sk',
    ...post,
    ...patient,
    '-o',
    reply,
    '-w',
    '%{http_code}',
    url,
  );
  await client.until(/HTTP\/1\.1 100 Continue/);
  const half = Math.floor(body.length / 2);
  client.child.stdin?.write(body.slice(0, half));
  await client.until(/=> Send data, /);
  const stopped = await daemon.stop(async () => {
    client.child.stdin?.end(body.slice(half));
    await client.exit();
  });
  return { code: stopped.code, status: client.output.slice(-3), text: readFileSync(reply, 'utf8') };
}

t.test('a stop in the middle of an answer and of a report: both are finished', async (t) => {
  const { office: made, daemon } = await armedOffice(t);
  const answer = await postAcrossStop(made, daemon, loadImage(made), SYSTEM);
  t.match(answer, { code: 0, status: '200', text: /\[global\]/ });

  const second = made.serve();
  await second.until(/Ironwake is serving/);
  const claimed = made.view();
  t.equal(claimed.run?.state, 'claimed');
  t.ok(claimed.timeline.some(({ code }) => code === 'installer.answer-served'));
  const webhook =
    /url = "([^"]+)"/.exec(answer.text.slice(answer.text.search(/\[post-installation-webhook\]/)))?.[1] ?? '';
  const report = JSON.stringify({
    fqdn: 'pve1.lab.example',
    product: { short: 'pve', version: '9.2.1' },
    'ssh-public-host-keys': { ed25519: PUBLIC_KEY.replace('admin@laptop', 'root@pve1') },
  });
  t.match(await postAcrossStop(made, second, { url: webhook }, report), { code: 0, status: '200' });

  const third = made.serve();
  await third.until(/Ironwake is serving/);
  const installed = made.view();
  t.equal(installed.run?.state, 'installed');
  t.ok(installed.timeline.some(({ code }) => code === 'installer.installed'));
  t.equal((await third.stop()).code, 0);
});

/** The machine has installed itself and proved its host key: its credential. */
function configuring(made: Office): string {
  const { machine } = made;
  const node = `https://${SERVER}:8443/node/v1`;
  const post = (url: string, body: object, ...header: readonly string[]): string => {
    const { status, body: text } = made.curl(
      machine,
      url,
      ...header,
      '-H',
      'Content-Type: application/json',
      '-d',
      JSON.stringify(body),
    );
    if (status !== 200) throw new Error(`${url}: ${status} ${text}`);
    return text;
  };
  const mode = loadImage(made);
  const answer = post(mode.url, JSON.parse(SYSTEM), ...mode.header);
  const urls = [...answer.matchAll(/https:\/\/[^"'\s]+/g)].map(([url]) => url);
  const key = join(made.folder, 'host_key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const [hook = '', webhook = ''] = [/\[first-boot\]/, /\[post-installation-webhook\]/].map(
    (section) => /url = "([^"]+)"/.exec(answer.slice(answer.search(section)))?.[1] ?? urls.join(),
  );
  made.curl(machine, hook);
  post(webhook, {
    fqdn: 'pve1.lab.example',
    product: { short: 'pve', version: '9.2.1' },
    'ssh-public-host-keys': { ed25519: readFileSync(`${key}.pub`, 'utf8').trim() },
  });
  const run = made.view().run?.id;
  const { nonce } = JSON.parse(post(`${node}/challenge`, { run }));
  const message = join(made.folder, 'nonce');
  writeFileSync(message, nonce);
  execFileSync('ssh-keygen', ['-Y', 'sign', '-f', key, '-n', 'ironwake', message], { stdio: 'pipe' });
  const { credential } = JSON.parse(
    post(`${node}/credential`, { run, nonce, signature: readFileSync(`${message}.sig`, 'utf8') }),
  );
  made.curl(machine, `${node}/plan`, '-H', `Authorization: Bearer ${credential}`);
  return credential;
}

t.test('a stop in the middle of a probe', async (t) => {
  const { office: made, daemon } = await armedOffice(t);
  const credential = configuring(made);
  t.equal(made.view().run?.state, 'configuring');
  const silent = "require('net').createServer(()=>console.log('connected')).listen(22,()=>console.log('listening'))";
  const sshd = made.background(made.machine, process.execPath, '-e', silent);
  await sshd.until(/listening/);
  const url = `https://${SERVER}:8443/node/v1/probe`;
  const bearer = ['-H', 'Content-Type: application/json', '-H', `Authorization: Bearer ${credential}`];
  const asking = made.background(
    made.machine,
    'curl',
    '-sk',
    '-w',
    '%{http_code}',
    ...bearer,
    '-d',
    JSON.stringify({ run: made.view().run?.id }),
    url,
  );
  await sshd.until(/connected/);
  const stopped = await daemon.stop();
  t.equal(stopped.code, 0);
  t.ok(stopped.seconds < STOP_SECONDS, `the probe is not waited for (${stopped.seconds.toFixed(1)} s)`);
  t.notMatch(daemon.output, /\n\s+at |"stack"|destroyed/);
  await asking.exit();
  t.match(asking.output, /503$/, 'the node is told to ask again');
  const again = made.serve();
  await again.until(/Ironwake is serving/);
  const { run, timeline } = made.view();
  t.equal(run?.state, 'configuring', 'which it still may');
  t.notOk(
    timeline.some((event) => event.code === 'plan.probe'),
    'nothing is said against its SSH server',
  );
  t.equal((await again.stop()).code, 0);
});

/** Says the id of each message, and answers all that it holds when something is written to it. */
const RECEIVER = `const held = [];
require('http').createServer((request, response) => request.resume().on('end', () => {
  console.log('got ' + request.headers['webhook-id']);
  held.push(response);
})).listen(8090, () => console.log('listening'));
process.stdin.on('data', () => held.splice(0).forEach((response) => response.end()));`;

t.test('a stop while a receiver of webhooks has not answered', async (t) => {
  const made = office(t);
  const receiver = made.background(made.machine, process.execPath, '-e', RECEIVER);
  await receiver.until(/listening/);
  const got = () => receiver.output.match(/msg_\w+/g) ?? [];
  const deliveries = (): ReadonlyArray<{ readonly id: string; readonly state: string; readonly tries: number }> =>
    JSON.parse(made.cli('webhook', 'deliveries', 'slow', '--json'));
  let daemon = made.serve();
  await daemon.until(/Ironwake is serving/);
  made.cli('webhook', 'add', 'slow', '--url', 'http://10.96.0.50:8090/', '--allow-http', '--event', 'node.registered');

  made.cli('node', 'add', '--mac', '02:00:00:00:00:01', '--fqdn', 'pve1.lab.example');
  await receiver.until(/got msg_/);
  const answered = await daemon.stop(async () => void receiver.child.stdin?.write('answer\n'));
  t.equal(answered.code, 0, 'it answers while the daemon stops');
  daemon = made.serve();
  await daemon.until(/Ironwake is serving/);
  t.match(deliveries(), [{ state: 'delivered', tries: 1 }], 'and has been told');

  made.cli('node', 'add', '--mac', '02:00:00:00:00:02', '--fqdn', 'pve2.lab.example');
  await receiver.until(/(got \w+\s+){2}/);
  const [first, second] = got();
  t.not(first, second, 'the next message, and the first one no second time');
  const silent = await daemon.stop();
  t.equal(silent.code, 0, 'it does not answer at all');
  t.comment(`stopped after ${silent.seconds.toFixed(1)} s`);
  t.notMatch(daemon.output, /\n\s+at |"stack"|destroyed/);
  daemon = made.serve();
  await receiver.until(/(got \w+\s+){3}/);
  t.equal(got()[2], second, 'the next start sends it again, with its id');
  receiver.child.stdin?.write('answer\n');
  await daemon.until(/Ironwake is serving/);
  for (let look = 0; look < 30 && deliveries()[0]?.state !== 'delivered'; look += 1)
    await new Promise((resolve) => setTimeout(resolve, 200));
  t.match(deliveries(), [
    { id: second, state: 'delivered' },
    { id: first, state: 'delivered' },
  ]);
  t.equal((await daemon.stop()).code, 0);
});

t.test('ports and addresses can be chosen', async (t) => {
  const made = office(t);
  const flags = [
    '--dhcp-port',
    '0',
    '--pxe-port',
    '0',
    '--tftp-port',
    '0',
    '--http-port',
    '0',
    '--https-port',
    '0',
    '--interface',
    'eth0',
  ];
  const daemon = made.serve(flags);
  const said = await daemon.until(/node install .*\n/);
  const port = Number(/boot files http:\/\/[\d.]+:(\d+)/.exec(said)?.[1]);
  t.ok(port > 1023);
  t.equal(made.curl(made.machine, `http://${SERVER}:${port}/readyz`).status, 200);
  chmodSync(made.data, 0o700);
  t.match(made.cli('status'), SERVER, 'the command line finds it by the data directory');
});
