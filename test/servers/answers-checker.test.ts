/**
 * Generated combinations, judged twice: by our validator and by the stand-in installer's own checker, which is written in another language from the
 * contract alone and shares nothing with it. They must agree on every one: each product in each of its releases, TOML and JSON.
 *
 * What is drawn at random is always the same; IRONWAKE_FUZZ_SEED=NUMBER draws anew, and repeats what failed.
 */
import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { type Test, test } from 'tap';
import {
  ANSWER_RELEASES,
  answerDialect,
  type Dialect,
  dialectFor,
  isAnswerRelease,
} from '../../src/answers/dialect.ts';
import { ANSWER_KEYS } from '../../src/answers/keys.ts';
import type { Product } from '../../src/answers/release.ts';
import { reviewAnswer } from '../../src/answers/review.ts';
import { HASH, type Json, type JsonMap, SMALLEST, STATIC, spelled, withValue } from '../support/answers.ts';
import { askStandIn, type CheckerVerdict } from '../support/stand-in.ts';
import { VERDICT_MACHINE } from '../support/verdicts.ts';

const SEED = Number(process.env.IRONWAKE_FUZZ_SEED ?? 4);

/** An installer image. */
interface Image {
  readonly product: Product;
  readonly release: string;
}

const PVE: readonly Image[] = ANSWER_RELEASES.map((release) => ({ product: 'pve', release }));
const OTHERS: readonly Image[] = [
  ...['3.4', '4.0', '4.1', '4.2'].map((release) => ({ product: 'pbs', release }) as const),
  ...['9.0', '9.1'].map((release) => ({ product: 'pmg', release }) as const),
  ...['1.0', '1.1'].map((release) => ({ product: 'pdm', release }) as const),
];
/** Those that take JSON. */
const NEWEST: readonly Image[] = [
  { product: 'pve', release: '9.2' },
  { product: 'pbs', release: '4.2' },
  { product: 'pmg', release: '9.1' },
  { product: 'pdm', release: '1.1' },
];
const nameOf = ({ product, release }: Image): string => `${product} ${release}`;

function dialectOf({ product, release }: Image): Dialect {
  // The answers of 8.2 and 8.3 are judged, not served.
  return product === 'pve' && isAnswerRelease(release) ? answerDialect(release) : dialectFor(release, product);
}

type Format = 'toml' | 'json';

interface Case {
  readonly image: Image;
  readonly answer: JsonMap;
  readonly format: Format;
}

/** Spelled with hyphens. 8.2 takes no hash yet. */
function smallest({ release }: Image): JsonMap {
  if (release !== '8.2') return SMALLEST;
  const unhashed = withValue(SMALLEST, ['global', 'root-password-hashed'], undefined);
  return withValue(unhashed, ['global', 'root-password'], 'long enough');
}

const textOf = ({ answer, format }: Case): string => (format === 'json' ? JSON.stringify(answer) : stringify(answer));

function theirs(cases: readonly Case[]): readonly boolean[] {
  const rows = cases.map((each) => ({
    ...each.image,
    answer: textOf(each),
    // The older ones read what they get as TOML, whatever the server says that it is.
    json: each.format === 'json' && NEWEST.some((image) => nameOf(image) === nameOf(each.image)),
  }));
  return askStandIn<CheckerVerdict>('checker.py', rows).map(({ ok }) => ok);
}

function ours(each: Case): boolean {
  const { product } = each.image;
  return reviewAnswer(textOf(each), { dialect: dialectOf(each.image), product, format: each.format }).accepted;
}

/** Both judge every case. @param least how many must be taken: a table of refusals alone shows nothing */
function compare(t: Test, name: string, cases: readonly Case[], least: number): void {
  const verdicts = cases.map(ours);
  const found = theirs(cases);
  const accepted = verdicts.filter((verdict) => verdict).length;
  t.ok(accepted >= least && accepted < cases.length, `${name}: ${accepted} of ${cases.length} are taken`);
  const different = cases.flatMap((each, i) =>
    verdicts[i] === found[i] ? [] : [{ ...each, ours: verdicts[i], theirs: found[i] }],
  );
  t.same(different.slice(0, 5), [], name);
}

const disks = (count: number): string[] => Array.from({ length: count }, (_, i) => `sd${String.fromCharCode(97 + i)}`);

const LEVELS = ['raid0', 'raid1', 'raid10', 'raidz-1', 'raidz-2', 'raidz-3', 'RAID1', 'Raid1'] as const;

/** Every file system with every level (as an option of zfs or of btrfs, or none), for all numbers of disks and kinds of selection. */
function combinations(image: Image, levels: readonly string[], counts: readonly number[], format: Format): Case[] {
  const selections = (count: number): readonly JsonMap[] => [
    { 'disk-list': disks(count) },
    { filter: { ID_SERIAL: '*' } },
    { filter: { ID_SERIAL: '*' }, 'filter-match': 'all' },
    { 'disk-list': disks(count), filter: { ID_SERIAL: '*' } },
    { disk_list: disks(count) },
    { 'disk-list': [...disks(count), 'sda'] },
    { 'disk-list': disks(count), filter: {} },
  ];
  const options: readonly JsonMap[] = [{}, ...levels.flatMap((raid) => [{ zfs: { raid } }, { btrfs: { raid } }])];
  return ['ext4', 'xfs', 'zfs', 'btrfs'].flatMap((filesystem) =>
    options.flatMap((option) =>
      counts.flatMap((count) =>
        selections(count).map((selection): Case => {
          const answer = { ...smallest(image), 'disk-setup': { filesystem, ...selection, ...option } };
          return { image, answer: spelled(answer, image.release), format };
        }),
      ),
    ),
  );
}

