/** What a list of nodes is asked for, as conditions. */
import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { NodeQuery } from '../journey/ports.ts';
import type { Tables } from './tables.ts';

/** The order is that of the index on the name, so that a page costs what it shows, and a rare match one walk through the index. */
export function filtered<O>(
  query: SelectQueryBuilder<Tables, 'node', O>,
  { after, limit, state, tag, profile, search }: NodeQuery,
): SelectQueryBuilder<Tables, 'node', O> {
  let found = query.orderBy('fqdn').limit(limit);
  if (after !== undefined) found = found.where('fqdn', '>', after);
  if (profile !== undefined) found = found.where('profile', '=', profile);
  if (tag !== undefined)
    found = found.where(sql<SqlBool>`exists (select 1 from json_each(node.tags) where json_each.value = ${tag})`);
  if (search !== undefined)
    found = found.where(
      sql<SqlBool>`(instr(node.fqdn, ${search}) > 0 or exists (select 1 from node_mac where node_mac.node_id = node.id and instr(node_mac.mac, ${search}) > 0))`,
    );
  if (state !== undefined)
    found = found.where(
      sql<SqlBool>`coalesce(
        (select state from run where run.node_id = node.id and run.ended = 0),
        (select state from run where run.node_id = node.id order by armed_at desc, id desc limit 1),
        'none') = ${state}`,
    );
  return found;
}
