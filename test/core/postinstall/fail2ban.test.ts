/** The filters of Fail2Ban: whatever a client calls itself, the address that is found is the one that it came from. */
import fc from 'fast-check';
import t from 'tap';
import type { Product } from '../../../src/postinstall/module.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';

const RELEASES: Readonly<Record<Product, string>> = { pve: '9.2', pbs: '4.0', pmg: '9.0', pdm: '1.0' };

const filesOf = (product: Product, params: Readonly<Record<string, unknown>> = {}) =>
  Object.fromEntries(
    (
      buildPlan({ postInstall: { fail2ban: params }, product, release: RELEASES[product] }).modules[0]?.prepared
        .files ?? []
    ).map(({ name, content }) => [name, content]),
  );

/**
 * As Fail2Ban compiles it, `<ADDR>` an address of either family. To Python only a line feed ends a line (server/failregex.py), and none reaches the
 * pattern; to JavaScript a carriage return and U+2028 would, so here the text is one line.
 */
function patternOf(product: Product): RegExp {
  const line = /^failregex = (.*)$/m.exec(filesOf(product)['ironwake-proxmox.conf'] ?? '')?.[1] ?? '';
  return new RegExp(line.replace('<ADDR>', '(?:::f{4,6}:)?((?:\\d{1,3}\\.){3}\\d{1,3}|[0-9a-fA-F:]+)'), 's');
}

const STRANGER = '203.0.113.80';
/** Any text, and pieces of what would be a line. */
const Name = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom(
        ...[
          'authentication failure; ',
          'openid ',
          `rhost=${STRANGER} `,
          `rhost=[${STRANGER}]:1 `,
          'user=x ',
          'msg=y',
          ': ',
        ],
        ...['\n', '\r', '\u2028', '\\n', 'node1 pvedaemon[1]: ', '2026-02-25T11:07:18+01:00: '],
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

for (const [product, line] of [
  [
    'pve',
    (name: string) => `node1 pvedaemon[812]: authentication failure; rhost=::ffff:198.51.100.7 user=${name} msg=no`,
  ],
  [
    'pve',
    (name: string) => `node1 pvedaemon[812]: openid authentication failure; rhost=::ffff:198.51.100.7 msg=${name}`,
  ],
  ['pmg', (name: string) => `node1 pmgdaemon[812]: authentication failure; rhost=198.51.100.7 user=${name} msg=no`],
  // The date is cut out before. The Backup Server takes no name with control characters, so there is none in its file.
  [
    'pbs',
    (name: string) =>
      `: authentication failure; rhost=[::ffff:198.51.100.7]:4711 user=${name.replaceAll(/\p{Cc}/gu, '')} msg=no`,
  ],
] as const)
  t.test(`any name on ${product}`, async (t) => {
    const pattern = patternOf(product);
    fc.assert(
      fc.property(Name, (name) => {
        // The journal's backend writes a line break as two characters (server/filtersystemd.py).
        const found = [...line(name).replaceAll('\n', '\\n').matchAll(new RegExp(pattern, 'gs'))];
        return found.length === 1 && found[0]?.[1] === '198.51.100.7';
      }),
      { numRuns: 2000 },
    );
    t.pass('only the one it came from');
  });

t.test('what is not a failed login is none', async (t) => {
  for (const line of [
    'node1 pvedaemon[812]: successful auth for user root@pam',
    `node1 pveproxy[812]: authentication failure; rhost=${STRANGER} user=x msg=y`,
    `node1 pvedaemon[812]: <root@pam> starting task authentication failure; rhost=${STRANGER} user=x msg=y`,
  ])
    t.notMatch(line, patternOf('pve'), line);
});

t.test('jails by product and parameters', async (t) => {
  const lines = (product: Product, params = {}) => filesOf(product, params)['ironwake.local'] ?? '';
  t.match(lines('pve'), /^\[proxmox\]\nenabled = true\nfilter = ironwake-proxmox\nport = 8006\nbackend = systemd\n/m);
  t.match(lines('pbs'), /^port = 8007\nbackend = polling\nlogpath = \/var\/log\/proxmox-backup\/api\/auth\.log$/m);
  t.notMatch(lines('pdm'), '[proxmox]', 'what is not known is not claimed');
  t.match(
    lines('pve', { ssh: false, proxmox: false }),
    /^\[sshd\]\nenabled = false\n[\s\S]*^\[proxmox\]\nenabled = false$/m,
  );
  t.match(
    lines('pve', { maxRetry: 3, findMinutes: 1, banMinutes: 2, growing: false }),
    /^maxretry = 3\nfindtime = 1m\nbantime = 2m\nbantime\.increment = false$/m,
  );
});
