/** Whether this host's packet filter lets machines in: asks nft and iptables-save for their rules, and says so when they may not tell. */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Segment } from '../net/segment.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { readIptables, tablesOf } from './iptables.ts';
import { readNft } from './nft.ts';
import { type BaseChain, type Fate, fateOf, type InboundPacket } from './packet-filter.ts';
import { type Output, runTool } from './tool.ts';

export interface ServedPorts {
  readonly dhcp: number;
  readonly pxe: number;
  readonly tftp: number;
  readonly http: number;
  readonly https: number;
}

/** What the two tools said. */
export interface FilterListings {
  readonly nft: Output;
  readonly iptables: Output;
}

export interface FirewallVerdict {
  readonly findings: readonly Finding[];
  /** Whether answers to our own DISCOVER (UDP 68) reach us, as far as it can be told. */
  readonly canHear: boolean;
}

const EVERYBODY: { readonly base: Ipv4; readonly prefixLength: number } = {
  base: '255.255.255.255' as Ipv4,
  prefixLength: 32,
};
const NOBODY = { base: '0.0.0.0' as Ipv4, prefixLength: 32 };
const DHCP_CLIENT_PORT = 68;

export async function checkFirewall(segment: Segment, ports: ServedPorts): Promise<FirewallVerdict> {
  const [nft, iptables] = await Promise.all([runTool('nft', ['-j', 'list', 'ruleset']), runTool('iptables-save', [])]);
  return judgeFirewall({ nft, iptables }, segment, ports);
}

/** Pure. */
export function judgeFirewall(
  { nft, iptables }: FilterListings,
  segment: Segment,
  ports: ServedPorts,
): FirewallVerdict {
  if (nft.kind === 'absent' && iptables.kind === 'absent')
    return {
      findings: [ok('firewall', 'firewall.none', 'neither nft nor iptables is installed: no packet filter to look at')],
      canHear: true,
    };
  const refused = [nft, iptables].find((output) => output.kind === 'failed');
  if (refused?.kind === 'failed')
    return {
      findings: [
        warning(
          'firewall',
          'firewall.unknown',
          `the packet filter could not be looked at (${refused.reason})`,
          /permi|root/i.test(refused.reason)
            ? 'Run it as root: sudo npx ironwake doctor.'
            : 'Look yourself: sudo nft list ruleset, sudo iptables-save.',
        ),
      ],
      canHear: true,
    };
  const legacy = iptables.kind === 'text' ? iptables.text : '';
  const skip = new Set(tablesOf(legacy).map((table) => `ip ${table}`));
  let chains: readonly BaseChain[];
  try {
    chains = [
      ...(nft.kind === 'text' && nft.text.trim() !== '' ? readNft(nft.text, skip, segment.interfaceName) : []),
      ...readIptables(legacy),
    ];
  } catch {
    return {
      findings: [
        warning(
          'firewall',
          'firewall.unknown',
          'the listing of nft could not be read',
          'Look yourself: sudo nft list ruleset.',
        ),
      ],
      canHear: true,
    };
  }
  const heard = throughAll(chains, dhcpPacket(segment, DHCP_CLIENT_PORT));
  return { findings: judgeChains(chains, segment, ports), canHear: heard.accept !== undefined };
}

function judgeChains(chains: readonly BaseChain[], segment: Segment, ports: ServedPorts): Finding[] {
  const here = { base: segment.address, prefixLength: 32 };
  const network = { base: segment.address, prefixLength: segment.prefixLength };
  const direct = (protocol: 'udp' | 'tcp', port: number): InboundPacket => ({
    protocol,
    port,
    interfaceName: segment.interfaceName,
    from: network,
    to: here,
    broadcast: false,
  });
  const packets = [
    dhcpPacket(segment, ports.dhcp),
    direct('udp', ports.pxe),
    direct('udp', ports.tftp),
    direct('tcp', ports.http),
    direct('tcp', ports.https),
  ].filter(({ port }) => port !== 0);

  const findings: Finding[] = [];
  const groups = new Map<string, { readonly fate: Fate; readonly packets: InboundPacket[] }>();
  for (const packet of packets) {
    const fate = throughAll(chains, packet);
    const key = `${fate.accept === undefined} ${fate.drop ?? ''}`;
    const group = groups.get(key) ?? { fate, packets: [] };
    group.packets.push(packet);
    groups.set(key, group);
  }
  for (const { fate, packets: alike } of groups.values()) {
    const names = alike.map(({ protocol, port }) => `${protocol.toUpperCase()} ${port}`).join(', ');
    const [first] = alike;
    const remedy = `Let it in, for example: ufw allow in on ${segment.interfaceName} to any port ${first?.port} proto ${first?.protocol} (or firewall-cmd, or an accept rule before it).`;
    if (fate.drop === undefined)
      findings.push(ok('firewall', 'firewall.open', `${names} may come in on ${segment.interfaceName}`));
    else if (fate.accept === undefined)
      findings.push(
        problem(
          'firewall',
          'firewall.drops',
          `${names} on ${segment.interfaceName} is dropped by ${fate.drop}`,
          remedy,
        ),
      );
    else
      findings.push(
        warning(
          'firewall',
          'firewall.may-drop',
          `${names} on ${segment.interfaceName} may be dropped by ${fate.drop}: it depends on what cannot be seen from here`,
          remedy,
        ),
      );
  }
  return findings;
}

function dhcpPacket(segment: Segment, port: number): InboundPacket {
  return {
    protocol: 'udp',
    port,
    interfaceName: segment.interfaceName,
    from: port === DHCP_CLIENT_PORT ? { base: segment.address, prefixLength: segment.prefixLength } : NOBODY,
    to: EVERYBODY,
    broadcast: true,
  };
}

/** Every chain must accept. */
function throughAll(chains: readonly BaseChain[], packet: InboundPacket): Fate {
  const fates = chains.map((chain) => fateOf(chain, packet));
  const certain = fates.find((fate) => fate.accept === undefined);
  if (certain !== undefined) return certain;
  return { accept: 'all chains', drop: fates.find((fate) => fate.drop !== undefined)?.drop };
}
