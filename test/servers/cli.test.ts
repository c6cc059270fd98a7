/** The command line in one process with a server that answers by script: what is sent, what is printed, which exit status. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Test, test } from 'tap';
import type { EventView, NodeView, RunView } from '../../src/api/schemas.ts';
import type { Io } from '../../src/cli/terminal.ts';
import { type Printed, typed } from '../support/command-line.ts';
import { type Answer, type Asked, type FakeApi, fakeApi, problem } from './fake-api.ts';

const TOKEN = 'iw_test-token';

interface Bench {
  readonly directory: string;
  readonly api: FakeApi;
  run(line: readonly string[], changes?: Partial<Io>): Promise<Printed>;
}

/** A data directory as the daemon leaves it, and a server behind it. */
async function bench(
  t: Test,
  routes: (asked: Asked) => Answer | undefined,
  options: { readonly early?: boolean } = {},
): Promise<Bench> {
  const directory = t.testdir();
  const api = await fakeApi(join(directory, 'tls'), routes, options);
  t.teardown(() => api.close());
  const data = join(directory, 'data');
  mkdirSync(data);
  const { fingerprint } = api.certificate;
  writeFileSync(join(data, 'server.json'), JSON.stringify({ url: api.url, fingerprint, pid: 1 }));
  writeFileSync(join(data, 'admin-token'), `${TOKEN}\n`);
  return { directory, api, run: (line, changes = {}) => run(directory, line, changes) };
}

const run = (directory: string, line: readonly string[], changes: Partial<Io> = {}): Promise<Printed> =>
  typed(line, { env: { IRONWAKE_DATA_DIR: join(directory, 'data') }, cwd: directory, ...changes });

const AT = '2027-01-15T08:00:00.000Z';

const details: NodeView['node'] = {
  id: '01949f3a-7c00-7abc-8def-0123456789ab',
  fqdn: 'pve1.lab.example',
  macs: ['bc:24:11:00:00:01'],
  profile: 'default',
  values: {},
  site: 'default',
  revision: 1,
  createdAt: AT,
};

function aRun(changes: Partial<RunView> = {}): RunView {
  return {
    id: 'run-1',
    state: 'armed',
    ended: false,
    contested: false,
    failure: null,
    mediaId: 'a'.repeat(64),
    profile: 'default',
    armedAt: AT,
    stateSince: AT,
    deadlineAt: AT,
    endedAt: null,
    stalledSince: null,
    address: null,
    progress: null,
    fingerprints: [],
    ...changes,
  };
}

function anEvent(id: number, text: string, changes: Partial<EventView> = {}): EventView {
  return {
    id,
    at: AT,
    mac: null,
    nodeId: details.id,
    runId: 'run-1',
    code: 'x',
    severity: 'info',
    text,
    data: {},
    ...changes,
  };
}

function aView(changes: Partial<NodeView> = {}): NodeView {
  const waiting = { for: 'the machine to boot from the network', until: AT, do: 'Power it on.' };
  return { node: details, run: aRun(), timeline: [anEvent(1, 'armed by admin')], waiting, ...changes };
}

const summary = {
  node: details,
  run: aRun({ state: 'loading', progress: { sentBytes: 1024, totalBytes: 4096 }, contested: true }),
};
const image = {
  id: 'c'.repeat(64),
  name: 'proxmox-ve_9.2-1',
  product: 'pve',
  release: '9.2',
  isoRelease: '1',
  sizeBytes: 3,
  addedAt: AT,
  present: true,
};

