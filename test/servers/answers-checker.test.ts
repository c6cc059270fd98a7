/**
 * Generated combinations, judged twice: by our validator and by the stand-in installer's own checker, which is written in another language from the
 * contract alone and shares nothing with it. They must agree on every one.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { type Test, test } from 'tap';
import { ANSWER_RELEASES, type AnswerRelease, answerDialect } from '../../src/answers/dialect.ts';
import { reviewAnswer } from '../../src/answers/review.ts';
import { HASH, type Json, type JsonMap, SMALLEST, STATIC, spelled, withValue } from '../support/answers.ts';

interface Case {
  readonly release: AnswerRelease;
  readonly answer: JsonMap;
}

/** Spelled with hyphens. 8.2 takes no hash yet. */
function smallest(release: AnswerRelease): JsonMap {
  if (release !== '8.2') return SMALLEST;
  const unhashed = withValue(SMALLEST, ['global', 'root-password-hashed'], undefined);
  return withValue(unhashed, ['global', 'root-password'], 'long enough');
}

// Debian's own Python: tomllib came with 3.11, and an older one may stand first in PATH.
function askChecker(cases: readonly Case[]): readonly boolean[] {
  const checker = fileURLToPath(new URL('../lab/image/live/checker.py', import.meta.url));
  const asked = spawnSync('/usr/bin/python3', ['-B', checker, '--rows'], {
    input: cases.map(({ release, answer }) => `${JSON.stringify({ release, answer: stringify(answer) })}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (asked.status !== 0) throw new Error(`checker.py: ${asked.error?.message ?? asked.stderr}`);
  return asked.stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly ok: boolean }).ok);
}

function ours({ release, answer }: Case): boolean {
  return reviewAnswer(stringify(answer), { dialect: answerDialect(release), product: 'pve' }).accepted;
}

/** Both judge every case. */
function compare(t: Test, release: AnswerRelease, cases: readonly Case[]): void {
  const verdicts = cases.map(ours);
  const theirs = askChecker(cases);
  const accepted = verdicts.filter((verdict) => verdict).length;
  t.ok(accepted > 150 && accepted < cases.length / 2, `${release}: ${accepted} of ${cases.length} are taken`);
  const different = cases.flatMap((each, i) =>
    verdicts[i] === theirs[i] ? [] : [{ ...each, ours: verdicts[i], theirs: theirs[i] }],
  );
  t.same(different.slice(0, 5), [], release);
}

const disks = (count: number): string[] => Array.from({ length: count }, (_, i) => `sd${String.fromCharCode(97 + i)}`);

test('file system, RAID level, number of disks, kind of selection, release: every combination', (t) => {
  const selections = (count: number): readonly JsonMap[] => [
    { 'disk-list': disks(count) },
    { filter: { ID_SERIAL: '*' } },
    { filter: { ID_SERIAL: '*' }, 'filter-match': 'all' },
    { 'disk-list': disks(count), filter: { ID_SERIAL: '*' } },
    { disk_list: disks(count) },
    { 'disk-list': [...disks(count), 'sda'] },
    { 'disk-list': disks(count), filter: {} },
  ];
  for (const release of ANSWER_RELEASES) {
    const cases: Case[] = [];
    for (const filesystem of ['ext4', 'xfs', 'zfs', 'btrfs']) {
      for (const level of [undefined, 'raid0', 'raid1', 'raid10', 'raidz-1', 'raidz-2', 'raidz-3', 'RAID1', 'Raid1']) {
        for (let count = 0; count <= 6; count++) {
          for (const selection of selections(count)) {
            for (const options of ['zfs', 'btrfs'] as const) {
              const raid: JsonMap = level === undefined ? {} : { [options]: { raid: level } };
              const answer = { ...smallest(release), 'disk-setup': { filesystem, ...selection, ...raid } };
              cases.push({ release, answer: spelled(answer, release) });
            }
          }
        }
      }
    }
    compare(t, release, cases);
  }
  t.end();
});

/** One change to an answer: where, and what. Most are fine in one release or in another form. */
const CHANGES: ReadonlyArray<readonly [path: string, ...values: ReadonlyArray<Json | undefined>]> = [
  ['global/keyboard', 'de', 'us', 'en-us', undefined],
  ['global/country', 'at', 'AT', 'uk', 'gb', 7],
  [
    'global/fqdn',
    'pve.lab',
    'pve',
    '1.lab',
    'a_b.lab',
    'pve.123',
    {},
    { source: 'from-dhcp' },
    { domain: 'x.y' },
    { source: 'x' },
    { name: 'x' },
  ],
  ['global/mailto', 'a@b', 'nobody', 'mail@example.invalid'],
  ['global/timezone', 'UTC', 'Europe/Vienna', 'Europe/Kiev', 'Etc/UTC'],
  ['global/root-password', 'long enough', 'short', undefined],
  ['global/root-password-hashed', HASH, 'junk', undefined],
  ['global/root_password', 'long enough'],
  ['global/root-ssh-keys', [], ['junk'], 'junk'],
  ['global/reboot-mode', 'reboot', 'power-off', 'halt'],
  ['global/reboot-on-error', true, 'yes'],
  ['global/subscription-key', 'junk'],
  ['network', { source: 'from-dhcp' }, {}, STATIC, { source: 'from-answer' }],
  ['network/cidr', '192.0.2.10/24', '192.0.2.10', '192.0.2.10/33', '2001:db8::1/64'],
  ['network/dns', '192.0.2.53', ['192.0.2.53'], 'x'],
  ['network/gateway', '192.0.2.1', '2001:db8::1', ''],
  ['network/filter', { ID_PATH: '*' }, { ID_PATH: 5 }, {}],
  ['network/interface_name_pinning', { enabled: true }],
  [
    'network/interface-name-pinning',
    { enabled: true },
    {},
    { enabled: true, mapping: { 'bc:24:11:00:00:01': 'lan0' } },
    { enabled: true, mapping: { 'bc:24:11:00:00:01': 'lan0', 'bc:24:11:00:00:02': 'lan0' } },
  ],
  ['disk-setup/filter', { ID_MODEL: '*' }, {}],
  ['disk-setup/filter-match', 'all', 'some'],
  ['disk-setup/zfs', { raid: 'raid1', 'arc-max': 512 }, { raid: 'RAID1', arc_max: 512 }],
  ['disk-setup/filesystem', 'zfs', 'btrfs', 'xfs'],
  ['disk-setup/btrfs', { raid: 'raid0', compress: 'zstd' }, { raid: 'raid0' }],
  ['disk-setup/lvm', { hdsize: 20 }, { hdsize: 20, swapsize: 11 }, { size: 1 }],
  ['disk-setup/disk-list', ['sda'], ['sda', 'sdb'], []],
  ['post-installation-webhook', { url: 'x' }, {}, { url: 'x', cert_fingerprint: 'y' }, { url: 'x', 'auth-token': 't' }],
  ['first-boot', { source: 'from-url' }, { source: 'from-url', url: 'x' }, { source: 'from-iso', ordering: 'x' }, {}],
  ['locale', {}],
];

test('several changes at once, drawn at random', (t) => {
  const change = fc
    .constantFrom(...CHANGES)
    .chain(([path, ...values]) => fc.tuple(fc.constant(path), fc.constantFrom(...values)));
  for (const release of ANSWER_RELEASES) {
    // Now and then the keys stand there with hyphens, whatever the release.
    const drawn = fc.sample(
      fc.tuple(
        fc.array(change, { minLength: 0, maxLength: 4 }),
        fc.nat({ max: 9 }).map((n) => n === 0),
      ),
      { numRuns: 2000, seed: 4 },
    );
    const cases = drawn.map(([changes, literal]): Case => {
      const answer = changes.reduce<JsonMap>(
        (made, [path, value]) => withValue(made, path.split('/'), value),
        smallest(release),
      );
      return { release, answer: literal ? answer : spelled(answer, release) };
    });
    compare(t, release, cases);
  }
  t.end();
});
