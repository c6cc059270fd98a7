/**
 * Writes events and delivers them until it is killed: `node webhook-until-killed.ts DATABASE`, the instance key as hex on standard input. Says each
 * event that is committed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createCourier } from '../../src/courier/courier.ts';
import { startDeliveries } from '../../src/journey/deliveries.ts';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { deliveryJourney } from './delivery-journey.ts';

const [path = ''] = process.argv.slice(2);
let hex = '';
for await (const chunk of process.stdin) hex += String(chunk);
const store = await openStore({ path, log: silentLog });
const journey = deliveryJourney(store, Buffer.from(hex.trim(), 'hex'));
startDeliveries(journey, createCourier('0'));
for (let n = 0; ; n += 1) {
  await store.events.append([
    { at: Date.now(), mac: undefined, nodeId: undefined, runId: undefined, code: 'run.resumed', data: { n } },
  ]);
  journey.changes.notify();
  process.stdout.write(`${n}\n`);
  await sleep(3);
}