test('each command asks its route and prints its answer', async (t) => {
  const explanation = {
    mac: 'bc:24:11:00:00:01',
    node: { id: details.id, fqdn: details.fqdn, profile: 'default' },
    run: aRun(),
    offers: [{ client: 'BIOS PXE', decision: 'loader', what: 'undionly.kpxe', because: 'an installation is armed' }],
  };
  const stranger = {
    mac: '02:00:00:00:00:01',
    firstSeenAt: AT,
    lastSeenAt: AT,
    packets: 4,
    arch: 'bios',
    uuid: null,
    vendorClass: null,
    hostName: 'box',
    interfaceName: 'eno1',
    address: null,
  };
  const statusView = {
    version: '0.1.0',
    site: 'default',
    startedAt: AT,
    fingerprint: 'AA:BB',
    segments: [{ interfaceName: 'eno1', address: '10.0.0.2', httpUrl: 'http://x', httpsUrl: 'https://10.0.0.2:8443' }],
    counts: { nodes: 3, activeRuns: 2, stalledRuns: 1, contestedRuns: 0, media: 1, discovered: 9 },
    counters: {
      dhcp: { answered: 3, silent: 12, failed: 0, malformed: 4 },
      dhcpMalformed: { 'too-short': 3, 'no-cookie': 1 },
      tftp: { complete: 0, not_found: 0 },
    },
    problems: ['a boot loader is missing'],
  };
  const report = {
    seq: 1,
    module: 'ssh-hardening',
    step: 'apply',
    result: 'failed',
    startedAt: AT,
    durationMs: 1500,
    detail: 'sshd -t said no',
    output: 'line one\nline two\n',
  };
  const profiles = {
    items: [{ name: 'default', description: 'A host' }],
    problems: [{ file: 'bad.yaml', severity: 'error', message: 'line 3', remedy: 'mend it', at: AT }],
  };
  const host = 'pve1.lab.example';
  // command line, route, what the server answers, what must be printed
  const rows: ReadonlyArray<readonly [string, string, unknown, readonly (string | RegExp)[]]> = [
    [
      `node add --mac BC-24-11-00-00-01 --fqdn ${host}`,
      'POST /api/v1/nodes',
      details,
      [`registered ${host}`, 'node install'],
    ],
    [
      'node list',
      'GET /api/v1/nodes?limit=1000',
      { items: [summary] },
      [/NODE +STATE/, 'loading, 1.0 KiB of 4.0 KiB, contested'],
    ],
    [
      'node list',
      'GET /api/v1/nodes?limit=1000',
      { items: [] },
      ['No machine is registered. Register one: npx ironwake node add'],
    ],
    [
      `node show ${host}`,
      `GET /api/v1/nodes/${host}`,
      aView(),
      [
        /state +armed/,
        'armed by admin',
        /waiting for the machine to boot from the network until \d\d:00:00; do: Power it on\.\n$/,
      ],
    ],
    [
      'node show pve1',
      'GET /api/v1/nodes/pve1',
      aView({ node: { ...details, rule: 'racks' } }),
      [/registered +by rule racks\n/],
    ],
    ['node install pve1 --yes', 'POST /api/v1/nodes/pve1/install', aView(), [`armed ${host}`, 'waiting for']],
    ['node cancel pve1', 'POST /api/v1/nodes/pve1/cancel', aView({ waiting: null }), ['cancelled']],
    ['node trust pve1', 'POST /api/v1/nodes/pve1/trust', aView(), ['trusting', 'waiting for']],
    ['node rm pve1 --yes', 'DELETE /api/v1/nodes/pve1', undefined, ['forgot pve1']],
    ['media list', 'GET /api/v1/media', { items: [image] }, ['proxmox-ve_9.2-1', '9.2-1', 'cccccccccccc']],
    [
      'media list',
      'GET /api/v1/media',
      { items: [image, { ...image, id: 'd'.repeat(64), present: false }] },
      [/gone .*dddddddddddd\n/, /! the file of proxmox-ve_9\.2-1 \(dddddddddddd\) is gone .*media add FILE\.iso\n$/],
    ],
    ['secret list', 'GET /api/v1/secrets', { items: [{ name: 'psk', updatedAt: AT }] }, ['psk']],
    ['secret rm psk --yes', 'DELETE /api/v1/secrets/psk', undefined, ['removed psk']],
    [
      'explain bc:24:11:00:00:01',
      'GET /api/v1/explain/bc%3A24%3A11%3A00%3A00%3A01',
      explanation,
      ['undionly.kpxe', 'an installation is armed', host],
    ],
    [
      'explain bc:24:11:00:00:01',
      'GET /api/v1/explain/bc%3A24%3A11%3A00%3A00%3A01',
      { ...explanation, node: null, run: null, offers: [] },
      ['nobody registered it'],
    ],
    ['discovered', 'GET /api/v1/discovered?limit=1000', { items: [stranger] }, ['02:00:00:00:00:01', 'box']],
    ['profiles', 'GET /api/v1/profiles', profiles, ['A host', '! bad.yaml: line 3']],
    [
      'status',
      'GET /api/v1/status',
      statusView,
      [
        'eno1 10.0.0.2',
        '2 under way, 1 stalled',
        '3 answered, 12 silent, 4 malformed',
        '3 too short, 1 no cookie',
        'none yet',
        '! a boot loader is missing',
      ],
    ],
  ];
  let answer: unknown;
  const { api, run } = await bench(t, () => (answer === undefined ? { status: 204 } : { json: answer }));
  for (const [line, route, json, printed] of rows) {
    answer = json;
    const name = line.split(' ').slice(0, 2).join(' ');
    const { status, out, err } = await run(line.split(' '));
    // `node show` asks for what the machine said of itself besides.
    const asked = api.asked.findLast(({ url }) => !url.endsWith('/hardware'));
    t.equal(`${asked?.method} ${asked?.url}`, route, name);
    t.equal(asked?.headers.authorization, `Bearer ${TOKEN}`, `${name}: token`);
    for (const words of printed) t.match(out, words, `${name}: ${words}`);
    t.strictSame([status, err], [0, ''], `${name}: status`);
    if (json === undefined) continue;
    const asJson = await run([...line.split(' '), '--json']);
    const list = typeof json === 'object' && json !== null && 'items' in json && !('problems' in json);
    t.strictSame(JSON.parse(asJson.out), list ? json.items : json, `${name} --json`);
  }
  answer = { items: [report] };
  const { api: second, run: runSecond } = await bench(t, ({ url }) => ({
    json: url.endsWith('/reports') ? { items: [report] } : aView(),
  }));
  const { out } = await runSecond(['node', 'show', 'pve1', '--output']);
  t.match(out, /ssh-hardening apply: failed after 1\.5 s: sshd -t said no\n {4}line one\n {4}line two\n\nwaiting for/);
  t.equal(second.asked.length, 3);
});

