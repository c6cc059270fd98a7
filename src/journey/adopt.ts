/** A machine that was seen and that nobody registered becomes a node; or it is forgotten. */
import { IronwakeError } from '../errors.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import type { Node } from '../nodes/node.ts';
import type { Journey } from './journey.ts';
import type { AuditEntry } from './ports.ts';
import { addNode, type NewNode } from './registry.ts';

/**
 * Registers a machine that was seen: what is known of it already comes along.
 * @throws IronwakeError `discovered.unknown` (404) when it was not seen, or is registered; and as `addNode`
 */
export async function adoptMachine(
  journey: Journey,
  text: string,
  input: Omit<NewNode, 'macs'> & { readonly macs?: readonly string[] | undefined },
  audit?: (node: Node) => AuditEntry,
): Promise<Node> {
  const mac = await seenMac(journey, text);
  return addNode(journey, { ...input, macs: [mac, ...(input.macs ?? [])] }, audit);
}

/**
 * Forgets a machine that was seen; its next packet makes it known again.
 * @throws IronwakeError `discovered.unknown` (404)
 */
export async function forgetMachine(journey: Journey, text: string, audit: (mac: Mac) => AuditEntry): Promise<void> {
  const mac = await seenMac(journey, text);
  await journey.store.transaction(async (repositories) => {
    await repositories.discovered.remove(mac);
    await repositories.audit.append(audit(mac));
  });
}

async function seenMac(journey: Journey, text: string): Promise<Mac> {
  const mac = parseMac(text);
  await journey.discovered.flush();
  if ((await journey.store.discovered.byMac(mac)) !== undefined) return mac;
  const node = await journey.store.nodes.byMac(mac);
  throw new IronwakeError({
    kind: 'not-found',
    code: 'discovered.unknown',
    field: 'mac',
    message:
      node === undefined
        ? `no machine with the port ${mac} has asked for a boot file`
        : `${mac} is a port of ${node.fqdn}`,
    remedy:
      node === undefined
        ? 'See npx ironwake discovered. One that was not seen yet: npx ironwake node add.'
        : `See npx ironwake node show ${node.fqdn}.`,
  });
}
