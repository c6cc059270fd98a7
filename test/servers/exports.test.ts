/** Every export is read back by the program that it is made for. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { EXPORT_NAMES, type ExportFormat } from '../../src/exports/format-names.ts';
import { EXPORT_FORMATS } from '../../src/exports/formats.ts';
import type { ExportedMachine } from '../../src/exports/machine.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { commandLine } from '../support/command-line.ts';
import { armed, install, loadImage } from '../support/machine.ts';
import { startParts } from '../support/parts.ts';

/** Everything that a shell, a template, YAML 1.1, a spreadsheet or a terminal might take for something else. */
const HOSTILE = [
  `$(touch /tmp/pwned) \`id\` ; | & > < " ' \\ \\n \t * ? ! ~ # % {{ lookup('pipe', 'id') }} {% raw %} {# #}`,
  '=cmd|calc!A1\r\nsecond line\u0085\u2028\u2029\ufeff\u001b[31m\u0000\u007f\u009f',
  '🦊 ñ ß \u202eevil عربى 漢字 \ufffe \uffff',
  'no',
  '0123',
  '1:30',
  '',
  '---',
  '&a *a !!python/object/apply:os.system ["id"]',
];

const key = (letter: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(42)}A= root@pve$(id)\n`;

const machine = (n: number, changes: Partial<ExportedMachine> = {}): ExportedMachine => ({
  id: `id-${n}`,
  fqdn: `pve${n}.lab.example`,
  macs: [`02:00:00:00:00:0${n}`, `02:00:00:00:01:0${n}`],
  address: `10.0.0.${n}` as Ipv4,
  profile: 'default',
  tags: ['rack-a'],
  state: 'ready',
  notes: HOSTILE[n] ?? '',
  hostKeys: [],
  ...changes,
});
const MACHINES = [
  ...HOSTILE.map((_, n) => machine(n)).slice(1),
  machine(0, { fqdn: 'pve1.other.example', address: '10.0.0.99' as Ipv4, tags: ['rack-b', 'spare'] }),
  machine(9, { fqdn: 'new.lab.example', address: undefined, state: 'none', tags: [] }),
];
const render = (format: ExportFormat, machines: readonly ExportedMachine[] = MACHINES): string =>
  EXPORT_FORMATS[format].render(machines, { port: 9100 });

function run(t: Test, command: string, args: readonly string[], input = ''): string {
  const done = spawnSync(command, [...args], { input, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  t.equal(done.status, 0, `${command}: ${done.error ?? ''}${done.stderr}`);
  return done.stdout;
}

interface Inventory {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  readonly [group: string]: { readonly hosts?: readonly string[] } & Readonly<Record<string, unknown>>;
}

/** What Ansible says of an inventory that ansible-inventory has read: the value itself, wherever it marks it as unsafe. */
function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null && '__ansible_unsafe' in value ? value.__ansible_unsafe : value;
}

t.test('Ansible reads the YAML and the dynamic inventory, and every note comes back', async (t) => {
  const directory = t.testdir();
  writeFileSync(join(directory, 'inventory.yaml'), render('ansible'));
  writeFileSync(join(directory, 'list.json'), render('ansible-list'));
  writeFileSync(join(directory, 'dynamic'), `#!/bin/sh\ncat '${directory}/list.json'\n`);
  chmodSync(join(directory, 'dynamic'), 0o755);
  for (const file of ['inventory.yaml', 'dynamic']) {
    const found = JSON.parse(run(t, 'ansible-inventory', ['-i', join(directory, file), '--list'])) as Inventory;
    for (const { fqdn, notes, address, tags, macs } of MACHINES) {
      const vars = found._meta.hostvars[fqdn] ?? {};
      t.equal(plain(vars.ironwake_notes), notes, `${file}: the note of ${fqdn}`);
      t.match(vars, { ironwake_macs: macs, ironwake_tags: tags });
      t.equal(vars.ansible_host, address);
    }
    t.same(found.tag_rack_b?.hosts, ['pve1.other.example']);
    t.equal(found.state_ready?.hosts?.length, 9);
  }
  // And when a play uses it, nothing in it is run.
  const said = run(t, 'ansible', [
    ...['-i', join(directory, 'inventory.yaml'), 'pve1.other.example', '-c', 'local', '-m', 'debug'],
    ...['-a', 'var=ironwake_notes'],
  ]);
  t.match(said, /lookup\('pipe', 'id'\)/);
});

t.test('ssh-keygen finds every key by every name', async (t) => {
  const keyed = [
    machine(1, { hostKeys: [key('a'), `ecdsa-sha2-nistp256 ${'A'.repeat(139)}=`] }),
    machine(2, { hostKeys: ['ssh-ed25519 AAAA\n@cert-authority * ssh-rsa AAAA', 'nonsense'] }),
  ];
  const text = render('known-hosts', keyed);
  t.notMatch(text, 'cert-authority', 'a machine does not write lines of ours');
  const file = join(t.testdir({ known_hosts: text }), 'known_hosts');
  for (const name of ['pve1.lab.example', 'pve1', '10.0.0.1'])
    t.match(run(t, 'ssh-keygen', ['-F', name, '-f', file]), 'ssh-ed25519 AAAA', name);
  t.equal(spawnSync('ssh-keygen', ['-F', 'pve2', '-f', file]).status, 1);
});