test('what is typed reaches the body', async (t) => {
  const { directory, api, run } = await bench(t, () => ({ json: aView() }));
  const body = () => JSON.parse(api.asked.at(-1)?.body.toString() ?? '');
  writeFileSync(join(directory, 'values.yaml'), 'answer:\n  network:\n    address: 10.0.0.5\n');
  await run([
    'node',
    'add',
    '--mac',
    'aa',
    '--mac',
    'bb',
    '--fqdn',
    'x.y',
    '--profile',
    'p',
    '--values',
    'values.yaml',
  ]);
  t.strictSame(body(), {
    macs: ['aa', 'bb'],
    fqdn: 'x.y',
    profile: 'p',
    values: { answer: { network: { address: '10.0.0.5' } } },
  });
  await run(['node', 'install', 'x', '--media', 'pve', '--expires', '90', '--yes']);
  t.strictSame(body(), { media: 'pve', expiresMinutes: 90 });
  await run(['node', 'install', 'x', '--yes']);
  t.strictSame(body(), {});
  await run(['node', 'show', 'a/../b']);
  t.equal(api.asked.at(-1)?.url, '/api/v1/nodes/a%2F..%2Fb/hardware', 'a name never becomes a path');
});

test('an image is streamed with its checksum, and progress is told', async (t) => {
  const { directory, api, run } = await bench(t, () => ({ json: image }));
  const bytes = Buffer.alloc(3_000_000, 7);
  const sum = 'd'.repeat(64);
  writeFileSync(join(directory, 'pve.iso'), bytes);
  writeFileSync(join(directory, 'SHA256SUMS'), `${'e'.repeat(64)}  other.iso\n${sum}  pve.iso\n`);
  const { status, out, err } = await run(['media', 'add', 'pve.iso', '--sums', 'SHA256SUMS']);
  const asked = api.asked.at(-1);
  t.equal(status, 0);
  t.ok(asked?.body.equals(bytes), 'every byte');
  t.equal(asked?.headers['content-type'], 'application/octet-stream');
  t.equal(asked?.headers['content-length'], '3000000');
  t.equal(asked?.headers['x-expected-sha256'], sum);
  t.match(out, 'proxmox-ve_9.2-1');
  t.match(err, '100 % of 2.9 MiB sent');
  t.notMatch(err, '\u001b', 'no terminal codes into a log');
  await run(['media', 'add', '/srv/pve.iso', '--on-server', '--sha256', sum.toUpperCase()]);
  t.strictSame(JSON.parse(api.asked.at(-1)?.body.toString() ?? ''), { path: '/srv/pve.iso', sha256: sum });
  const rows: ReadonlyArray<readonly [string, readonly string[], RegExp]> = [
    ['no such file', ['nope.iso'], /^ironwake: FILE: .*nope\.iso cannot be read \(ENOENT\)/],
    ['a directory', ['data'], /not a regular file/],
    ['no checksum', ['pve.iso', '--sha256', 'abc'], /not a SHA-256/],
    ['not in the list', ['x.iso', '--sums', 'SHA256SUMS'], /does not name x\.iso/],
    ['no list', ['pve.iso', '--sums', 'nope'], /--sums: .*ENOENT/],
  ];
  const before = api.asked.length;
  for (const [name, rest, message] of rows) {
    const result = await run(['media', 'add', ...rest]);
    t.equal(result.status, 1, name);
    t.match(result.err, message, name);
  }
  t.equal(api.asked.length, before, 'nothing was sent');
});

