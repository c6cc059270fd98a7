import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { ClaimRepository, ClaimRequest } from '../journey/ports.ts';
import type { Tables } from './tables.ts';

/** The scope of all address pools (profiles/pools.ts). */
const ADDRESS_SCOPE = 'address';

export function claimRepository(db: Kysely<Tables>, site: string): ClaimRepository {
  const held = async ({ nodeId, scope, pool }: ClaimRequest): Promise<number | undefined> => {
    const row = await db
      .selectFrom('claim')
      .select('number')
      .where('node_id', '=', nodeId)
      .where('scope', '=', scope)
      .where('pool', '=', pool)
      .executeTakeFirst();
    return row?.number;
  };
  const fits = (number: number, { from, to }: ClaimRequest): boolean => number >= from && number <= to;

  return {
    async take(request) {
      const { nodeId, scope, pool } = request;
      const before = await held(request);
      if (before !== undefined && fits(before, request)) return before;
      if (before !== undefined) {
        // The pool was moved away from under it.
        await db
          .deleteFrom('claim')
          .where('node_id', '=', nodeId)
          .where('scope', '=', scope)
          .where('pool', '=', pool)
          .execute();
      }
      // One statement: nobody comes between finding the lowest free number and taking it.
      const taken = await sql<{ number: number }>`insert into claim (site, scope, number, pool, node_id, claimed_at)
        select ${site}, ${scope}, lowest.number, ${pool}, ${nodeId}, ${request.at} from (${lowestFree(site, request)}) as lowest
        where lowest.number is not null
        on conflict do nothing
        returning number`.execute(db);
      // Nothing taken: another caller took one for this very node meanwhile, or none is left.
      return taken.rows[0]?.number ?? (await held(request));
    },
    async peek(request) {
      const before = await held(request);
      if (before !== undefined && fits(before, request)) return before;
      const found = await sql<{ number: number | null }>`${lowestFree(site, request)}`.execute(db);
      return found.rows[0]?.number ?? undefined;
    },
    async releaseAll(nodeId) {
      await db.deleteFrom('claim').where('node_id', '=', nodeId).execute();
    },
    async holderOf(scope, number) {
      const row = await db
        .selectFrom('claim')
        .select('node_id')
        .where('site', '=', site)
        .where('scope', '=', scope)
        .where('number', '=', number)
        .executeTakeFirst();
      return row?.node_id;
    },
    async ofNode(nodeId) {
      const rows = await db
        .selectFrom('claim')
        .select(['scope', 'pool', 'number', 'claimed_at'])
        .where('node_id', '=', nodeId)
        .orderBy('scope')
        .orderBy('pool')
        .execute();
      return rows.map(({ scope, pool, number, claimed_at }) => ({ nodeId, scope, pool, number, at: claimed_at }));
    },
  };
}

/**
 * The lowest free number is the first of the range, or follows one that is not free. In the scope of addresses the static ones of other nodes
 * are not free either.
 */
function lowestFree(
  site: string,
  { nodeId, scope, searchFrom, from: first, to, except }: ClaimRequest,
): RawBuilder<unknown> {
  const from = searchFrom ?? first;
  const closed = JSON.stringify(except);
  const addresses = scope === ADDRESS_SCOPE;
  const fixed = sql`from node where archived_at is null and fixed_address is not null`;
  const afterFixed = addresses
    ? sql`union all select fixed_address + 1 ${fixed} and fixed_address >= ${from} and fixed_address < ${to}`
    : sql``;
  const notFixed = addresses
    ? sql`and not exists (select 1 ${fixed} and fixed_address = candidate.n and id <> ${nodeId})`
    : sql``;
  return sql`select min(n) as number from (
      select cast(${from} as integer) as n
      union all select number + 1 from claim
        where site = ${site} and scope = ${scope} and number >= ${from} and number < ${to}
      union all select value + 1 from json_each(${closed}) where value >= ${from} and value < ${to}
      ${afterFixed}
    ) as candidate
    where n <= ${to} and n not in (select value from json_each(${closed}))
      and not exists (select 1 from claim where site = ${site} and scope = ${scope} and number = candidate.n)
      ${notFixed}`;
}
