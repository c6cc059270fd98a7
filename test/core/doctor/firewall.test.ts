/** Rulesets of nftables (as `nft -j list ruleset` of 1.0.6 printed them) and of iptables-save, and what they do to machines. */
import { test } from 'tap';
import { type FilterListings, judgeFirewall } from '../../../src/doctor/firewall.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';

const SEGMENT = {
  interfaceName: 'eth0',
  address: '10.0.0.2' as Ipv4,
  prefixLength: 24,
  httpUrl: 'http://10.0.0.2:8080',
  httpsUrl: 'https://10.0.0.2:8443',
};
const PORTS = { dhcp: 67, pxe: 4011, tftp: 69, http: 8080, https: 8443 };
const ALL = 'UDP 67, UDP 4011, UDP 69, TCP 8080, TCP 8443';

const accept = { accept: null };
const drop = { drop: null };
const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const udp = (right: unknown, op?: string) => match({ payload: { protocol: 'udp', field: 'dport' } }, right, op);
const tcp = (right: unknown) => match({ payload: { protocol: 'tcp', field: 'dport' } }, right);
const source = (right: unknown, op?: string) => match({ payload: { protocol: 'ip', field: 'saddr' } }, right, op);
const meta = (key: string, right: unknown, op?: string) => match({ meta: { key } }, right, op);
const prefix = (addr: string, len: number) => ({ prefix: { addr, len } });

interface Table {
  readonly policy?: 'accept' | 'drop';
  readonly chain?: object;
  readonly more?: readonly object[];
}

function nft(
  rules: ReadonlyArray<readonly object[]>,
  { chain = {}, more = [], policy = 'accept' }: Table = {},
): string {
  const where = { family: 'inet', table: 'filter' };
  return JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6', json_schema_version: 1 } },
      { table: { family: 'inet', name: 'filter', handle: 1 } },
      { chain: { ...where, name: 'input', handle: 1, type: 'filter', hook: 'input', prio: 0, policy, ...chain } },
      ...more,
      ...rules.map((expr, at) => ({ rule: { ...where, chain: 'input', handle: at + 5, expr } })),
    ],
  });
}

const sub = (...expr: ReadonlyArray<readonly object[]>) => [
  { chain: { family: 'inet', table: 'filter', name: 'sub', handle: 2 } },
  ...expr.map((rule, at) => ({ rule: { family: 'inet', table: 'filter', chain: 'sub', handle: at + 50, expr: rule } })),
];
const text = (value: string) => ({ kind: 'text', text: value }) as const;
const ABSENT = { kind: 'absent' } as const;

/** `open:` names, `drops:` names and by what, `may:` the same. */
function verdicts(listings: Partial<FilterListings>): readonly string[] {
  const { findings } = judgeFirewall({ nft: ABSENT, iptables: ABSENT, ...listings }, SEGMENT, PORTS);
  return findings.map(({ code, message }) => `${code.replace('firewall.', '')}: ${message}`);
}
const open = (ports: string) => `open: ${ports} may come in on eth0`;
const drops = (ports: string, by: string) => `drops: ${ports} on eth0 is dropped by ${by}`;
const may = (ports: string, by: string) =>
  `may-drop: ${ports} on eth0 may be dropped by ${by}: it depends on what cannot be seen from here`;
const RULE = 'rule 5 of inet filter input';
const POLICY = 'the policy of inet filter input';
const REST = 'UDP 67, UDP 4011, TCP 8080, TCP 8443';
const SET = {
  set: { family: 'inet', name: 'ports', table: 'filter', type: 'inet_service', handle: 3, elem: [69, 8080] },
};
const MAP = {
  map: {
    family: 'inet',
    name: 'vm',
    table: 'filter',
    map: 'verdict',
    elem: [
      [69, drop],
      [4011, accept],
    ],
  },
};

