/**
 * The same hardware is recognised whichever of its ports boots: when an installation has come to `ready`, the ports that its installer reported belong
 * to the node. Only then, because up to there somebody who took the machine's MAC and address could have sent the report: the run is uncontested to
 * its end, the report came from the address that is bound to a port of the node, and the node has proved its host key.
 */
import { MACS_OF_A_NODE, type Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import { portsIn } from './hardware.ts';
import type { NewEvent, Repositories } from './ports.ts';

/** Within the transaction that makes the run `ready`. Never takes a port from another node. */
export async function joinReportedPorts(repositories: Repositories, run: Run, at: number): Promise<void> {
  // Through a router nobody has checked a MAC.
  if (run.contested || run.data.binding !== 'neighbour') return;
  const node = await repositories.nodes.byId(run.nodeId);
  if (node === undefined || node.archivedAt !== undefined) return;
  const records = await repositories.hardware.ofNode(node.id);
  const told = records.find(({ source, runId }) => source === 'system-information' && runId === run.id);
  const reported = portsIn(told?.data ?? {}).filter((mac) => !node.macs.includes(mac));
  const row = { at, mac: node.macs[0], nodeId: node.id, runId: run.id };
  const free: Node['macs'][number][] = [];
  const events: NewEvent[] = [];
  for (const mac of reported.slice(0, MACS_OF_A_NODE - node.macs.length)) {
    const other = await repositories.nodes.byMac(mac);
    if (other === undefined) free.push(mac);
    else events.push({ ...row, code: 'node.port-of-another', data: { mac, other: other.fqdn } });
  }
  if (free.length > 0) {
    const next = { ...node, macs: [...node.macs, ...free], revision: node.revision + 1 };
    await repositories.nodes.update(next, node.revision);
    // What was seen of the machine through these ports is told by its node's own record already.
    for (const mac of free) await repositories.discovered.remove(mac);
    await repositories.hardware.unretire(free);
    events.push({ ...row, code: 'node.ports-joined', data: { macs: free } });
  }
  if (events.length > 0) await repositories.events.append(events);
}
