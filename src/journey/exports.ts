/** Registered machines for other programs: with their addresses and host keys, as one text of the format that is asked for. */
import type { ExportFormat } from '../exports/format-names.ts';
import { EXPORT_FORMATS } from '../exports/formats.ts';
import type { ExportedMachine } from '../exports/machine.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { fixedAddressOf, type Node } from '../nodes/node.ts';
import { ADDRESS_SCOPE, numberToAddress } from '../profiles/pools.ts';
import type { Run } from '../runs/run.ts';
import { allNodes, type ExportFilter } from './all-nodes.ts';
import type { Journey } from './journey.ts';

/** A node's older installations that are looked through for host keys, when it is being installed anew. */
const OLDER_RUNS = 20;

export interface Exported {
  readonly contentType: string;
  readonly text: string;
}

export async function exportMachines(
  journey: Journey,
  format: ExportFormat,
  filter: ExportFilter,
  options: { readonly port: number },
): Promise<Exported> {
  const { contentType, render } = EXPORT_FORMATS[format];
  return { contentType, text: render(await machinesOf(journey, filter), options) };
}

async function machinesOf(journey: Journey, filter: ExportFilter): Promise<readonly ExportedMachine[]> {
  const { store } = journey;
  const machines: ExportedMachine[] = [];
  for await (const page of allNodes(store, filter)) {
    const newest = new Map((await store.runs.latestOfEach(page.map(({ id }) => id))).map((run) => [run.nodeId, run]));
    for (const node of page) machines.push(await machineOf(journey, node, newest.get(node.id)));
  }
  return machines;
}

async function machineOf(journey: Journey, node: Node, newest: Run | undefined): Promise<ExportedMachine> {
  const told = await toldBy(journey, node, newest);
  const { ed25519, ecdsa, rsa } = told?.data.hostKeys ?? {};
  return {
    id: node.id,
    fqdn: node.fqdn,
    macs: node.macs,
    address: fixedAddressOf(node) ?? (await heldAddress(journey, node)) ?? (told ?? newest)?.data.boundAddress,
    profile: node.profile,
    tags: node.tags,
    state: newest?.state ?? 'none',
    notes: node.notes,
    hostKeys: [ed25519, ecdsa, rsa].filter((key) => key !== undefined),
  };
}

/** The newest installation that came so far that the machine reported its host keys: until the next one has, they are what it answers with. */
async function toldBy({ store }: Journey, node: Node, newest: Run | undefined): Promise<Run | undefined> {
  if (newest === undefined || newest.data.hostKeys !== undefined) return newest;
  const older = await store.runs.listOf(node.id, OLDER_RUNS);
  return older.find(({ data }) => data.hostKeys !== undefined);
}

async function heldAddress({ store }: Journey, node: Node): Promise<Ipv4 | undefined> {
  const claim = (await store.claims.ofNode(node.id)).find(({ scope }) => scope === ADDRESS_SCOPE);
  return claim === undefined ? undefined : numberToAddress(claim.number);
}
