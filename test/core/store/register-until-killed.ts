/** A process for claims-crash.test.ts: registers nodes with an address of one pool each, and tells of those that are written, until it is killed. */
import { silentLog } from '../../../src/log.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { openStore } from '../../../src/store/store.ts';
import { aClaim, aNode } from './fixtures.ts';

const [path = '', child = '0'] = process.argv.slice(2);
const store = await unlocked(() => openStore({ path, log: silentLog, busyTimeoutMs: 60_000 }));

/** Two processes that read and then write at the same time: SQLite refuses one of them at once, whole, and it begins again. */
async function unlocked<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!/locked/.test(String(error))) throw error;
    }
  }
}

for (let n = 0; ; n += 1) {
  const id = `node-${child}-${n}`;
  const hex = (number: number) => number.toString(16).padStart(2, '0');
  const mac = `02:00:00:${hex(Number(child))}:${hex(n >> 8)}:${hex(n & 255)}` as Mac;
  const number = await unlocked(() =>
    store.transaction(async (tx) => {
      await tx.nodes.insert(aNode({ id, fqdn: `${id}.lab.example` as Fqdn, macs: [mac], values: {} }));
      const taken = await tx.claims.take(aClaim({ nodeId: id, from: 1, to: 1_000_000 }));
      // The worst moment to be killed at: the number is taken and nothing of it is on the disk.
      if (n % 3 === 0) await new Promise(setImmediate);
      return taken;
    }),
  );
  process.send?.({ id, number });
  // What was given back is given again.
  if (n % 5 === 4) await unlocked(() => store.nodes.remove(`node-${child}-${n - 2}`));
}