test('an upload that is refused at its headers ends at once, with the reason', async (t) => {
  const refusal = problem(409, 'media.no-space', 'there is not enough space', 'Free some.');
  const { directory, run } = await bench(t, () => refusal, { early: true });
  writeFileSync(join(directory, 'big.iso'), Buffer.alloc(40_000_000));
  const { status, err } = await run(['media', 'add', 'big.iso']);
  t.equal(status, 1);
  t.equal(err, 'ironwake: there is not enough space. Free some.\n', 'not a byte was poured');
});

test('boot loaders that are missing are told when a machine is armed, and beside what it would be offered', async (t) => {
  const warning = 'the boot loader x.efi is not staged: npm run setup -- serve';
  const armed = await bench(t, () => ({ json: { ...aView(), warnings: [warning] } }));
  t.match(await armed.run(['node', 'install', 'pve1', '--yes']), { status: 0, err: `warning: ${warning}\n` });
  const offer = { client: 'UEFI', decision: 'loader', what: 'x.efi', because: 'armed; but x.efi is not in tftproot' };
  const view = { mac: 'bc:24:11:00:00:01', node: null, run: null, offers: [{ ...offer, remedy: 'Stage it.' }] };
  const explained = await bench(t, () => ({ json: view }));
  t.match(
    (await explained.run(['explain', 'bc:24:11:00:00:01'])).out,
    /x\.efi is not in tftproot\n! x\.efi is missing\. Stage it\.\n$/,
  );
});

test('what is wrong with an image is said of FILE or of the checksum, as they are called on the command line', async (t) => {
  const rows = [
    ['body', ['pve.iso'], 'FILE'],
    ['path', ['/srv/pve.iso', '--on-server'], 'FILE'],
    ['sha256', ['pve.iso', '--sha256', 'd'.repeat(64)], '--sha256'],
    ['sha256', ['pve.iso', '--sums', 'SHA256SUMS'], '--sums'],
  ] as const;
  for (const [field, args, named] of rows) {
    const { directory, run } = await bench(t, () => problem(400, 'media.x', 'it is wrong', 'Take another.', field));
    writeFileSync(join(directory, 'pve.iso'), 'x');
    writeFileSync(join(directory, 'SHA256SUMS'), `${'d'.repeat(64)}  pve.iso\n`);
    const { status, err } = await run(['media', 'add', ...args]);
    t.equal(status, 1);
    t.match(err, new RegExp(`ironwake: ${named}: it is wrong\\. Take another\\.\n$`), `${field} ${args.join(' ')}`);
  }
});

