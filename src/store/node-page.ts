/** A page of nodes: by part of a name or MAC, tag, profile and state, in the order of names. Every way goes through an index. */
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { NodeQuery } from '../journey/ports.ts';
import type { Node } from '../nodes/node.ts';
import { ARCHIVED, fromRow, LIVING, type NodeRow, selectNodes } from './node-rows.ts';
import type { Tables } from './tables.ts';

/** Up to so many nodes are fetched by their ids for a part of a MAC; more of them are found sooner in the order of names. */
const FEW = 200;

export async function pageOfNodes(db: Kysely<Tables>, query: NodeQuery): Promise<Node[]> {
  const rows = query.archived === true ? await archivedRows(db, query) : await livingRows(db, query);
  return rows.flatMap((row) => fromRow(row) ?? []);
}

async function livingRows(db: Kysely<Tables>, query: NodeQuery): Promise<NodeRow[]> {
  const { search = '', limit } = query;
  if (search === '') return rowsOf(db, query);
  const named = await rowsOf(db, query, sql<SqlBool>`instr(node.fqdn, ${search}) > 0`);
  const part = macPart(search);
  const owned = part === undefined ? [] : await rowsByMac(db, query, part);
  const both = new Map([...named, ...owned].map((row) => [row.id, row]));
  return [...both.values()].sort((a, b) => (a.fqdn < b.fqdn ? -1 : 1)).slice(0, limit);
}

/** What can stand in a MAC, as it is stored: `bc2411` and `BC-24-11` are `bc:24:11`; undefined for what cannot. */
function macPart(text: string): string | undefined {
  if (!/^[0-9a-f:.-]{2,17}$/.test(text)) return undefined;
  const hex = text.replaceAll(/[:.-]/g, '');
  if (text.includes(':') || hex.length < 3) return text;
  return (hex.match(/.{1,2}/g) ?? []).join(':');
}

/** The order, the filters, and one more condition; which index serves them SQLite chooses. */
function rowsOf(
  db: Kysely<Tables>,
  { tag, profile, state, after = '', limit }: NodeQuery,
  also: ReturnType<typeof sql<SqlBool>> = sql<SqlBool>`true`,
): Promise<NodeRow[]> {
  let select = selectNodes(db).where(LIVING).where(also);
  if (profile !== undefined) select = select.where('node.profile', '=', profile);
  if (state !== undefined) select = select.where('node.state', '=', state);
  if (tag === undefined) return select.where('node.fqdn', '>', after).orderBy('node.fqdn').limit(limit).execute();
  return select
    .innerJoin('node_tag', 'node_tag.node_id', 'node.id')
    .where('node_tag.tag', '=', tag)
    .where('node_tag.fqdn', '>', after)
    .orderBy('node_tag.fqdn')
    .limit(limit)
    .execute();
}

async function rowsByMac(db: Kysely<Tables>, query: NodeQuery, part: string): Promise<NodeRow[]> {
  const found = await db
    .selectFrom('node_mac')
    .select('node_id')
    .where('mac', '>', '')
    .where(sql<SqlBool>`instr(mac, ${part}) > 0`)
    .limit(FEW + 1)
    .execute();
  if (found.length > FEW) {
    return rowsOf(
      db,
      query,
      sql<SqlBool>`exists (select 1 from node_mac where node_mac.node_id = node.id and instr(node_mac.mac, ${part}) > 0)`,
    );
  }
  const ids = JSON.stringify([...new Set(found.map(({ node_id }) => node_id))]);
  const rows = await selectNodes(db)
    .where(LIVING)
    .where(sql<SqlBool>`node.id in (select value from json_each(${ids}))`)
    .execute();
  const { tag, profile, state, after = '' } = query;
  return rows.filter(
    (row) =>
      row.fqdn > after &&
      (profile === undefined || row.profile === profile) &&
      (state === undefined || row.state === state) &&
      (tag === undefined || (JSON.parse(row.tags) as string[]).includes(tag)),
  );
}

function archivedRows(
  db: Kysely<Tables>,
  { search = '', after = '', afterId = '', limit }: NodeQuery,
): Promise<NodeRow[]> {
  return selectNodes(db)
    .where(ARCHIVED)
    .where(sql<SqlBool>`(fqdn, id) > (${after}, ${afterId})`)
    .where(sql<SqlBool>`(${search} = '' or instr(fqdn, ${search}) > 0)`)
    .orderBy('fqdn')
    .orderBy('id')
    .limit(limit)
    .execute();
}
