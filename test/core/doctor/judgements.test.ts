/** The judgements about this host: ports, links, disks, clock, certificate, profiles, our own answers. */
import { test } from 'tap';
import type { NodeSummary } from '../../../src/api/schemas.ts';
import { page } from '../../../src/cli/doctor.ts';
import { judgeAbsence } from '../../../src/doctor/daemon-state.ts';
import { judgeRows, judgeSpace } from '../../../src/doctor/disks.ts';
import { type Finding, ok, problem, warning, worst } from '../../../src/doctor/finding.ts';
import { judgeLink } from '../../../src/doctor/interfaces.ts';
import { askableMac, judgeOwnOffers } from '../../../src/doctor/own-servers.ts';
import { judgeFreePort, judgeHeldPort } from '../../../src/doctor/ports.ts';
import { judgeProfiles } from '../../../src/doctor/staged.ts';
import { judgeCertificate, judgeClock } from '../../../src/doctor/time.ts';
import { IronwakeError } from '../../../src/errors.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';

const said = ({ code, result }: Finding) => `${result} ${code}`;

test('ports while the daemon runs', async (t) => {
  const tftp = { protocol: 'udp', port: 69, purpose: 'TFTP' } as const;
  const ours = { pid: 7, name: 'node' };
  const hpa = { pid: 9, name: 'in.tftpd' };
  const of = (sockets: number, ...holders: (typeof ours)[]) => judgeHeldPort(tftp, { sockets, holders }, 7);
  t.equal(said(of(1, ours)), 'ok ports.ours');
  t.match(of(2, ours, { pid: 8, name: 'dnsmasq' }).message, /our daemon, with dnsmasq beside it/);
  t.match(of(1, hpa), { result: 'problem', code: 'ports.taken', message: /in\.tftpd \(pid 9\)/, remedy: /tftpd-hpa/ });
  t.equal(said(of(1)), 'ok ports.in-use', 'without root nobody is named, and nothing is claimed');
  t.equal(said(of(0)), 'problem ports.nobody');
});

test('ports while no daemon runs', async (t) => {
  const dhcp = { protocol: 'udp', port: 67, purpose: 'proxyDHCP' } as const;
  const dnsmasq = { pid: 8, name: 'dnsmasq' };
  const fail = (code: string) =>
    new IronwakeError({ kind: 'conflict', code, message: 'it is taken', remedy: 'free it' });
  const of = (failure: string | undefined, ...holders: (typeof dnsmasq)[]) =>
    judgeFreePort(
      dhcp,
      { sockets: holders.length, holders },
      { interfaceName: 'eno1' },
      failure === undefined ? undefined : fail(failure),
    );
  t.match(of(undefined), { result: 'ok', message: /eno1 is free for us$/ });
  t.match(of(undefined, dnsmasq).message, /free for us, beside dnsmasq/);
  t.match(of('net.port-in-use', dnsmasq), {
    result: 'problem',
    code: 'ports.taken',
    message: 'it is taken',
    remedy: 'free it',
  });
  t.match(of('net.port-forbidden', dnsmasq), { result: 'warning', code: 'ports.taken', remedy: /bind-dynamic/ });
  t.match(of('net.port-forbidden'), { result: 'warning', code: 'ports.unknown', remedy: /sudo/ });
  t.equal(said(of('net.bind-failed')), 'problem net.bind-failed');
});

test('links', async (t) => {
  const link = (state: string, address = '10.0.0.2') =>
    said(judgeLink({ interfaceName: 'eno1', address: address as Ipv4, prefixLength: 24 }, state));
  t.equal(link('up'), 'ok interface.up');
  t.equal(link('unknown'), 'ok interface.up', 'some drivers do not tell');
  t.equal(link('down'), 'problem interface.down');
  t.equal(link('lowerlayerdown'), 'problem interface.down');
  t.equal(link('dormant'), 'warning interface.dormant');
  t.equal(link('up', '169.254.3.4'), 'warning interface.link-local');
});

test('the disk of the data directory', async (t) => {
  const GIB = 1024 ** 3;
  const space = (used: number, available: number) =>
    said(judgeSpace('/data', { used: used * GIB, available: available * GIB }));
  t.equal(space(10, 90), 'ok disk.room');
  t.equal(space(85, 15), 'ok disk.room');
  t.equal(space(86, 14), 'warning disk.nearly-full');
  t.equal(space(95, 5), 'warning disk.nearly-full');
  t.equal(space(96, 4), 'problem disk.full');
  t.equal(space(1, 1.9), 'problem disk.full', 'no image fits');
  t.equal(space(0, 0), 'problem disk.full');
});

test('rows of node-disk-info', async (t) => {
  const row = (filesystem: string, used: number, mounted = '/mnt') => ({
    filesystem,
    mounted,
    used,
    available: 1000 - used,
  });
  const full = (...rows: ReturnType<typeof row>[]) => judgeRows(rows).map(({ message }) => message);
  t.strictSame(full(row('/dev/sda1', 950)), []);
  t.strictSame(full(row('/dev/sda1', 951)), ['/dev/sda1 on /mnt is 96 % in use']);
  t.strictSame(
    full(row('tmpfs', 1000), row('/dev/loop3', 1000), row('/dev/sr0', 1000), row('nas:/x', 1000)),
    [],
    'images and memory',
  );
  t.equal(full(row('/dev/sda1', 990), row('/dev/sda1', 990, '/snap')).length, 1, 'one disk, mounted twice');
});

