/** Module repositories on a real Debian 12 and 13 with a mirror of the test: real apt, real signatures. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { DebianRelease } from '../../support/container.ts';
import { buildMirror, type Mirror, SUBSCRIPTION, startMirror } from '../../support/mirror.ts';
import { brokenByHand, held, startRig } from '../../support/rig.ts';

// Each of these boots a system; the limit only ends what hangs.
t.setTimeout(600_000);
const dir = mkdtempSync(join(tmpdir(), 'ironwake-module-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const keyring = await buildMirror(join(dir, 'mirror'));

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  const productRelease = release === 'bookworm' ? '8.4' : '9.2';

  t.test(`repositories on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const mirror = await startMirror({ host: rig.container.hostAddress, port: 0, dir: join(dir, 'mirror') });
    t.teardown(() => mirror.close());
    const enterprise = `${mirror.enterpriseUrl}/debian`;
    // The state that the vendor's packages leave, in both formats, and a file with several stanzas.
    await rig.container.write(
      '/etc/apt/sources.list.d/ceph.list',
      `# Ceph\ndeb ${enterprise}/ceph-squid ${release} enterprise\n`,
    );
    await rig.container.write(
      '/etc/apt/sources.list.d/pve-enterprise.sources',
      [
        ...['Types: deb', `URIs: ${enterprise}/pve`, `Suites: ${release}`, 'Components: pve-enterprise', ''],
        ...['# second', 'Types: deb', 'URIs: https://enterprise.proxmox.com/debian/pve', `Suites: ${release}`],
        ...['Components:', ' pve-enterprise', 'Enabled: yes', ''],
      ].join('\n'),
    );
    t.not((await rig.container.exec(['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any'])).code, 0, 'as shipped');

    await rig.runPlan({
      postInstall: { repositories: { mirror: mirror.url, keyring, ceph: 'squid' } },
      release: productRelease,
    });
    t.strictSame(rig.steps(), held('repositories'));
    t.match(rig.container.read('/etc/apt/sources.list.d/ceph.list'), /^# disabled by Ironwake: deb .* enterprise$/m);
    const vendor = rig.container.read('/etc/apt/sources.list.d/pve-enterprise.sources');
    t.equal(vendor.match(/^Enabled: no$/gm)?.length, 2, 'both stanzas are off');
    t.notMatch(vendor, /Enabled: yes/);
    const { host } = new URL(mirror.url);
    t.match(await rig.container.sh('ls /var/lib/apt/lists'), `${host}_debian_pve_dists_${release}_InRelease`);

    const sources = '/etc/apt/sources.list.d/proxmox.sources';
    await brokenByHand(
      t,
      rig,
      'repositories',
      { postInstall: { repositories: { mirror: mirror.url, keyring, ceph: 'squid' } }, release: productRelease },
      [
        {
          name: 'a package brings the vendor’s entry back',
          by: `echo 'deb https://enterprise.proxmox.com/debian/pve ${release} pve-enterprise' > /etc/apt/sources.list.d/pve-enterprise.list`,
          found: ['enabled entries that need a subscription: expected nothing, found /etc/apt'],
        },
        {
          name: 'another channel',
          by: `sed -i 's/^Components: pve-.*/Components: pve-test/' ${sources}`,
          found: [/line \d+: expected Components: pve-no-subscription, found Components: pve-test/],
        },
      ],
    );

    await t.test('the channel enterprise, with and without a subscription, through a proxy', async (t) => {
      const ofEnterprise = ({ enterpriseUrl, url }: Mirror) => ({
        repositories: { channel: 'enterprise', mirror: enterpriseUrl, keyring, ceph: 'squid', proxy: `${url}/` },
      });
      const other = await startRig(t, { release });
      const unpaid = await startMirror({ host: other.container.hostAddress, port: 0, dir: join(dir, 'mirror') });
      t.teardown(() => unpaid.close());
      await other.container.write('/etc/apt/sources.list.d/pve-enterprise.sources', vendor.replaceAll('no', 'yes'));
      await other.runPlan({ postInstall: ofEnterprise(unpaid), release: productRelease });
      t.strictSame(other.steps(), [
        'repositories apply changed',
        'repositories verify failed',
        'repositories rollback ok',
      ]);
      t.match(other.detailOf('repositories', 'verify'), /needs an active subscription, and this node has none: 401 /);
      t.notOk((await other.container.exec(['ls', '/etc/apt/apt.conf.d/75ironwake-proxy'])).code === 0);

      const postInstall = ofEnterprise(mirror);
      await rig.container.write(
        '/etc/apt/auth.conf.d/pve.conf',
        `machine ${mirror.enterpriseUrl} login ${SUBSCRIPTION.login} password ${SUBSCRIPTION.password}\n`,
        '0600',
      );
      await rig.again({ postInstall, release: productRelease });
      t.strictSame(rig.steps(), held('repositories'));
      t.match(
        await rig.container.sh('ls /var/lib/apt/lists'),
        `${host}_enterprise_debian_pve_dists_${release}_InRelease`,
      );
      t.ok(
        mirror.requests.includes(`${mirror.enterpriseUrl}/debian/pve/dists/${release}/InRelease`),
        'asked through the proxy',
      );
      await brokenByHand(t, rig, 'repositories', { postInstall, release: productRelease }, [
        {
          name: 'the proxy is gone',
          by: 'rm /etc/apt/apt.conf.d/75ironwake-proxy',
          found: ['/etc/apt/apt.conf.d/75ironwake-proxy: expected the file, found no such file'],
        },
        {
          name: 'another key',
          by: 'echo >> /usr/share/keyrings/ironwake-mirror.asc',
          found: [/ironwake-mirror\.asc line \d+/],
        },
      ]);

      await rig.again({ postInstall: { repositories: { mirror: mirror.url, keyring } }, release: productRelease });
      t.strictSame(rig.steps(), held('repositories'), 'back to no-subscription');
      t.notOk(
        (await rig.container.exec(['ls', '/etc/apt/apt.conf.d/75ironwake-proxy'])).code === 0,
        'without the proxy',
      );
    });

    await t.test('a mirror that is away: failed, said why, and taken back', async (t) => {
      await mirror.close();
      const other = await startRig(t, { release });
      await other.container.write('/etc/apt/sources.list.d/pve-enterprise.sources', vendor.replaceAll('no', 'yes'));
      const before = other.container.read('/etc/apt/sources.list.d/pve-enterprise.sources');
      await other.runPlan({
        postInstall: { repositories: { mirror: `http://${other.container.hostAddress}:9`, keyring }, ssh: {} },
        release: productRelease,
      });
      t.strictSame(other.steps().slice(0, 3), [
        'repositories apply changed',
        'repositories verify failed',
        'repositories rollback ok',
      ]);
      t.match(other.detailOf('repositories', 'verify'), /apt-get update failed: .*(Could not connect|Failed to fetch)/);
      t.equal(other.container.read('/etc/apt/sources.list.d/pve-enterprise.sources'), before);
      t.strictSame(other.server.finished, { run: other.server.runId, result: 'failed' });
    });
  });
}
