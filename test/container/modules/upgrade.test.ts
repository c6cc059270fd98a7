/**
 * Modules upgrade and unattended-upgrades on a real Debian 12 and 13: real apt and dpkg, archives of several origins made of real packages, changed
 * configuration, held locks, a new kernel and the restart that it needs.
 */
import t from 'tap';
import type { Container, DebianRelease } from '../../support/container.ts';
import { held, mendedByHand, startRig } from '../../support/rig.ts';

t.setTimeout(600_000);

interface Package {
  readonly name: string;
  readonly version: string;
  /** Path and content of its files. */
  readonly files?: Readonly<Record<string, string>>;
  readonly conffiles?: readonly string[];
  readonly depends?: string;
  readonly conflicts?: string;
}

/** Builds packages in the container and puts them into an archive of this origin below /srv/archive; what was there before is gone. */
async function archive(
  container: Container,
  name: string,
  release: { readonly origin: string; readonly label: string; readonly codename: string },
  packages: readonly Package[],
): Promise<void> {
  const folder = `/srv/archive/${name}`;
  const build = packages.map(({ name, version, files = {}, conffiles = [], depends, conflicts }) => {
    const control = [
      ...[`Package: ${name}`, `Version: ${version}`, 'Architecture: all', 'Maintainer: test <test@example.test>'],
      ...(depends === undefined ? [] : [`Depends: ${depends}`]),
      ...(conflicts === undefined ? [] : [`Conflicts: ${conflicts}`]),
      'Description: test',
    ];
    const write = (path: string, content: string) =>
      `mkdir -p "$(dirname 'b${path}')"; printf '%s\\n' '${content}' > 'b${path}'`;
    return [
      'rm -rf b; mkdir -p b/DEBIAN',
      write('/DEBIAN/control', control.join('\n')),
      ...(conffiles.length === 0 ? [] : [write('/DEBIAN/conffiles', conffiles.join('\n'))]),
      ...Object.entries(files).map(([path, content]) => write(path, content)),
      'dpkg-deb --root-owner-group -b b . > /dev/null',
    ].join('\n');
  });
  await container.sh(`rm -rf ${folder}; mkdir -p ${folder}; cd ${folder}
${build.join('\n')}
rm -rf b
for deb in *.deb; do dpkg-deb -f "$deb"; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"; done > Packages
{ printf 'Origin: ${release.origin}\\nLabel: ${release.label}\\nSuite: test\\nCodename: ${release.codename}\\nDate: %s\\nSHA256:\\n' "$(date -Ru)"
printf ' %s %s Packages\\n' "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)"; } > Release
echo 'deb [trusted=yes] file:${folder} ./' > /etc/apt/sources.list.d/${name}.list`);
}

