/**
 * The store: journey's ports on SQLite through Kysely. The only SQL of the project lives in this room; what a row means is decided
 * elsewhere.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Kysely, sql } from 'kysely';
import { systemClock } from '../clock.ts';
import type { Repositories, Store } from '../journey/ports.ts';
import type { Log } from '../log.ts';
import { auditRepository } from './audit.ts';
import { databaseBytes } from './backup.ts';
import { bornSecretRepository } from './born-secrets.ts';
import { claimRepository } from './claims.ts';
import { openConnection } from './connection.ts';
import { discoveredRepository } from './discovered.ts';
import { eventRepository } from './events.ts';
import { storeFailure } from './failure.ts';
import { hardwareRepository } from './hardware.ts';
import { checkIntegrity, damaged } from './integrity.ts';
import { keptAnswerRepository } from './kept-answers.ts';
import { mediaRepository } from './media.ts';
import { type Migration, migrate } from './migrate.ts';
import { nodeRepository } from './nodes.ts';
import { ruleRepository } from './rules.ts';
import { runRepository } from './runs.ts';
import { secretRepository } from './secrets.ts';
import { settingsRepository } from './settings.ts';
import type { Tables } from './tables.ts';
import { tokenRepository } from './tokens.ts';
import { watchRepository } from './watches.ts';
import { webhookRepository } from './webhooks.ts';

export interface StoreOptions {
  /** The database file (its directory is made, 0700, when it is missing), or ':memory:'. */
  readonly path: string;
  readonly log: Log;
  /** Written to runs, events and discovered machines; nodes bring their own. */
  readonly site?: string;
  readonly now?: () => number;
  /** How long a statement waits for another process's lock; the event loop waits with it. */
  readonly busyTimeoutMs?: number;
  /** For tests: other migrations, and a listener for each distinct statement. */
  readonly migrations?: readonly Migration[];
  readonly onStatement?: (sql: string) => void;
}

/** Up to here the whole file is checked before the daemon serves (a tenth of a second); a larger one is checked in the background. */
const CHECKED_AT_START_BYTES = 32 * 1024 * 1024;

/**
 * Opens the database and brings it up to date.
 * @throws IronwakeError `store.unwritable`, `store.locked`, `store.corrupt`, `store.disk-full`, `store.disk-error`, `store.newer`,
 *   `store.foreign`
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path, log, site = 'default', now = systemClock.now, busyTimeoutMs = 2000 } = options;
  const db = openConnection({ path, busyTimeoutMs, onStatement: options.onStatement });
  try {
    if (path !== ':memory:' && databaseBytes(path) <= CHECKED_AT_START_BYTES) await checkNow(db, path);
    await migrate(db, { path, log, now: now(), ...(options.migrations && { migrations: options.migrations }) });
  } catch (error) {
    await db.destroy();
    throw storeFailure(error, path);
  }
  const scope = new AsyncLocalStorage<{ open: boolean }>();
  const outside = outsideOf(scope, repositories(db, site));
  return {
    ...outside,
    async transaction(work) {
      refuseInside(scope);
      const mark = { open: true };
      try {
        return await db.transaction().execute((trx) => scope.run(mark, () => work(repositories(trx, site))));
      } finally {
        mark.open = false;
      }
    },
    async probe() {
      await outside.settings.put('probed-at', String(now()));
    },
    async check() {
      if (path !== ':memory:') await checkIntegrity(path, 'quick');
    },
    sizeBytes: () => (path === ':memory:' ? 0 : databaseBytes(path)),
    async close() {
      await db.destroy();
    },
  };
}

/** A damaged page is better found now than by the machine that needs it. */
async function checkNow(db: Kysely<Tables>, path: string): Promise<void> {
  const found = await sql<{ quick_check: string }>`pragma quick_check(1)`.execute(db);
  const finding = found.rows[0]?.quick_check;
  if (finding !== undefined && finding !== 'ok') throw damaged(path, finding);
}

function repositories(db: Kysely<Tables>, site: string): Repositories {
  return {
    nodes: nodeRepository(db),
    runs: runRepository(db, site),
    events: eventRepository(db, site),
    discovered: discoveredRepository(db, site),
    media: mediaRepository(db),
    secrets: secretRepository(db),
    tokens: tokenRepository(db),
    audit: auditRepository(db),
    settings: settingsRepository(db),
    claims: claimRepository(db, site),
    keptAnswers: keptAnswerRepository(db),
    bornSecrets: bornSecretRepository(db),
    hardware: hardwareRepository(db),
    rules: ruleRepository(db, site),
    watches: watchRepository(db),
    webhooks: webhookRepository(db, site),
  };
}

/**
 * A transaction holds the one connection. Work inside it that goes through the store itself would wait for its own end for ever, so it
 * fails loudly instead.
 */
function refuseInside(scope: AsyncLocalStorage<{ open: boolean }>): void {
  if (scope.getStore()?.open === true) {
    throw new Error('inside a transaction use the repositories that were passed in, not the store');
  }
}

function outsideOf(scope: AsyncLocalStorage<{ open: boolean }>, inner: Repositories): Repositories {
  const guarded = <T extends object>(repository: T): T =>
    new Proxy(repository, {
      get(target, key, receiver) {
        refuseInside(scope);
        return Reflect.get(target, key, receiver);
      },
    });
  return {
    nodes: guarded(inner.nodes),
    runs: guarded(inner.runs),
    events: guarded(inner.events),
    discovered: guarded(inner.discovered),
    media: guarded(inner.media),
    secrets: guarded(inner.secrets),
    tokens: guarded(inner.tokens),
    audit: guarded(inner.audit),
    settings: guarded(inner.settings),
    claims: guarded(inner.claims),
    keptAnswers: guarded(inner.keptAnswers),
    bornSecrets: guarded(inner.bornSecrets),
    hardware: guarded(inner.hardware),
    rules: guarded(inner.rules),
    watches: guarded(inner.watches),
    webhooks: guarded(inner.webhooks),
  };
}
