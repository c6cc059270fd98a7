import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import { IronwakeError } from '../errors.ts';
import type { RuleRepository } from '../journey/ports.ts';
import type { Rule, RuleGift } from '../rules/rule.ts';
import { isUniqueViolation } from './failure.ts';
import type { RuleTable, Tables } from './tables.ts';

export function ruleRepository(db: Kysely<Tables>, site: string): RuleRepository {
  return {
    async insert(rule) {
      await named(rule, () => db.insertInto('rule').values(toRow(rule, site)).execute());
    },
    async update(rule, expectedRevision) {
      const { id, site: _, registered: __, ...columns } = toRow(rule, site);
      const result = await named(rule, () =>
        db
          .updateTable('rule')
          .set(columns)
          .where('id', '=', id)
          .where('revision', '=', expectedRevision)
          .executeTakeFirst(),
      );
      return result.numUpdatedRows > 0n;
    },
    async remove(id) {
      const result = await db.deleteFrom('rule').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
    async byName(name) {
      return fromRow(await db.selectFrom('rule').selectAll().where('name', '=', name).executeTakeFirst());
    },
    async namesOf(ids) {
      const wanted = sql<SqlBool>`id in (select value from json_each(${JSON.stringify(ids)}))`;
      const rows = await db.selectFrom('rule').select(['id', 'name']).where(wanted).execute();
      return new Map(rows.map(({ id, name }) => [id, name]));
    },
    async list() {
      const rows = await db.selectFrom('rule').selectAll().orderBy('priority', 'desc').orderBy('name').execute();
      return rows.flatMap((row) => fromRow(row) ?? []);
    },
    async takePlace(id, revision, now) {
      const result = await db
        .updateTable('rule')
        .set({ registered: sql`registered + 1` })
        .where('id', '=', id)
        .where('revision', '=', revision)
        .where((eb) => eb('registered', '<', eb.ref('machines')))
        .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
  };
}

/** @throws IronwakeError `rule.name-taken` (409) when the name that is written is that of another rule */
async function named<T>({ name }: Rule, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error, 'rule.name')) throw error;
    throw new IronwakeError({
      kind: 'conflict',
      code: 'rule.name-taken',
      field: 'name',
      message: `there is a rule '${name}' already`,
      remedy: `Choose another name, or remove that rule first: npx ironwake rule rm ${name}.`,
      cause: error,
    });
  }
}

function toRow(rule: Rule, site: string): Selectable<RuleTable> {
  return {
    id: rule.id,
    site,
    revision: rule.revision,
    name: rule.name,
    priority: rule.priority,
    conditions: JSON.stringify(rule.conditions),
    gives: JSON.stringify(rule.gives),
    may_arm: rule.mayArm ? 1 : 0,
    machines: rule.machines,
    registered: rule.registered,
    expires_at: rule.expiresAt ?? null,
    created_at: rule.createdAt,
    created_by: rule.createdBy,
  };
}

function fromRow(row: Selectable<RuleTable> | undefined): Rule | undefined {
  if (row === undefined) return undefined;
  return {
    id: row.id,
    revision: row.revision,
    name: row.name,
    priority: row.priority,
    conditions: JSON.parse(row.conditions) as string[],
    gives: JSON.parse(row.gives) as RuleGift,
    mayArm: row.may_arm === 1,
    machines: row.machines,
    registered: row.registered,
    expiresAt: row.expires_at ?? undefined,
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}
