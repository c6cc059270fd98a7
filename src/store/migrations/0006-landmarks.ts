/** An index of what a flood of forged packets and refused requests must not push out of sight: alarms, and the steps of runs. */
import { type Kysely, sql } from 'kysely';

/** Written out here: a migration is what it was, whatever becomes of the catalogue. */
export const REPEATABLE = [
  'boot.firmware-asked',
  'boot.image-cut',
  'boot.image-delivered',
  'boot.image-started',
  'boot.kernel-sent',
  'boot.loader-fetched',
  'boot.local-disk',
  'boot.restarted',
  'boot.script-served',
  'installer.request-unusable',
  'installer.webhook-repeated',
  'refused',
] as const;

/** The condition of the index. A statement that has it word for word is answered from the index. */
export const LANDMARK = `node_id is not null and code not in (${REPEATABLE.map((code) => `'${code}'`).join(', ')})`;

export async function up(db: Kysely<never>): Promise<void> {
  await sql.raw(`create index event_landmark on event (node_id, id) where ${LANDMARK}`).execute(db);
}
