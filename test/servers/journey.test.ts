/**
 * The journey over real sockets: a machine and its attackers call from different loopback addresses, whose MACs the test decides. What
 * each of them got, and what the timeline says about it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import t from 'tap';
import { DOCTOR_HOST_NAME } from '../../src/boot/facts.ts';
import { decideDhcp } from '../../src/journey/netboot.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { armed, FACTS, hostKey, loadImage, loadModeFile, MAC_IN_URL, SYSTEM } from '../support/machine.ts';
import { NODE_AT, NODE_MAC, OTHER_NETWORK_AT, ROUTED_AT, SPOOFER_AT, STRANGER_AT } from '../support/parts.ts';

t.test(
  'what doctor asks in the name of a machine that is armed does not advance it, and does not tell that it is',
  async (t) => {
    const { parts, codes, state } = await armed(t);
    const asked = { ...FACTS, hostName: DOCTOR_HOST_NAME };
    const before = await codes();
    t.match(await decideDhcp(parts.journey, asked, parts.segment), {
      kind: 'local-disk',
      because: { code: 'no-armed-run' },
    });
    t.match(await decideDhcp(parts.journey, { ...asked, kind: 'ipxe' }, parts.segment), { kind: 'script' });
    t.equal(await state(), 'armed');
    t.same(await codes(), before);
    await loadImage(parts);
    await decideDhcp(
      parts.journey,
      { ...asked, kind: 'installer', arch: undefined, archNumber: undefined },
      parts.segment,
    );
    t.equal(await state(), 'live', 'a live system may be called what it likes');
  },
);

t.test('a boot loader that is not there is said when a machine is armed and explained, with the remedy', async (t) => {
  const { parts, admin: token } = await armed(t);
  const api = `${parts.segment.httpsUrl}/api/v1`;
  const loader = join(parts.directory, 'ipxe-x86_64.efi');
  await rm(loader);
  const { offers } = JSON.parse((await parts.call(`${api}/explain/${NODE_MAC}`, { token })).text);
  const told = Object.fromEntries(
    offers.map(({ client, because, remedy }: Record<string, string>) => [
      client,
      remedy === undefined ? 'staged' : `${because}. ${remedy}`,
    ]),
  );
  t.match(told, {
    'BIOS PXE': 'staged',
    'UEFI x64 PXE': /armed.*; but ipxe-x86_64\.efi is not in tftproot\. Stage it: npm run setup/,
    'UEFI x64 HTTP boot': /ipxe-x86_64\.efi is not in tftproot/,
    'UEFI arm64 PXE': /ipxe-arm64\.efi is not in tftproot/,
    iPXE: 'staged',
  });
  const arm = async () => {
    await parts.call(`${api}/nodes/pve1/cancel`, { token, method: 'POST' });
    return JSON.parse((await parts.call(`${api}/nodes/pve1/install`, { token, method: 'POST' })).text);
  };
  t.match(await arm(), { run: { state: 'armed' }, warnings: [/ipxe-x86_64\.efi is not staged: npm run setup/] });
  await writeFile(loader, 'a loader');
  t.notOk(Object.hasOwn(await arm(), 'warnings'), 'all are there');
});

t.test('from the first DISCOVER to ready', async (t) => {
  const { parts, codes, state } = await armed(t);
  const { segment, call } = parts;
  const directory = await mkdtemp(join(tmpdir(), 'ironwake-hostkey-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const key = hostKey(directory);

  const mode = await loadModeFile(parts);
  t.equal(await state(), 'loading');
  await decideDhcp(parts.journey, { ...FACTS, kind: 'installer', arch: undefined, archNumber: undefined }, segment);
  t.equal(await state(), 'live');
  const answer = await call(mode.url, {
    body: SYSTEM,
    ...(mode.token === undefined ? {} : { token: mode.token }),
    headers: { 'Content-Type': 'application/json; charset=utf-' },
  });
  t.equal(answer.status, 200, answer.text);
  t.match(answer.headers['content-type'], /^application\/toml/);
  const toml = parseToml(answer.text) as unknown as {
    global: Record<string, unknown>;
    'first-boot': { url: string };
    'post-installation-webhook': { url: string };
  };
  t.match(toml.global, { fqdn: 'pve1.lab.example', 'root-password-hashed': /^\$6\$/ });
  t.equal(toml.global['root-password'], undefined);
  t.equal((await decideDhcp(parts.journey, FACTS, segment)).kind, 'local-disk', 'from now on it boots its disk');
  const hook = await call(toml['first-boot'].url);
  t.equal(hook.status, 200);
  t.match(hook.text, /^#!/);
  const webhook = JSON.stringify({
    fqdn: 'pve1.lab.example',
    product: { short: 'pve', version: '9.2.1' },
    'ssh-public-host-keys': { ed25519: `${key.publicKey} root@pve1` },
  });
  const webhookUrl = toml['post-installation-webhook'].url;
  t.equal((await call(webhookUrl, { body: webhook })).status, 200);
  t.equal((await call(webhookUrl, { body: webhook })).status, 200, 'a repetition is answered the same');
  t.equal(await state(), 'installed');

  const node = `${segment.httpsUrl}/node/v1`;
  const run = (await parts.journey.store.runs.active())[0]?.id ?? '';
  const { nonce } = JSON.parse((await call(`${node}/challenge`, { json: { run } })).text);
  const forged = await call(`${node}/credential`, { json: { run, nonce, signature: await key.sign(`${nonce}x`) } });
  t.equal(forged.status, 403, 'a signature of something else');
  const proved = await call(`${node}/credential`, { json: { run, nonce, signature: await key.sign(nonce) } });
  t.equal(proved.status, 200, proved.text);
  const token = JSON.parse(proved.text).credential;
  t.equal((await call(`${node}/plan`, { token: `${token}x` })).status, 401, 'it has to prove its key');
  t.equal((await call(`${node}/plan`, { token, from: STRANGER_AT })).status, 403, 'a stolen credential elsewhere');
  const plan = await call(`${node}/plan`, { token });
  t.equal(plan.status, 200);
  t.match(plan.text, /^#!/);
  t.match((await call(`${node}/probe-key`, { token })).text, /^ssh-ed25519 /);
  t.same(JSON.parse((await call(`${node}/probe`, { token, json: { run } })).text), {
    result: 'ok',
    detail: 'logged in',
    untried: '',
  });
  t.same(parts.probes, [NODE_AT]);
  // What a firewall module asks. This server's address is in no list, so it is a stranger itself.
  const asked = async (checks: readonly string[], allowed: readonly string[] = []) => {
    const answer = await call(`${node}/probe`, { token, json: { run, checks, allowed } });
    return answer.status === 200 ? JSON.parse(answer.text) : answer.status;
  };
  parts.doors.set(8007, 'refused').set(8008, 'refused').set(8009, 'unreachable').set(8010, 'silent');
  t.match(await asked(['tcp:8006', 'ping', 'ssh']), {
    result: 'ok',
    detail: 'logged in; port 8006 is open; answers to ping',
    untried: '',
  });
  t.match(await asked(['tcp:8007']), { result: 'failed', detail: 'port 8007 is refused' });
  t.match(await asked(['closed:8006']), {
    result: 'failed',
    detail: /^port 8006 is open to .*, which is not allowed$/,
  });
  t.match(await asked(['closed:8008']), { result: 'ok', detail: /^port 8008 is closed to / });
  for (const port of [8009, 8010])
    t.match(await asked([`closed:${port}`]), { result: 'ok', untried: `closed:${port}` }, 'silence proves nothing');
  t.match(await asked(['closed:8006', 'ping'], ['0.0.0.0/0']), { result: 'ok', untried: 'closed:8006' });
  for (const checks of [[], ['tcp:0'], ['tcp:65536'], ['tcp:80;reboot'], ['udp:53']]) t.equal(await asked(checks), 400);
  t.equal(await asked(['ping'], ['10.0.0.0/33']), 400);
  const report = (seq: number, module: string, step: string, result: string) => ({
    ...{ seq, module, step, result },
    ...{ startedAt: 1, durationMs: 5, output: 'x', detail: '' },
  });
  const reports = ['repositories', 'admin-user', 'ssh'].flatMap((module, index) => [
    report(3 * index + 1, module, 'apply', 'changed'),
    report(3 * index + 2, module, 'verify', 'ok'),
    report(3 * index + 3, module, 'reapply', 'unchanged'),
  ]);
  const foreign = await call(`${node}/reports`, { token, json: { run: '0'.repeat(8) + run.slice(8), reports } });
  t.equal(foreign.status, 403, 'reports under the name of another run');
  for (const _ of [1, 2]) t.equal((await call(`${node}/reports`, { token, json: { run, reports } })).status, 200);
  t.equal((await call(`${node}/finished`, { token, json: { run, result: 'ok' } })).status, 200);
  t.equal(await state(), 'ready');
  t.same(await codes(), [
    'node.registered',
    'run.armed',
    'boot.firmware-asked',
    'boot.script-served',
    'boot.kernel-sent',
    'boot.image-started',
    'boot.image-delivered',
    'installer.seen',
    'installer.answer-served',
    'boot.local-disk',
    'installer.hook-fetched',
    'installer.installed',
    'installer.webhook-repeated',
    'refused',
    'node.proved',
    'refused',
    'plan.fetched',
    ...Array(8).fill('plan.probe'),
    'refused',
    ...reports.map(() => 'plan.step'),
    'run.ready',
    // The second port of its system information.
    'node.ports-joined',
  ]);
});

t.test('(a) a stranger with the MAC of the machine in the URL learns nothing', async (t) => {
  const { parts, refusals, state } = await armed(t);
  const reply = await parts.call(`${parts.segment.httpUrl}/boot/script/${MAC_IN_URL}`, { from: STRANGER_AT });
  t.equal(reply.status, 403);
  t.match(reply.text, /^Refused\. .* reference [a-z0-9]{8}\.\n$/);
  t.notMatch(reply.text, /boot\/|mac|arm/i);
  t.same(await refusals(), ['wrong-mac']);
  t.equal(await state(), 'armed', 'and the run is as it was');
});

t.test('(b) a spoofed MAC gets the worthless answer, and the timeline says who had it', async (t) => {
  const { parts, codes, state } = await armed(t);
  const url = await loadImage(parts, SPOOFER_AT);
  const answer = await parts.call(url, { from: SPOOFER_AT, body: SYSTEM });
  t.equal(answer.status, 200, 'the honest loss: nothing on the wire tells the two apart');
  const { global } = parseToml(answer.text) as { global: Record<string, unknown> };
  t.same(
    Object.keys(global).filter((key) => key.includes('password')),
    ['root-password-hashed'],
    'the hash of a random password, and no other secret',
  );
  const runs = await parts.journey.store.runs.active();
  t.notMatch(
    answer.text,
    parts.journey.keys.unseal(`root-password ${runs[0]?.id}`, runs[0]?.data.sealedRootPassword ?? ''),
  );
  t.equal((await parts.call(url, { body: SYSTEM })).status, 403, 'the machine itself comes too late');
  t.equal(await state(), 'claimed contested');
  t.ok((await codes()).includes('run.contested'));
});

t.test('(c) a token sniffed out of the image is of no use elsewhere, and raises the alarm', async (t) => {
  const { parts, codes, refusals, state } = await armed(t);
  const url = await loadImage(parts);
  const stolen = await parts.call(url, { from: STRANGER_AT, body: SYSTEM });
  t.equal(stolen.status, 403);
  t.equal(await state(), 'loading contested');
  t.equal((await parts.call(url, { body: SYSTEM })).status, 403, 'nothing more is released, to nobody');
  t.ok((await codes()).includes('run.contested'));
  t.same(await refusals(), ['another-source', 'contested']);
  const trust = await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/pve1/trust`, {
    token: await parts.token('operator'),
    method: 'POST',
  });
  t.equal(trust.status, 200, trust.text);
  t.equal((await parts.call(url, { body: SYSTEM })).status, 200, 'after the administrator looked, the machine goes on');
});

t.test('(d) a claim before and after the node', async (t) => {
  await t.test('before', async (t) => {
    const { parts, state } = await armed(t);
    const url = await loadImage(parts);
    t.equal((await parts.call(url, { from: STRANGER_AT, body: SYSTEM })).status, 403);
    t.equal(await state(), 'loading contested');
  });
  await t.test('after', async (t) => {
    const { parts, state } = await armed(t);
    const url = await loadImage(parts);
    t.equal((await parts.call(url, { body: SYSTEM })).status, 200);
    t.equal((await parts.call(url, { from: STRANGER_AT, body: SYSTEM })).status, 403);
    t.equal(await state(), 'claimed contested');
  });
});

t.test('one refusing sentence for all', async (t) => {
  const { parts } = await armed(t);
  const { httpUrl, httpsUrl } = parts.segment;
  const made = 'A'.repeat(22);
  const rows: ReadonlyArray<readonly [string, string, string | undefined, string?, number?]> = [
    ['unknown machine', `${httpUrl}/boot/script/02-00-00-00-00-09`, undefined],
    ['made-up image token', `${httpUrl}/boot/${made}.${'A'.repeat(43)}/initrd.img`, undefined],
    ['no token at all', `${httpUrl}/boot/x/linux26`, undefined],
    ['made-up answer token', `${httpsUrl}/installer/${made}/answer`, SYSTEM],
    ['made-up hook token', `${httpsUrl}/installer/${made}/first-boot`, undefined],
    ['made-up webhook token', `${httpsUrl}/installer/${made}/webhook`, '{}'],
    ['unknown run', `${httpsUrl}/node/v1/challenge`, JSON.stringify({ run: '0'.repeat(36) }), 'json'],
    ['no credential', `${httpsUrl}/node/v1/plan`, undefined, 'text', 401],
  ];
  for (const [name, url, body, json, status = 403] of rows) {
    const reply = await parts.call(url, {
      ...(body === undefined ? {} : { body }),
      ...(json !== 'json' ? {} : { headers: { 'Content-Type': 'application/json' } }),
    });
    t.equal(reply.status, status, name);
    t.match(
      reply.text,
      /^Refused\. Whoever looks after this boot server finds the reason under reference [a-z0-9]{8}\.\n$/,
      name,
    );
  }
});

t.test('a token opens its own step only', async (t) => {
  const { parts } = await armed(t);
  const answerUrl = await loadImage(parts);
  for (const path of ['first-boot', 'webhook']) {
    const url = answerUrl.replace(/answer$/, path);
    const reply = await parts.call(url, path === 'webhook' ? { body: '{}' } : {});
    t.equal(reply.status, 403, path);
  }
  t.equal(
    (
      await parts.call(
        answerUrl.replace(/^https.*installer/, `${parts.segment.httpUrl}/boot`).replace(/answer$/, 'initrd.img'),
      )
    ).status,
    403,
  );
});

t.test('a machine that reports other MACs does not get the answer', async (t) => {
  const { parts, refusals, state } = await armed(t);
  const url = await loadImage(parts);
  const other = SYSTEM.replace('BC:24:11:00:00:01', 'BC:24:11:00:00:02');
  t.equal((await parts.call(url, { body: other })).status, 403);
  t.same(await refusals(), ['other-machine']);
  for (const body of ['', 'not json', '[]', '{"product":{"product":"xyz"}}']) {
    const reply = await parts.call(url, { body, method: 'POST' });
    t.equal(reply.status, 422, body);
    t.match(reply.text, /\n$/);
    t.notMatch(reply.text, / at .*\.ts/, 'no stack on the screen of the machine');
  }
  t.equal(await state(), 'loading', 'it may try again');
});

t.test('a report that cannot be read is stored and answered 200', async (t) => {
  const { parts, codes } = await armed(t);
  const answer = await parts.call(await loadImage(parts), { body: SYSTEM });
  const urls = parseToml(answer.text) as unknown as {
    'first-boot': { url: string };
    'post-installation-webhook': { url: string };
  };
  await parts.call(urls['first-boot'].url);
  t.equal((await parts.call(urls['post-installation-webhook'].url, { body: 'garbage' })).status, 200);
  t.ok((await codes()).includes('installer.webhook-unreadable'));
});

t.test('the API: roles, tokens, bad input', async (t) => {
  const { parts, admin } = await armed(t);
  const api = `${parts.segment.httpsUrl}/api/v1`;
  const viewer = await parts.token('viewer');
  const operator = await parts.token('operator');
  const expired = await parts.token('admin', parts.clock.now() - 1);
  const node = { mac: '02:00:00:00:00:07', fqdn: 'b.lab.example', profile: 'default' };
  interface Row {
    readonly name: string;
    readonly path: string;
    readonly token?: string;
    readonly method?: string;
    readonly json?: unknown;
    readonly status: number;
    readonly code?: string;
    readonly field?: string;
  }
  const rows: readonly Row[] = [
    { name: 'no token', path: '/nodes', status: 401, code: 'api.unauthorised' },
    { name: 'wrong token', path: '/nodes', token: 'iw_wrong', status: 401, code: 'api.unauthorised' },
    { name: 'expired token', path: '/nodes', token: expired, status: 401, code: 'api.unauthorised' },
    { name: 'viewer reads', path: '/nodes', token: viewer, status: 200 },
    { name: 'viewer adds', path: '/nodes', token: viewer, json: node, status: 403, code: 'api.forbidden' },
    {
      name: 'operator sets a secret',
      path: '/secrets/x',
      token: operator,
      method: 'PUT',
      json: { value: 'v' },
      status: 403,
      code: 'api.forbidden',
    },
    {
      name: 'operator reads the root password',
      path: '/nodes/pve1/root-password',
      method: 'POST',
      token: operator,
      status: 403,
      code: 'api.forbidden',
    },
    {
      name: 'a secret name with a path',
      path: '/secrets/..%2Fx',
      token: admin,
      method: 'PUT',
      json: { value: 'v' },
      status: 400,
      code: 'secret.malformed-name',
      field: 'name',
    },
    {
      name: 'admin reads the root password',
      path: '/nodes/pve1/root-password',
      method: 'POST',
      token: admin,
      status: 200,
    },
    {
      name: 'and once more',
      path: '/nodes/pve1/root-password',
      method: 'POST',
      token: admin,
      status: 409,
      code: 'node.no-root-password',
    },
    {
      name: 'malformed MAC',
      path: '/nodes',
      token: operator,
      json: { ...node, mac: 'bc:24:11:00:00' },
      status: 400,
      code: 'mac.malformed',
      field: 'mac',
    },
    {
      name: 'malformed FQDN',
      path: '/nodes',
      token: operator,
      json: { ...node, fqdn: 'nodomain' },
      status: 400,
      code: 'fqdn.malformed',
      field: 'fqdn',
    },
    {
      name: 'unknown profile',
      path: '/nodes',
      token: operator,
      json: { ...node, profile: 'defualt' },
      status: 404,
      code: 'profile.unknown',
      field: 'profile',
    },
    {
      name: 'no MAC',
      path: '/nodes',
      token: operator,
      json: { fqdn: node.fqdn, profile: 'default' },
      status: 400,
      code: 'node.no-mac',
      field: 'mac',
    },
    {
      name: 'unknown field',
      path: '/nodes',
      token: operator,
      json: { ...node, colour: 'red' },
      status: 400,
      code: 'request.invalid',
      field: 'colour',
    },
    {
      name: 'two nodes with one MAC',
      path: '/nodes',
      token: operator,
      json: { ...node, mac: NODE_MAC },
      status: 409,
      code: 'node.mac-taken',
    },
    {
      name: 'two nodes with one name',
      path: '/nodes',
      token: operator,
      json: { ...node, fqdn: 'pve1.lab.example' },
      status: 409,
      code: 'node.fqdn-taken',
    },
    { name: 'unknown node', path: '/nodes/nobody', token: viewer, status: 404, code: 'node.unknown' },
    { name: 'armed twice', path: '/nodes/pve1/install', token: operator, json: {}, status: 409, code: 'run.active' },
    {
      name: 'unknown image',
      path: '/nodes/pve1/install',
      token: operator,
      json: { media: 'none' },
      status: 404,
      code: 'media.unknown',
    },
    { name: 'no JSON', path: '/nodes', token: operator, json: '{', status: 400 },
    {
      name: 'trust without contest',
      path: '/nodes/pve1/trust',
      token: operator,
      method: 'POST',
      status: 409,
      code: 'run.not-contested',
    },
    {
      name: 'remove while armed',
      path: '/nodes/pve1',
      token: operator,
      method: 'DELETE',
      status: 409,
      code: 'node.busy',
    },
    { name: 'cancel', path: '/nodes/pve1/cancel', token: operator, method: 'POST', status: 200 },
    {
      name: 'cancel again',
      path: '/nodes/pve1/cancel',
      token: operator,
      method: 'POST',
      status: 409,
      code: 'run.none',
    },
    { name: 'explain', path: '/explain/BC2411000001', token: viewer, status: 200 },
    { name: 'explain rubbish', path: '/explain/rubbish', token: viewer, status: 400, code: 'mac.malformed' },
    { name: 'no such route', path: '/nope', token: viewer, status: 404 },
  ];
  for (const { name, path, status, code, field, ...options } of rows) {
    const reply = await parts.call(`${api}${path}`, options);
    t.equal(reply.status, status, `${name}: ${reply.text}`);
    if (code === undefined) continue;
    const problem = JSON.parse(reply.text);
    t.match(reply.headers['content-type'], /^application\/problem\+json/, name);
    t.equal(problem.code, code, name);
    t.type(problem.remedy, 'string', name);
    if (field !== undefined) t.equal(problem.field, field, name);
  }
  t.equal((await parts.journey.store.nodes.list()).length, 1, 'nothing was half-written');
  const audit = await parts.journey.store.audit.list(50);
  t.same(audit.map((entry) => entry.action).sort(), ['node.added', 'root-password.read', 'run.armed', 'run.cancel']);
});

t.test("a stranger on another network of ours, who calls the address on the machine's network", async (t) => {
  const { parts, refusals, state } = await armed(t);
  const { segment, call } = parts;
  const script = `${segment.httpUrl}/boot/script/${MAC_IN_URL}`;
  t.equal((await call(script, { from: OTHER_NETWORK_AT })).status, 403, 'from the other network');
  t.equal((await call(script, { from: ROUTED_AT })).status, 403, 'from behind a router, without a relay');
  await decideDhcp(parts.journey, { ...FACTS, relay: '127.9.9.1' as Ipv4 }, segment);
  t.equal((await call(script, { from: OTHER_NETWORK_AT })).status, 403, 'a relay does not help him');
  t.same(await refusals(), ['wrong-mac'], 'a row a second for each reason');
  t.match(
    (await call(script, { from: ROUTED_AT })).text,
    /initrd\.img/,
    'a machine whose request was relayed is served',
  );
  const url = await loadImage(parts, ROUTED_AT);
  t.equal((await call(url, { from: OTHER_NETWORK_AT, body: SYSTEM })).status, 403);
  t.equal(await state(), 'loading contested');
});

t.test('looking is not loading', async (t) => {
  const { parts, codes, state } = await armed(t);
  const { segment, call } = parts;
  const script = await call(`${segment.httpUrl}/boot/script/${MAC_IN_URL}`);
  const before = await codes();
  const urls = [...script.text.matchAll(/http:\/\/\S+/g)].map(([url]) => url);
  for (const url of [...urls, `${segment.httpUrl}/boot/script/${MAC_IN_URL}`]) {
    t.equal((await call(url, { method: 'HEAD' })).status, 200, 'HEAD is answered');
  }
  t.same(await codes(), before, 'and leaves no trace');
  t.equal(await state(), 'booting');
  const image = urls[1] ?? '';
  for (let n = 0; n < 50; n += 1) t.equal((await call(image, { headers: { Range: 'bytes=0-0' } })).status, 206);
  t.notOk((await codes()).includes('boot.image-cut'), 'a range that was sent whole is no cut');
  t.equal((await codes()).filter((code) => code === 'boot.image-started').length, 1);
});

t.test('a flood of forged packets is a few rows', async (t) => {
  const { parts, codes } = await armed(t);
  for (let n = 0; n < 200; n += 1) {
    await decideDhcp(parts.journey, { ...FACTS, kind: n % 2 === 0 ? 'pxe' : 'ipxe' }, parts.segment);
  }
  t.ok((await codes()).filter((code) => code === 'boot.firmware-asked').length <= 2, 'one a second for each kind');
});

t.test('a second claim is a contest, whatever it says', async (t) => {
  for (const body of [SYSTEM, 'garbage', SYSTEM.replace('"9.2"', '"7.0"'), SYSTEM.replace('BC:24', 'BC:25')]) {
    const { parts, state } = await armed(t);
    const url = await loadImage(parts);
    t.equal((await parts.call(url, { body: SYSTEM })).status, 200);
    t.equal((await parts.call(url, { body })).status, 403, body.slice(0, 20));
    t.equal(await state(), 'claimed contested');
  }
});

t.test('a cancelled run releases no further byte of its image', async (t) => {
  const { parts, admin, codes } = await armed(t);
  const { segment, call, clock } = parts;
  parts.slowImage(64 * 1024 * 1024);
  const script = await call(`${segment.httpUrl}/boot/script/${MAC_IN_URL}`);
  const [, image] = [...script.text.matchAll(/http:\/\/\S+/g)].map(([url]) => url);
  const loading = call(image ?? '', {
    onChunk: async () => {
      clock.advance(1001);
      await call(`${segment.httpsUrl}/api/v1/nodes/pve1/cancel`, { token: admin, method: 'POST' });
      clock.advance(1001);
    },
  });
  await t.rejects(loading, 'the connection is cut');
  for (let tries = 0; tries < 100 && !(await codes()).includes('boot.image-cut'); tries += 1);
  t.ok((await codes()).includes('boot.image-cut'));
});

t.test('an unarmed or unknown machine', async (t) => {
  const { parts, admin, codes } = await armed(t);
  const { segment, journey } = parts;
  const unknown = await decideDhcp(journey, { ...FACTS, mac: '02:00:00:00:00:99' as typeof NODE_MAC }, segment);
  t.equal(unknown.kind, 'silent');
  t.same(
    (await JSON.parse((await parts.call(`${segment.httpsUrl}/api/v1/discovered`, { token: admin })).text)).items.map(
      (m: { mac: string }) => m.mac,
    ),
    ['02:00:00:00:00:99'],
  );
  await parts.call(`${segment.httpsUrl}/api/v1/nodes/pve1/cancel`, { token: admin, method: 'POST' });
  t.equal((await decideDhcp(journey, FACTS, segment)).kind, 'local-disk');
  const script = await parts.call(`${segment.httpUrl}/boot/script/${MAC_IN_URL}`);
  t.match(script.text, /sanboot/);
  t.notMatch(script.text, /armed|registered/, 'the reason is for the timeline');
  t.notMatch(script.text, /initrd/);
  t.ok((await codes()).includes('boot.local-disk'));
});
