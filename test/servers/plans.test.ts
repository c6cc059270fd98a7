/** A plan shown, compared and written out, over the real API and the command line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ProfileRegistry } from '../../src/profiles/registry.ts';
import { environmentOf, typed } from '../support/command-line.ts';
import { armed, install, loadImage } from '../support/machine.ts';
import { type Parts, PROFILE } from '../support/parts.ts';

const SECRET = 'Very-secret-Passw0rd';

const run = (parts: Parts, token: string, line: readonly string[]) =>
  typed(line, { env: environmentOf(parts, token), cwd: parts.directory });

const withPassword = PROFILE.replace(
  'admin-user: { name: admin,',
  'admin-user: { password: { secret: ops }, name: admin,',
);

t.test('show, export: order, why, origin, and no secret unless asked for', async (t) => {
  const { parts, admin } = await armed(t, { secrets: { ops: SECRET } });
  writeFileSync(join(parts.directory, 'default.yaml'), withPassword);
  await (parts.journey.profiles as ProfileRegistry).reload();
  const shown = await run(parts, admin, ['plan', 'show', '--node', 'pve1']);
  t.equal(shown.status, 0, shown.err);
  const order = [...shown.out.matchAll(/^\d+\. (\S+):/gm)].map(([, name]) => name);
  t.ok(
    order.indexOf('repositories') < order.indexOf('admin-user') && order.indexOf('admin-user') < order.indexOf('ssh'),
  );
  t.match(shown.out, /ssh: .*requires admin-user/);
  t.match(shown.out, /password\s+\(secret ops\)\s+\S*default\.yaml:\d+/, 'by reference, with its line');
  t.match(shown.out, /maxAuthTries\s+4\s+default/, 'a default says so');
  t.match(shown.out, /Passwords are guessed/, 'and why');
  t.notMatch(shown.out, SECRET);
  const json = await run(parts, admin, ['plan', 'show', '--node', 'pve1', '--json']);
  t.notMatch(json.out, SECRET);

  const exported = await run(parts, admin, ['plan', 'export', '--node', 'pve1']);
  t.equal(exported.status, 0);
  t.match(exported.err, 'left out, because they carry secrets: admin-user, ssh');
  t.match(exported.out, /^#!\/bin\/bash\n[\s\S]*# end of plan\n$/);
  t.notMatch(exported.out, SECRET);
  t.notMatch(exported.out, parts.segment.httpsUrl, 'no address of this daemon');
  const whole = await run(parts, admin, ['plan', 'export', '--node', 'pve1', '--with-secrets']);
  t.match(whole.out, SECRET);
  const audit = await parts.call(`${parts.segment.httpsUrl}/api/v1/audit?limit=5`, { token: admin });
  t.match(audit.text, /plan\.exported/);
  const operator = await parts.token('operator');
  const refused = await run(parts, operator, ['plan', 'export', '--node', 'pve1']);
  t.equal(refused.status, 1, 'not by an operator');
});

t.test('diff: against the plan that ran last, for one node and for all', async (t) => {
  const { parts, admin } = await armed(t);
  const before = await run(parts, admin, ['plan', 'diff', '--node', 'pve1']);
  t.equal(before.status, 1);
  t.match(before.out, /no plan has run yet[\s\S]*ssh\s+added/);
  t.match(await run(parts, admin, ['plan', 'diff', '--all']), { status: 0, out: 'No installed node would change.\n' });
  await install(t, parts, await loadImage(parts));
  t.match(await run(parts, admin, ['plan', 'diff', '--node', 'pve1']), { status: 0, out: /Nothing would change/ });
  writeFileSync(
    join(parts.directory, 'default.yaml'),
    `${PROFILE.replace('ssh: {}', 'ssh: { maxAuthTries: 2 }').replace('  repositories: {}\n', '')}`,
  );
  await (parts.journey.profiles as ProfileRegistry).reload();
  const diff = await run(parts, admin, ['plan', 'diff', '--node', 'pve1']);
  t.equal(diff.status, 1);
  t.match(diff.out, /ssh\s+maxAuthTries: 4 -> 2\s+\S*default\.yaml:7/);
  t.match(diff.out, /repositories\s+removed/);
  const all = await run(parts, admin, ['plan', 'diff', '--all']);
  t.equal(all.status, 1);
  t.match(all.out, /pve1\.lab\.example\s+ssh\s+maxAuthTries: 4 -> 2/);
  t.match(await run(parts, admin, ['plan', 'diff']), { status: 2, err: /give --node NODE or --all/ });
});
