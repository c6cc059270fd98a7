/**
 * What holds for every command: `--json` prints a document, what destroys asks, everything that the API does can be typed, and the exit status
 * says how it ended. Commands are those of the program itself, so a new one is tested or this fails.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import t, { type Test } from 'tap';
import { createProgram } from '../../src/cli/program.ts';
import type { Io } from '../../src/cli/terminal.ts';
import { addNode } from '../../src/journey/registry.ts';
import { createLog } from '../../src/log.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Run } from '../../src/runs/run.ts';
import { trialPayload } from '../../src/webhooks/payload.ts';
import { aDelivery, aMachine, aRun } from '../core/store/fixtures.ts';
import { environmentOf, typed } from '../support/command-line.ts';
import { armed, becomeReady, codeOfNode, install, loadImage } from '../support/machine.ts';
import { MEDIA, PROFILE, STRANGER_MAC } from '../support/parts.ts';

const nobody: Io = {
  out: () => {},
  err: () => {},
  input: Readable.from([]),
  inputIsTerminal: false,
  errIsTerminal: false,
  env: {},
  cwd: '/',
  now: () => 0,
  sleep: async () => {},
};

function leavesOf(
  command: Command,
  path: readonly string[] = [],
): Array<{ readonly path: string; readonly command: Command }> {
  if (command.commands.length === 0) return [{ path: path.join(' '), command }];
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));
}

const LEAVES = leavesOf(createProgram(nobody, () => {}));

/** Why these print no document. */
const WITHOUT_JSON: Readonly<Record<string, string>> = {
  serve: 'the daemon itself: its log is JSON with --log-format json',
};

t.test('every command takes --json', (t) => {
  t.ok(LEAVES.length > 60, `${LEAVES.length} commands`);
  t.same(
    LEAVES.filter(({ command }) => !command.options.some(({ long }) => long === '--json')).map(({ path }) => path),
    Object.keys(WITHOUT_JSON),
  );
  t.end();
});

t.test('an empty word is refused by the name of its argument, before anything is asked', async (t) => {
  const taking = LEAVES.filter(({ command }) => command.registeredArguments.length > 0);
  t.ok(taking.length > 40, `${taking.length} commands take a word`);
  for (const { path, command } of taking) {
    const demanded = command.options
      .filter(({ mandatory, defaultValue }) => mandatory && defaultValue === undefined)
      .flatMap(({ long, argChoices }) => [long ?? '', argChoices?.[0] ?? 'x']);
    const yes = command.options.some(({ long }) => long === '--yes') ? ['--yes'] : [];
    for (const [i, argument] of command.registeredArguments.entries())
      for (const empty of ['', ' \t']) {
        const words = command.registeredArguments.map((_, j) => (j === i ? empty : 'x'));
        // Nothing listens there, and no daemon has written down where it is.
        const printed = await typed([...path.split(' '), ...words, ...demanded, ...yes], { cwd: t.testdir() });
        t.match(
          printed,
          { status: 2, out: '', err: `ironwake: ${argument.name()} is empty. Add --help for the usage.\n` },
          `${path} ${JSON.stringify(words)}`,
        );
      }
  }
});

const CONFIRM = `${PROFILE.replace('name: admin,', 'name: admin, password: {secret: key},')}install: { release: confirm }\n`;
const RACKED = PROFILE.concat('counters: { rack: { from: 1, to: 50, width: 2 } }\n');

interface Row {
  /** Behind `ironwake`; words that hold a blank are in brackets. */
  readonly line: string;
  readonly status?: number;
  readonly input?: string;
  /** What has to be done before. */
  readonly before?: () => Promise<unknown> | unknown;
}

/** One line a document. */
const LINES = new Set(['watch', 'node watch']);

/** Operations that no command asks for, and why. */
const WITHOUT_COMMAND: Readonly<Record<string, string>> = {
  'GET /api/v1/openapi.json': 'for generators of clients, which fetch it themselves',
  'GET /api/v1/schemas/answer': '`answer schema` prints the same without a daemon',
  'PUT /api/v1/rules/:name': '`rule add --file` replaces a rule by its name through POST /rules/import',
};

