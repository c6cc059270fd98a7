/** What a machine has told about itself so far: its ports with every request for an answer, its disks with the report of an installation. */
import { type MachineFacts, parseMachineFacts } from '../answers/machine.ts';
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import type { Journey } from './journey.ts';

/**
 * @param systemInformation what the machine says at this moment: its ports go before those of an older report, which stay where it says nothing
 * @returns undefined when it has told nothing yet
 */
export async function machineFactsOf(
  journey: Journey,
  node: Node,
  systemInformation?: string,
): Promise<MachineFacts | undefined> {
  const runs = await journey.store.runs.listOf(node.id);
  const reports = runs
    .toSorted((a, b) => b.armedAt - a.armedAt)
    .flatMap(({ data }) => (data.webhook === undefined ? [] : [read(JSON.stringify(data.webhook))]))
    .filter((facts) => facts !== undefined);
  const told = reports.find(({ disks }) => disks !== undefined) ?? reports[0];
  const now = systemInformation === undefined ? undefined : read(systemInformation);
  if (now === undefined) return told;
  // Udev's properties are known of the ports of the report only; that a port is there at all is known of those of now.
  const ports = now.ports.map((port) => told?.ports.find(({ mac }) => mac !== undefined && mac === port.mac) ?? port);
  return { document: told?.document ?? now.document, disks: told?.disks, ports, bootMode: told?.bootMode };
}

function read(document: string): MachineFacts | undefined {
  try {
    return parseMachineFacts(document);
  } catch (error) {
    if (error instanceof IronwakeError) return undefined;
    throw error;
  }
}
