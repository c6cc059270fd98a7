import { test } from 'tap';
import { buildPlan } from '../../../src/postinstall/plan.ts';
import { withholdSecrets } from '../../../src/postinstall/release.ts';
import { checksOfProfiles } from '../../../src/profile-checks.ts';
import type { ResolvedProfile } from '../../../src/profiles/resolve.ts';
import { confirmationCode, isConfirmationCode } from '../../../src/trust/confirmation-code.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDX4Rq8CB1kN0Wk7n2f0CJ4H5GvV6Qb1v8gK6ZxqZ8aM admin@laptop';
const account = { name: 'ops', keys: [KEY] };

test('what waits for the code: modules with secrets, and what comes after them', (t) => {
  const rows: ReadonlyArray<readonly [string, Record<string, unknown>, readonly string[]]> = [
    ['no secret', { repositories: {}, ssh: {}, 'admin-user': account }, []],
    [
      'a password',
      { repositories: {}, ssh: {}, 'admin-user': { ...account, password: { secret: 'x' } } },
      ['admin-user', 'ssh'],
    ],
    ['alone', { repositories: {}, 'admin-user': { ...account, rootPassword: { secret: 'x' } } }, ['admin-user']],
    [
      'a secret where nothing secret is expected',
      { ssh: {}, 'admin-user': { ...account, comment: { secret: 'x' } } },
      ['admin-user', 'ssh'],
    ],
    ['deep in a list', { 'admin-user': { name: 'ops', keys: [{ secret: 'x' }] } }, ['admin-user']],
  ];
  for (const [name, postInstall, expected] of rows) {
    const opened: unknown = JSON.parse(JSON.stringify(postInstall).replaceAll('{"secret":"x"}', JSON.stringify(KEY)));
    const whole = buildPlan({ postInstall: opened, product: 'pve', release: '9.2' });
    const { plan, withheld } = withholdSecrets(whole, postInstall);
    t.strictSame(withheld, expected, name);
    t.strictSame(
      [...plan.modules.map(({ module }) => module.name), ...withheld].sort(),
      Object.keys(postInstall).sort(),
      `${name}: nothing is lost`,
    );
  }
  t.end();
});

test('a password in clear text is refused in a profile', (t) => {
  for (const key of ['password', 'rootPassword']) {
    const profile = {
      answer: {},
      postInstall: { 'admin-user': { ...account, [key]: 'Tr0ub4dor-and-3' } },
      install: {},
    };
    const found = checksOfProfiles().flatMap((check) => check(profile as unknown as ResolvedProfile));
    const finding = found.find(({ code }) => code === 'profile.clear-password');
    t.strictSame(finding?.path, ['postInstall', 'admin-user', key]);
    t.notMatch(JSON.stringify(found), 'Tr0ub4dor-and-3', 'and not repeated');
  }
  const scripts = { a: { run: 'true', secrets: { token: 'Tr0ub4dor-and-3' } } };
  const profile = { answer: {}, postInstall: { 'custom-scripts': { scripts } }, install: {} };
  const found = checksOfProfiles().flatMap((check) => check(profile as unknown as ResolvedProfile));
  t.strictSame(found.find(({ code }) => code === 'profile.clear-password')?.path, [
    ...['postInstall', 'custom-scripts', 'scripts', 'a', 'secrets', 'token'],
  ]);
  t.end();
});

test('the confirmation code: each of the three makes another one, and typing is forgiven', (t) => {
  const subject = { hostKeyFingerprint: 'SHA256:a', pins: 'sha256//b', runId: 'c' };
  const code = confirmationCode(subject);
  t.match(code, /^([b-df-hjkmnp-tv]{4}-){2}[b-df-hjkmnp-tv]{4}$/);
  for (const other of [
    { ...subject, hostKeyFingerprint: 'SHA256:x' },
    { ...subject, pins: 'sha256//b;sha256//x' },
    { ...subject, runId: 'x' },
  ])
    t.notOk(isConfirmationCode(code, other));
  for (const typed of [code, code.toUpperCase(), code.replaceAll('-', ''), ` ${code.replaceAll('-', ' ')} `])
    t.ok(isConfirmationCode(typed, subject), typed);
  t.notOk(isConfirmationCode('', subject));
  t.end();
});
