/**
 * Machines that were seen on the wire and that nobody registered. Packets are counted in memory and written at most once a second, so that
 * a stranger who makes up a thousand MACs a second costs neither disk nor the answers of others.
 */

import type { ClientFacts } from '../boot/facts.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../net/mac.ts';
import type { Segment } from '../net/segment.ts';
import type { Store } from './ports.ts';

const FLUSH_MS = 1000;

export interface DiscoveredMachines {
  note(facts: ClientFacts, segment: Segment): void;
  /** Writes what is waiting; at shutdown and before a list is shown. */
  flush(): Promise<void>;
}

export function createDiscovered(store: Store, clock: Clock, log: Log, capacity: number): DiscoveredMachines {
  const waiting = new Map<Mac, { readonly facts: ClientFacts; readonly segment: Segment; readonly at: number }>();
  let scheduled = false;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const batch = [...waiting.entries()];
    waiting.clear();
    if (batch.length === 0) return;
    await store.transaction(async (repositories) => {
      for (const [mac, { facts, segment, at }] of batch) {
        await repositories.discovered.record(
          {
            mac,
            lastSeenAt: at,
            arch: facts.arch?.name,
            uuid: facts.uuid,
            vendorClass: facts.vendorClass,
            hostName: facts.hostName,
            interfaceName: segment.interfaceName,
            address: facts.address,
          },
          capacity,
        );
      }
    });
  }

  function flush(): Promise<void> {
    writing = writing.then(write).catch((error: unknown) => {
      log.warn({ err: messageOf(error) }, 'discovered machines could not be written');
    });
    return writing;
  }

  return {
    note(facts, segment) {
      // At most `capacity` wait: more would only push each other out of the table again.
      if (!waiting.has(facts.mac) && waiting.size >= capacity) return;
      waiting.set(facts.mac, { facts, segment, at: clock.now() });
      if (scheduled) return;
      scheduled = true;
      clock.after(FLUSH_MS, () => {
        scheduled = false;
        void flush();
      });
    },
    flush,
  };
}
