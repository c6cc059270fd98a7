/**
 * The examples that are shipped, as the daemon reads them: each for every release of its product that a whole journey supports, and for the two
 * before, for which answers are only checked and converted, what their installer says and why.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { buildAnswer } from '../../../src/answers/build.ts';
import { convertAnswer } from '../../../src/answers/convert.ts';
import {
  ANSWER_RELEASES,
  type AnswerRelease,
  answerDialect,
  DIALECT_RELEASES,
  dialectFor,
} from '../../../src/answers/dialect.ts';
import { reviewAnswer } from '../../../src/answers/review.ts';
import { ManualClock } from '../../../src/clock.ts';
import { parseFqdn } from '../../../src/net/fqdn.ts';
import { parseMac } from '../../../src/net/mac.ts';
import { checksOfProfiles } from '../../../src/profile-checks.ts';
import { profileForNode, renderForCheck } from '../../../src/profiles/node-profile.ts';
import { ProfileRegistry } from '../../../src/profiles/registry.ts';
import type { ResolvedProfile } from '../../../src/profiles/resolve.ts';
import { request } from '../../support/answers.ts';

const ANSWERS = join(import.meta.dirname, '../../../answers');

/** Releases by product; the first image of each that speaks a dialect of ours, and the newest. */
const RELEASES = { pve: ['8.4', '9.0', '9.1', '9.2'], pbs: ['3.4', '4.0', '4.1', '4.2'] } as const;

/** What a node has to bring for a profile. */
const VALUES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  bond: { values: { secondPort: 'bc:24:11:00:00:02' } },
  'static-address': { network: { cidr: '192.0.2.11/24' } },
  'cluster-node': { values: { rack: 'a' } },
};

/** As the daemon opens it. */
function openShipped(release?: string): Promise<ProfileRegistry> {
  return ProfileRegistry.open({ directory: ANSWERS, clock: new ManualClock(), checks: checksOfProfiles(release) });
}

function node(values: unknown, tags: readonly string[] = []) {
  const macs = [parseMac('bc:24:11:00:00:01'), parseMac('bc:24:11:00:00:02')];
  return { fqdn: parseFqdn('pve1.lab.example'), macs, site: 'default', tags, values };
}

test('the shipped examples: what the comments tell to change is mentioned, nothing else', async (t) => {
  const registry = await openShipped();
  t.teardown(() => registry.close());
  t.same(
    registry.list().map((profile) => profile.name),
    [
      'backup-server',
      'bond',
      'btrfs',
      'cluster-node',
      'default',
      'management-vlan',
      'nvme',
      'static-address',
      'zfs-mirror',
      'zfs-raidz2',
    ],
  );
  t.ok(registry.tag('test-channel'));
  t.same(
    registry.problems().map((found) => `${found.severity} ${found.code} ${found.file}`),
    ['warning answer.unwise-local-mail default.yaml', 'warning profile.admin-without-key default.yaml'],
    'where it is inherited, it is the same place',
  );
});

test('every shipped example passes every check of every release of its product', async (t) => {
  for (const [product, releases] of Object.entries(RELEASES)) {
    for (const release of releases) {
      const registry = await openShipped(release);
      // Those of the other product fail with this release, as they should.
      const names = registry.list().filter((profile) => (profile.product ?? 'pve') === product);
      for (const { name } of names) {
        t.same(
          registry.problems().filter((found) => found.severity === 'error' && found.file === `${name}.yaml`),
          [],
          `${name} ${product} ${release}`,
        );
      }
      t.ok(names.length > 0, `${product} ${release}: there is one`);
      registry.close();
    }
  }
});