t.test('ssh takes the configuration', async (t) => {
  const file = join(t.testdir({ config: render('ssh-config') }), 'config');
  const said = run(t, 'ssh', ['-G', '-F', file, 'pve2']);
  t.match(said, /^hostname 10\.0\.0\.2$/m);
  t.match(said, /^hostkeyalias pve2\.lab\.example$/m);
  t.match(run(t, 'ssh', ['-G', '-F', file, 'pve1.other.example']), /^hostname 10\.0\.0\.99$/m);
  t.match(run(t, 'ssh', ['-G', '-F', file, 'pve1']), /^hostname pve1$/m, 'two have this name: neither is meant');
});

t.test('the C library reads the hosts file', async (t) => {
  const hosts = join(t.testdir({ hosts: `127.0.0.1 localhost\n${render('hosts')}` }), 'hosts');
  const look = (name: string) =>
    run(t, 'unshare', ['-m', 'sh', '-c', 'mount --bind "$1" /etc/hosts && getent ahostsv4 "$2"', 'sh', hosts, name]);
  t.match(look('pve3'), /^10\.0\.0\.3 /);
  t.match(look('pve1.other.example'), /^10\.0\.0\.99 /);
});

/** A TCP port of loopback that nobody listened on a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

t.test('dnsmasq takes it, and answers names both ways', async (t) => {
  const directory = t.testdir({ conf: { 'ironwake.conf': render('dnsmasq') } });
  const file = join(directory, 'conf', 'ironwake.conf');
  run(t, 'dnsmasq', ['--test', `--conf-file=${file}`]);
  const port = await freePort();
  const server = spawn(
    'dnsmasq',
    [
      ...['--keep-in-foreground', '--log-facility=-', '--conf-file=/dev/null', '--pid-file=', '--user='],
      `--conf-dir=${join(directory, 'conf')}`,
      ...[`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--no-resolv', '--no-hosts'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.teardown(() => server.kill());
  for await (const line of createInterface(server.stderr)) if (/ started,/.test(line)) break;
  server.stderr.resume();
  const ask = async (name: string, type: 'A' | 'PTR') => {
    const { Resolver } = await import('node:dns/promises');
    const resolver = new Resolver({ timeout: 1000, tries: 8 });
    resolver.setServers([`127.0.0.1:${port}`]);
    return type === 'A' ? resolver.resolve4(name) : resolver.reverse(name);
  };
  t.same(await ask('pve4.lab.example', 'A'), ['10.0.0.4']);
  t.same(await ask('pve4', 'A'), ['10.0.0.4']);
  t.match(await ask('10.0.0.99', 'PTR'), ['pve1.other.example']);
});

t.test('Kea takes the reservations', async (t) => {
  const directory = t.testdir();
  const list = join(directory, 'reservations.json');
  writeFileSync(list, render('kea'));
  const config = join(directory, 'kea.json');
  writeFileSync(
    config,
    `{"Dhcp4": {"lease-database": {"type": "memfile", "persist": false}, "subnet4": [{"id": 1, "subnet": "10.0.0.0/24",
      "pools": [{"pool": "10.0.0.200 - 10.0.0.250"}], "reservations": <?include "${list}"?>}]}}`,
  );
  run(t, 'kea-dhcp4', ['-t', config]);
  writeFileSync(list, render('kea', [machine(1), machine(2, { address: '10.0.0.1' as Ipv4 })]));
  t.not(spawnSync('kea-dhcp4', ['-t', config]).status, 0, 'it does look at them');
});

t.test("a spreadsheet's reader finds the columns of OPNsense's pages", async (t) => {
  const { parse } = await import('csv-parse/sync');
  const rows = parse(render('opnsense-dnsmasq'), { columns: true }) as ReadonlyArray<Record<string, string>>;
  t.equal(rows.length, 9, 'one that has an address');
  t.match(rows[0], {
    ip_address: '10.0.0.1',
    hw_address: '02:00:00:00:00:01',
    hostname: 'pve1',
    domain: 'lab.example',
  });
  t.match(parse(render('opnsense-kea'), { columns: true })[1], {
    hostname: 'pve2.lab.example',
    description: HOSTILE[2],
  });
});

t.test('Prometheus finds lists of targets and labels of text', async (t) => {
  const found = JSON.parse(render('prometheus')) as ReadonlyArray<{
    targets: string[];
    labels: Record<string, string>;
  }>;
  t.equal(found.length, 9);
  for (const { targets, labels } of found) {
    t.match(targets, [/^10\.0\.0\.\d+:9100$/]);
    for (const [name, value] of Object.entries(labels)) {
      t.match(name, /^__meta_[a-z_]+$/);
      t.type(value, 'string');
    }
  }
  t.ok(found.every(({ labels }, n) => labels.__meta_ironwake_notes === MACHINES[n]?.notes));
});

t.test('Prometheus discovers the targets over HTTPS, with a token, and relabels by our labels', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const [admin, viewer] = [await parts.token('admin'), await parts.token('viewer')];
  const api = `${parts.segment.httpsUrl}/api/v1`;
  for (const { fqdn, macs, tags, notes, address } of MACHINES) {
    const values = address === undefined ? {} : { network: { cidr: `${address}/24` } };
    const json = { macs, fqdn, profile: 'default', tags, notes, values };
    t.equal((await parts.call(`${api}/nodes`, { token: admin, json })).status, 201);
  }
  const directory = t.testdir({
    token: viewer,
    'prometheus.yml': `
scrape_configs:
  - job_name: rack-a
    http_sd_configs:
      - url: ${api}/exports/prometheus?tag=rack-a&port=9221
        authorization: { type: Bearer, credentials_file: token }
        tls_config: { insecure_skip_verify: true }
    relabel_configs:
      - { source_labels: [__meta_ironwake_fqdn], target_label: instance }
      - { source_labels: [__meta_ironwake_tags], regex: '.*,rack-a,.*', target_label: rack, replacement: a }
`,
  });
  const config = join(directory, 'prometheus.yml');
  run(t, 'promtool', ['check', 'config', config]);
  // Not synchronously: the daemon that it asks lives in this process. It listens for as long as it is told, whatever it has heard.
  const discover = async (seconds: number) => {
    const args = ['check', 'service-discovery', `--timeout=${seconds}s`, config, 'rack-a'];
    const { stdout } = await promisify(execFile)('promtool', args);
    return JSON.parse(stdout.slice(stdout.indexOf('['))) as ReadonlyArray<{
      readonly discoveredLabels: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
    }>;
  };
  const racked = MACHINES.filter(({ tags, address }) => tags.includes('rack-a') && address !== undefined);
  let found = await discover(5);
  if (found.length < racked.length) found = await discover(45);
  const byName = new Map(found.map((target) => [target.labels.instance, target]));
  t.same([...byName.keys()].sort(), racked.map(({ fqdn }) => fqdn).sort(), 'those of the tag');
  for (const { fqdn, address, notes } of racked) {
    const { labels, discoveredLabels } = byName.get(fqdn) ?? {};
    t.match(labels, { __address__: `${address}:9221`, job: 'rack-a', rack: 'a' }, fqdn);
    // An empty label is none to Prometheus.
    t.equal(discoveredLabels?.__meta_ironwake_notes ?? '', notes, `the note of ${fqdn}`);
  }
});

t.test('no note makes a line of its own, in any format', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (notes) => {
      for (const format of EXPORT_NAMES) {
        const one = render(format, [machine(1, { notes })]);
        const none = render(format, [machine(1, { notes: 'x' })]);
        if (one.split('\n').length !== none.split('\n').length) throw new Error(`${format}: ${JSON.stringify(notes)}`);
      }
    }),
    { numRuns: 300 },
  );
  t.pass('300 notes');
});

t.test('from an installation to known_hosts, by the API and the command line', async (t) => {
  const { parts, admin } = await armed(t);
  const { key: hostKey } = await install(t, parts, await loadImage(parts));
  const url = `${parts.segment.httpsUrl}/api/v1/exports`;
  const known = await parts.call(`${url}/known-hosts`, { token: admin });
  t.equal(known.status, 200);
  t.match(known.text, `pve1.lab.example,pve1,127.0.0.2 ${hostKey.publicKey.split(' ').slice(0, 2).join(' ')}\n`);
  t.match((await parts.call(`${url}/nonsense`, { token: admin })).status, 400);
  t.equal((await parts.call(`${url}/hosts`)).status, 401);

  const directory = t.testdir();
  mkdirSync(join(directory, 'd'));
  const cli = commandLine(parts, directory, admin);
  const host = await cli('export ansible --host pve1.lab.example');
  t.equal(host.status, 0);
  t.match(JSON.parse(host.out), { ansible_host: '127.0.0.2', ironwake_state: 'installed' });
  t.equal((await cli('export hosts --tag none-such --out d/hosts')).status, 0);
  t.equal((await cli('export ansible-script --out d/inventory')).status, 0);
  // Not synchronously: the daemon that the script asks lives in this process.
  const read = await promisify(execFile)('ansible-inventory', ['-i', join(directory, 'd', 'inventory'), '--list']);
  const found = JSON.parse(read.stdout) as Inventory;
  t.match(found._meta.hostvars['pve1.lab.example'], { ansible_host: '127.0.0.2' });
});