const NFT: ReadonlyArray<readonly [string, string, readonly string[]]> = [
  ['an empty ruleset', JSON.stringify({ nftables: [{ metainfo: {} }] }), [open(ALL)]],
  ['a policy of accept', nft([]), [open(ALL)]],
  ['a policy of drop', nft([], { policy: 'drop' }), [drops(ALL, POLICY)]],
  ['one port dropped', nft([[udp(69), drop]]), [open(REST), drops('UDP 69', RULE)]],
  ['rejected', nft([[udp(69), { reject: { type: 'icmp' } }]]), [open(REST), drops('UDP 69', RULE)]],
  [
    'accepted before it is dropped',
    nft([
      [udp(69), accept],
      [udp(69), drop],
    ]),
    [open(ALL)],
  ],
  [
    'a set, a range',
    nft(
      [
        [udp({ set: [67, { range: [4000, 4020] }] }), accept],
        [tcp({ range: [8000, 9000] }), accept],
      ],
      { policy: 'drop' },
    ),
    [open('UDP 67, UDP 4011, TCP 8080, TCP 8443'), drops('UDP 69', POLICY)],
  ],
  [
    '`udp dport != 69` speaks of UDP alone',
    nft([[udp(69, '!='), accept]], { policy: 'drop' }),
    [open('UDP 67, UDP 4011'), drops('UDP 69, TCP 8080, TCP 8443', POLICY)],
  ],
  [
    'a named set',
    nft([[match({ payload: { protocol: 'th', field: 'dport' } }, '@ports'), { counter: { packets: 1 } }, drop]], {
      more: [SET],
    }),
    [open('UDP 67, UDP 4011, TCP 8443'), drops('UDP 69, TCP 8080', RULE)],
  ],
  [
    'a verdict map',
    nft([[{ vmap: { key: { payload: { protocol: 'udp', field: 'dport' } }, data: '@vm' } }]], { more: [MAP] }),
    [open(REST), drops('UDP 69', RULE)],
  ],
  [
    'new connections are not established',
    nft(
      [
        [match({ ct: { key: 'state' } }, ['established', 'related'], 'in'), accept],
        [
          {
            vmap: {
              key: { ct: { key: 'state' } },
              data: {
                set: [
                  ['invalid', drop],
                  ['established', accept],
                ],
              },
            },
          },
        ],
      ],
      { policy: 'drop' },
    ),
    [drops(ALL, POLICY)],
  ],
  ['loopback only', nft([[meta('iif', 'lo'), accept]], { policy: 'drop' }), [drops(ALL, POLICY)]],
  ['our interface', nft([[meta('iifname', 'eth0'), accept]], { policy: 'drop' }), [open(ALL)]],
  ['our interface by pattern', nft([[meta('iifname', 'eth*'), accept]], { policy: 'drop' }), [open(ALL)]],
  ['other interfaces', nft([[meta('iifname', 'eth0', '!='), drop]]), [open(ALL)]],
  [
    'our network: DHCP clients have no address yet',
    nft([[source(prefix('10.0.0.0', 24)), accept]], { policy: 'drop' }),
    [drops('UDP 67', POLICY), open('UDP 4011, UDP 69, TCP 8080, TCP 8443')],
  ],
  ['a part of our network', nft([[source(prefix('10.0.0.0', 28)), udp(69), drop]]), [open(REST), may('UDP 69', RULE)]],
  ['another network', nft([[source(prefix('10.9.0.0', 16)), drop]]), [open(ALL)]],
  ['another address', nft([[source('10.9.0.1'), drop]]), [open(ALL)]],
  [
    'broadcasts',
    nft([[meta('pkttype', 'broadcast'), drop]]),
    [drops('UDP 67', RULE), open('UDP 4011, UDP 69, TCP 8080, TCP 8443')],
  ],
  [
    'by protocol',
    nft([[match({ payload: { protocol: 'ip', field: 'protocol' } }, 'udp'), drop]]),
    [drops('UDP 67, UDP 4011, UDP 69', RULE), open('TCP 8080, TCP 8443')],
  ],
  ['protocols in a set', nft([[meta('l4proto', { set: ['tcp', 'udp'] }), accept]], { policy: 'drop' }), [open(ALL)]],
  [
    'a limit',
    nft([[udp(69), { limit: { rate: 10, per: 'second' } }, accept]], { policy: 'drop' }),
    [drops('UDP 67, UDP 4011, TCP 8080, TCP 8443', POLICY), may('UDP 69', POLICY)],
  ],
  ['an unknown condition', nft([[{ xt: { type: 'match', name: 'u32' } }, drop]]), [may(ALL, RULE)]],
  ['a mark', nft([[meta('mark', 7), drop]]), [may(ALL, RULE)]],
  [
    'a jump that accepts',
    nft([[{ jump: { target: 'sub' } }], [drop]], { more: sub([udp(69), accept], [{ return: null }], [drop]) }),
    [drops(REST, 'rule 6 of inet filter input'), open('UDP 69')],
  ],
  [
    'a goto does not come back',
    nft([[{ goto: { target: 'sub' } }], [accept]], { policy: 'drop', more: sub([udp(69), accept]) }),
    [drops(REST, POLICY), open('UDP 69')],
  ],
  ['a jump into nothing', nft([[{ jump: { target: 'gone' } }]]), [open(ALL)]],
  [
    'a chain that jumps to itself',
    nft([[{ jump: { target: 'sub' } }]], { more: sub([{ jump: { target: 'sub' } }], [udp(69), drop]) }),
    [open(REST), drops('UDP 69', 'rule 51 of inet filter sub')],
  ],
  ['another hook', nft([[drop]], { chain: { hook: 'forward' } }), [open(ALL)]],
  ['another family', nft([[drop]], { chain: { family: 'ip6' } }), [open(ALL)]],
  ['ingress of another device', nft([[drop]], { chain: { hook: 'ingress', dev: 'eth1' } }), [open(ALL)]],
];

test('nftables', async (t) => {
  for (const [name, listing, expected] of NFT) t.strictSame(verdicts({ nft: text(listing) }), expected, name);
});

const save = (...lines: readonly string[]) =>
  `# Generated by iptables-save v1.8.9\n*filter\n${lines.join('\n')}\nCOMMIT\n`;
