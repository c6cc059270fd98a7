/**
 * What DHCP packets say of machines: of those that nobody registered, and of nodes. Packets are counted in memory and written at most once a second, so that
 * a stranger who makes up a thousand MACs a second costs neither disk nor the answers of others.
 */

import type { ClientFacts } from '../boot/facts.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../net/mac.ts';
import type { Segment } from '../net/segment.ts';
import { sightingOf, sightingOfFacts } from './hardware.ts';
import type { Store } from './ports.ts';

const FLUSH_MS = 1000;

export interface DiscoveredMachines {
  note(facts: ClientFacts, segment: Segment): void;
  /** The same of a node: kept with it. */
  noteNode(nodeId: string, facts: ClientFacts, segment: Segment): void;
  /** Writes what is waiting; at shutdown and before a list is shown. */
  flush(): Promise<void>;
}

export function createDiscovered(store: Store, clock: Clock, log: Log, capacity: number): DiscoveredMachines {
  const waiting = new Map<
    Mac,
    { readonly facts: ClientFacts; readonly segment: Segment; readonly at: number; readonly nodeId: string | undefined }
  >();
  let scheduled = false;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const batch = [...waiting.values()];
    waiting.clear();
    if (batch.length === 0) return;
    await store.transaction(async (repositories) => {
      for (const { facts, segment, at, nodeId } of batch) {
        const seen = sightingOfFacts(facts, segment.interfaceName, at);
        if (nodeId === undefined) await repositories.discovered.record(seen, capacity);
        // It may have been removed in this second.
        else if ((await repositories.nodes.byId(nodeId)) !== undefined)
          await repositories.hardware.put(sightingOf(nodeId, seen));
      }
    });
  }

  function flush(): Promise<void> {
    writing = writing.then(write).catch((error: unknown) => {
      log.warn({ err: messageOf(error) }, 'discovered machines could not be written');
    });
    return writing;
  }

  function later(nodeId: string | undefined, facts: ClientFacts, segment: Segment): void {
    // At most `capacity` wait: more would only push each other out of the table again.
    if (!waiting.has(facts.mac) && waiting.size >= capacity) return;
    waiting.set(facts.mac, { facts, segment, at: clock.now(), nodeId });
    if (scheduled) return;
    scheduled = true;
    clock.after(FLUSH_MS, () => {
      scheduled = false;
      void flush();
    });
  }

  return {
    note: (facts, segment) => later(undefined, facts, segment),
    noteNode: (nodeId, facts, segment) => later(nodeId, facts, segment),
    flush,
  };
}