test('file system, RAID level, number of disks, kind of selection, release: every combination', (t) => {
  for (const image of PVE) {
    compare(t, nameOf(image), combinations(image, LEVELS, [0, 1, 2, 3, 4, 5, 6], 'toml'), 150);
  }
  t.end();
});

test('the same of the other products, and as JSON', (t) => {
  for (const image of OTHERS) compare(t, nameOf(image), combinations(image, ['raid1', 'raidz-1'], [1, 3], 'toml'), 20);
  for (const image of NEWEST) {
    compare(t, `${nameOf(image)}, JSON`, combinations(image, ['raid0', 'RAID1', 'raid10'], [0, 2, 4], 'json'), 20);
  }
  t.end();
});

test('btrfs is for Proxmox VE: the others take it, say nothing and stop on the machine, and we have said so before', (t) => {
  const answer = { ...SMALLEST, 'disk-setup': { filesystem: 'btrfs', 'disk-list': ['sda'], btrfs: { raid: 'raid0' } } };
  const text = stringify(answer);
  const images = [...PVE.slice(2), ...OTHERS];
  const early = askStandIn<CheckerVerdict>(
    'checker.py',
    images.map((image) => ({ ...image, answer: text })),
  );
  const late = askStandIn<CheckerVerdict>(
    'checker.py',
    images.map((image) => ({ ...image, answer: text, machine: VERDICT_MACHINE })),
  );
  images.forEach((image, i) => {
    const { product } = image;
    const review = reviewAnswer(text, { dialect: dialectOf(image), product });
    const errors = review.findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
    t.match([early[i]?.ok, review.accepted], [true, true], `${nameOf(image)}: taken`);
    const stops = product !== 'pve';
    t.same(late[i]?.phase, stops ? 'M' : undefined, `${nameOf(image)}: on the machine`);
    t.same(errors, stops ? ['answer.filesystem-product'] : [], `${nameOf(image)}: ours`);
  });
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

type Change = readonly [path: string, value: Json | undefined];

/** A value that stands where the key table has a key, or where it has none: each must be judged alike as well. */
const ANY: readonly Json[] = ['', 'x', 0, 1, 7, 2 ** 33, -1, 0.5, true, [], ['x'], {}, { x: 'y' }];

function draw(image: Image, count: number, format: Format): Case[] {
  const listed = fc
    .constantFrom(...CHANGES)
    .chain(([path, ...values]) => fc.tuple(fc.constant(path), fc.constantFrom(...values)));
  const any = fc.tuple(
    fc.constantFrom(...ANSWER_KEYS.map(({ section, key }) => `${section}/${key.replaceAll('.', '/')}`)),
    // What is not there can be said in JSON.
    fc.constantFrom(...ANY, ...(format === 'json' ? [null] : [])),
  );
  const change: fc.Arbitrary<Change> = fc.oneof({ weight: 6, arbitrary: listed }, { weight: 1, arbitrary: any });
  // Now and then the keys stand there with hyphens, whatever the release.
  const drawn = fc.tuple(
    fc.array(change, { minLength: 0, maxLength: 4 }),
    fc.nat({ max: 9 }).map((n) => n === 0),
  );
  return fc.sample(drawn, { numRuns: count, seed: SEED }).map(([changes, literal]) => {
    const answer = changes.reduce<JsonMap>(
      (made, [path, value]) => withValue(made, path.split('/'), value),
      smallest(image),
    );
    return { image, answer: literal ? answer : spelled(answer, image.release), format };
  });
}

test(`several changes at once, drawn at random (seed ${SEED})`, (t) => {
  t.ok(Number.isSafeInteger(SEED), 'IRONWAKE_FUZZ_SEED is a whole number');
  for (const image of PVE) compare(t, nameOf(image), draw(image, 2000, 'toml'), 150);
  for (const image of OTHERS) compare(t, nameOf(image), draw(image, 250, 'toml'), 20);
  for (const image of NEWEST) compare(t, `${nameOf(image)}, JSON`, draw(image, 600, 'json'), 40);
  t.end();
});

test('JSON handed to an installer before 9.2 is TOML that cannot be read', (t) => {
  for (const image of [...PVE.slice(0, -1), ...OTHERS].filter((each) => !dialectOf(each).supportsJsonAnswer)) {
    const cases = draw(image, 20, 'json');
    t.same([...new Set([...theirs(cases), ...cases.map(ours)])], [false], nameOf(image));
  }
  t.end();
});

test('null at every key, in JSON', (t) => {
  const base = { ...SMALLEST, network: { ...STATIC, 'interface-name-pinning': { enabled: true, mapping: {} } } };
  const hooks = {
    'post-installation-webhook': { url: 'http://192.0.2.1/', 'cert-fingerprint': 'x', 'auth-token': 't' },
    'first-boot': { source: 'from-url', url: 'http://192.0.2.1/', ordering: 'fully-up', 'cert-fingerprint': 'x' },
  };
  const setup = (filesystem: string, options: JsonMap): JsonMap => ({
    ...base,
    ...hooks,
    'disk-setup': { filesystem, 'disk-list': ['sda'], ...options },
  });
  const bases: readonly JsonMap[] = [
    setup('ext4', { lvm: { hdsize: 20 } }),
    setup('zfs', { zfs: { raid: 'raid0', ashift: 12 } }),
    setup('btrfs', { btrfs: { raid: 'raid0', compress: 'on' } }),
  ];
  const paths = ANSWER_KEYS.map(({ section, key }) => [section, ...key.split('.')]);
  for (const image of NEWEST) {
    const cases = bases.flatMap((answer) =>
      [[], ...paths].map((path): Case => ({ image, answer: withValue(answer, path, null), format: 'json' })),
    );
    compare(t, nameOf(image), cases, 40);
  }
  t.end();
});
