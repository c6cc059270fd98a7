/** Which interfaces are looked at, and whether they can carry anything. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/load.ts';
import { IronwakeError } from '../errors.ts';
import { chooseInterfaces, type HostNetwork, readHost, segmentOf } from '../net/interfaces.ts';
import type { Segment } from '../net/segment.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import type { ServedPorts } from './firewall.ts';

export interface ServedInterfaces {
  readonly segments: readonly Segment[];
  readonly host: HostNetwork;
  readonly findings: readonly Finding[];
}

/** @param requested names that somebody asked for, or that the running daemon serves; empty for the daemon's own choice */
export async function checkInterfaces(
  requested: readonly string[],
  addresses: Config['addresses'],
  ports: ServedPorts,
): Promise<ServedInterfaces> {
  const host = await readHost();
  let chosen: ReturnType<typeof chooseInterfaces>;
  try {
    chosen = chooseInterfaces(requested, host);
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    return { segments: [], host, findings: [problem('interface', error.code, error.message, error.remedy)] };
  }
  const segments: Segment[] = [];
  const findings: Finding[] = [];
  for (const found of chosen) {
    const wanted = addresses[found.name];
    const carrying = found.addresses.filter(({ address }) => wanted === undefined || address === wanted);
    if (carrying.length === 0) {
      findings.push(
        problem(
          'interface',
          'interface.other-address',
          `${found.name} does not have the address ${wanted} that the configuration names`,
          `Correct the setting (addresses), or: ip address add ${wanted}/24 dev ${found.name}.`,
        ),
      );
      continue;
    }
    const segment = segmentOf({ ...found, addresses: carrying }, ports);
    segments.push(segment);
    findings.push(judgeLink(segment, await operState(found.name)));
  }
  return { segments, host, findings };
}

async function operState(name: string): Promise<string> {
  return readFile(`/sys/class/net/${name}/operstate`, 'utf8').then(
    (text) => text.trim(),
    () => 'unknown',
  );
}

/** Pure. @param state `operstate` of the kernel (RFC 2863); drivers that do not tell say `unknown` */
export function judgeLink(
  { address, interfaceName, prefixLength }: Pick<Segment, 'address' | 'interfaceName' | 'prefixLength'>,
  state: string,
): Finding {
  const name = `${interfaceName} ${address}/${prefixLength}`;
  if (state === 'down' || state === 'lowerlayerdown' || state === 'notpresent')
    return problem(
      'interface',
      'interface.down',
      `${name} is ${state === 'lowerlayerdown' ? 'without a link' : 'down'}`,
      `Plug the cable in, or: ip link set ${interfaceName} up.`,
    );
  if (state === 'dormant')
    return warning('interface', 'interface.dormant', `${name} waits for authentication (802.1X)`, 'Log it in first.');
  if (address.startsWith('169.254.'))
    return warning(
      'interface',
      'interface.link-local',
      `${name} has only a link-local address: machines with a lease cannot reach it`,
      `Give it an address of the machines' network: ip address add 10.0.0.2/24 dev ${interfaceName}.`,
    );
  return ok('interface', 'interface.up', `${name} is up`);
}
