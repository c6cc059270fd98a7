/**
 * Who holds our ports. While the daemon runs, it must; otherwise each port is bound for a moment exactly as the daemon would bind it, because only the
 * kernel can tell whether a program that is there already lets us in beside it (dnsmasq with bind-dynamic does).
 */
import { createServer } from 'node:net';
import { IronwakeError, systemCode } from '../errors.ts';
import { bindError, type PortUse, remedyAgainst, useOfPort } from '../net/port-holder.ts';
import type { Segment } from '../net/segment.ts';
import { type Kernel, openBroadcastPort, openUdpPort } from '../net/socket.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import type { ServedPorts } from './firewall.ts';

interface OwnPort {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly purpose: string;
  readonly broadcast: boolean;
}

export interface PortSituation {
  readonly segments: readonly Segment[];
  readonly ports: ServedPorts;
  readonly kernel: Kernel | undefined;
  /** The daemon's process, when it runs. */
  readonly daemonPid: number | undefined;
}

export async function checkPorts({ daemonPid, kernel, ports, segments }: PortSituation): Promise<Finding[]> {
  const wanted: readonly OwnPort[] = [
    { protocol: 'udp', port: ports.dhcp, purpose: 'proxyDHCP', broadcast: true },
    { protocol: 'udp', port: ports.pxe, purpose: 'PXE boot server', broadcast: false },
    { protocol: 'udp', port: ports.tftp, purpose: 'TFTP', broadcast: false },
    { protocol: 'tcp', port: ports.http, purpose: 'boot artefacts', broadcast: false },
    { protocol: 'tcp', port: ports.https, purpose: 'API, installer, nodes', broadcast: false },
  ];
  const findings: Finding[] = [];
  for (const own of wanted) {
    if (own.port === 0) continue;
    const use = await useOfPort(own.protocol, own.port);
    if (daemonPid !== undefined) findings.push(judgeHeldPort(own, use, daemonPid));
    else
      for (const segment of segments)
        findings.push(judgeFreePort(own, use, segment, await tryPort(own, segment, kernel)));
  }
  return findings;
}

/** Whether the daemon holds the port of proxyDHCP; without root it cannot be seen, and counts as no. */
export async function holdsDhcp(port: number, daemonPid: number): Promise<boolean> {
  const { holders } = await useOfPort('udp', port);
  return holders.some(({ pid }) => pid === daemonPid);
}

function nameOf({ port, protocol, purpose }: Pick<OwnPort, 'port' | 'protocol' | 'purpose'>): string {
  return `${protocol.toUpperCase()} ${port} (${purpose})`;
}

/** Pure: a port while the daemon runs. */
export function judgeHeldPort(
  own: Pick<OwnPort, 'port' | 'protocol' | 'purpose'>,
  use: PortUse,
  daemonPid: number,
): Finding {
  const name = nameOf(own);
  const others = use.holders.filter(({ pid }) => pid !== daemonPid);
  const [other] = others;
  if (use.holders.length > others.length) {
    const beside = others.map((holder) => holder.name).join(', ');
    return ok(
      'ports',
      'ports.ours',
      `${name} is held by our daemon${beside === '' ? '' : `, with ${beside} beside it`}`,
    );
  }
  if (other !== undefined)
    return problem(
      'ports',
      'ports.taken',
      `${name} is held by ${other.name} (pid ${other.pid}), not by our daemon (pid ${daemonPid})`,
      remedyAgainst(other),
    );
  if (use.sockets > 0)
    return ok('ports', 'ports.in-use', `${name} is in use; by whom, only root can see (sudo npx ironwake doctor)`);
  return problem(
    'ports',
    'ports.nobody',
    `${name}: nobody listens, although our daemon runs (pid ${daemonPid})`,
    'Is it started with another port? Then say the same configuration here (--config). Else restart it.',
  );
}

/** Pure: a port while no daemon runs. @param failure what binding it threw */
export function judgeFreePort(
  own: Pick<OwnPort, 'port' | 'protocol' | 'purpose'>,
  use: PortUse,
  segment: Pick<Segment, 'interfaceName'>,
  failure: IronwakeError | undefined,
): Finding {
  const name = `${nameOf(own)} on ${segment.interfaceName}`;
  if (failure === undefined) {
    const beside = use.holders.map((holder) => holder.name).join(', ');
    return ok('ports', 'ports.free', `${name} is free for us${beside === '' ? '' : `, beside ${beside}`}`);
  }
  if (failure.code === 'net.port-forbidden') {
    const [holder] = use.holders;
    if (holder !== undefined)
      return warning(
        'ports',
        'ports.taken',
        `${name} is held by ${holder.name} (pid ${holder.pid})`,
        remedyAgainst(holder),
      );
    return warning(
      'ports',
      'ports.unknown',
      `${name}: ${use.sockets > 0 ? 'somebody holds it' : 'nobody holds it'}, and this user may not try to bind it`,
      'Run it as root: sudo npx ironwake doctor.',
    );
  }
  return problem(
    'ports',
    failure.code === 'net.port-in-use' ? 'ports.taken' : failure.code,
    failure.message,
    failure.remedy,
  );
}

/** Binds the port as the daemon does and lets it go again. Returns what was wrong. */
async function tryPort(own: OwnPort, segment: Segment, kernel: Kernel | undefined): Promise<IronwakeError | undefined> {
  const { interfaceName, address } = segment;
  const handlers = { onMessage: () => {}, onError: () => {} };
  try {
    if (own.protocol === 'tcp') await tryListen(address, own.port);
    else if (own.broadcast)
      await (
        await openBroadcastPort({ interfaceName, address, port: own.port, handlers, kernel, alone: true })
      ).close();
    else await (await openUdpPort({ address, port: own.port, handlers })).close();
    return undefined;
  } catch (error) {
    if (error instanceof IronwakeError) return error;
    throw error;
  }
}

async function tryListen(address: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    throw await bindError('tcp', port, `TCP ${address}:${port}`, cause);
  }
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