const chains = (policy: string) => [`:INPUT ${policy} [0:0]`, ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]'];
const IPTABLES: ReadonlyArray<readonly [string, string, readonly string[]]> = [
  ['a policy of accept', save(...chains('ACCEPT')), [open(ALL)]],
  [
    'a policy of drop',
    save(
      ...chains('DROP'),
      '-A INPUT -i lo -j ACCEPT',
      '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    ),
    [drops(ALL, 'the policy of iptables filter INPUT')],
  ],
  [
    'one port',
    save(...chains('ACCEPT'), '-A INPUT -p udp -m udp --dport 69 -j DROP'),
    [open(REST), drops('UDP 69', 'iptables filter: INPUT -p udp -m udp --dport 69 -j DROP')],
  ],
  [
    'ports and ranges',
    save(
      ...chains('DROP'),
      '-A INPUT -p udp -m multiport --dports 67,69,4000:4020 -j ACCEPT',
      '-A INPUT -p tcp -m tcp --dport 8000:9000 -j ACCEPT',
    ),
    [open(ALL)],
  ],
  [
    'everything but',
    save(...chains('DROP'), '-A INPUT -p udp -m udp ! --dport 69 -j ACCEPT', '-A INPUT ! -p udp -j ACCEPT'),
    [open(REST), drops('UDP 69', 'the policy of iptables filter INPUT')],
  ],
  [
    'a chain of a firewall program',
    save(
      ...chains('DROP'),
      ':ufw-in - [0:0]',
      '-A INPUT -j LOG --log-prefix "[UFW] "',
      '-A INPUT -j ufw-in',
      '-A ufw-in -d 10.0.0.2/32 -p udp -m udp --dport 69 -m comment --comment "let in -j DROP" -j ACCEPT',
      '-A ufw-in -j RETURN',
      '-A ufw-in -j ACCEPT',
    ),
    [drops(REST, 'the policy of iptables filter INPUT'), open('UDP 69')],
  ],
  [
    'a source',
    save(
      ...chains('ACCEPT'),
      '-A INPUT -s 10.0.0.0/255.255.255.0 -p udp -m udp --dport 69 -j REJECT --reject-with icmp-port-unreachable',
    ),
    [
      open(REST),
      drops(
        'UDP 69',
        'iptables filter: INPUT -s 10.0.0.0/255.255.255.0 -p udp -m udp --dport 69 -j REJECT --reject-with icmp-port-unreachable',
      ),
    ],
  ],
  [
    'an extension that is not read',
    save(...chains('ACCEPT'), '-A INPUT -p udp -m limit --limit 5/min -j DROP'),
    [
      may('UDP 67, UDP 4011, UDP 69', 'iptables filter: INPUT -p udp -m limit --limit 5/min -j DROP'),
      open('TCP 8080, TCP 8443'),
    ],
  ],
  ['addresses are rewritten, nothing is dropped', '*nat\n:PREROUTING DROP [0:0]\nCOMMIT\n', [open(ALL)]],
];

test('iptables', async (t) => {
  for (const [name, listing, expected] of IPTABLES) t.strictSame(verdicts({ iptables: text(listing) }), expected, name);
});

test('both: a table that iptables made is judged by its own listing, others by nft', async (t) => {
  const made = nft([[{ xt: { type: 'match', name: 'u32' } }, drop]], { chain: { family: 'ip' } }).replaceAll(
    '"inet"',
    '"ip"',
  );
  t.strictSame(verdicts({ nft: text(made), iptables: text(save(...chains('ACCEPT'))) }), [open(ALL)]);
  t.strictSame(verdicts({ nft: text(nft([[udp(69), drop]])), iptables: text(save(...chains('ACCEPT'))) }), [
    open(REST),
    drops('UDP 69', RULE),
  ]);
});

test('what cannot be told is said', async (t) => {
  t.match(verdicts({}), [/^none: neither nft nor iptables/]);
  t.match(verdicts({ nft: { kind: 'failed', reason: 'Operation not permitted' } }), [
    /^unknown: .*Operation not permitted/,
  ]);
  const remedy = (reason: string) =>
    judgeFirewall({ nft: { kind: 'failed', reason }, iptables: ABSENT }, SEGMENT, PORTS).findings[0]?.remedy;
  t.match(remedy('Operation not permitted (you must be root)'), /sudo npx ironwake doctor/);
  t.match(remedy('no end within 5 s'), /sudo nft list ruleset/);
  t.match(verdicts({ nft: text('Warning: not JSON') }), [/^unknown: the listing/]);
});

test('whether the answers to our own question can be heard', async (t) => {
  const hears = (listing: string) => judgeFirewall({ nft: text(listing), iptables: ABSENT }, SEGMENT, PORTS).canHear;
  t.equal(hears(nft([])), true);
  t.equal(hears(nft([], { policy: 'drop' })), false);
  t.equal(hears(nft([[udp(68), accept]], { policy: 'drop' })), true);
});
