/**
 * `ironwake doctor` as an administrator runs it, beside a real daemon on a real broadcast segment: first where all is well, then with one thing
 * broken at a time.
 *
 *   server (daemon, doctor) --eth0--\
 *   leases (dnsmasq)        --eth0---[bridge]
 *   rogue  (dnsmasq)        --eth0--/
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { t, test } from 'tap';
import type { Finding } from '../../src/doctor/finding.ts';
import { BARE_DNSMASQ, ended, Namespaces } from '../support/netns.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const ANSWERS = fileURLToPath(new URL('../../answers', import.meta.url));
const US = '10.92.1.2';
const LEASES = '10.92.1.1';
const ROGUE = '10.92.1.7';
const NODE_MAC = '52:54:00:aa:00:01';

t.setTimeout(280_000);
const lab = new Namespaces('iwx');
const folder = mkdtempSync(join(tmpdir(), 'ironwake-doctor-'));
t.teardown(async () => {
  await lab.remove();
  rmSync(folder, { recursive: true, force: true });
});
const network = lab.add('switch');
lab.ip(network, 'link add br0 type bridge');
lab.ip(network, 'link set br0 up');
const [server, leases, rogue] = (
  [
    ['server', US],
    ['leases', LEASES],
    ['rogue', ROGUE],
  ] as const
).map(([name, address]) => {
  const ns = lab.add(name);
  lab.veth({ ns, name: 'eth0', address: `${address}/24` }, { ns: network, name: `p-${name}` });
  lab.ip(network, `link set p-${name} master br0`);
  return ns;
}) as [string, string, string];

const tftproot = join(folder, 'tftproot');
const config = join(folder, 'ironwake.yaml');
mkdirSync(tftproot);
for (const file of ['undionly.kpxe', 'ipxe-x86_64.efi']) writeFileSync(join(tftproot, file), randomBytes(70_000));
cpSync(ANSWERS, join(folder, 'answers'), { recursive: true });
writeFileSync(config, 'dataDir: data\nanswersDir: answers\ntftprootDir: tftproot\ninterfaces: [eth0]\n');

/** `ironwake ARGS` in the server's namespace: its exit status and output. */
async function ironwake(...args: string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = lab.spawn(server, process.execPath, [MAIN, ...args, '--config', config]);
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  child.stderr?.on('data', (data) => {
    output += data;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return { status: child.exitCode, output };
}

interface Diagnosis {
  readonly status: number | null;
  readonly findings: readonly Finding[];
  /** `dhcp.option-60` and so on, of what is not in order. */
  readonly wrong: readonly string[];
  finding(code: string): Finding | undefined;
}

async function doctor(): Promise<Diagnosis> {
  const { output, status } = await ironwake('doctor', '--json');
  const { findings } = JSON.parse(output) as { readonly findings: readonly Finding[] };
  return {
    status,
    findings,
    wrong: findings.filter(({ result }) => result === 'problem').map(({ code }) => code),
    finding: (code) => findings.find((finding) => finding.code === code),
  };
}

/** A process that says something when it is ready. */
async function ready(child: ChildProcess, sign: RegExp): Promise<ChildProcess> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data) => {
        text += data;
        if (sign.test(text)) resolve();
      });
    child.once('exit', () => reject(new Error(text)));
  });
  return child;
}

const startDaemon = () =>
  ready(lab.spawn(server, process.execPath, [MAIN, 'serve', '--config', config]), /Ironwake is serving/);

function dnsmasq(ns: string, ...more: string[]): Promise<ChildProcess> {
  return ready(lab.spawn(ns, 'dnsmasq', [...BARE_DNSMASQ, '--interface=eth0', ...more]), /DHCP, (IP range|proxy)/);
}

const plainLeases = (...more: string[]) => dnsmasq(leases, '--dhcp-range=10.92.1.100,10.92.1.150,1h', ...more);

test('without a daemon and without a DHCP server: what cannot be checked is said', async (t) => {
  const { finding, status, wrong } = await doctor();
  t.equal(status, 1);
  t.strictSame(wrong, ['dhcp.no-server']);
  t.match(finding('daemon.absent'), {
    result: 'warning',
    message: /DHCP and TFTP were not asked/,
    remedy: /npm run serve/,
  });
  t.match(finding('ports.free'), { result: 'ok' });
  t.match(finding('certificate.none'), { result: 'ok' });
});

