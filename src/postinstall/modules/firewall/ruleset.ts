/** From what a profile says to what the two firewalls read: pve-firewall's files, and nftables where the product has no firewall of its own. Pure. */
import { invalid } from '../../../errors.ts';
import { isIpv4 } from '../../../net/ipv4.ts';
import type { Product } from '../../module.ts';
import type { FirewallParameters, FirewallRule } from './parameters.ts';

const FIELD = 'postInstall.firewall';
const refuse = (path: string, message: string, remedy: string) =>
  invalid('plan.parameter', `${FIELD}.${path}`, message, remedy);

/** TCP port of the web interface. */
export const WEB_PORT: Readonly<Record<Product, number>> = { pve: 8006, pbs: 8007, pmg: 8006, pdm: 8443 };
/** Sets that pve-firewall gives a meaning of its own, or that this module fills. */
const RESERVED = ['management', 'blacklist', 'ironwake'];

/**
 * Finds what contradicts itself.
 * @throws IronwakeError `plan.parameter`
 */
export function checkFirewall(params: FirewallParameters, product: Product): void {
  if (params.management.length === 0)
    throw refuse(
      'management',
      'nobody but the Ironwake server could reach the node',
      'Give the addresses or networks of the administrators, for example [192.0.2.0/24].',
    );
  for (const [index, network] of params.management.entries()) checkNetwork(`management.${index}`, network);
  if (params.localNetwork !== 'node') checkNetwork('localNetwork', params.localNetwork);
  for (const [name, networks] of Object.entries(params.sets)) {
    if (RESERVED.includes(name.toLowerCase()))
      throw refuse(`sets.${name}`, `${name} has a meaning of its own`, 'Choose another name.');
    if (networks.length === 0)
      throw refuse(`sets.${name}`, 'the set is empty', 'Give addresses or networks, or take the set out.');
    for (const [index, network] of networks.entries()) checkNetwork(`sets.${name}.${index}`, network);
  }
  for (const [index, rule] of params.rules.entries()) {
    for (const range of rule.ports.split(',')) {
      const [first = 0, last = first] = range.split(':').map(Number);
      if (last > 65_535 || first > last)
        throw refuse(
          `rules.${index}.ports`,
          `${range} is no port or range of ports`,
          'Ports go from 1 to 65535, the smaller one first.',
        );
    }
    checkManagementPort(index, rule, product);
    if (rule.from === undefined) continue;
    if (!rule.from.startsWith('+')) checkNetwork(`rules.${index}.from`, rule.from);
    else if (!Object.hasOwn(params.sets, rule.from.slice(1)) && rule.from !== '+management')
      throw refuse(
        `rules.${index}.from`,
        `there is no set ${rule.from.slice(1)}`,
        `Add it below sets. There are: ${['management', ...Object.keys(params.sets)].join(', ')}.`,
      );
  }
}

/** Strangers must be turned away from these ports, and that is tried: whoever shall come in belongs to the management. */
function checkManagementPort(index: number, rule: FirewallRule, product: Product): void {
  if (rule.action !== 'accept' || rule.protocol !== 'tcp' || rule.from === '+management') return;
  for (const range of rule.ports.split(',')) {
    const [first = 0, last = first] = range.split(':').map(Number);
    const port = [22, WEB_PORT[product]].find((each) => first <= each && each <= last);
    if (port !== undefined)
      throw refuse(
        `rules.${index}.ports`,
        `port ${port} is the management's, and open to its networks alone`,
        'Add those who need it to management, and take the port out of the rule.',
      );
  }
}

function checkNetwork(path: string, text: string): void {
  const [address = '', length = '32'] = text.split('/');
  // pve-firewall refuses a set with /0, and so should everybody.
  if (!isIpv4(address) || Number(length) < 1 || Number(length) > 32)
    throw refuse(
      path,
      `${text} is not an IPv4 address or network`,
      'Write it like 192.0.2.7 or 192.0.2.0/24; a prefix of /0 would let everybody in.',
    );
}

/** The sections of cluster.fw. `@server@` and `@node@` are filled in on the node. */
export function clusterFile(params: FirewallParameters) {
  return {
    policyIn: params.policyIn,
    localNetwork: params.localNetwork === 'node' ? '@node@' : params.localNetwork,
    management: params.management,
    sets: Object.entries(params.sets).map(([name, networks]) => ({ name, networks })),
    rules: [...(params.ping ? ['IN Ping(ACCEPT) -log nolog'] : []), ...params.rules.map(pveRule)],
  };
}

function pveRule(rule: FirewallRule): string {
  const from = rule.from?.startsWith('+') ? `+dc/${rule.from.slice(1)}` : rule.from;
  return [
    `IN ${rule.action.toUpperCase()}`,
    ...(from === undefined ? [] : [`-source ${from}`]),
    `-p ${rule.protocol} -dport ${rule.ports} -log ${rule.log ?? 'nolog'}`,
    ...(rule.comment === undefined ? [] : [`# ${rule.comment}`]),
  ].join(' ');
}

const NFT_VERDICT = { accept: 'accept', drop: 'drop', reject: 'reject with icmpx admin-prohibited' } as const;

/** The parts of the nftables ruleset of a product without a firewall of its own. */
export function nftRuleset(params: FirewallParameters, product: Exclude<Product, 'pve'>) {
  const elements = (networks: readonly string[]) => networks.join(', ');
  return {
    managementPorts: `22, ${WEB_PORT[product]}`,
    management: elements(['@server@', ...params.management]),
    sets: Object.entries(params.sets).map(([name, networks]) => ({ name, elements: elements(networks) })),
    rules: params.rules.map(nftRule),
    ping: params.ping,
    // An answer of its own: nft knows no policy that rejects.
    rejected: params.policyIn === 'REJECT',
    logged: params.logDropped === 'nolog' ? '' : params.logDropped === 'warning' ? 'warn' : params.logDropped,
  };
}

function nftRule(rule: FirewallRule): string {
  const from = rule.from?.startsWith('+') ? `@${rule.from.slice(1)}` : rule.from;
  const log =
    rule.log === undefined || rule.log === 'nolog' ? '' : `log level ${rule.log === 'warning' ? 'warn' : rule.log} `;
  return [
    ...(from === undefined ? [] : [`ip saddr ${from}`]),
    `${rule.protocol} dport { ${rule.ports.replaceAll(':', '-').replaceAll(',', ', ')} }`,
    `${log}${NFT_VERDICT[rule.action]}`,
    ...(rule.comment === undefined ? [] : [`comment "${rule.comment}"`]),
  ].join(' ');
}