test('the clock', async (t) => {
  const NOW = Date.UTC(2026, 10, 24);
  const clock = (now: number, text?: string) =>
    said(judgeClock(now, text === undefined ? { kind: 'absent' } : { kind: 'text', text: `${text}\n` }));
  t.equal(clock(NOW, 'yes'), 'ok clock.sane');
  t.equal(clock(NOW, 'no'), 'warning clock.not-synchronised');
  t.equal(clock(NOW), 'ok clock.sane');
  t.equal(clock(0, 'yes'), 'problem clock.wrong', 'an empty battery');
  t.equal(clock(Date.UTC(2107, 0, 1), 'yes'), 'problem clock.wrong');
});

test('the certificate', async (t) => {
  const from = Date.UTC(2026, 0, 1);
  const to = Date.UTC(2036, 0, 1);
  const at = (now: number) => said(judgeCertificate('/data/tls.pem', from, to, now));
  const DAY = 24 * 3_600_000;
  t.equal(at(from), 'ok certificate.valid');
  t.equal(at(to - 29 * DAY), 'warning certificate.ends-soon');
  t.equal(at(to), 'problem certificate.expired');
  t.equal(at(from - DAY), 'problem certificate.not-yet');
});

test('profiles', async (t) => {
  const trouble = { file: 'a.yaml', message: 'a.yaml:1:1: bad', remedy: 'mend it', at: '' };
  const codes = (...given: Parameters<typeof judgeProfiles>) => judgeProfiles(...given).map(said);
  t.strictSame(codes(2, []), ['ok profiles.usable']);
  t.strictSame(codes(1, [{ ...trouble, severity: 'error' }]), ['ok profiles.usable', 'problem profiles.broken']);
  t.strictSame(codes(1, [{ ...trouble, severity: 'warning' }]), ['ok profiles.usable', 'warning profiles.unwise']);
  t.strictSame(codes(0, []), ['problem profiles.none']);
});

test('our own DHCP', async (t) => {
  const segment = {
    interfaceName: 'eno1',
    address: '10.0.0.2' as Ipv4,
    prefixLength: 24,
    httpUrl: 'http://10.0.0.2:8080',
    httpsUrl: 'https://10.0.0.2:8443',
  };
  const lease = { yiaddr: '10.0.0.50', file: '', server: '10.0.0.1' };
  const script = {
    yiaddr: '0.0.0.0',
    file: 'http://10.0.0.2:8080/boot/script/x',
    server: '10.0.0.2',
    vendorClass: 'PXEClient',
  };
  const of = (canHear: boolean, ...offers: Parameters<typeof judgeOwnOffers>[0][number][]) =>
    said(judgeOwnOffers(offers, segment, '52:54:00:00:00:01', canHear));
  t.equal(of(true, lease, script), 'ok own-dhcp.answers');
  t.equal(
    of(true, { ...script, file: '', bootFile: script.file }),
    'ok own-dhcp.answers',
    'a long URL stands in option 67',
  );
  t.equal(of(true, lease), 'problem own-dhcp.silent');
  t.equal(of(false, lease), 'warning own-dhcp.deaf');
  t.equal(of(true, { ...script, server: '10.0.0.7' }), 'problem own-dhcp.silent', 'another server is not us');
  t.equal(of(true, { ...lease, server: '10.0.0.2' }), 'problem own-dhcp.silent', 'nor is a lease server on this host');
  t.equal(of(true, { ...script, file: 'undionly.kpxe' }), 'problem own-dhcp.wrong');
});

test('whose MAC our own DHCP is asked with', async (t) => {
  const summary = (mac: string, run: { readonly ended: boolean } | null, installPolicy = 'once') =>
    ({ node: { macs: [mac], installPolicy }, run }) as unknown as NodeSummary;
  const busy = summary('busy', { ended: false });
  const done = summary('done', { ended: true });
  const always = summary('always', { ended: true }, 'always');
  const rows: ReadonlyArray<readonly [string, readonly NodeSummary[], string | undefined]> = [
    ['nobody is registered', [], undefined],
    ['rather one whose installation has ended', [busy, done], 'done'],
    ['or one that never had any', [busy, summary('new', null)], 'new'],
    ['rather none that a netboot arms', [always, done], 'done'],
    ['if there is no other, any: the daemon does nothing about it', [always, busy], 'always'],
  ];
  for (const [name, nodes, mac] of rows) t.equal(askableMac(nodes), mac, name);
});

test('what comes of all findings', async (t) => {
  const fine = ok('clock', 'a.b', 'fine');
  const odd = warning('disk', 'c.d', 'odd', 'look');
  const bad = problem('own tftp', 'e.f', 'bad \u001b[2J', 'mend it');
  t.equal(worst([]), 'ok');
  t.equal(worst([fine, odd]), 'warning');
  t.equal(worst([bad, odd]), 'problem');
  t.equal(
    page([fine, odd, bad]),
    [
      'ok       clock     fine',
      'warning  disk      odd',
      '                   -> look',
      'problem  own tftp  bad \\x1b[2J',
      '                   -> mend it',
      '',
      '1 problem, 1 warning, 1 check in order.',
      '',
    ].join('\n'),
  );
  for (const kind of ['absent', 'stale', 'unreadable'] as const)
    t.match(judgeAbsence(kind, '/data'), { result: 'warning', remedy: /./ });
});
