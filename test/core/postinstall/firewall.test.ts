/** The module `firewall`: what pve-firewall and nft are given to read, and every contradiction before a node is touched. */
import { Value } from '@sinclair/typebox/value';
import { test } from 'tap';
import type { Product } from '../../../src/postinstall/module.ts';
import { firewall } from '../../../src/postinstall/modules/firewall/module.ts';
import { type FirewallParameters, Parameters } from '../../../src/postinstall/modules/firewall/parameters.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';

type Given = { readonly [K in keyof FirewallParameters]?: unknown };

const files = (given: Given, product: Product = 'pve'): Readonly<Record<string, string>> =>
  Object.fromEntries(
    firewall
      .prepare(Value.Default(Parameters, structuredClone(given)) as FirewallParameters, { product, release: '9.2' })
      .files.map(({ name, content }) => [name, content]),
  );
const management = ['192.0.2.0/24', '198.51.100.7'];

test('the files of pve-firewall', (t) => {
  const { 'cluster.fw': cluster, 'host.fw': host } = files({
    management,
    sets: { monitoring: ['192.0.2.9'] },
    rules: [
      { ports: '9100', from: '+monitoring', comment: 'node exporter' },
      { action: 'reject', protocol: 'udp', ports: '161,8000:8010', from: '10.0.0.0/8', log: 'info' },
    ],
    logDropped: 'info',
  });
  t.equal(
    cluster?.split('\n').slice(1).join('\n'),
    `[OPTIONS]

enable: 1
policy_in: DROP
policy_out: ACCEPT

[ALIASES]

local_network @node@

[IPSET management] # who may reach SSH, web interface and consoles

@server@ # Ironwake server
192.0.2.0/24
198.51.100.7

[IPSET monitoring]

192.0.2.9

[RULES]

IN Ping(ACCEPT) -log nolog
IN ACCEPT -source +dc/monitoring -p tcp -dport 9100 -log nolog # node exporter
IN REJECT -source 10.0.0.0/8 -p udp -dport 161,8000:8010 -log info
`,
  );
  t.equal(
    host?.split('\n').slice(1).join('\n'),
    '[OPTIONS]\n\nenable: 1\nlog_level_in: info\nlog_level_out: nolog\nnosmurfs: 1\ntcpflags: 1\n',
  );
  t.notMatch(files({ management, ping: false })['cluster.fw'], /Ping/);
  t.match(
    files({ management, localNetwork: '10.1.0.0/24', policyIn: 'REJECT' })['cluster.fw'],
    /policy_in: REJECT[\s\S]*local_network 10\.1\.0\.0\/24/,
  );
  t.end();
});

test('the ruleset of products without a firewall of their own', (t) => {
  for (const { product, ports } of [
    { product: 'pbs', ports: '22, 8007' },
    { product: 'pmg', ports: '22, 8006' },
    { product: 'pdm', ports: '22, 8443' },
  ] as const) {
    const { 'firewall.nft': nft, ...others } = files(
      {
        management,
        sets: { mail: ['203.0.113.0/24'] },
        rules: [
          { ports: '25,7000:7010', from: '+mail', comment: 'mail' },
          { action: 'drop', ports: '25', log: 'warning' },
        ],
        policyIn: 'REJECT',
        logDropped: 'warning',
      },
      product,
    );
    t.match(nft, `elements = { @server@, 192.0.2.0/24, 198.51.100.7 }`, product);
    t.match(
      nft,
      `    ip saddr @management tcp dport { ${ports} } accept\n    ip saddr @mail tcp dport { 25, 7000-7010 } accept comment "mail"\n    tcp dport { 25 } log level warn drop\n`,
    );
    t.match(nft, /level warn\n {4}reject with icmpx admin-prohibited\n {2}\}\n\}\n$/);
    t.match(nft, /type filter hook input priority filter; policy drop;/);
    t.same(Object.keys(others), ['ironwake-firewall.service']);
  }
  t.end();
});

test('a contradiction or a wrong shape is refused with its key', (t) => {
  const plan = (given: Given) => () =>
    buildPlan({ postInstall: { firewall: given }, product: 'pve', release: '9.2', modules: [firewall] });
  for (const { path, given } of [
    { path: 'management', given: {} },
    { path: 'management', given: { management: [] } },
    { path: 'management.1', given: { management: ['192.0.2.1', '0.0.0.0/0'] } },
    { path: 'management.0', given: { management: ['192.0.2.256'] } },
    { path: 'management.0', given: { management: ['2001:db8::/32'] } },
    { path: 'localNetwork', given: { management, localNetwork: '192.0.2.0/33' } },
    { path: 'sets.management', given: { management, sets: { management: ['192.0.2.1'] } } },
    { path: 'sets.blacklist', given: { management, sets: { blacklist: ['192.0.2.1'] } } },
    { path: 'sets.empty', given: { management, sets: { empty: [] } } },
    { path: 'sets.bad.0', given: { management, sets: { bad: ['192.0.2.300'] } } },
    { path: 'rules.0.ports', given: { management, rules: [{ ports: '70000' }] } },
    { path: 'rules.0.ports', given: { management, rules: [{ ports: '90:80' }] } },
    { path: 'rules.0.ports', given: { management, rules: [{ ports: '80; drop' }] } },
    { path: 'rules.0.ports', given: { management, rules: [{ ports: '80,8000:8010' }] } },
    { path: 'rules.0.ports', given: { management, rules: [{ ports: '22', from: '203.0.113.0/24' }] } },
    { path: 'rules.1.from', given: { management, rules: [{ ports: '80' }, { ports: '80', from: '+nobody' }] } },
    { path: 'rules.0.comment', given: { management, rules: [{ ports: '80', comment: 'a\n[OPTIONS]' }] } },
    { path: 'rules.0.comment', given: { management, rules: [{ ports: '80', comment: 'say "no"' }] } },
    { path: 'rules.0.action', given: { management, rules: [{ ports: '80', action: 'allow' }] } },
  ] satisfies { path: string; given: Given }[]) {
    t.throws(
      plan(given),
      { code: 'plan.parameter', field: `postInstall.firewall.${path}`, remedy: /\S/ },
      `${path}: ${JSON.stringify(given)}`,
    );
  }
  t.end();
});
