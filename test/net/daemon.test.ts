/**
 * The daemon as a process, in a network of its own: what it says at start, what it refuses to start with, what a stop does to those who are in the
 * middle of something, and what strangers on the same switch get from it.
 */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { NodeView } from '../../src/api/schemas.ts';
import { ended, Namespaces } from '../support/netns.ts';
import { PUBLIC_KEY } from '../support/parts.ts';
import { makeStandInIso } from '../support/stand-in-iso.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const _ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_MAC = 'bc:24:11:00:00:01';
const MAC_IN_URL = NODE_MAC.replaceAll(':', '-');
const SERVER = '10.96.0.2';

/** A switch with the daemon's host, the machine, and a stranger on it. */
class Office {
  static #count = 0;
  readonly spaces = new Namespaces(`iwo${++Office.#count}`);
  readonly folder = mkdtempSync(join(tmpdir(), 'ironwake-office-'));
  readonly data = join(this.folder, 'data');
  readonly server: string;
  readonly machine: string;
  readonly stranger: string;

  constructor() {
    const lan = this.spaces.add('switch');
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
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: root@localhost }
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
    for (;;) {
      if (pattern.test(this.output)) return this.output;
      if (this.child.exitCode !== null)
        throw new Error(`it ended with ${this.child.exitCode} before ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  exit(): Promise<number | null> {
    if (this.child.exitCode !== null) return Promise.resolve(this.child.exitCode);
    return new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
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
  const said = await daemon.until(/node install/);
  t.match(said, /Ironwake is serving \(IPv4\)/);
  t.match(
    said,
    new RegExp(`eth0 ${SERVER}/24: proxyDHCP on UDP 67 and 4011, TFTP on 69, boot files http://${SERVER}:8080`),
    'the only interface is taken',
  );
  t.match(said, /certificate SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}/);
  t.match(said, `administrator's token in ${data}/admin-token`);
  for (const command of ['media add', 'node add', 'node install'])
    t.match(said, `npx ironwake ${command}`, 'and what to type next');
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
  daemon.child.kill('SIGTERM');
  t.equal(await daemon.exit(), 0);
  t.notOk(existsSync(join(data, 'server.json')), 'nobody is told of a daemon that is gone');
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
  const squat = spaces.spawn(server, process.execPath, [
    '-e',
    `require('net').createServer().listen(8080,'${SERVER}',()=>console.log('holding'))`,
  ]);
  await new Process(squat).until(/holding/);
  const rows: ReadonlyArray<{
    readonly name: string;
    readonly flags: readonly string[];
    readonly ns?: string;
    readonly says: readonly RegExp[];
  }> = [
    { name: 'a port in use', flags: [], says: [/8080 is taken by .*\(pid \d+\)/, new RegExp(`pid ${squat.pid}`)] },
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
  for (const { name, flags, ns = server, says } of rows) {
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
  }
  await ended(squat);
  t.notOk(existsSync(join(made.data, 'server.json')));
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
  const answerUrl = /url = "([^"]+)"/.exec(readFileSync(image, 'latin1'))?.[1] ?? '';
  t.match(answerUrl, `https://${SERVER}:8443/installer/`, 'the image on the wire holds the token of the answer');
  const system = JSON.stringify({
    product: { product: 'pve' },
    iso: { release: '9.2', isorelease: '1' },
    network_interfaces: [{ link: 'eth0', mac: NODE_MAC }],
  });
  t.equal(made.curl(stranger, answerUrl, '-d', system).status, 403, '(c) a sniffed image is of no use elsewhere');
  t.equal(made.view().run?.contested, true, 'and raises the alarm');
  t.equal(made.curl(machine, answerUrl, '-d', system).status, 403, 'nothing more is released');
  made.cli('node', 'trust', 'pve1');
  t.equal(made.curl(machine, answerUrl, '-d', system).status, 200, 'until an administrator looked');
  // (b) the stranger takes over the MAC of the machine.
  made.spaces.ip(stranger, `link set eth0 address ${NODE_MAC}`);
  t.equal(made.curl(stranger, answerUrl, '-d', system).status, 403, '(d) a claim after the node');
  const { timeline, run } = made.view();
  t.equal(run?.contested, true);
  const codes = timeline.map((event) => event.code);
  t.equal(codes.filter((code) => code === 'run.contested').length, 2);
  const refused = timeline.filter((event) => event.code === 'refused').map((event) => event.text);
  t.match(refused[0], /the boot script from 10\.96\.0\.66: the machine behind this address is another one/);
  t.notMatch(JSON.stringify(timeline), answerUrl.split('/')[4] ?? 'token', 'no token on a timeline');
});

t.test('a stop in the middle of an image', async (t) => {
  const { office: made, daemon } = await armedOffice(t, 96 * 1024 * 1024);
  const script = made.curl(made.machine, `http://${SERVER}:8080/boot/script/${MAC_IN_URL}`);
  const initrdUrl = [...script.body.matchAll(/http:\/\/\S+/g)].map(([url]) => url)[1] ?? '';
  // Slower than four seconds by far, whatever the buffers on the way hold.
  const loading = new Process(
    made.spaces.spawn(made.machine, 'curl', [
      '-s',
      '--limit-rate',
      '4M',
      '-o',
      '/dev/null',
      '-w',
      '%{size_download}',
      initrdUrl,
    ]),
  );
  for (let tries = 0; made.view().run?.state !== 'loading'; tries += 1) {
    if (tries > 100) throw new Error('the image never started');
  }
  const startedAt = process.hrtime.bigint();
  daemon.child.kill('SIGTERM');
  await daemon.until(/"stopping"/);
  const late = made.spaces.spawn(made.machine, 'curl', ['-s', '-o', '/dev/null', `http://${SERVER}:8080/readyz`]);
  const lateCode = await new Process(late).exit();
  t.not(lateCode, 0, 'new work is refused');
  t.equal(await daemon.exit(), 0, 'status 0');
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  t.ok(seconds > 3.5 && seconds < 5.5, `the stream had its four seconds (${seconds.toFixed(1)} s)`);
  t.not(await loading.exit(), 0, 'the client sees that the image is not whole');
  const again = made.serve();
  await again.until(/Ironwake is serving/);
  const cut = made.view().timeline.find((event) => event.code === 'boot.image-cut');
  t.match(cut, { data: { because: 'shutdown' } }, 'an event says why');
  again.child.kill('SIGTERM');
  t.equal(await again.exit(), 0);
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
  const said = await daemon.until(/node install/);
  const port = Number(/boot files http:\/\/[\d.]+:(\d+)/.exec(said)?.[1]);
  t.ok(port > 1023);
  t.equal(made.curl(made.machine, `http://${SERVER}:${port}/readyz`).status, 200);
  chmodSync(made.data, 0o700);
  t.match(made.cli('status'), SERVER, 'the command line finds it by the data directory');
});
