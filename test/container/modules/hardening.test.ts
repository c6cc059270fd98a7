/** Modules sysctl, kernel-modules and services on a real Debian 12 and 13: real kmod and systemd; of the kernel's keys those that a network namespace has of its own. */
import t from 'tap';
import type { DebianRelease } from '../../support/container.ts';
import { held, mendedByHand, startRig } from '../../support/rig.ts';
import { ownNetworkKeys } from '../../support/surroundings.ts';

t.setTimeout(600_000);

const UNIT = (line: string) =>
  `[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n${line}`;

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  t.test(`hardening on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await ownNetworkKeys(container);
    await container.sh(`
for key in accept_redirects send_redirects accept_source_route; do echo 1 > /proc/sys/net/ipv4/conf/host0/$key; done
printf '${UNIT('')}' > /usr/lib/systemd/system/idle.service
printf '[Timer]\\nOnBootSec=1h\\nUnit=idle.service\\n[Install]\\nWantedBy=timers.target\\n' > /usr/lib/systemd/system/idle.timer
printf '[Socket]\\nListenStream=127.0.0.1:1111\\nAccept=no\\n[Install]\\nWantedBy=sockets.target\\n' > /usr/lib/systemd/system/idle.socket
systemctl daemon-reload
systemctl -q enable --now idle.socket idle.timer
systemctl -q enable --now idle.service`);
    const built = (await container.sh('ls /sys/module | head -n 1')).trim();
    const plan = {
      release: release === 'bookworm' ? '8.4' : '9.2',
      postInstall: {
        sysctl: {
          kernel: false,
          settings: { 'net.ipv4.tcp_keepalive_time': 1800, 'net.ipv4.ip_local_port_range': '20000 60000' },
        },
        'kernel-modules': { loaded: [built] },
        services: { off: ['idle.timer', 'idle.socket', 'idle.service', 'rpcbind.service'] },
      },
    };
    await rig.runPlan(plan);
    t.strictSame(rig.steps(), [...held('sysctl'), ...held('kernel-modules'), ...held('services')]);

    const read = async (key: string) => (await container.sh(`cat /proc/sys/${key}`)).trim();
    for (const where of ['all', 'default', 'host0', 'lo'])
      for (const key of ['accept_redirects', 'send_redirects', 'accept_source_route'])
        t.equal(await read(`net/ipv4/conf/${where}/${key}`), '0', `${where} ${key}`);
    t.equal(await read('net/ipv4/tcp_keepalive_time'), '1800');
    t.equal(await read('net/ipv4/ip_local_port_range'), '20000\t60000');
    t.equal((await container.exec(['bash', '-c', 'exec 3<> /dev/tcp/127.0.0.1/1111'])).code, 1, 'nothing listens');
    t.not((await container.exec(['systemctl', 'start', 'idle.service'])).code, 0, 'and nobody can start it');
    t.equal(await container.sh('systemctl --failed --no-legend'), '', 'what is switched off has not failed');

    await mendedByHand(t, rig, 'sysctl', [
      {
        name: 'values that somebody set, on one interface too',
        by: 'echo 7200 > /proc/sys/net/ipv4/tcp_keepalive_time; echo 1 > /proc/sys/net/ipv4/conf/host0/send_redirects',
        found: [
          'net/ipv4/tcp_keepalive_time: expected 1800, found 7200',
          'net/ipv4/conf/host0/send_redirects: expected 0, found 1',
        ],
      },
      {
        name: 'our file changed, and one that sorts behind it',
        by: `sed -i /tcp_syncookies/d /etc/sysctl.d/99-zz-ironwake.conf
printf 'net/ipv4/tcp_keepalive_time=99\\nvm.swappiness = 1\\n-net.ipv4.conf.host0.send_redirects = 1\\n' > /etc/sysctl.d/zz-own.conf`,
        found: [
          /99-zz-ironwake\.conf line \d+: expected -net.ipv4.tcp_syncookies = 1/,
          'what wins at the next boot: expected nothing, found /etc/sysctl.d/zz-own.conf net/ipv4/tcp_keepalive_time 99;/etc/sysctl.d/zz-own.conf net.ipv4.conf.host0.send_redirects 1',
        ],
      },
    ]);
    t.equal(
      container.read('/etc/sysctl.d/zz-own.conf'),
      '# disabled by Ironwake: net/ipv4/tcp_keepalive_time=99\nvm.swappiness = 1\n# disabled by Ironwake: -net.ipv4.conf.host0.send_redirects = 1\n',
      'only what contradicts is switched off',
    );

    await mendedByHand(t, rig, 'kernel-modules', [
      {
        name: 'the files changed, and a rule that sorts behind ours',
        by: `sed -i '/cramfs/d' /etc/modprobe.d/ironwake.conf; rm /etc/modules-load.d/ironwake.conf`,
        found: [
          '/etc/modprobe.d/ironwake.conf line 3',
          '/etc/modules-load.d/ironwake.conf: expected the file',
          'what loading cramfs does: expected /bin/false',
        ],
      },
    ]);
    // What is loaded here is this machine's kernel's business: that a module is missing can be seen, and not be mended.
    await t.test('a module that is not loaded, and cannot be', async (t) => {
      const loaded = '/var/lib/ironwake/plan/modules/kernel-modules/parameters/loaded';
      await container.sh(`cp ${loaded} /root/loaded; echo iw_no_such_module >> ${loaded}`);
      t.strictSame(await rig.drift('kernel-modules'), ['module iw_no_such_module: expected loaded, found not loaded']);
      await t.rejects(rig.mend('kernel-modules'), /the module iw_no_such_module cannot be loaded/);
      await container.sh(`cp /root/loaded ${loaded}`);
      t.strictSame(await rig.drift('kernel-modules'), []);
    });

    await mendedByHand(t, rig, 'services', [
      {
        name: 'unmasked and started again',
        by: 'systemctl -q unmask idle.socket idle.service; systemctl -q start idle.service',
        found: [
          'idle.service: expected masked, found disabled',
          'idle.service now: expected inactive, found active',
          'idle.socket: expected masked',
        ],
      },
    ]);
    await t.test('a service that came later', async (t) => {
      await container.sh(
        `printf '${UNIT('')}' > /usr/lib/systemd/system/rpcbind.service; systemctl daemon-reload; systemctl -q enable --now rpcbind.service`,
      );
      t.match((await rig.drift('services')).join('\n'), 'rpcbind.service now: expected inactive, found active');
      await rig.mend('services');
      t.strictSame(await rig.drift('services'), []);
    });

    await t.test('taken back', async (t) => {
      await rig.rollback('services');
      t.equal(
        (await container.sh('systemctl is-active idle.service idle.socket idle.timer')).trim(),
        'active\nactive\nactive',
      );
      await rig.rollback('sysctl');
      t.equal(await read('net/ipv4/conf/host0/send_redirects'), '1');
      t.not((await container.exec(['test', '-e', '/etc/sysctl.d/99-zz-ironwake.conf'])).code, 0);
      await rig.rollback('kernel-modules');
      t.equal(await container.sh('modprobe --showconfig | grep -c "^install" || true'), '0\n');
    });
  });
}
