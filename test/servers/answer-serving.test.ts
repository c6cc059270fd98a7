/**
 * Answers over real sockets: TOML or JSON, the token in the URL or in the header, disks and ports by what the machine has told, the record of what
 * was served, and a profile that fails when it is served.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parse as parseToml } from 'smol-toml';
import t, { type Test } from 'tap';
import type { ClientFacts } from '../../src/boot/facts.ts';
import { runCli } from '../../src/cli/program.ts';
import { preferredFormat } from '../../src/http/installer.ts';
import { decideDhcp } from '../../src/journey/netboot.ts';
import { archOf } from '../../src/net/arch.ts';
import type { ProfileRegistry } from '../../src/profiles/registry.ts';
import type { ModeFile } from '../support/machine.ts';
import { MEDIA, NODE_AT, NODE_MAC, type Parts, type Reply, STRANGER_AT, startParts } from '../support/parts.ts';

const ACCEPT_92 = 'application/json, application/toml;q=0.5';
const MAC_IN_URL = NODE_MAC.replaceAll(':', '-');

const PORTS = [
  { link: 'eno1', mac: 'BC:24:11:00:00:01' },
  { link: 'eno2', mac: 'BC:24:11:00:00:02' },
];
const systemInformation = (release: string, ports: readonly object[] = PORTS): string =>
  JSON.stringify({
    $schema: { version: '1.0' },
    product: { fullname: 'Proxmox VE', product: 'pve', enable_btrfs: true },
    iso: { release, isorelease: '1' },
    dmi: { baseboard: {}, chassis: {}, system: {} },
    network_interfaces: ports,
  });

const disk = (name: string, model: string) => ({
  size: 1,
  'udev-properties': { DEVNAME: `/dev/${name}`, ID_MODEL: model, ID_SERIAL: `${model}_${name}` },
});
const WEBHOOK = JSON.stringify({
  fqdn: 'pve1.lab.example',
  product: { short: 'pve', version: '9.2.1' },
  disks: [disk('sda', 'BOOT'), disk('nvme0n1', 'S990'), disk('nvme1n1', 'S990')],
  'network-interfaces': [
    { name: 'eno1', mac: 'bc:24:11:00:00:01', 'udev-properties': { INTERFACE: 'eno1' } },
    { name: 'eno2', mac: 'bc:24:11:00:00:02', 'udev-properties': { INTERFACE: 'eno2' } },
  ],
});

const SELECTING = `description: by what they are
answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: admin@lab.example }
  network: { source: from-answer, cidr: 192.0.2.10/24, gateway: 192.0.2.1, dns: 192.0.2.53, port: eno2 }
  disk-setup: { filesystem: zfs, zfs: { raid: raid1 }, disks: { count: 2, equal: true, type: nvme } }
postInstall: { repositories: {} }
`;

const FACTS: ClientFacts = {
  kind: 'pxe',
  mac: NODE_MAC,
  message: 'discover',
  port: 67,
  arch: archOf(0),
  archNumber: 0,
  uuid: undefined,
  vendorClass: 'PXEClient',
  userClass: undefined,
  hostName: undefined,
  secs: 0,
  relay: undefined,
  address: undefined,
  serverId: undefined,
};

interface Bench {
  readonly parts: Parts;
  readonly api: string;
  readonly admin: string;
  arm(request?: object): Promise<{ readonly status: number; readonly text: string }>;
  /** Boots until the image is there; what its mode file says. */
  boot(): Promise<ModeFile>;
  /** As the installer of this mode file does it. */
  claim(mode: ModeFile, body: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  view(): Promise<{
    readonly run: { readonly id: string; readonly state: string };
    readonly timeline: ReadonlyArray<{ readonly code: string; readonly severity?: string; readonly text: string }>;
  }>;
}