const OLD_KERNEL = '6.8.12-1-pve';
const NEW_KERNEL = '6.8.12-9-pve';

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  const productRelease = release === 'bookworm' ? '8.4' : '9.2';
  const proxmox = { origin: 'Proxmox', label: 'Proxmox Debian Repository', codename: release };
  const security = { origin: 'Debian', label: 'Debian-Security', codename: `${release}-security` };

  t.test(`upgrade on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    const conffile = { files: { '/etc/tool.conf': 'as shipped' }, conffiles: ['/etc/tool.conf'] };
    const kernel = (version: string): Package => ({
      name: `proxmox-kernel-${version}`,
      version: '1',
      files: { [`/boot/vmlinuz-${version}`]: 'x' },
    });
    await archive(container, 'proxmox', proxmox, [
      { name: 'tool', version: '1', ...conffile },
      { name: 'proxmox-kernel', version: '1', depends: `proxmox-kernel-${OLD_KERNEL}` },
      kernel(OLD_KERNEL),
    ]);
    // A kernel of the test: the old one until the container has started again.
    await container.write(
      '/usr/local/bin/uname',
      `#!/bin/sh\n[ "$1" = -r ] || exec /usr/bin/uname "$@"\n[ -e /run/not-restarted ] && echo ${OLD_KERNEL} || echo ${NEW_KERNEL}\n`,
      '0755',
    );
    await container.sh(
      `touch /run/not-restarted; apt-get -qq update; apt-get -qq -y install tool proxmox-kernel > /dev/null; echo 'changed by hand' > /etc/tool.conf`,
    );
    await archive(container, 'proxmox', proxmox, [
      { name: 'tool', version: '2', files: { '/etc/tool.conf': 'as shipped anew' }, conffiles: ['/etc/tool.conf'] },
      { name: 'proxmox-kernel', version: '2', depends: `proxmox-kernel-${NEW_KERNEL}` },
      kernel(OLD_KERNEL),
      kernel(NEW_KERNEL),
    ]);
    // Somebody else is at it: the lock that apt's own option covers, and the one that it does not.
    await container.write(
      '/root/lock.py',
      `import fcntl, time
held = [open(path, 'w') for path in ('/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock')]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_EX)
open('/root/locked', 'w').close()
time.sleep(25)
`,
    );
    await container.sh('systemd-run -q python3 /root/lock.py; until [ -e /root/locked ]; do sleep 0.1; done');

    await rig.runPlan({ release: productRelease, postInstall: { upgrade: {} } });
    t.strictSame(rig.steps(), [
      'upgrade apply changed',
      'upgrade restart ok',
      'upgrade verify ok',
      'upgrade reapply unchanged',
    ]);
    t.match(
      rig.detailOf('upgrade', 'apply'),
      `3 packages upgraded restart: kernel ${NEW_KERNEL} is installed, ${OLD_KERNEL} runs`,
    );
    t.match(rig.server.reports[0]?.output ?? '', /another program holds a lock of apt, waiting/);
    t.match(
      rig.server.reports[0]?.output ?? '',
      'kept as it was, with the new version beside it: /etc/tool.conf.dpkg-dist',
    );
    t.notOk((await container.exec(['test', '-e', '/run/not-restarted'])).code === 0, 'it has restarted');
    t.equal(container.read('/etc/tool.conf'), 'changed by hand\n');
    t.equal(container.read('/etc/tool.conf.dpkg-dist'), 'as shipped anew\n');
    t.equal(await container.sh("dpkg -s tool | sed -n 's/^Version: //p'"), '2\n');

    await mendedByHand(t, rig, 'upgrade', [
      {
        name: 'a package taken back, another half installed',
        by: `cd /root; rm -rf b; mkdir -p b/DEBIAN; printf 'Package: tool\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@t>\\nDescription: t\\n' > b/DEBIAN/control; dpkg-deb -b b old.deb > /dev/null; dpkg -i old.deb > /dev/null
printf 'Package: half\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@t>\\nDescription: t\\n' > b/DEBIAN/control; dpkg-deb -b b half.deb > /dev/null; dpkg --unpack half.deb > /dev/null`,
        found: [
          'half installed packages: expected nothing, found half',
          'packages older than the upgrade brought them: expected nothing, found tool=1',
        ],
      },
    ]);
    await t.test('a restart that waits is seen; one that guests forbid is not made', async (t) => {
      await container.sh('touch /run/not-restarted /run/reboot-required; echo libc6 > /run/reboot-required.pkgs');
      t.match(
        (await rig.drift('upgrade')).join('\n'),
        `reasons to restart: expected nothing, found kernel ${NEW_KERNEL} is installed, ${OLD_KERNEL} runs;asked for by libc6`,
      );
      await container.sh('cp /usr/bin/sleep /usr/local/bin/kvm; systemd-run -q --unit=guest /usr/local/bin/kvm 600');
      await t.rejects(rig.mend('upgrade'), /a restart is needed .*, and 1 guests run: move or stop them/);
      await container.sh(
        `systemctl stop guest; rm /run/reboot-required*; echo ${OLD_KERNEL} > /etc/kernel/proxmox-boot-pin || { mkdir -p /etc/kernel; echo ${OLD_KERNEL} > /etc/kernel/proxmox-boot-pin; }`,
      );
      t.strictSame(await rig.drift('upgrade'), [], 'a node that is pinned to its kernel needs none');
    });
    await t.test('an upgrade that would take the product away is not made', async (t) => {
      await archive(container, 'broken', proxmox, [{ name: 'tool', version: '3', conflicts: 'pve-manager' }]);
      await container.sh(`cd /root; printf 'Package: pve-manager\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@t>\\nDescription: t\\n' > b/DEBIAN/control; dpkg-deb -b b p.deb > /dev/null; dpkg -i p.deb > /dev/null
printf 'Package: tool\\nPin: version 3\\nPin-Priority: 1001\\n' > /etc/apt/preferences.d/x`);
      await container.sh('apt-get -qq update; apt-get -s dist-upgrade | grep -q "^Remv pve-manager"');
      await t.rejects(
        rig.mend('upgrade'),
        /the upgrade would take away pve-manager: the repositories do not fit, nothing was changed/,
      );
      t.equal(await container.sh("dpkg -s tool | sed -n 's/^Version: //p'"), '2\n');
    });
  });

  t.test(`unattended-upgrades on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    const both = (version: string): readonly Package[] => [
      { name: 'patched', version },
      { name: 'corosync', version },
    ];
    await archive(container, 'security', security, both('1'));
    await archive(container, 'proxmox', proxmox, [
      { name: 'pve-thing', version: '1' },
      { name: 'other', version: '1' },
    ]);
    await container.sh(
      'apt-get -qq update; apt-get -qq -y install patched corosync pve-thing other > /dev/null; systemctl -q unmask apt-daily.timer',
    );
    // Neither is there before: what the plan switches on is what counts.
    const timers = async () =>
      (await container.exec(['systemctl', 'is-active', 'apt-daily.timer', 'apt-daily-upgrade.timer'])).stdout;
    await container.sh('systemctl -q disable --now apt-daily.timer');
    t.equal(await timers(), 'inactive\ninactive\n');
    await rig.runPlan({
      release: productRelease,
      postInstall: {
        'unattended-upgrades': { mail: 'root' },
        // A step that comes after it, as any other module may.
        'custom-scripts': {
          scripts: {
            look: { run: 'systemctl is-active apt-daily.timer apt-daily-upgrade.timer > /root/timers || true' },
          },
        },
      },
    });
    t.strictSame(rig.steps(), [...held('unattended-upgrades'), ...held('custom-scripts-look')]);
    t.equal(
      container.read('/root/timers'),
      'inactive\ninactive\n',
      'no timer takes the locks of apt from what comes next',
    );
    await container.until('both, when the plan has ended', async () => (await timers()) === 'active\nactive\n');
    t.strictSame(await rig.drift('unattended-upgrades'), []);

    await archive(container, 'security', security, both('2'));
    await archive(container, 'proxmox', proxmox, [
      { name: 'pve-thing', version: '2' },
      { name: 'other', version: '2' },
    ]);
    await container.sh('apt-get -qq update; unattended-upgrade');
    t.equal(
      await container.sh("dpkg -l patched corosync pve-thing other | awk '/^ii/ { print $2, $3 }'"),
      'corosync 1\nother 1\npatched 2\npve-thing 1\n',
      'security only, and of that not what the virtualisation consists of',
    );

    await mendedByHand(t, rig, 'unattended-upgrades', [
      {
        name: 'a later file adds to the lists, and lets it restart',
        by: `printf 'Unattended-Upgrade::Origins-Pattern { "origin=*"; };\\nUnattended-Upgrade::Allowed-Origins { "x:y"; };\\n' > /etc/apt/apt.conf.d/52own
printf 'Unattended-Upgrade::Automatic-Reboot "true";\\n' >> /etc/apt/apt.conf.d/99ironwake-unattended-upgrades
systemctl -q disable --now apt-daily-upgrade.timer; systemctl -q mask --now apt-daily.timer`,
        found: [
          '99ironwake-unattended-upgrades line',
          'restarts by itself: expected false, found true',
          'apt-daily-upgrade.timer: expected enabled, found disabled',
          'apt-daily.timer: expected enabled, found masked',
          'apt-daily.timer now: expected active',
        ],
      },
    ]);
    await t.test('what a file behind ours adds is seen, and said where it is', async (t) => {
      await container.sh(`mv /etc/apt/apt.conf.d/52own /etc/apt/apt.conf.d/99zz-own`);
      t.match(
        (await rig.drift('unattended-upgrades')).join('\n'),
        /where updates come from: expected origin=Debian\S+, found origin=Debian\S+ origin=\*/,
      );
      await rig.mend('unattended-upgrades');
      t.strictSame(await rig.drift('unattended-upgrades'), []);
    });
    await t.test('taken back: files and timers as they were', async (t) => {
      await rig.rollback('unattended-upgrades');
      t.not((await container.exec(['test', '-e', '/etc/apt/apt.conf.d/99ironwake-unattended-upgrades'])).code, 0);
      t.equal(
        (await container.exec(['systemctl', 'is-enabled', 'apt-daily.timer', 'apt-daily-upgrade.timer'])).stdout,
        'disabled\nmasked\n',
      );
      t.equal(await timers(), 'inactive\ninactive\n');
    });
  });

  t.test(`packages that are missing are installed on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await container.sh(`
cd /srv/debs; for deb in *.deb; do dpkg-deb -f "$deb"; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"; done > Packages
echo 'deb [trusted=yes] file:/srv/debs ./' > /etc/apt/sources.list
apt-get -qq -y purge unattended-upgrades locales fail2ban > /dev/null 2>&1`);
    const postInstall = { 'unattended-upgrades': {}, locale: { lang: 'C.UTF-8' }, fail2ban: {} };
    await rig.runPlan({ release: productRelease, postInstall });
    t.strictSame([...rig.steps()].sort(), Object.keys(postInstall).flatMap(held).sort());
  });
}
