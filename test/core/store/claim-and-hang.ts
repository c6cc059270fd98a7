/** A process for claims.test.ts: takes a number inside a transaction, says so, and never ends the transaction. */
import { silentLog } from '../../../src/log.ts';
import { openStore } from '../../../src/store/store.ts';
import { aClaim } from './fixtures.ts';

const store = await openStore({ path: String(process.argv[2]), log: silentLog });
// Keeps the process alive until it is killed.
setInterval(() => {}, 1000);
await store.transaction(async (tx) => {
  process.send?.(await tx.claims.take(aClaim({ nodeId: 'node-0' })));
  await new Promise(() => {});
});