async function bench(t: Test): Promise<Bench> {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const admin = await parts.token('admin');
  const api = `${parts.segment.httpsUrl}/api/v1`;
  await parts.call(`${api}/nodes`, {
    token: admin,
    json: { mac: NODE_MAC, fqdn: 'pve1.lab.example', profile: 'default' },
  });
  return {
    parts,
    api,
    admin,
    arm: (request = {}) => parts.call(`${api}/nodes/pve1/install`, { token: admin, json: request }),
    claim: ({ url, token }, body, headers = {}) =>
      parts.call(url, { body, headers, ...(token === undefined ? {} : { token }) }),
    async boot() {
      await decideDhcp(parts.journey, FACTS, parts.segment);
      const script = await parts.call(`${parts.segment.httpUrl}/boot/script/${MAC_IN_URL}`, { from: NODE_AT });
      for (const [url] of script.text.matchAll(/http:\/\/\S+/g)) await parts.call(url, { from: NODE_AT });
      const mode = parseToml(Buffer.from(parts.overlay()[0]?.content ?? []).toString('utf8'));
      return (mode as unknown as { http: ModeFile }).http;
    },
    view: async () => JSON.parse((await parts.call(`${api}/nodes/pve1`, { token: admin })).text),
  };
}

t.test('what the Accept header asks for', (t) => {
  const rows: ReadonlyArray<readonly [string | undefined, 'toml' | 'json']> = [
    [undefined, 'toml'],
    ['', 'toml'],
    ['*/*', 'toml'],
    [ACCEPT_92, 'json'],
    ['application/json', 'json'],
    ['APPLICATION/JSON;charset=utf-8', 'json'],
    ['application/toml, application/json;q=0.5', 'toml'],
    ['application/json;q=0', 'toml'],
    ['application/toml', 'toml'],
    ['text/html', 'toml'],
  ];
  for (const [accept, format] of rows) t.equal(preferredFormat(accept), format, String(accept));
  t.end();
});

