/** Modules dns, hosts, time, locale and timezone on a real Debian 12 and 13: real resolver, chrony and locale-gen, with real servers to ask. */
import { createSocket } from 'node:dgram';
import t from 'tap';
import type { DebianRelease } from '../../support/container.ts';
import { held, mendedByHand, startRig } from '../../support/rig.ts';
import { clocks, dnsServer } from '../../support/surroundings.ts';

t.setTimeout(600_000);

/** Whether an NTP server answers a client's question (RFC 5905, mode 3) that comes from this machine. */
function answersNtp(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const done = (answered: boolean) => {
      clearTimeout(limit);
      socket.close();
      resolve(answered);
    };
    const limit = setTimeout(() => done(false), 1500);
    socket.on('message', (message) => done((message[0] ?? 0) % 8 === 4));
    // Nothing listens there: the connected socket hears of it.
    socket.on('error', () => done(false));
    socket.connect(123, address, () => {
      const question = Buffer.alloc(48);
      question[0] = 0x23;
      socket.send(question);
    });
  });
}

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  t.test(`the base of a node on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    const { address, hostAddress } = container;
    const server = dnsServer(hostAddress);
    t.teardown(() => {
      server.kill();
    });
    await clocks(container);
    await container.sh(`
printf '127.0.0.1 localhost node1\\n127.0.1.1 node1.example.test node1\\n# somebody’s own\\n192.0.2.7 printer # keep\\n' > /etc/hosts
printf 'search example.test\\nnameserver 192.0.2.53\\n' > /etc/resolv.conf
systemctl -q start cron`);
    const plan = {
      release: release === 'bookworm' ? '8.4' : '9.2',
      postInstall: {
        dns: { servers: [hostAddress] },
        hosts: { entries: { '192.0.2.12': ['node2.example.test', 'node2'] } },
        time: {
          servers: ['198.51.100.1'],
          allow: [`${hostAddress}/32`],
          makestep: { thresholdSeconds: 0.5, limit: 5 },
        },
        locale: { lang: 'de_AT.UTF-8' },
        timezone: { zone: 'Europe/Vienna' },
      },
    };
    await rig.runPlan(plan);
    t.strictSame(rig.steps(), Object.keys(plan.postInstall).flatMap(held));

    t.match(await container.sh('getent hosts far.example.test'), '192.0.2.9', 'names are asked of the new server');
    t.equal((await container.sh('getent ahosts node1 | head -n 1')).split(' ')[0], address);
    t.equal((await container.sh('hostname -f')).trim(), 'node1.example.test');
    t.equal(
      container.read('/etc/hosts'),
      `127.0.0.1 localhost\n${address} node1.example.test node1\n# somebody’s own\n192.0.2.7 printer # keep\n# Managed by Ironwake (module hosts): changes in these lines are overwritten.\n192.0.2.12 node2.example.test node2\n# End of what Ironwake manages.\n`,
    );
    t.match(await container.sh('chronyc -n -c sources'), /^\^,\*,198\.51\.100\.1,/, 'the clock follows the server');
    t.ok(await answersNtp(address), 'who is allowed gets the time');
    t.match(await container.sh('bash -c ". /etc/default/locale; LC_ALL=\\$LANG date -d 2026-01-01 +%B"'), 'Jänner');
    t.equal((await container.sh('date -d @1767225600 +%H:%M')).trim(), '01:00');
    t.match(
      await container.sh('journalctl -o cat -u cron'),
      /Stopped/,
      'what lived in the former zone was started anew',
    );

    await mendedByHand(t, rig, 'dns', [
      {
        name: 'another server, and a link in place of the file',
        by: "mv /etc/resolv.conf /root/resolv.conf; echo 'nameserver 192.0.2.53' >> /root/resolv.conf; ln -s /root/resolv.conf /etc/resolv.conf",
        found: ['/etc/resolv.conf line', '/etc/resolv.conf is: expected a file, found a link to /root/resolv.conf'],
      },
    ]);
    await t.test('no server answers: the resolver stays as it is', async (t) => {
      const other = await startRig(t, { release });
      await other.container.sh("printf 'nameserver 192.0.2.53\\n' > /etc/resolv.conf");
      await other.runPlan({ ...plan, postInstall: { dns: { servers: [other.container.hostAddress] } } });
      t.strictSame(other.steps(), ['dns apply failed']);
      t.match(other.detailOf('dns', 'apply'), /none of the servers answers .*: the resolver stays as it is/);
      t.equal(other.container.read('/etc/resolv.conf'), 'nameserver 192.0.2.53\n');
      await other.again({ ...plan, postInstall: { hosts: { fqdn: 'other.example.test' } } });
      t.match(
        other.detailOf('hosts', 'apply'),
        /the node's name is node1, and the profile calls it other.example.test/,
      );
    });

    await mendedByHand(t, rig, 'hosts', [
      {
        name: 'the name on the loopback, the block changed',
        by: "sed -i -e 's/^10[.].* node1.example.test/127.0.1.1 node1.example.test/' -e 's/^192.0.2.12 /192.0.2.13 /' /etc/hosts",
        found: [
          `/etc/hosts line 2: expected ${address} node1.example.test node1`,
          `what node1 leads to: expected ${address}, found 127.0.1.1`,
          'loopback for node1: expected nothing, found 127.0.1.1',
        ],
      },
      {
        name: 'no hosts file, another name at the next boot',
        by: 'rm /etc/hosts; echo other > /etc/hostname',
        found: ['/etc/hosts: expected the file', '/etc/hostname: expected node1, found other'],
      },
      {
        name: 'another full name',
        by: "sed -i 's/node1.example.test/node1.example.org/' /etc/hosts",
        found: ['full name: expected node1.example.test, found node1.example.org'],
      },
    ]);

    await mendedByHand(t, rig, 'time', [
      {
        name: 'files of others, and ours changed',
        by: `printf 'pool pool.example.test iburst\\nallow 0/0\\n' > /etc/chrony/conf.d/own.conf
echo 'server 192.0.2.1' > /etc/chrony/sources.d/own.sources
echo 'makestep 9 9' >> /etc/chrony/conf.d/ironwake.conf; rm /etc/chrony/sources.d/ironwake.sources`,
        found: [
          'other files about the same: expected nothing, found /etc/chrony/conf.d/own.conf: pool pool.example.test iburst;/etc/chrony/conf.d/own.conf: allow 0/0;/etc/chrony/sources.d/own.sources: server 192.0.2.1',
          '/etc/chrony/conf.d/ironwake.conf line',
          '/etc/chrony/sources.d/ironwake.sources: expected the file',
        ],
      },
      {
        name: 'told otherwise while it runs',
        by: 'chronyc delete 198.51.100.1; chronyc add server 198.51.100.2; chronyc deny all',
        found: [
          'servers that are asked: expected nothing, found missing 198.51.100.1;foreign 198.51.100.2',
          `${hostAddress}/32 may ask: expected Access allowed, found Access denied`,
        ],
      },
      {
        name: 'switched off, and another in its place',
        by: 'systemctl -q disable --now chrony; systemd-run -q --unit=ntpsec /bin/sleep infinity',
        found: [
          'chrony.service at boot: expected enabled',
          'chrony.service: expected active, found inactive',
          'ntpsec.service: expected not running, found active',
        ],
      },
    ]);
    await t.test('the time server is away', async (t) => {
      await container.sh('systemctl stop time-server; systemctl restart chrony');
      t.match((await rig.drift('time')).join('\n'), 'the clock: expected synchronised, found no server has set it');
    });

    await mendedByHand(t, rig, 'locale', [
      {
        name: 'other settings, and the locale gone',
        by: 'update-locale LANG=C.UTF-8 LC_MESSAGES=de_AT.UTF-8 LC_ALL=C; rm -rf /usr/lib/locale/*_* /usr/lib/locale/locale-archive',
        found: [
          'locale de_AT.UTF-8: expected made, found missing',
          'LANG: expected de_AT.UTF-8, found C.UTF-8',
          'LC_MESSAGES: expected C.UTF-8, found de_AT.UTF-8',
          'LC_ALL: expected nothing, found C',
        ],
      },
    ]);
    await mendedByHand(t, rig, 'timezone', [
      {
        name: 'another zone, which a daemon has taken',
        by: 'ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime; echo Asia/Tokyo > /etc/timezone',
        found: [
          '/etc/localtime: expected /usr/share/zoneinfo/Europe/Vienna, found /usr/share/zoneinfo/Asia/Tokyo',
          '/etc/timezone: expected Europe/Vienna, found Asia/Tokyo',
          /what a new program takes: expected CES?T\+0[12]00, found JST\+0900/,
        ],
      },
    ]);
    await t.test('taken back', async (t) => {
      for (const module of ['dns', 'hosts', 'time', 'locale', 'timezone']) await rig.rollback(module);
      t.equal(container.read('/etc/resolv.conf'), 'search example.test\nnameserver 192.0.2.53\n');
      t.match(container.read('/etc/hosts'), /^127.0.1.1 node1.example.test node1$/m);
      t.match(container.read('/etc/chrony/chrony.conf'), /^pool 2.debian.pool.ntp.org iburst$/m);
      t.equal((await container.sh('date +%Z')).trim(), 'UTC');
    });
    await t.test('taken back: the daemon that set the clock before does so again', async (t) => {
      await container.write(
        '/usr/lib/systemd/system/ntpsec.service',
        '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n',
      );
      const states = async () =>
        (await container.exec(['sh', '-c', 'systemctl is-enabled ntpsec chrony; systemctl is-active ntpsec chrony']))
          .stdout;
      await container.sh(
        'systemctl daemon-reload; systemctl -q disable --now chrony; systemctl -q enable --now ntpsec',
      );
      const other = { time: { servers: ['198.51.100.1'], waitSeconds: 0 } };
      await rig.again({ ...plan, postInstall: other });
      t.equal(await states(), 'disabled\nenabled\ninactive\nactive\n');
      await rig.rollback('time');
      t.equal(await states(), 'enabled\ndisabled\nactive\ninactive\n');
    });
  });

  t.test(`chrony takes the place of systemd-timesyncd on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await clocks(container);
    // As Debian without Proxmox has it. The archive is a folder of the package files.
    await container.sh(`
cd /srv/debs
dpkg -i --force-conflicts --force-breaks systemd-timesyncd_*.deb > /dev/null 2>&1 || true
dpkg --purge chrony > /dev/null; dpkg --configure -a > /dev/null
systemctl -q is-enabled systemd-timesyncd
mkdir -p /root/archive && cd /root/archive && cp /srv/debs/chrony_*.deb .
for deb in *.deb; do dpkg-deb -f "$deb"; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"; done > Packages
echo 'deb [trusted=yes] file:/root/archive ./' > /etc/apt/sources.list`);
    await rig.runPlan({
      release: release === 'bookworm' ? '8.4' : '9.2',
      postInstall: { time: { servers: ['198.51.100.1'], waitSeconds: 0 } },
    });
    t.strictSame(rig.steps(), held('time'));
    t.match(rig.detailOf('time', 'apply'), 'package chrony');
    t.notMatch((await container.exec(['dpkg', '-s', 'systemd-timesyncd'])).stdout, 'Status: install ok installed');
    t.notOk(await answersNtp(container.address), 'without allow it does not listen');
  });
}