test('a secret goes in by standard input or file, less the last newline, and is never printed', async (t) => {
  const { directory, api, run } = await bench(t, () => ({ status: 204 }));
  const sent = () => JSON.parse(api.asked.at(-1)?.body.toString() ?? '');
  const one = await run(['secret', 'set', 'psk'], { input: Readable.from(['hun', 'ter2 \n\n']) });
  t.strictSame(sent(), { value: 'hunter2 \n' });
  t.equal(`${api.asked.at(-1)?.method} ${api.asked.at(-1)?.url}`, 'PUT /api/v1/secrets/psk');
  writeFileSync(join(directory, 'value'), 'from-file\r\n');
  const two = await run(['secret', 'set', 'psk', '--file', 'value']);
  t.strictSame(sent(), { value: 'from-file' });
  t.notMatch(one.out + one.err + two.out + two.err, /hunter2|from-file/);
  t.equal((await run(['secret', 'set', 'psk'])).status, 1, 'nothing piped in');
  t.equal((await run(['secret', 'set', 'psk', 'on-the-command-line'])).status, 2, 'never as an argument');
});

test('watch tells what is new until the installation ends', async (t) => {
  const story: NodeView[] = [
    aView({
      timeline: [anEvent(1, 'an older run', { runId: 'run-0', at: '2027-01-14T08:00:00.000Z' }), anEvent(2, 'armed')],
    }),
    aView({
      timeline: [anEvent(2, 'armed'), anEvent(3, 'loading image', { severity: 'good' })],
      run: aRun({ state: 'loading' }),
    }),
    aView({ timeline: [anEvent(2, 'armed'), anEvent(3, 'loading image')], run: aRun({ state: 'loading' }) }),
    aView({
      timeline: [
        anEvent(3, 'loading image'),
        anEvent(4, 'failed', { severity: 'alarm', cause: 'disk', remedy: 'Replace it.' }),
      ],
      run: aRun({ state: 'failed', ended: true, failure: 'disk' }),
      waiting: null,
    }),
  ];
  let asked = 0;
  const { run } = await bench(t, () => ({ json: story[Math.min(asked++, story.length - 1)] }));
  const { status, out } = await run(['node', 'watch', 'pve1']);
  t.equal(status, 1, 'it failed');
  t.strictSame(
    out.split('\n').map((line) => line.replace(/\d\d:\d\d:\d\d/, 'TIME')),
    [
      '  2027-01-15',
      '  TIME   armed',
      '  waiting for the machine to boot from the network until TIME; do: Power it on.',
      '  TIME ✓ loading image',
      '  waiting for the machine to boot from the network until TIME; do: Power it on.',
      '  TIME ✗ failed',
      '             likely: disk',
      '             do: Replace it.',
      'pve1.lab.example: failed',
      '',
    ],
  );
  asked = 0;
  const json = await run(['node', 'watch', 'pve1', '--json']);
  t.strictSame(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
    [2, 3, 4],
  );
  const ready = await bench(t, () => ({ json: aView({ run: aRun({ state: 'ready', ended: true }), waiting: null }) }));
  t.equal((await ready.run(['node', 'install', 'pve1', '--watch', '--yes'])).status, 0);
  const never = await bench(t, () => ({ json: aView({ run: null, waiting: null }) }));
  t.match((await never.run(['node', 'watch', 'pve1'])).err, 'has never been armed. Arm it: npx ironwake node install');
});

test('watch outlives a restart of the daemon, and gives up after a minute', async (t) => {
  let asked = 0;
  const { run } = await bench(t, () => {
    asked += 1;
    if (asked > 1 && asked < 4) return { hangUp: true };
    return { json: asked === 1 ? aView() : aView({ run: aRun({ state: 'ready', ended: true }) }) };
  });
  const { status, err } = await run(['node', 'watch', 'pve1']);
  t.strictSame([status, err], [0, 'ironwake: the daemon does not answer; waiting for it to come back\n']);
  let now = 0;
  const gone = await bench(t, () => (now === 0 ? { json: aView() } : { hangUp: true }));
  const clock = {
    now: () => now,
    async sleep(ms: number) {
      now += ms * 20;
    },
  };
  t.equal((await gone.run(['node', 'watch', 'pve1'], clock)).status, 3);
});

