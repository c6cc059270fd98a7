/** As much of a journey as deliveries of webhooks need: a store, a key, and real time. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/clock.ts';
import { createChanges } from '../../src/journey/changes.ts';
import type { Journey } from '../../src/journey/journey.ts';
import { createMetrics } from '../../src/journey/metrics.ts';
import type { Store } from '../../src/journey/ports.ts';
import { silentLog } from '../../src/log.ts';
import { instanceKey } from '../../src/trust/instance-key.ts';
import { seal, unsealText } from '../../src/trust/sealing.ts';

/** @param key 32 bytes: that of the installation */
export function deliveryJourney(store: Store, key: Uint8Array): Journey {
  const instance = instanceKey(key);
  return {
    store,
    clock: systemClock,
    log: silentLog,
    changes: createChanges(),
    metrics: createMetrics(),
    keys: {
      instance,
      randomBytes,
      seal: (purpose: string, plain: string) => seal(instance, purpose, plain, randomBytes),
      unseal: (purpose: string, sealed: string) => unsealText(instance, purpose, sealed),
    },
  } as unknown as Journey;
}