test('every shipped example gives an answer in every release; unwise is only what its comments tell to change', async (t) => {
  const registry = await openShipped();
  t.teardown(() => registry.close());
  for (const profile of registry.list()) {
    for (const release of RELEASES[profile.product === 'pbs' ? 'pbs' : 'pve']) {
      const built = builtFor(registry, profile, release);
      const codes = built.warnings.map(({ code }) => code);
      t.same(
        codes.filter((code) => code !== 'answer.unwise-dhcp' && code !== 'answer.unwise-local-mail'),
        [],
        `${profile.name} ${release}`,
      );
      t.notMatch(built.toml, '{{');
    }
  }
});

/** The answer that a node with this profile would get. */
function builtFor(registry: ProfileRegistry, profile: ResolvedProfile, release: string) {
  const product = profile.product ?? 'pve';
  const subject = node(VALUES[profile.name] ?? {});
  const rendered = renderForCheck(
    profileForNode(profile, (tag) => registry.tag(tag), subject),
    subject,
  );
  return buildAnswer(request({ answer: rendered.answer, dialect: dialectFor(release, product), product }));
}

/** Keys that the examples have, or that the daemon adds, and that came after this release; each is left out when converting. */
const NEWER = ['global.root-password-hashed', '[post-installation-webhook]', '[first-boot]'];
const NEWER_THAN: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '8.2': { btrfs: ['disk-setup.btrfs.compress'] },
};

test('every shipped example has its verdict in 8.2 and 8.3 too: refused for what these do not know, by name, and good when it is converted', async (t) => {
  const registry = await openShipped();
  t.teardown(() => registry.close());
  const oldest = { pve: '8.4', pbs: '3.4' } as const;
  for (const profile of registry.list()) {
    const { name, product = 'pve' } = profile;
    const { toml, answer } = builtFor(registry, profile, oldest[product === 'pbs' ? 'pbs' : 'pve']);
    const verdict = (text: string, release: AnswerRelease) =>
      reviewAnswer(text, { dialect: answerDialect(release), product, format: 'toml' });
    const refusals = (text: string, release: AnswerRelease): string[] =>
      verdict(text, release)
        .findings.filter(({ by, severity }) => by === 'installer' && severity === 'error')
        .map(({ code, path, message }) => `${code} ${path}: ${message}`);

    // As it is, with hyphens: the first thing said is how this release spells it.
    const hyphened = refusals(toml, '8.3');
    t.ok(hyphened.length > 0, `${name} 8.3`);
    for (const each of hyphened)
      t.match(
        each,
        /^answer\.unknown-key \S+-\S+: The installer of 8\.3 spells it with underscores|^answer\.(password-missing|disk-selection-missing) /,
        `${name} 8.3`,
      );
    const tooNew = refusals(toml, '8.2').filter((each) => /^answer\.(not-in-release|unknown-section) /.test(each));
    const wanted = [...NEWER, ...(NEWER_THAN['8.2']?.[name] ?? [])].map((path) => path.replaceAll(/[[\]]/g, ''));
    t.same(tooNew.map((each) => each.split(/[ :]+/)[1]).sort(), wanted.sort(), `${name} 8.2: what it does not know`);

    const to83 = convertAnswer(answer, answerDialect('8.3'));
    t.same(to83.changes, [], `${name} 8.3: nothing is lost`);
    t.same(refusals(to83.toml, '8.3'), [], `${name} 8.3: accepted when it is converted`);
    t.ok(verdict(to83.toml, '8.3').accepted);

    const to82 = convertAnswer(answer, answerDialect('8.2'));
    t.same(
      to82.changes.map((change) => change.replace(/ left out: 8\.2 does not know it$/, '')).sort(),
      [...NEWER, ...(NEWER_THAN['8.2']?.[name] ?? [])].sort(),
      `${name} 8.2: what has to go, by name`,
    );
    t.match(
      refusals(to82.toml, '8.2'),
      [/^answer\.password-missing global: /],
      `${name} 8.2: refused, since a hash cannot be turned back`,
    );
    const withPassword = to82.toml.replace('[global]\n', '[global]\nroot_password = "correct horse battery"\n');
    t.same(refusals(withPassword, '8.2'), [], `${name} 8.2: accepted with a password`);
  }
});