test('errors are one line with the remedy, and a status that scripts can use', async (t) => {
  const taken = problem(409, 'node.mac-taken', 'bc:24 belongs to \u001b[31mpve2 already', 'Check it.', 'mac');
  const { directory, api, run } = await bench(t, ({ url }) =>
    url.endsWith('/html') ? { status: 502, text: '<html>' } : url.endsWith('/text') ? { text: 'hello' } : taken,
  );
  const other = await fakeApi(join(directory, 'other'), () => ({ json: { items: [] } }));
  t.teardown(() => other.close());
  const token = ['--token-file', 'data/admin-token'];
  const fingerprint = ['--fingerprint', api.certificate.fingerprint];
  const rows: ReadonlyArray<readonly [string, readonly string[], number, RegExp]> = [
    [
      'the daemon says no',
      ['node', 'add', '--mac', 'x', '--fqdn', 'y'],
      1,
      /^ironwake: mac: bc:24 belongs to \\x1b\[31mpve2 already\. Check it\.\n$/,
    ],
    ['not our daemon', ['node', 'show', 'html'], 1, /HTTP status 502/],
    ['not JSON', ['node', 'show', 'text'], 1, /not JSON/],
    [
      'nobody listens',
      ['status', '--server', 'https://127.0.0.1:1', ...token],
      3,
      /Nothing answers at 127\.0\.0\.1:1 \(ECONNREFUSED\).*npm run serve/,
    ],
    [
      'no such host',
      ['status', '--server', 'https://nowhere.invalid', ...token],
      3,
      /Nothing answers at nowhere\.invalid/,
    ],
    ['plain HTTP', ['status', '--server', 'http://127.0.0.1:1', ...token], 1, /--server: .*not an HTTPS address/],
    [
      'another certificate',
      ['status', '--server', other.url, ...fingerprint, ...token],
      1,
      /--fingerprint: .*another certificate.*in between/,
    ],
    ['an unknown certificate', ['status', '--server', other.url, ...token], 1, /not trusted.*--fingerprint/],
    ['no token file', ['status', '--token-file', 'nope'], 1, /--token-file: There is no .*nope/],
    [
      'no daemon here',
      ['status', '--data-dir', '.'],
      3,
      /No daemon of this data directory runs.*npm run serve.*--data-dir/,
    ],
    [
      'an expiry that is none',
      ['node', 'install', 'x', '--expires', 'soon'],
      1,
      /--expires: 'soon' is not a number of minutes/,
    ],
    ['unknown command', ['reboot'], 2, /unknown command 'reboot'.*\. Add --help/],
    ['unknown option', ['node', 'list', '--all'], 2, /unknown option '--all'/],
    ['an argument is missing', ['node', 'show'], 2, /missing required argument 'NODE'/],
    ['an option is missing', ['node', 'add', '--mac', 'x'], 2, /required option '--fqdn <NAME>' not specified/],
    ['too many arguments', ['node', 'list', 'x'], 2, /too many arguments/],
    ['an unknown option of serve', ['serve', '--nope'], 2, /unknown option '--nope'/],
    ['a wrong value of serve', ['serve', '--http-port', 'many'], 1, /--http-port: 'many' is not/],
  ];
  for (const [name, line, expected, message] of rows) {
    const { status, out, err } = await run(line);
    t.equal(status, expected, name);
    t.match(err, message, name);
    t.equal(err.trim().split('\n').length, 1, `${name}: one line`);
    t.equal(out, '', `${name}: nothing on standard output`);
  }
  t.equal(other.asked.length, 0, 'a server with another certificate never saw the token');
});

test('help is no error', async (t) => {
  const directory = t.testdir();
  for (const line of [['--help'], ['node', '--help'], ['node', 'add', '--help'], ['serve', '--help']]) {
    const { status, out } = await run(directory, line);
    t.equal(status, 0, line.join(' '));
    t.match(out, 'Usage: ironwake');
  }
});
