/** "The first hour with curl" of docs/api.md: its lines, as they stand there, typed into bash against the API. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { NODE_MAC, startParts } from '../support/parts.ts';

const PAGE = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
const SECTION = /## The first hour with curl\n([\s\S]*?)(?=\n## |$)/.exec(PAGE)?.[1] ?? '';
const BLOCKS = [...SECTION.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
const LINES = BLOCKS.flatMap((block) => block.split('\n').filter((line) => line.trim() !== ''));

/** Which line, and what it must print. Lines that none of these fits must only succeed. */
const PRINTED: ReadonlyArray<readonly [line: RegExp, printed: RegExp]> = [
  [/^c \$A\/status$/, /"counts"/],
  [/^c \$A\/profiles$/, /"name":"default"/],
  [/^c --data-binary @proxmox/, /"name":"proxmox-ve_9\.2-1"/],
  [/^json -d/, /"fqdn":"pve1\.lab\.example"/],
  [/dry_run=true/, /"dryRun":true,"created":2/],
  [/csv' \$A\/nodes\/import$/, /"dryRun":false,"created":2/],
  [/answer-preview$/, /"toml":"/],
  [/^json -H 'Idempotency-Key/, /"state":"armed"/],
  [/^c \$A\/nodes\/pve1$/, /"waiting":\{/],
  [/^c \$A\/explain/, /"offers"/],
  [/^json -X PATCH/, /"notes":"second shelf"/],
  [/tag=rack-a/, /"pve2\.lab\.example"[\s\S]*"pve3\.lab\.example"/],
  [/events\?/, /"code":"node\.registered"/],
  [/exports\/ansible$/, /pve2\.lab\.example/],
  [/audit\?/, /"actor":"admin"/],
  [/nodes\/pve1\/cancel$/, /"state":"cancelled"/],
];

t.test('each line does what the page says', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const directory = t.testdir();
  mkdirSync(join(directory, 'data'));
  writeFileSync(join(directory, 'data', 'admin-token'), `${await parts.token('admin')}\n`);
  writeFileSync(join(directory, 'proxmox-ve_9.2-1.iso'), Buffer.alloc(100_000, 1));
  await parts.journey.discovered.flush();
  t.ok(LINES.length > 20, `${LINES.length} lines`);
  t.ok(SECTION.includes(NODE_MAC), 'the machine of the page is that of the tests');
  // The port is the only thing that is another one here. After each line its exit status, so that it is known which one failed.
  const script = LINES.map((line) => `${line}\nprintf '\\n\\036%s\\036\\n' $?\n`)
    .join('')
    .replace('https://127.0.0.1:8443', parts.segment.httpsUrl);
  t.ok(script.includes(parts.segment.httpsUrl), 'the address was found');
  const bash = spawn('bash', ['--norc', '-s'], { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  bash.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
  });
  bash.stderr.on('data', (chunk: Buffer) => {
    err += chunk;
  });
  bash.stdin.end(script);
  await new Promise((resolve) => bash.on('close', resolve));
  t.equal(err, '');
  const answers = out.split('\u001e\n').slice(0, -1);
  t.equal(answers.length, LINES.length);
  for (const [i, line] of LINES.entries()) {
    const [printed = '', status] = (answers[i] ?? '').split('\u001e');
    t.equal(status, '0', `${line}: ${printed.slice(0, 500)}`);
    for (const [which, wanted] of PRINTED) if (which.test(line)) t.match(printed, wanted, line);
  }
  for (const [which] of PRINTED)
    t.ok(
      LINES.some((line) => which.test(line)),
      `${which} is on the page`,
    );
  const { store } = parts.journey;
  t.same(
    (await store.nodes.list()).map(({ fqdn }) => fqdn),
    ['pve1.lab.example', 'pve2.lab.example'],
  );
  t.same(
    (await store.secrets.list()).map(({ name }) => name),
    ['ops-password'],
  );
  const armings = (await store.audit.list(100)).filter(({ action }) => action === 'run.armed');
  t.equal(armings.length, 1, 'sent twice, armed once');
});
