/** The examples that are shipped, as the daemon reads them: each for every release of its product that a whole journey supports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { buildAnswer } from '../../../src/answers/build.ts';
import { dialectFor } from '../../../src/answers/dialect.ts';
import { ManualClock } from '../../../src/clock.ts';
import { parseFqdn } from '../../../src/net/fqdn.ts';
import { parseMac } from '../../../src/net/mac.ts';
import { checksOfProfiles } from '../../../src/profile-checks.ts';
import { profileForNode, renderForCheck } from '../../../src/profiles/node-profile.ts';
import { ProfileRegistry } from '../../../src/profiles/registry.ts';
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
    const product = profile.product ?? 'pve';
    for (const release of RELEASES[product === 'pbs' ? 'pbs' : 'pve']) {
      const subject = node(VALUES[profile.name] ?? {});
      const rendered = renderForCheck(
        profileForNode(profile, (tag) => registry.tag(tag), subject),
        subject,
      );
      const built = buildAnswer(request({ answer: rendered.answer, dialect: dialectFor(release, product), product }));
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
