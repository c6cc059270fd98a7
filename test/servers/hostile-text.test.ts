/**
 * Text that a shell, a template, YAML, a spreadsheet, a terminal or a reader of logs would take for more than text: stored over the API wherever it is
 * allowed, and read back from every export by a reader that we did not write. Where it is not allowed, it is refused as any other.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { EXPORT_NAMES } from '../../src/exports/format-names.ts';
import { createLog } from '../../src/log.ts';
import { type Parts, startParts } from '../support/parts.ts';

const PIECES = [
  '$(touch /tmp/pwned)',
  '`id`',
  '; rm -rf /',
  '| & > <',
  '"',
  "'",
  '\\',
  '\\n',
  '\n',
  '\r\n',
  '\t',
  '{{ lookup("pipe", "id") }}',
  '{% raw %}',
  '{#',
  '#}',
  '%s%n%d',
  '$' + '{IFS}',
  '!!python/object/apply:os.system ["id"]',
  '&a *a',
  ': ',
  ' #',
  '---',
  '=cmd|calc!A1',
  '+1',
  '-1',
  '@SUM(A1)',
  '\u001b[31m',
  '\u001b]0;title\u0007',
  '\u009b2J',
  '\u0000',
  '\u007f',
  '\u0085',
  '\u2028',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\ufffe',
  '\uffff',
  '🦊',
  'İ',
  'e\u0301',
  '漢',
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '__proto__',
];
/** The same in every run: what is found once is found again. */
const TEXTS = [
  ...['', 'no', '0123', '1:30', '~', 'null', ' ', ...PIECES, PIECES.join('')],
  ...fc.sample(
    fc.oneof(
      fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    ),
    { numRuns: 30, seed: 20_270_115 },
  ),
];

/** C0 but line feed, DEL and C1, separators, what turns the direction of writing. */
const STEERING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u2028-\u202e\u2066-\u2069\ufeff]/;

const hex = (n: number): string => n.toString(16).padStart(2, '0');
const nodes = TEXTS.map((text, n) => ({
  fqdn: `pve${n}.lab.example`,
  mac: `02:00:00:00:00:${hex(n)}`,
  profile: 'default',
  tags: ['rack-a'],
  notes: text,
  values: {
    values: { note: text },
    network: { cidr: `10.9.0.${n + 1}/24` },
    answer: { global: { mailto: 'a@b.example' } },
  },
}));

