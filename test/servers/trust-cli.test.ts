/** `ironwake run|token|secret|audit|certificate|node credential` against the real API: what an administrator types, and what it does. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { observe } from '../../src/journey/observe.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { commandLine } from '../support/command-line.ts';
import { armed, codeOfNode, install, loadImage } from '../support/machine.ts';
import { PROFILE } from '../support/parts.ts';

const CONFIRM = `${PROFILE.replace('name: admin,', 'name: admin, password: {secret: admin-password},')}install: { release: confirm }\n`;

t.test('run confirm, password, trust, cancel; node credential', async (t) => {
  const directory = t.testdir();
  const at = await armed(t, {
    profiles: { confirm: CONFIRM },
    profile: 'confirm',
    secrets: { 'admin-password': 'x'.repeat(12) },
  });
  const { parts } = at;
  const type = commandLine(parts, directory, at.admin);
  const { key, hook, node, runId, credential } = await install(t, parts, await loadImage(parts));
  t.match(await type('run confirm pve1 bcdf-bcdf-bcdf'), {
    status: 1,
    out: '',
    err: /has not proved its host key yet/,
  });
  t.match(await type('node credential pve1'), { status: 1, err: /has got no credential yet/ });
  t.match(await type('node credentials'), { status: 0, out: /^No node has got a credential yet/ });
  await parts.call(`${node}/plan`, { token: await credential() });
  const code = await codeOfNode(key.publicKey, hook, runId);
  const wrong = `${code[0] === 'b' ? 'c' : 'b'}${code.slice(1)}`;
  t.match(await type(`run confirm pve1 ${wrong}`), {
    status: 1,
    out: '',
    err: /not the code of pve1\.lab\.example.*Read it again/,
  });
  t.match(await type(`run confirm pve1 ${code}`), {
    status: 0,
    out: /confirmed pve1\.lab\.example: its secrets are released/,
    err: '',
  });

  const shown = await type('node credential pve1');
  t.match(shown, { status: 0, out: /credential +valid[\s\S]*host key +SHA256:[\s\S]*address +127\.0\.0\.2/ });
  const [row] = JSON.parse((await type('node credentials --json')).out);
  t.match(row, { node: 'pve1.lab.example', runId, valid: true, revokedAt: null, address: '127.0.0.2' });
  t.match(await type('node credentials'), { status: 0, out: /^NODE .*\npve1\.lab\.example +valid .*127\.0\.0\.2/ });
  t.match(await type('node credential pve1 --revoke --yes'), {
    status: 0,
    out: /credential +none[\s\S]*revoked: the node proves/,
  });
  t.match(await type('node credential pve1 --revoke --yes'), { status: 1, err: /has no valid credential/ });
  t.match(await type('node credentials'), { status: 0, out: /\npve1\.lab\.example +none / });

  const password = await type('run password pve1');
  t.match(password, { status: 0, out: /^[a-zA-Z2-9]{24}\n$/, err: /armed .*it is not shown again/ });
  t.match(await type('run password pve1'), { status: 1, out: '', err: /it was read before/ });
  t.match(
    await type('node root-password pve1'),
    { status: 1, out: '', err: /it was read before/ },
    'by its other name',
  );
  const operator = commandLine(parts, directory, await parts.token('operator'));
  t.match(await operator('run password pve1'), { status: 1, err: /operator's token may not do this/ });

  t.match(await type('run trust pve1'), { status: 1, err: /not contested/ });
  await observe(parts.journey, runId, { kind: 'contest', reason: 'second-claim', address: '127.0.0.3' as Ipv4 });
  t.match(await type('run trust pve1'), { status: 0, out: /trust/ });
  t.equal(await at.state(), 'configuring');
  t.match(await type('run cancel pve1'), { status: 1, err: /half installed.*Nothing was done.*Add --yes/s });
  t.match(await type('run cancel pve1 --yes'), { status: 0, out: /cancelled/ });
  t.match(await type('run cancel pve1'), { status: 1, err: /no installation under way/ });
});

t.test('token add, list, rotate, rm; audit', async (t) => {
  const directory = t.testdir();
  const at = await armed(t);
  const { parts } = at;
  const type = commandLine(parts, directory, at.admin);
  const made = await type('token add ci --role operator --expires 30');
  t.match(made, {
    status: 0,
    out: /^iw_[\w-]{43}\n$/,
    err: /token ci \(operator\), valid until \d{4}-.*not shown again/,
  });
  const first = made.out.trim();
  const asCi = (token: string) => commandLine(parts, directory, token)('node list');
  t.equal((await asCi(first)).status, 0, 'and it works');
  t.match(await type('token add ci --role operator'), { status: 1, err: /already.*token rotate ci/ });
  t.match(await type('token add other --role king'), { status: 2, out: '' });
  t.match(await type('token add other --role viewer --expires 0'), {
    status: 1,
    err: /--expires: '0' is not a whole number/,
  });
  const listed = await type('token list');
  t.match(listed.out, /NAME +ROLE +MADE +ENDS[\s\S]*ci +operator/);
  t.match(listed.out, /admin +admin +.* when revoked/);
  t.notMatch(listed.out, first);

  const file = join(directory, 'ci-token');
  const rotated = await type('token rotate ci --overlap 10 --out ci-token');
  t.match(rotated, { status: 0, out: /written to .*ci-token\n$/, err: '' });
  const second = readFileSync(file, 'utf8').trim();
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.notMatch(rotated.out, second);
  t.same([(await asCi(first)).status, (await asCi(second)).status], [0, 0], 'both, for a while');
  parts.clock.advance(10 * 60_000);
  t.match(await asCi(first), { status: 1, err: /no valid token/ });
  t.equal((await asCi(second)).status, 0);
  const json = await type('token rotate ci --json');
  t.match(JSON.parse(json.out), { name: 'ci', role: 'operator', token: /^iw_/ });
  t.equal(json.err, '');
  t.match(await type('token rm ci --yes'), { status: 0, out: 'revoked ci\n' });
  t.match(await type('token rm ci --yes'), { status: 1, err: /no valid token 'ci'/ });
  t.match(await type('token rm admin --yes'), { status: 1, err: /last admin token/ });

  const audit = await type('audit --limit 3');
  t.equal(audit.out.trim().split('\n').length, 4, 'a head and three lines');
  t.match(
    audit.out,
    /ID +AT +WHO +FROM +WHAT +ON +BEFORE AND AFTER[\s\S]*admin +127\.0\.0\.\d +token\.rotated +ci[\s\S]*token\.revoked +ci/,
  );
  const all = JSON.parse((await type('audit --json')).out);
  t.equal(all[0].action, 'node.added', 'oldest first');
  const before = JSON.parse((await type(`audit --json --before ${all[1].id}`)).out);
  t.same(
    before.map(({ id }: { id: number }) => id),
    [all[0].id],
  );
  t.match(await type('audit --limit many'), { status: 1, err: /--limit: 'many' is not a whole number/ });
  const viewer = commandLine(parts, directory, await parts.token('viewer'));
  for (const words of ['audit', 'token list', 'token add x --role viewer', 'certificate rotate'])
    t.match(await viewer(words), { status: 1, out: '', err: /viewer's token may not do this/ }, words);
});

t.test('secret set from standard input and from a file, list, rm', async (t) => {
  const directory = t.testdir();
  const at = await armed(t);
  const type = commandLine(at.parts, directory, at.admin);
  t.match(await type('secret set from-stdin', 'one-value\n'), { status: 0 });
  writeFileSync(join(directory, 'value'), 'another-value\n');
  t.match(await type('secret set from-file --file value'), { status: 0 });
  const { out } = await type('secret list');
  t.match(out, /from-file[\s\S]*from-stdin/);
  for (const value of ['one-value', 'another-value']) t.notMatch(out, value);
  t.match(await type('secret set empty', ''), { status: 1 });
  t.match(await type('secret rm from-file --yes'), { status: 0 });
  t.match(await type('secret rm from-file --yes'), { status: 1, err: /no secret named 'from-file'/ });
});

t.test('certificate show, rotate', async (t) => {
  const directory = t.testdir();
  const at = await armed(t);
  const { parts } = at;
  const type = commandLine(parts, directory, at.admin);
  const before = parts.journey.identity.fingerprint;
  t.match(await type('certificate show'), {
    status: 0,
    out: new RegExp(`fingerprint +${before}[\\s\\S]*key pin +sha256//`),
  });
  await loadImage(parts);
  const prepared = await type('certificate rotate');
  t.match(prepared, {
    status: 0,
    out: /the next certificate is prepared[\s\S]*next +[0-9A-F]{2}:[\s\S]*waits for +pve1\.lab\.example/,
  });
  t.equal(parts.journey.identity.fingerprint, before);
  const forced = await type('certificate rotate --now --yes');
  t.match(forced, {
    status: 0,
    out: /the certificate has changed\n! these installations break[^\n]*pve1\.lab\.example/,
  });
  t.not(parts.journey.identity.fingerprint, before);
  t.match(await type('certificate show'), {
    status: 0,
    out: new RegExp(`fingerprint +${parts.journey.identity.fingerprint}`),
  });
});
