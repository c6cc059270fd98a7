/** Rows of nodes as they are read: with their MACs, living or archived. */
import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import type { Fqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import type { InstallPolicy, Node } from '../nodes/node.ts';
import type { NodeTable, Tables } from './tables.ts';

export type NodeRow = Selectable<NodeTable> & { macs: string };

/** Written out, not bound: SQLite uses a partial index only when it sees its condition in the statement. */
export const LIVING = sql<SqlBool>`archived_at is null`;
export const ARCHIVED = sql<SqlBool>`archived_at is not null`;

/** Nodes with their MACs as a JSON list. */
export function selectNodes(db: Kysely<Tables>) {
  return db
    .selectFrom('node')
    .selectAll('node')
    .select(
      sql<string>`(select json_group_array(mac order by position) from node_mac where node_mac.node_id = node.id)`.as(
        'macs',
      ),
    );
}

export function fromRow(row: NodeRow | undefined): Node | undefined {
  if (row === undefined) return undefined;
  return {
    id: row.id,
    fqdn: row.fqdn as Fqdn,
    macs: JSON.parse(row.macs) as Mac[],
    profile: row.profile,
    tags: JSON.parse(row.tags) as string[],
    values: JSON.parse(row.node_values) as Record<string, unknown>,
    notes: row.notes,
    installPolicy: row.install_policy as InstallPolicy,
    protected: row.protected === 1,
    archivedAt: row.archived_at ?? undefined,
    formerMacs: JSON.parse(row.former_macs) as Mac[],
    ruleId: row.rule_id ?? undefined,
    site: row.site,
    revision: row.revision,
    createdAt: row.created_at,
  };
}
