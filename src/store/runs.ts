import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import { IronwakeError } from '../errors.ts';
import type { RunRepository } from '../journey/ports.ts';
import { ENDED_STATES, type Run, type RunData, type RunState, type StepReport } from '../runs/run.ts';
import { isUniqueViolation } from './failure.ts';
import type { RunReportTable, RunTable, Tables } from './tables.ts';

/** Written out, not bound: SQLite uses a partial index only when it sees its condition in the statement. */
const ACTIVE = sql<SqlBool>`ended = 0`;
const ENDED = sql<SqlBool>`ended = 1`;
/** More installations than any machine sees, fewer than a reply can hold. */
const DEFAULT_LIMIT = 1000;

export function runRepository(db: Kysely<Tables>, site: string): RunRepository {
  const select = () => db.selectFrom('run').selectAll();
  return {
    async insert(run) {
      try {
        await db.insertInto('run').values(toRow(run, site)).execute();
      } catch (error) {
        if (!isUniqueViolation(error, 'run.node_id')) throw error;
        throw new IronwakeError({
          kind: 'conflict',
          code: 'run.active',
          message: 'This node has an installation under way already',
          remedy: 'Wait for it to end (npx ironwake node watch), or stop it first: npx ironwake node cancel.',
          cause: error,
        });
      }
    },
    async update(run, expectedRevision) {
      const { id, site: _, ...columns } = toRow(run, site);
      const result = await db
        .updateTable('run')
        .set(columns)
        .where('id', '=', id)
        .where('revision', '=', expectedRevision)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
    async byId(id) {
      return fromRow(await select().where('id', '=', id).executeTakeFirst());
    },
    async activeOf(nodeId) {
      return fromRow(await select().where('node_id', '=', nodeId).where(ACTIVE).executeTakeFirst());
    },
    async latestOf(nodeId) {
      // The one under way first: a run armed within the same millisecond as the last one, or after the clock was set back, is
      // not the newest by its time.
      const active = fromRow(await select().where('node_id', '=', nodeId).where(ACTIVE).executeTakeFirst());
      if (active !== undefined) return active;
      const row = await select()
        .where('node_id', '=', nodeId)
        .orderBy('armed_at', 'desc')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      return fromRow(row);
    },
    async latestOfEach(nodeIds) {
      // One statement whatever their number: the ids are one parameter.
      const rows = await db
        .selectFrom(sql<{ value: string }>`json_each(${JSON.stringify(nodeIds)})`.as('wanted'))
        .innerJoin('run', (join) =>
          join.on(
            'run.id',
            '=',
            sql<string>`coalesce(
              (select id from run as active where active.node_id = wanted.value and active.ended = 0),
              (select id from run as newest where newest.node_id = wanted.value order by newest.armed_at desc, newest.id desc limit 1))`,
          ),
        )
        .selectAll('run')
        .execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    /** Newest first. */
    async listOf(nodeId, limit = DEFAULT_LIMIT) {
      const rows = await select()
        .where('node_id', '=', nodeId)
        .orderBy('armed_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async due(now, limit) {
      const rows = await select()
        .where(ACTIVE)
        .where('deadline_at', '<=', now)
        .orderBy('deadline_at')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async nextDeadline() {
      const row = await db
        .selectFrom('run')
        .select('deadline_at')
        .where(ACTIVE)
        .where('deadline_at', 'is not', null)
        .orderBy('deadline_at')
        .limit(1)
        .executeTakeFirst();
      return row?.deadline_at ?? undefined;
    },
    /** Oldest first. */
    async active() {
      const rows = await select().where(ACTIVE).orderBy('armed_at').orderBy('id').execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async revisions() {
      return db.selectFrom('run').select(['id', 'revision']).where(ACTIVE).orderBy('armed_at').orderBy('id').execute();
    },
    async states() {
      const rows = await db
        .selectFrom('run')
        .select(['state', 'contested', sql<number>`count(*)`.as('runs'), sql<number>`min(state_since)`.as('since')])
        .where(ACTIVE)
        .groupBy(['state', 'contested'])
        .execute();
      return rows.map((row) => ({
        state: row.state as RunState,
        contested: row.contested === 1,
        runs: row.runs,
        oldestSince: row.since,
      }));
    },
    async prune({ before, keep, limit }) {
      const oldestKept = await db
        .selectFrom('run')
        .select('ended_at')
        .where(ENDED)
        .orderBy('ended_at', 'desc')
        .orderBy('id', 'desc')
        .offset(keep)
        .limit(1)
        .executeTakeFirst();
      const cut = Math.max(before, (oldestKept?.ended_at ?? -1) + 1);
      const result = await db
        .deleteFrom('run')
        .where('id', 'in', (eb) =>
          eb
            .selectFrom('run as old')
            .select('old.id')
            .where(sql<SqlBool>`old.ended = 1`)
            .where('old.ended_at', '<', cut)
            // The newest run of a node says what the node is: it stays as long as the node.
            .where(({ exists, selectFrom }) =>
              exists(
                selectFrom('run as newer')
                  .select('newer.id')
                  .whereRef('newer.node_id', '=', 'old.node_id')
                  .whereRef('newer.armed_at', '>', 'old.armed_at'),
              ),
            )
            .orderBy('old.ended_at')
            .orderBy('old.id')
            .limit(limit),
        )
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
    /** False when a report with this number is there already. */
    async saveReport(runId, report) {
      const result = await db
        .insertInto('run_report')
        .values({
          run_id: runId,
          seq: report.seq,
          module: report.module,
          step: report.step,
          result: report.result,
          started_at: report.startedAt,
          duration_ms: report.durationMs,
          output: report.output,
          detail: report.detail,
        })
        .onConflict((conflict) => conflict.columns(['run_id', 'seq']).doNothing())
        .executeTakeFirst();
      return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
    },
    async reports(runId) {
      const rows = await db.selectFrom('run_report').selectAll().where('run_id', '=', runId).orderBy('seq').execute();
      return rows.map(toReport);
    },
  };
}

function toRow(run: Run, site: string): Selectable<RunTable> {
  return {
    id: run.id,
    site,
    revision: run.revision,
    node_id: run.nodeId,
    state: run.state,
    ended: ENDED_STATES.has(run.state) ? 1 : 0,
    failure: run.failure ?? null,
    contested: run.contested ? 1 : 0,
    generation: run.generation,
    media_id: run.mediaId,
    armed_at: run.armedAt,
    state_since: run.stateSince,
    deadline_at: run.deadlineAt ?? null,
    ended_at: run.endedAt ?? null,
    data: JSON.stringify(run.data),
  };
}

function fromRow(row: Selectable<RunTable> | undefined): Run | undefined {
  if (row === undefined) return undefined;
  return {
    id: row.id,
    nodeId: row.node_id,
    state: row.state as RunState,
    failure: row.failure ?? undefined,
    contested: row.contested === 1,
    generation: row.generation,
    mediaId: row.media_id,
    armedAt: row.armed_at,
    stateSince: row.state_since,
    deadlineAt: row.deadline_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    revision: row.revision,
    data: JSON.parse(row.data) as RunData,
  };
}

function toReport(row: Selectable<RunReportTable>): StepReport {
  return {
    seq: row.seq,
    module: row.module,
    step: row.step as StepReport['step'],
    result: row.result as StepReport['result'],
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    output: row.output,
    detail: row.detail,
  };
}