test('without a daemon: the programs that hold its ports are named', async (t) => {
  const wild = await dnsmasq(server, '--dhcp-range=10.92.1.100,10.92.1.150,1h');
  const { findings, status } = await doctor();
  t.equal(status, 1);
  const taken = findings.find(({ code }) => code === 'ports.taken');
  t.match(taken, {
    result: 'problem',
    message: new RegExp(`UDP port 67 on eth0 is taken by dnsmasq \\(pid ${wild.pid}\\)`),
    remedy: /bind-dynamic/,
  });
  t.match(
    findings.find(({ check }) => check === 'dhcp')?.message,
    /10\.92\.1\.2 \(another program on this host\)/,
    'its leases are seen as this host’s',
  );
  await ended(wild);
});

test('beside our daemon', async (t) => {
  const daemon = await startDaemon();
  const plain = await plainLeases();

  // Whatever asks for a boot file is taken in and armed: what doctor imitates must not be.
  const rule = [
    'rule',
    'add',
    'all',
    '--when',
    'mac:*',
    '--fqdn',
    'pve{{mac}}.lab.example',
    '--arm',
    '--expires',
    '1',
    '--yes',
  ];
  const ruled = await ironwake(...rule);
  t.equal(ruled.status, 0, ruled.output);
  const list = async (...args: string[]) => JSON.parse((await ironwake(...args, '--json')).output);

  await t.test('nobody is registered: our DHCP cannot be asked, the rest is in order', async (t) => {
    const { finding, status } = await doctor();
    t.equal(status, 0);
    t.match(finding('own-dhcp.nobody-registered'), { result: 'warning', remedy: /node add/ });
    t.strictSame(await list('node', 'list'), [], 'and nobody is afterwards');
  });

  const added = await ironwake('node', 'add', '--mac', NODE_MAC, '--fqdn', 'pve1.lab.example');
  t.equal(added.status, 0, added.output);
  const timeline = async () => {
    const { output } = await ironwake('node', 'show', 'pve1.lab.example', '--json');
    return (JSON.parse(output) as { readonly timeline: ReadonlyArray<{ readonly code: string }> }).timeline.map(
      ({ code }) => code,
    );
  };
  const before = await timeline();

  await t.test('a clean network', async (t) => {
    const { finding, status, wrong } = await doctor();
    t.strictSame(wrong, []);
    t.equal(status, 0);
    for (const code of [
      'interface.up',
      'daemon.ready',
      'ports.ours',
      'loaders.staged',
      'profiles.usable',
      'disk.room',
      'certificate.valid',
      'firewall.open',
      'dhcp.lease-server',
      'own-dhcp.answers',
      'own-tftp.delivers',
    ])
      t.match(finding(code), { result: 'ok' }, code);
    t.match(finding('own-dhcp.answers')?.message, NODE_MAC);
    t.match(finding('own-tftp.delivers')?.message, /70000 bytes/);
    t.strictSame(await timeline(), before, 'the machine that was asked for has no mark of it on its timeline');
  });

  await t.test('the same as a table, for people', async (t) => {
    const { output, status } = await ironwake('doctor', '--interface', 'eth0');
    t.equal(status, 0);
    t.match(output, /^ok {7}interface {4}eth0 10\.92\.1\.2\/24 is up$/m);
    t.match(output, /^0 problems, \d+ warnings?, \d+ checks in order\.$/m);
  });

  await t.test('a webhook whose receiver does not run', async (t) => {
    const url = ['--url', 'http://127.0.0.1:9/', '--allow-http', '--allow-loopback'];
    t.equal((await ironwake('webhook', 'add', 'nobody', ...url)).status, 0);
    t.equal((await ironwake('webhook', 'test', 'nobody')).status, 1);
    const { finding, status } = await doctor();
    t.equal(status, 0);
    t.match(finding('webhooks.failing'), {
      result: 'warning',
      message: /^nobody could not be told \d+ times in a row/,
      remedy: /npx ironwake webhook test nobody/,
    });
    t.equal((await ironwake('webhook', 'rm', 'nobody', '--yes')).status, 0);
  });

  await t.test('a second proxyDHCP', async (t) => {
    const other = await dnsmasq(
      rogue,
      `--dhcp-range=${ROGUE},proxy`,
      '--pxe-service=x86PC,Rogue,pxelinux',
      '--pxe-service=X86-64_EFI,Rogue,syslinux.efi',
    );
    const { findings, status } = await doctor();
    t.equal(status, 1);
    const proxies = findings.filter(({ code }) => code === 'dhcp.other-proxy');
    t.ok(proxies.length > 0);
    for (const { message, remedy } of proxies) {
      t.match(message, new RegExp(`^${ROGUE} is another proxyDHCP server: .*option 60 'PXEClient'`));
      t.match(remedy, /pxe-service/);
    }
    await ended(other);
  });

  await t.test('a packet filter that drops TFTP', async (t) => {
    lab.run(
      server,
      'nft',
      ['-f', '-'],
      'table inet iwx {\nchain input {\ntype filter hook input priority 0\nudp dport 69 drop\n}\n}\n',
    );
    const { finding, status } = await doctor();
    lab.run(server, 'nft', ['delete', 'table', 'inet', 'iwx']);
    t.equal(status, 1);
    t.match(finding('firewall.drops'), {
      message: /^UDP 69 on eth0 is dropped by rule \d+ of inet iwx input$/,
      remedy: /ufw allow/,
    });
    t.match(finding('own-tftp.no-answer'), { result: 'problem', message: /no end within/ });
    t.match(finding('firewall.open')?.message, /UDP 67, UDP 4011, TCP 8080, TCP 8443/);
  });

  await t.test('a loader that is gone', async (t) => {
    const file = join(tftproot, 'undionly.kpxe');
    renameSync(file, `${file}.away`);
    const { finding, status, wrong } = await doctor();
    renameSync(`${file}.away`, file);
    t.equal(status, 1);
    t.strictSame(wrong, ['loaders.missing']);
    t.match(finding('loaders.missing'), { message: /undionly\.kpxe/, remedy: /npm run setup/ });
  });

  await t.test('a profile that is broken', async (t) => {
    const file = join(folder, 'answers', 'broken.yaml');
    writeFileSync(file, 'answer: [\n');
    const { status, wrong } = await doctor();
    rmSync(file);
    t.equal(status, 1);
    t.strictSame(wrong, ['profiles.broken']);
  });

  await ended(plain);
  await t.test('a DHCP server that sends a boot file to those who ask for option 67: it may do harm', async (t) => {
    const other = await plainLeases(`--dhcp-boot=pxelinux.0,,${ROGUE}`);
    const { finding, status } = await doctor();
    t.equal(status, 0);
    t.match(finding('dhcp.option-67'), { result: 'warning', message: /option 67 'pxelinux\.0'/ });
    await ended(other);
  });
  for (const [name, options, code, message] of [
    [
      'a DHCP server that sends options 60, 66 and 67',
      ['--dhcp-option-force=60,PXEClient', `--dhcp-option-force=66,${ROGUE}`, '--dhcp-option-force=67,other.efi'],
      'dhcp.option-60',
      /option 60 'PXEClient', option 66 '10\.92\.1\.7', option 67 'other\.efi'.*PXE-E16/,
    ],
    [
      'a DHCP server that sends a boot file in the header',
      ['--dhcp-no-override', `--dhcp-boot=pxelinux.0,,${ROGUE}`],
      'dhcp.boot-file',
      /next-server 10\.92\.1\.7, boot file 'pxelinux\.0'/,
    ],
  ] as const) {
    await t.test(name, async (t) => {
      const other = await plainLeases(...options);
      const { finding, status, wrong } = await doctor();
      t.equal(status, 1);
      t.strictSame([...new Set(wrong)], [code]);
      t.match(finding(code)?.message, message);
      t.match(finding(code)?.remedy, new RegExp(LEASES));
      await ended(other);
    });
  }

  const nodes = await list('node', 'list');
  t.match(nodes, [{ node: { fqdn: 'pve1.lab.example' } }]);
  t.equal(nodes.length, 1, 'no machine that doctor made up was registered');
  t.match(await list('rule', 'list'), [{ name: 'all', registered: 0 }]);
  t.strictSame(await list('discovered'), [], 'nor is it a stranger');

  await ended(daemon, 'SIGTERM');
});