async function registry(t: Test, lines: string[]) {
  const log = await createLog({
    level: 'trace',
    format: 'json',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const parts = await startParts({ log });
  t.teardown(() => parts.close());
  const token = await parts.token('admin');
  const api = `${parts.segment.httpsUrl}/api/v1`;
  const ask = (path: string, options: Parameters<Parts['call']>[1] = {}) =>
    parts.call(`${api}${path}`, { token, ...options });
  return { parts, ask };
}

function python(t: Test, script: string, input: string): unknown {
  const done = spawnSync('python3', ['-c', `import sys, json\ntext = sys.stdin.buffer.read().decode()\n${script}`], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  t.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout || 'null');
}

/** As a spreadsheet shows it: an apostrophe at the beginning says that it is text. */
const guarded = (text: string): string => (/^[=+\-@\t\r']/.test(text) ? `'${text}` : text);

t.test('it comes back unchanged from every export, and no line of a log steers a terminal', async (t) => {
  const lines: string[] = [];
  const { ask } = await registry(t, lines);
  for (const { notes, ...node } of nodes) {
    const added = await ask('/nodes', { json: { ...node, notes: 'x' } });
    if (added.status !== 201) t.fail(`${added.status} ${added.text}`);
  }
  const exported = async (format: string) => (await ask(`/exports/${format}`)).text;
  const plain = new Map(await Promise.all(EXPORT_NAMES.map(async (name) => [name, await exported(name)] as const)));
  for (const { fqdn, notes } of nodes) {
    const changed = await ask(`/nodes/${fqdn}`, { method: 'PATCH', json: { notes } });
    if (changed.status !== 200) t.fail(`${changed.status} ${changed.text}`);
    const read = JSON.parse((await ask(`/nodes/${fqdn}`)).text).node;
    t.strictSame([read.notes, read.values.values.note], [notes, notes], fqdn);
  }

  for (const format of ['known-hosts', 'ssh-config', 'hosts', 'dnsmasq', 'kea'] as const)
    t.equal(await exported(format), plain.get(format), `${format} holds no notes`);

  const directory = t.testdir();
  writeFileSync(join(directory, 'inventory.yaml'), await exported('ansible'));
  writeFileSync(join(directory, 'list.json'), await exported('ansible-list'));
  writeFileSync(join(directory, 'dynamic'), `#!/bin/sh\ncat '${directory}/list.json'\n`);
  chmodSync(join(directory, 'dynamic'), 0o755);
  for (const file of ['inventory.yaml', 'dynamic']) {
    const done = spawnSync('ansible-inventory', ['-i', join(directory, file), '--list'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    t.equal(done.status, 0, done.stderr);
    const { hostvars } = JSON.parse(done.stdout)._meta;
    for (const { fqdn, notes } of nodes) {
      const found = hostvars[fqdn]?.ironwake_notes;
      t.equal(found?.__ansible_unsafe ?? found, notes, `${file}: ${fqdn}`);
    }
  }

  const targets = python(t, 'print(json.dumps(json.loads(text)))', await exported('prometheus')) as ReadonlyArray<{
    readonly labels: Readonly<Record<string, string>>;
  }>;
  t.same(
    new Map(targets.map(({ labels }) => [labels.__meta_ironwake_fqdn, labels.__meta_ironwake_notes])),
    new Map(nodes.map(({ fqdn, notes }) => [fqdn, notes])),
    'Prometheus',
  );

  const CSV = 'import csv, io\nprint(json.dumps(list(csv.DictReader(io.StringIO(text, newline="")))))';
  const oneLine = (text: string): string => text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ');
  for (const [format, nameOf] of [
    ['opnsense-kea', (row: Record<string, string>) => row.hostname],
    ['opnsense-dnsmasq', (row: Record<string, string>) => `${row.hostname}.${row.domain}`],
  ] as const) {
    const rows = python(t, CSV, await exported(format)) as Record<string, string>[];
    t.same(
      new Map(rows.map((row) => [nameOf(row), row.description])),
      new Map(nodes.map(({ fqdn, notes }) => [fqdn, oneLine(notes)])),
      format,
    );
  }

  for (const [format, script] of [
    ['csv', CSV],
    ['json', 'print(json.dumps(json.loads(text)))'],
    ['yaml', 'import yaml\nprint(json.dumps(yaml.safe_load(text)))'],
  ] as const) {
    const file = (await ask(`/exports/nodes?format=${format}`)).text;
    const rows = python(t, script, file) as ReadonlyArray<Record<string, unknown>>;
    const valuesOf = (row: Record<string, unknown>) => (format === 'csv' ? JSON.parse(String(row.values)) : row.values);
    t.same(
      new Map(rows.map((row) => [row.fqdn, [row.notes, valuesOf(row)]])),
      new Map(nodes.map(({ fqdn, notes, values }) => [fqdn, [format === 'csv' ? guarded(notes) : notes, values]])),
      `${format}: as another reader has it`,
    );
    const second = await registry(t, []);
    const type = { csv: 'text/csv', json: 'application/json', yaml: 'application/yaml' }[format];
    const taken = await second.ask('/nodes/import', { method: 'POST', body: file, headers: { 'content-type': type } });
    t.equal(taken.status, 200, taken.text.slice(0, 500));
    t.equal((await second.ask(`/exports/nodes?format=${format}`)).text, file, `${format}: imported and exported again`);
  }

  t.ok(lines.length > nodes.length);
  t.same(
    lines.filter((line) => STEERING.test(line) || line.trimEnd().includes('\n')),
    [],
    'the log',
  );
});

t.test('where it is no name, it is refused, and what is said of it is harmless as well', async (t) => {
  const lines: string[] = [];
  const { ask } = await registry(t, lines);
  const mac = '02:00:00:00:09:01';
  const gives = { fqdn: 'x{{mac}}.lab.example', profile: 'default' };
  await ask('/nodes', { json: { mac: '02:00:00:00:09:02', fqdn: 'pve1.lab.example', profile: 'default' } });
  for (const text of PIECES.filter((each) => !/^[a-z0-9][a-z0-9._-]*$/.test(each.trim().toLowerCase()))) {
    // Never as the name of a test: TAP has a syntax of its own.
    const name = Buffer.from(text).toString('hex');
    for (const [what, path, json, method] of [
      ['name', '/nodes', { mac, fqdn: `${text}.lab.example`, profile: 'default' }],
      ['MAC', '/nodes', { mac: text, fqdn: 'pve2.lab.example', profile: 'default' }],
      ['tag', '/nodes/pve1', { tags: [text] }, 'PATCH'],
      ['profile', '/nodes/pve1', { profile: text }, 'PATCH'],
      ['rule', '/rules', { name: text, when: ['mac:02:*'], gives }],
      ['tag of a rule', '/rules', { name: 'r', when: ['mac:02:*'], gives: { ...gives, tags: [text] } }],
      ['webhook', '/webhooks', { name: text, url: 'https://hooks.example.net/' }],
      ['token', '/tokens', { name: text, role: 'viewer' }],
      ['secret', `/secrets/${encodeURIComponent(text)}`, { value: 'v' }, 'PUT'],
    ] as const) {
      const refused = await ask(path, { json, ...(method === undefined ? {} : { method }) });
      const problem = JSON.parse(refused.text) as { readonly status: number };
      if (![400, 404].includes(refused.status) || problem.status !== refused.status)
        t.fail(`${what} ${name}: ${refused.status}`);
    }
    t.pass(name);
  }
  t.same(
    lines.filter((line) => STEERING.test(line) || line.trimEnd().includes('\n')),
    [],
    'the log',
  );
  for (const path of ['/rules', '/webhooks', '/secrets']) t.same(JSON.parse((await ask(path)).text).items, [], path);
});

t.test('a log on a terminal and one for machines', async (t) => {
  const script = `
    import { createLog } from ${JSON.stringify(new URL('../../src/log.ts', import.meta.url).href)};
    const log = await createLog({ level: 'info', format: process.argv[1] });
    for (const text of JSON.parse(process.argv[2])) log.info({ note: text, err: text, deep: { note: text } }, text);
  `;
  // What the kernel takes as an argument.
  const texts = TEXTS.slice(0, 52);
  for (const format of ['json', 'pretty']) {
    const done = spawnSync(process.execPath, ['--input-type=module', '-e', script, format, JSON.stringify(texts)], {
      encoding: 'utf8',
    });
    t.equal(done.status, 0, done.stderr);
    t.same(
      done.stdout.split('\n').filter((line) => STEERING.test(line)),
      [],
      `${format}: nothing steers`,
    );
    const begins = format === 'json' ? /^\{"level":30,/ : /^\[\d\d:\d\d:\d\d\] INFO/;
    const entries = done.stdout.split('\n').filter((line) => begins.test(line));
    t.equal(entries.length, texts.length, `${format}: one entry each`);
    if (format === 'json')
      t.same(
        entries.map((line) => JSON.parse(line)).map(({ note, msg }) => [note, msg]),
        texts.map((text) => [text, text]),
        'whoever parses a line has the text itself',
      );
  }
});
