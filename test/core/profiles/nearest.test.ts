/** The nearest spelling: what is suggested, and where a suggestion would do harm and there is none. */
import { test } from 'tap';
import { answerDialect } from '../../../src/answers/dialect.ts';
import { ANSWER_KEYS, answerKey } from '../../../src/answers/keys.ts';
import { validateAnswer } from '../../../src/answers/validate.ts';
import { nearest } from '../../../src/profiles/nearest.ts';
import { SMALLEST, withValue } from '../../support/answers.ts';

/** Key, what was typed, what is suggested. */
const VALUES: ReadonlyArray<readonly [string, string, string | undefined]> = [
  ['disk-setup.zfs.raid', 'raidz1', 'raidz-1'],
  ['disk-setup.zfs.raid', 'RaidZ1', 'raidz-1'],
  ['disk-setup.zfs.raid', 'RAIDZ1', 'raidz-1'],
  ['disk-setup.zfs.raid', 'raidz_3', 'raidz-3'],
  ['disk-setup.zfs.raid', 'raidz', 'raidz-1'],
  ['disk-setup.zfs.raid', 'raid5', 'raidz-1'],
  ['disk-setup.zfs.raid', 'raid6', 'raidz-2'],
  ['disk-setup.zfs.raid', 'raid-1', 'raid1'],
  ['disk-setup.zfs.raid', 'mirror', 'raid1'],
  ['disk-setup.zfs.raid', 'raid2', undefined],
  ['disk-setup.zfs.raid', 'raidz4', undefined],
  ['disk-setup.zfs.raid', 'raid50', undefined],
  ['disk-setup.btrfs.raid', 'raidz1', undefined],
  ['disk-setup.btrfs.raid', 'raidz-1', undefined],
  ['disk-setup.btrfs.raid', 'raid5', undefined],
  ['disk-setup.btrfs.raid', 'Raid10', 'raid10'],
  ['global.keyboard', 'us', 'en-us'],
  ['global.keyboard', 'EN-US', 'en-us'],
  ['global.keyboard', 'en_us', 'en-us'],
  ['global.keyboard', 'gb', 'en-gb'],
  ['global.keyboard', 'uk', 'en-gb'],
  ['global.keyboard', 'en', undefined],
  ['global.keyboard', 'at', undefined],
  ['global.keyboard', 'de-at', undefined],
  ['global.keyboard', '', undefined],
  ['global.reboot-mode', 'poweroff', 'power-off'],
  ['network.source', 'dhcp', undefined],
  ['disk-setup.filesystem', 'btfrs', 'btrfs'],
  ['disk-setup.filesystem', 'ext3', 'ext4'],
];

function remedyOf(path: string, value: string): string | undefined {
  const answer = withValue(SMALLEST, path.split('.'), value);
  return validateAnswer(answer, answerDialect('9.2'), 'pve').find((found) => found.path === path)?.remedy;
}

test('values of answers', (t) => {
  for (const [path, typed, wanted] of VALUES) {
    const remedy = remedyOf(path, typed) ?? '';
    if (wanted === undefined) t.match(remedy, /^Write one of: /, `${path} ${typed}`);
    else t.ok(remedy.startsWith(`Did you mean ${wanted}?`), `${path} ${typed}: ${remedy}`);
  }
  t.end();
});

test('what values are called elsewhere is no value itself', (t) => {
  for (const { key, meant = {}, values = [] } of ANSWER_KEYS) {
    for (const word of Object.keys(meant)) t.notOk(values.includes(word), `${key}: ${word}`);
  }
  const { values = [], meant = {} } = answerKey('disk-setup.zfs.raid') ?? {};
  for (const value of Object.values(meant)) t.ok(values.includes(value), value);
  t.end();
});

test('keys of answers', (t) => {
  for (const [path, wanted] of [
    ['global.password', 'root-password'],
    ['global.hostname', 'fqdn'],
    ['global.contry', 'country'],
    ['disk-setup.disks', 'disk-list'],
    ['disk-setup.disk-lsit', 'disk-list'],
  ] as const) {
    t.equal(remedyOf(path, 'x'), `Did you mean ${wanted}?`, path);
  }
  const old = validateAnswer(withValue(SMALLEST, ['global', 'password'], 'x'), answerDialect('8.2'), 'pve');
  t.equal(
    old.find(({ path }) => path === 'global.password')?.remedy,
    'Did you mean root_password?',
    'as 8.2 spells it',
  );
  t.end();
});

test('words in general', (t) => {
  t.equal(nearest('hots', ['most', 'host']), 'host', 'letters that changed places are one edit');
  t.equal(nearest('abcd', ['abxy']), undefined, 'two edits are too many for a short word');
  t.equal(nearest('abcdef', ['abcdxy']), 'abcdxy');
  t.equal(nearest('x'.repeat(81), ['x'.repeat(80)]), undefined);
  t.equal(nearest('constructor', ['a'], { meant: {} }), undefined);
  t.equal(nearest('abcx', ['abcd', 'abce']), 'abcd');
  t.equal(nearest('abcx', ['abcd', 'abce'], { surely: true }), undefined);
  t.end();
});
