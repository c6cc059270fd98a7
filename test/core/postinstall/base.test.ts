/** What the modules of a node's base make of their parameters, and what they refuse. */
import t from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';

const preparedOf = (postInstall: Readonly<Record<string, unknown>>) =>
  buildPlan({ postInstall, product: 'pve', release: '9.2' }).modules[0]?.prepared;
const filesOf = (postInstall: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    (preparedOf(postInstall)?.files ?? []).map(({ name, content }) => [
      name,
      content.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    ]),
  );

t.test('time: what chrony reads', async (t) => {
  t.strictSame(filesOf({ time: {} }), { 'ironwake.conf': ['makestep 1 3'] }, 'without servers Debian’s own stay');
  t.strictSame(
    filesOf({
      time: {
        servers: ['192.0.2.1', 'ntp.example.org'],
        pools: ['2.de.pool.ntp.org'],
        nts: true,
        allow: ['192.0.2.0/24', '2001:db8::/32'],
        makestep: { limit: -1 },
      },
    }),
    {
      'ironwake.conf': ['makestep 1 -1', 'allow 192.0.2.0/24', 'allow 2001:db8::/32'],
      'ironwake.sources': [
        'server 192.0.2.1 iburst nts',
        'server ntp.example.org iburst nts',
        'pool 2.de.pool.ntp.org iburst nts',
      ],
    },
  );
});

t.test('dns: what libc reads', async (t) => {
  t.strictSame(filesOf({ dns: { servers: ['192.0.2.53', '2001:db8::53'], attempts: 3 } }), {
    'resolv.conf': ['nameserver 192.0.2.53', 'nameserver 2001:db8::53', 'options timeout:2 attempts:3'],
  });
});

t.test('locale: what is made', async (t) => {
  t.equal(
    preparedOf({ locale: { lang: 'de_DE.UTF-8', others: ['de_DE.UTF-8', 'ca_ES.UTF-8@valencia'] } })?.parameters
      .locales,
    'de_DE.UTF-8\nca_ES.UTF-8@valencia\n',
  );
});

t.test('what is refused, with the field', async (t) => {
  const rows: ReadonlyArray<[string, Readonly<Record<string, unknown>>, string]> = [
    ['a time server with options', { time: { servers: ['192.0.2.1 trust'] } }, 'postInstall.time.servers.0'],
    [
      'a time server with a second line',
      { time: { servers: ['ntp.example.org\nallow 0/0'] } },
      'postInstall.time.servers.0',
    ],
    ['an address that is none', { time: { servers: ['192.0.2.256'] } }, 'postInstall.time.servers.0'],
    ['a network that is none', { time: { allow: ['192.0.2.0/33'] } }, 'postInstall.time.allow.0'],
    ['everybody by a word', { time: { allow: ['all'] } }, 'postInstall.time.allow.0'],
    ['no DNS server', { dns: { servers: [] } }, 'postInstall.dns.servers'],
    [
      'more than libc takes',
      { dns: { servers: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'] } },
      'postInstall.dns.servers',
    ],
    ['a name as DNS server', { dns: { servers: ['dns.example.org'] } }, 'postInstall.dns.servers.0'],
    [
      'options in the search list',
      { dns: { servers: ['192.0.2.1'], search: ['example.org\nnameserver 203.0.113.1'] } },
      'postInstall.dns.search.0',
    ],
    [
      'a host on the loopback',
      { hosts: { entries: { '127.0.0.1': ['pve2'] } } },
      'postInstall.hosts.entries.127.0.0.1',
    ],
    [
      'the node itself under another address',
      { hosts: { fqdn: 'pve1.example.org', entries: { '192.0.2.7': ['pve1'] } } },
      'postInstall.hosts.entries.192.0.2.7',
    ],
    ['a name with a blank', { hosts: { entries: { '192.0.2.7': ['a b'] } } }, 'postInstall.hosts.entries.192.0.2.7.0'],
    ['a locale that is no UTF-8', { locale: { lang: 'de_DE@euro' } }, 'postInstall.locale.lang'],
    ['a zone that leaves the folder', { timezone: { zone: '../../../etc/shadow' } }, 'postInstall.timezone.zone'],
    ['no zone', { timezone: {} }, 'postInstall.timezone.zone'],
  ];
  for (const [name, postInstall, field] of rows) {
    try {
      preparedOf(postInstall);
      t.fail(name);
    } catch (error) {
      t.ok(error instanceof IronwakeError, name);
      t.match(error, { code: 'plan.parameter', field }, name);
    }
  }
});