t.test('each of them does its work and prints a document; together they do all that the API does', async (t) => {
  const lines: string[] = [];
  const log = await createLog({
    level: 'debug',
    format: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const directory = t.testdir({
    data: {},
    empty: {},
    'machines.csv': 'fqdn,macs\npve8.lab.example,02:00:00:00:00:08\n',
    'rules.yaml':
      '- name: racks\n  when: [ "mac:02:00:00:00:09:*" ]\n  gives: { fqdn: "pve{{counter.rack}}.x.example", profile: racked }\n',
    'image.iso': 'bytes',
    'answer.toml':
      '[global]\nkeyboard = "en-us"\ncountry = "us"\nfqdn = "a.example.org"\nmailto = "a@example.org"\ntimezone = "UTC"\nroot-password = "12345678"\n[network]\nsource = "from-dhcp"\n[disk-setup]\nfilesystem = "ext4"\ndisk-list = ["sda"]\n',
  });
  const at = await armed(t, {
    databasePath: join(directory, 'data', 'ironwake.db'),
    log,
    profiles: { confirm: CONFIRM, racked: RACKED },
    profile: 'confirm',
    secrets: { key: 'a-long-Passw0rd' },
  });
  const { parts, admin } = at;
  const ticking = setInterval(() => parts.clock.advance(100), 20);
  t.teardown(() => clearInterval(ticking));
  const { store } = parts.journey;
  const { key, hook, node, runId, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  await parts.call(`${node}/plan`, { token });
  const code = await codeOfNode(key.publicKey, hook, runId);
  const seen = async (mac: string) => store.discovered.record(aMachine({ mac: mac as Mac }), 10);
  const finish = () => becomeReady(t, parts, { node, runId }, token);
  const handOver = async () => {
    const born = {
      delivery: '11111111-1111-4111-8111-111111111111',
      module: 'admin-user',
      name: 'totp',
      value: 'c2VlZA==',
    };
    t.equal((await parts.call(`${node}/born`, { token, json: { run: runId, ...born } })).status, 200);
  };
  const aWaiting = async (id: string) => {
    const hook = await store.webhooks.byName('hook');
    const body = trialPayload('test', 'hook', 'admin', 1);
    await store.webhooks.enqueue(aDelivery({ id, webhookId: hook?.webhook.id ?? '', body }));
  };
  const rows: readonly Row[] = [
    { line: 'status' },
    { line: 'events --limit 5' },
    { line: `run confirm pve1 ${code}` },
    { line: 'run password pve1' },
    { line: 'node root-password pve1', status: 1 },
    { line: 'node secrets pve1', before: handOver },
    { line: 'node read-secret pve1 totp' },
    { line: 'node read-secret pve1 totp', status: 1 },
    { line: 'plan apply --node pve1', before: finish },
    { line: 'drift' },
    { line: 'drift --node pve1' },
    { line: 'node watch pve1' },
    { line: 'watch pve1' },
    { line: 'node credential pve1' },
    { line: 'node credentials' },
    { line: 'node credential pve1 --revoke --yes' },
    { line: 'node add --mac 02:00:00:00:00:02 --fqdn pve2.lab.example --tag rack-a' },
    { line: 'node import machines.csv --dry-run' },
    { line: 'node import machines.csv' },
    { line: 'node export --format yaml' },
    { line: 'node list --search pve' },
    { line: 'node show pve1 --output' },
    { line: 'node runs pve1' },
    { line: 'node hardware pve1' },
    { line: 'node set pve2 --notes [free text]' },
    { line: 'node protect pve2' },
    { line: 'node unprotect pve2' },
    { line: 'node mac add pve2 02:00:00:00:00:12' },
    { line: 'node mac rm pve2 02:00:00:00:00:12 --yes' },
    { line: 'node install pve2' },
    { line: 'node trust pve2', status: 1 },
    { line: 'run trust pve2', status: 1 },
    { line: 'node cancel pve2' },
    { line: 'node retry pve2' },
    { line: 'run cancel pve2' },
    { line: 'answer show --run pve1' },
    { line: 'explain 02:00:00:00:00:02' },
    { line: 'discovered', before: () => seen(STRANGER_MAC) },
    { line: `node adopt ${STRANGER_MAC} --fqdn pve3.lab.example` },
    { line: 'node forget 02:00:00:00:00:66 --yes', before: () => seen('02:00:00:00:00:66') },
    { line: 'node replace pve3 --mac 02:00:00:00:00:33 --yes' },
    { line: 'node archive pve3 --yes' },
    { line: 'node unarchive pve3.lab.example' },
    { line: 'node rm pve3 --yes' },
    { line: 'rule add one --when mac:02:00:00:00:07:* --fqdn pve{{counter.rack}}.x.example --profile racked' },
    { line: 'rule add --file rules.yaml' },
    { line: 'rule test one' },
    { line: 'rule list' },
    { line: 'rule show one' },
    { line: 'rule explain 02:00:00:00:07:01' },
    { line: 'rule rm one --yes' },
    { line: 'media list' },
    { line: 'media add image.iso' },
    { line: 'media rm proxmox-ve_9.2-1 --yes' },
    { line: 'secret set other', input: 'value\n' },
    { line: 'secret list' },
    { line: 'secret rm other --yes' },
    { line: 'token add ci --role viewer' },
    { line: 'token list' },
    { line: 'token rotate ci' },
    { line: 'token rm ci --yes' },
    { line: 'webhook add hook --url https://hooks.example.net/' },
    { line: 'webhook list' },
    { line: 'webhook show hook' },
    { line: 'webhook set hook --event run.*' },
    { line: 'webhook rotate hook' },
    { line: 'webhook disable hook' },
    { line: 'webhook enable hook' },
    // Nothing is sent in this test: the trial waits.
    { line: 'webhook test hook', status: 1 },
    { line: 'webhook deliveries hook', before: () => aWaiting('msg_1') },
    { line: 'webhook deliveries hook msg_1' },
    { line: 'webhook retry hook msg_1' },
    { line: 'webhook retry hook --all' },
    { line: 'webhook discard hook msg_1 --yes' },
    { line: 'webhook discard hook --all --yes' },
    { line: 'webhook rm hook --yes' },
    { line: 'audit --limit 5' },
    { line: 'certificate show' },
    { line: 'certificate rotate' },
    { line: 'profiles' },
    { line: 'profile check default' },
    { line: 'profile show default' },
    { line: 'profile show --node pve1 --origins' },
    { line: `profile show default --server ${parts.segment.httpsUrl}` },
    { line: 'profile diff default racked', status: 1 },
    { line: 'profile diff --node pve1' },
    { line: 'profile render --node pve1' },
    { line: 'plan show --node pve1' },
    { line: 'plan diff --node pve1' },
    { line: 'plan diff --all' },
    { line: 'plan export --node pve1' },
    { line: 'export ansible' },
    { line: 'backup site.db' },
    { line: 'restore site.db --data-dir empty' },
    { line: 'answer validate answer.toml' },
    { line: 'answer convert answer.toml --to 9.2' },
    { line: 'answer explain keyboard' },
    { line: 'answer schema' },
    { line: 'completion bash' },
  ];
  const asked = new Set<string>();
  const tried = new Set<string>();
  for (const { line, status = 0, input, before } of rows) {
    await before?.();
    const words = (line.match(/\[[^\]]*\]|\S+/g) ?? []).map((word) =>
      /^\[.* .*\]$/.test(word) ? word.slice(1, -1) : word,
    );
    const leaf = LEAVES.map(({ path }) => path)
      .filter((path) => line === path || line.startsWith(`${path} `))
      .toSorted((a, b) => b.length - a.length)[0];
    const printed = await typed([...words, '--json'], {
      env: { ...environmentOf(parts, admin), IRONWAKE_DATA_DIR: join(directory, 'data') },
      cwd: directory,
      input: Readable.from(input === undefined ? [] : [input]),
      now: () => parts.clock.now(),
    });
    t.equal(printed.status, status, `${line}: ${printed.err}${printed.out.slice(0, 300)}`);
    // A refusal is told on the other stream; a difference is exit status 1 with a document.
    const documents = LINES.has(leaf ?? '') ? printed.out.trimEnd().split('\n') : [printed.out];
    if (printed.out !== '' || status === 0)
      for (const document of documents)
        t.doesNotThrow(() => JSON.parse(document), `${line}: ${document.slice(0, 200)}`);
    if (status < 2) tried.add(leaf ?? '?');
  }
  t.same(
    LEAVES.map(({ path }) => path).filter((path) => !tried.has(path)),
    // A receiver waits for requests: test/servers/webhooks.test.ts. What the doctor finds depends on the machine: test/net/doctor.test.ts.
    ['serve', 'webhook receive', 'doctor'],
    'every command was tried',
  );
  for (const text of lines) {
    const { method, route, status: answered } = JSON.parse(text) as Readonly<Record<string, string | number>>;
    if (Number(answered) < 400) asked.add(`${method} ${route}`);
  }
  const { paths } = JSON.parse((await parts.call(`${parts.segment.httpsUrl}/api/v1/openapi.json`)).text) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  // `trust` is refused here, as nothing is contested: test/servers/trust-cli.test.ts does it.
  asked.add('POST /api/v1/nodes/:id/trust');
  // Of a stream that its asker leaves no line is written; the row of `watch` has read one.
  asked.add('GET /api/v1/events/stream');
  t.same(
    operations.filter((operation) => !asked.has(operation)).toSorted(),
    Object.keys(WITHOUT_COMMAND).toSorted(),
    'what the API does can be typed',
  );
});

/** What cannot be taken back: the command, and what is typed. */
const DESTRUCTIVE: ReadonlyArray<readonly [line: string, name: string]> = [
  ['node rm pve1', 'pve1'],
  ['node replace pve1 --mac 02:00:00:00:00:44', 'pve1'],
  ['node forget 02:00:00:00:66:66', '02:00:00:00:66:66'],
  ['node mac rm pve1 02:00:00:00:00:12', 'pve1'],
  ['node credential pve1 --revoke', 'pve1'],
  ['media rm proxmox-ve_9.2-1', 'proxmox-ve_9.2-1'],
  ['secret rm key', 'key'],
  ['token rm ci', 'ci'],
  ['rule rm racks', 'racks'],
  ['webhook rm chat-ops', 'chat-ops'],
  ['webhook discard chat-ops --all', 'chat-ops'],
  ['certificate rotate --now', 'now'],
  ['rule add wild --when mac:02:* --fqdn x{{mac}}.lab.example --arm --expires 1', 'wild'],
  ['rule add --file arming.yaml', 'wild'],
  ['node archive pve1', 'pve1'],
  ['node set pve1 --install-policy always', 'pve1'],
  ['restore site.db --force', 'site.db'],
  // Its installer writes to the disks.
  ['node cancel half1', 'half1.lab.example'],
  ['run cancel half1', 'half1.lab.example'],
  // Installed: at work, perhaps.
  ['node install ready1', 'ready1.lab.example'],
  ['node retry ready1', 'ready1.lab.example'],
  ['node install rearmed1', 'rearmed1.lab.example'],
];

async function installed(t: Test) {
  const at = await armed(t, { secrets: { key: 'a-long-Passw0rd' } });
  const { parts, admin } = at;
  const directory = t.testdir({
    'arming.yaml':
      'name: wild\nwhen: [ "mac:02:*" ]\ngives: { fqdn: "x{{mac}}.lab.example", profile: default }\nmayArm: true\n',
  });
  const { node, runId, credential } = await install(t, parts, await loadImage(parts));
  const token = await credential();
  await becomeReady(t, parts, { node, runId }, token);
  t.equal(await at.state(), 'ready');
  const type = (line: string, surroundings: Partial<Io> = {}) =>
    typed(line.split(' '), {
      env: environmentOf(parts, admin),
      cwd: directory,
      now: () => parts.clock.now(),
      ...surroundings,
    });
  return { ...at, directory, type };
}

t.test('nothing is destroyed without a name typed, or --yes', async (t) => {
  const { parts, type } = await installed(t);
  await parts.journey.store.discovered.record(aMachine({ mac: STRANGER_MAC as Mac }), 10);
  for (const line of ['node mac add pve1 02:00:00:00:00:12', 'token add ci --role viewer'])
    t.match(await type(line), { status: 0 });
  t.match(await type('node set pve1 --fqdn ready1.lab.example'), { status: 0 });
  const { store } = parts.journey;
  const since = parts.clock.now();
  const known = async (name: string, mac: string, ...runs: ReadonlyArray<Partial<Run>>) => {
    const node = await addNode(parts.journey, { fqdn: `${name}.lab.example`, macs: [mac as Mac], profile: 'default' });
    for (const [i, run] of runs.entries())
      await store.runs.insert(
        aRun({ id: `${name}-${i}`, nodeId: node.id, mediaId: MEDIA.id, armedAt: since + i, ...run }),
      );
  };
  await known('half1', '02:00:00:00:00:21', { state: 'installing', deadlineAt: since + 3_600_000 });
  await known('early1', '02:00:00:00:00:22', { state: 'loading', deadlineAt: since + 3_600_000 });
  // Installed, armed once more, and nothing came of that.
  await known(
    'rearmed1',
    '02:00:00:00:00:23',
    { state: 'ready', endedAt: since },
    { state: 'expired', endedAt: since },
  );
  const everything = async () => {
    const all = [store.nodes.list(), store.rules.list(), store.tokens.list(), store.secrets.list(), store.media.list()];
    return JSON.stringify([
      await Promise.all<unknown>(all),
      await store.discovered.list(10),
      await store.audit.list(100),
    ]);
  };
  const before = await everything();
  for (const [given, name] of DESTRUCTIVE) {
    const line = given.replaceAll('pve1', 'ready1');
    const wanted = name.replace('pve1', 'ready1');
    const script = await type(line);
    t.match(script, { status: 1, out: '', err: /Nothing was done.*Add --yes/s }, `${line}: ${script.err}`);
    const slip = await type(line, { inputIsTerminal: true, input: Readable.from(['yes\n']) });
    t.equal(slip.status, 1, line);
    t.ok(slip.err.includes(`Type ${wanted} to go on: `), `${line}: ${slip.err}`);
    const silence = await type(line, { inputIsTerminal: true, input: Readable.from([]) });
    t.equal(silence.status, 1, `${line}: the end of the input is no consent`);
  }
  t.equal(await everything(), before, 'nothing happened');
  const named = await type('secret rm key', { inputIsTerminal: true, input: Readable.from(['key\n']) });
  t.match(named, { status: 0, out: 'removed key\n', err: /its value is lost/ });
  t.match(await type('token rm ci --yes'), { status: 0, out: 'revoked ci\n', err: '' });
  t.match(
    await type('node cancel early1'),
    { status: 0, out: /cancelled/ },
    'nothing is lost before its installer began',
  );
  t.match(await type('node set ready1 --install-policy never'), { status: 0 }, 'a policy that installs nothing');
  t.same(
    LEAVES.filter(({ command }) => command.options.some(({ long }) => long === '--yes'))
      .map(({ path }) => path)
      .toSorted(),
    [
      ...new Set(
        DESTRUCTIVE.map(([line]) => LEAVES.map(({ path }) => path).find((path) => line.startsWith(`${path} `)) ?? line),
      ),
    ].toSorted(),
    'each command that asks is in this table',
  );
  // A name that ends like this takes something away.
  for (const { path, command } of LEAVES)
    if (/ (rm|forget|replace)$/.test(path))
      t.ok(
        command.options.some(({ long }) => long === '--yes'),
        `${path} asks`,
      );
});

t.test('on a real terminal the name is asked for', async (t) => {
  const { parts, admin, directory } = await installed(t);
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, admin, { mode: 0o600 });
  const launcher = new URL('../../src/cli/main.ts', import.meta.url).pathname;
  const words = [process.execPath, launcher, 'secret', 'rm', 'key', '--server', parts.segment.httpsUrl].concat([
    '--fingerprint',
    parts.journey.identity.fingerprint,
    '--token-file',
    tokenFile,
  ]);
  /** `script` (util-linux) gives it a terminal of its own. */
  const session = async (answer: string) => {
    const child = spawn('script', ['-qec', words.map((word) => `'${word}'`).join(' '), '/dev/null']);
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const asks = shown.includes('to go on:');
      shown += chunk;
      if (!asks && shown.includes('to go on:')) child.stdin.write(answer);
    });
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { status, shown };
  };
  t.match(await session('kye\n'), {
    status: 1,
    shown: /Nobody can read key back.*Type key to go on: .*that is not key/s,
  });
  t.equal((await parts.journey.store.secrets.list()).length, 1);
  t.match(await session('key\n'), { status: 0, shown: /removed key/ });
  t.equal((await parts.journey.store.secrets.list()).length, 0);
});