t.test('9.2 gets JSON, by its bearer token alone, and what it got can be seen again', async (t) => {
  const { parts, api, admin, arm, boot, view } = await bench(t);
  t.equal((await arm()).status, 201);
  const { url: bare, token = '' } = await boot();
  t.equal(bare, `${parts.segment.httpsUrl}/installer/answer`, 'no token in what the machine shows on its screen');
  t.match(token, /^[\w.~-]{40,}$/);
  const inUrl = `${parts.segment.httpsUrl}/installer/${token}/answer`;
  const runId = (await view()).run.id;
  t.equal((await parts.call(`${api}/runs/${runId}/answer`, { token: admin })).status, 404, 'nothing was served yet');
  const body = systemInformation('9.2');
  t.equal((await parts.call(bare, { body })).status, 403, 'no token');
  t.equal((await parts.call(bare, { body, token: `${token}x` })).status, 403, 'a wrong token');
  t.equal((await parts.call(inUrl, { body, token: `${token}x` })).status, 403, 'two tokens that differ');
  const answer = await parts.call(bare, { body, token, headers: { Accept: ACCEPT_92 } });
  t.equal(answer.status, 200, answer.text);
  t.match(answer.headers['content-type'], /^application\/json/);
  t.equal(answer.headers['content-length'], String(Buffer.byteLength(answer.text)));
  const served = JSON.parse(answer.text);
  t.match(served, {
    global: { fqdn: 'pve1.lab.example', 'root-password-hashed': /^\$6\$/ },
    'first-boot': { source: 'from-url' },
  });

  t.equal((await parts.call(`${api}/runs/${runId}/answer`)).status, 401);
  const record = JSON.parse(
    (await parts.call(`${api}/runs/${runId}/answer`, { token: await parts.token('viewer') })).text,
  );
  t.match(record, { run: runId, node: 'pve1.lab.example', format: 'json', servedAt: String });
  const hash = served.global['root-password-hashed'];
  t.notMatch(record.text, hash);
  t.equal(
    record.text,
    answer.text.replace(hash, '(masked)').replaceAll(/(\/installer\/)[^/"]+/g, '$1(masked)'),
    'all else is as it was sent',
  );
  t.same(
    JSON.parse((await parts.call(`${api}/runs/pve1/answer`, { token: admin })).text),
    record,
    'by the name of the node',
  );
  t.match(JSON.parse((await parts.call(`${api}/runs/nobody/answer`, { token: admin })).text), { code: 'run.unknown' });

  const tokenFile = join(parts.directory, 'cli-token');
  writeFileSync(tokenFile, admin);
  let out = '';
  const status = await runCli(
    [
      'answer',
      'show',
      '--run',
      runId,
      '--server',
      parts.segment.httpsUrl,
      '--fingerprint',
      parts.journey.identity.fingerprint,
      '--token-file',
      tokenFile,
    ],
    {
      out: (text) => {
        out += text;
      },
      err: (text) => t.fail(text),
      input: Readable.from([]),
      inputIsTerminal: false,
      errIsTerminal: false,
      env: {},
      cwd: parts.directory,
      now: () => 0,
      sleep: async () => {},
    },
  );
  t.equal(status, 0);
  t.equal(out, record.text);
});

t.test('older installers get TOML, whatever they accept, by the token in the URL', async (t) => {
  for (const release of ['8.4', '9.0', '9.1']) {
    const { parts, arm, boot, claim } = await bench(t);
    const name = `proxmox-ve_${release}-1`;
    await parts.journey.store.media.insert({ ...MEDIA, id: 'cd'.repeat(32), name, release });
    const armed = await arm({ media: name });
    t.equal(armed.status, 201, armed.text);
    const mode = await boot();
    const { httpsUrl } = parts.segment;
    t.equal(mode.token, undefined, `${release}: a key that it would ignore without a word`);
    t.match(mode.url.slice(httpsUrl.length), /^\/installer\/[\w.~-]{40,}\/answer$/, release);
    const body = systemInformation(release);
    t.equal((await parts.call(`${httpsUrl}/installer/answer`, { body })).status, 403, 'what is in the URL proves it');
    const answer = await claim(mode, body, { Accept: ACCEPT_92 });
    t.equal(answer.status, 200, answer.text);
    t.match(answer.headers['content-type'], /^application\/toml/);
    t.match(parseToml(answer.text), { network: { source: 'from-dhcp' } });
  }
});

t.test('a run whose image an older daemon made, with the token in both places, gets its answer', async (t) => {
  const { parts, arm, boot, claim } = await bench(t);
  await arm();
  const { token = '' } = await boot();
  const mode = { url: `${parts.segment.httpsUrl}/installer/${token}/answer`, token };
  t.equal((await claim(mode, systemInformation('9.2'))).status, 200);
});

t.test(
  'an installer that sends no token: the timeline of the machine that waits says so, and nobody else is told',
  async (t) => {
    const { parts, arm, boot, claim, view } = await bench(t);
    await arm();
    const { url, token = '' } = await boot();
    const body = systemInformation('9.1');
    const refused = await parts.call(url, { body });
    t.equal(refused.status, 403);
    t.match(refused.text, /^Refused\. Whoever looks after this boot server finds the reason under reference \w+\.\n$/);
    const told = (await view()).timeline.filter(({ code }) => code === 'refused').map(({ text }) => text);
    t.match(told, [/the answer.*without a token: from an installer before 9\.2/]);
    t.equal((await parts.call(url, { body, from: STRANGER_AT })).status, 403);
    t.equal((await parts.call(url, { body, token: `${token}x` })).status, 403);
    const after = (await view()).timeline.filter(({ code }) => code === 'refused');
    t.equal(after.length, 1, "of a stranger, and of a token that is somebody else's, it says nothing");
    t.equal((await claim({ url, token }, systemInformation('9.2'))).status, 200, 'and the run goes on');
  },
);

t.test('an installer that cannot be served: one line for the screen, a red mark on the timeline', async (t) => {
  const { arm, boot, claim, view } = await bench(t);
  await arm();
  const answer = await claim(await boot(), systemInformation('8.3'));
  t.equal(answer.status, 422);
  t.match(answer.text, /^[^\n]+older than that of Proxmox VE 8\.4[^\n]+\n$/);
  const { run, timeline } = await view();
  t.equal(run.state, 'loading', 'a release that is not that of the image says nothing about the profile');
  t.match(
    timeline.find(({ code }) => code === 'installer.request-unusable'),
    { severity: 'alarm', text: /older than that of Proxmox VE 8\.4/ },
  );
});

t.test('disks and ports by what the machine has told in an earlier installation', async (t) => {
  const { parts, arm, boot, claim, view } = await bench(t);
  const profiles = parts.journey.profiles as ProfileRegistry;
  const original = profiles.require('default');
  t.ok(original);
  await arm();
  const answer = await claim(await boot(), systemInformation('9.2'));
  const toml = parseToml(answer.text) as unknown as {
    'first-boot': { url: string };
    'post-installation-webhook': { url: string };
  };
  await parts.call(toml['first-boot'].url);
  t.equal((await parts.call(toml['post-installation-webhook'].url, { body: WEBHOOK })).status, 200);
  t.equal((await view()).run.state, 'installed');
  await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/pve1/cancel`, {
    token: await parts.token('admin'),
    json: {},
  });

  writeFileSync(join(parts.directory, 'default.yaml'), SELECTING);
  await profiles.reload();
  t.same(profiles.problems(), []);
  const armed = await arm();
  t.equal(armed.status, 201, armed.text);
  const selected = await claim(await boot(), systemInformation('9.2'));
  t.equal(selected.status, 200, selected.text);
  t.match(parseToml(selected.text), {
    network: { filter: { ID_NET_NAME_MAC: '*bc2411000002' } },
    'disk-setup': { 'disk-list': ['nvme0n1', 'nvme1n1'] },
  });
  await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/pve1/cancel`, {
    token: await parts.token('admin'),
    json: {},
  });

  // Armed when the port was known, and taken out since: the profile is wrong only now.
  t.equal((await arm()).status, 201);
  const gone = await claim(await boot(), systemInformation('9.2', PORTS.slice(0, 1)));
  t.equal(gone.status, 422);
  t.match(
    gone.text,
    /^answer\.network\.port: The answer for pve1\.lab\.example is not valid: network\.port: The machine has no port 'eno2'; it has eno1 [^\n]*\(default\.yaml:4:93\)[^\n]*\n$/,
    'the place in the profile, on the screen of the machine',
  );
  const { timeline } = await view();
  t.ok(timeline.some(({ code }) => code === 'run.failed'));
  const mark = timeline.find(({ code }) => code === 'installer.answer-invalid');
  t.match(mark?.text, /\(default\.yaml:4:93\)/);
  t.equal(mark?.severity, 'alarm');
});

t.test('disks of a machine that has told nothing: refused when it is armed, with what to do', async (t) => {
  const { parts, arm } = await bench(t);
  writeFileSync(join(parts.directory, 'default.yaml'), SELECTING.replace('port: eno2', 'port: booted'));
  await (parts.journey.profiles as ProfileRegistry).reload();
  const armed = await arm();
  t.equal(armed.status, 400, armed.text);
  t.match(JSON.parse(armed.text).detail, /Nothing is known of this machine's disks/);
});

t.test('the schema of a release, for editors, without a token', async (t) => {
  const { parts } = await bench(t);
  const schema = (query: string) => parts.call(`${parts.segment.httpsUrl}/api/v1/schemas/answer${query}`);
  const old = await schema('?release=8.3');
  t.match(old.headers['content-type'], /^application\/schema\+json/);
  t.match(JSON.parse(old.text), { title: /8\.3/, properties: { 'disk-setup': Object } });
  t.match(JSON.parse((await schema('')).text), { title: /9\.2/ });
  t.match(JSON.parse((await schema('?release=9.1&product=pbs')).text), { title: /Backup Server, dialect 9\.1/ });
  t.equal((await schema('?release=7.4')).status, 400);
  t.equal((await schema('?product=esx')).status, 400);
  t.equal((await schema('?relase=9.1')).status, 400);
});