test('a whole journey with 8.2 or 8.3 is refused for every example, with the release to take instead', async (t) => {
  t.same(
    ANSWER_RELEASES.filter((release) => !DIALECT_RELEASES.some((served) => served === release)),
    ['8.2', '8.3'],
  );
  for (const release of ['8.2', '8.3']) {
    const registry = await openShipped(release);
    const broken = registry.problems().filter(({ code }) => code === 'release.unsupported');
    for (const { remedy, severity } of broken)
      t.match({ remedy, severity }, { remedy: /8\.4 or newer/, severity: 'error' });
    t.ok(broken.length > 0, release);
    t.same(registry.list(), [], `${release}: none of them can be armed`);
    registry.close();
  }
});

test('what the examples promise', async (t) => {
  const registry = await openShipped();
  t.teardown(() => registry.close());
  const of = (name: string, tags: readonly string[] = []) => {
    const subject = node(VALUES[name] ?? {}, tags);
    return renderForCheck(
      profileForNode(registry.require(name), (tag) => registry.tag(tag), subject),
      subject,
    );
  };
  t.match(of('default').answer, { 'disk-setup': { filesystem: 'ext4' }, network: { source: 'from-dhcp' } });
  t.match(of('zfs-mirror').answer, { 'disk-setup': { zfs: { raid: 'raid1' } } });
  t.match(of('zfs-raidz2').answer, { 'disk-setup': { zfs: { raid: 'raidz-2', compress: 'zstd' } } });
  t.match(of('btrfs').answer, { 'disk-setup': { filesystem: 'btrfs', btrfs: { raid: 'raid1' } } });
  t.match(of('bond').postInstall, {
    network: { bonds: { bond0: { ports: ['bc:24:11:00:00:01', 'bc:24:11:00:00:02'], primary: 'bc:24:11:00:00:01' } } },
  });
  t.match(of('management-vlan').postInstall, { network: { bridges: { vmbr0: { ports: ['bc:24:11:00:00:01'] } } } });
  t.match(of('management-vlan').answer, { network: { cidr: '192.0.2.20/24' } });
  t.match(of('bond').answer, { network: { cidr: '192.0.2.20/24' } });
  t.match(of('cluster-node'), {
    answer: { network: { cidr: '192.0.2.101/24' }, global: { mailto: 'root@lab.example' } },
    postInstall: { 'admin-user': { comment: 'Administrator of pve1 in rack a' } },
  });
  t.match(of('backup-server'), { product: 'pbs', answer: { 'disk-setup': { filesystem: 'zfs' } } });
  t.match(of('default', ['test-channel']).postInstall, { repositories: { channel: 'test' } });
  t.throws(() => profileForNode(registry.require('cluster-node'), () => undefined, node({})), {
    code: 'profile.value-missing',
  });
});

test('what the answer file cannot say is said in the comments, with the module that is missing', (t) => {
  for (const [file, module] of [['cluster-node.yaml', 'cluster']] as const) {
    const text = readFileSync(join(ANSWERS, file), 'utf8');
    t.match(text, 'WHAT THIS DOES NOT DO');
    t.match(text, `module \`${module}\` for the first boot`);
    t.notMatch(text, new RegExp(`^  ${module}:`, 'm'), 'and it is not written as if it were there');
  }
  t.end();
});

test('editors find the schema by the first line of each file', (t) => {
  for (const [directory, up] of [
    [ANSWERS, '..'],
    [join(ANSWERS, 'tags'), '../..'],
  ] as const) {
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.yaml'))) {
      const [first] = readFileSync(join(directory, file), 'utf8').split('\n');
      t.equal(first, `# yaml-language-server: $schema=${up}/docs/schemas/profile.schema.json`, file);
    }
  }
  t.end();
});
