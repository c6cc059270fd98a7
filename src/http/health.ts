/**
 * Both faces: `/healthz` (the process answers: restart it when this does not) and `/readyz` (it can do its work: the database takes writes
 * and every socket is bound; send it machines only then). Neither needs a token; the reason stands in the log and, for a token, in the status.
 */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../clock.ts';
import { IronwakeError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

export interface Readiness {
  /** What keeps the daemon from its work, one word each: `database`, `integrity`, `dhcp`, `tftp`, `starting`. Empty when nothing does. */
  problems(): Promise<readonly string[]>;
  /** Reads the whole database once, in the background. What is wrong with it is in the log, and a problem from then on; never throws. */
  checkDatabase(): Promise<void>;
}

/** A probe writes to the disk, so strangers must not be able to order one as often as they like. */
const REMEMBER_MS = 5000;

export interface ReadinessParts {
  readonly probe: () => Promise<void>;
  readonly check: () => Promise<void>;
  /** Sockets that are not bound, and whatever else is not there yet. */
  readonly missing: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export function createReadiness({ probe, check, missing, clock, log }: ReadinessParts): Readiness {
  let damaged = false;
  let asked: { readonly at: number; readonly writable: Promise<boolean> } | undefined;
  async function writable(): Promise<boolean> {
    try {
      await probe();
      return true;
    } catch (error) {
      log.error({ err: messageOf(error) }, 'not ready: the database cannot be written');
      return false;
    }
  }
  return {
    async problems() {
      const now = clock.monotonic();
      if (asked === undefined || now - asked.at >= REMEMBER_MS) asked = { at: now, writable: writable() };
      return [...((await asked.writable) ? [] : ['database']), ...(damaged ? ['integrity'] : []), ...missing()];
    },
    async checkDatabase() {
      try {
        await check();
      } catch (error) {
        damaged = true;
        const remedy = error instanceof IronwakeError ? error.remedy : undefined;
        log.error({ err: messageOf(error), remedy }, 'the database is damaged; what can be read of it is served');
      }
    },
  };
}

export function registerHealth(app: FastifyInstance, readiness: Readiness): void {
  app.get('/healthz', async () => ({ alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const missing = await readiness.problems();
    if (missing.length === 0) return { ready: true };
    return reply.code(503).send({ ready: false, missing });
  });
}
