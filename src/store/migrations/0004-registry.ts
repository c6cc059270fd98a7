/**
 * The registry: what an administrator says of a node beside its name (notes, policy, protection), what the machine said of itself, archived
 * nodes, rules for machines that nobody registered, and indexes to look all of it up.
 */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await nodeColumns(db);
  await nodeIndexes(db);
  await stateOfNodes(db);
  await hardware(db);
  await rules(db);
  await fillIn(db);
}

/** An archived node keeps its row and its history, and neither its name nor its MACs. */
const LIVING = sql<boolean>`archived_at is null`;

async function nodeColumns(db: Kysely<never>): Promise<void> {
  const add = (name: string, type: 'text' | 'integer', value?: string | number) =>
    db.schema
      .alterTable('node')
      .addColumn(name, type, (c) => (value === undefined ? c : c.notNull().defaultTo(value)))
      .execute();
  await add('notes', 'text', '');
  await add('install_policy', 'text', 'once');
  await add('protected', 'integer', 0);
  await add('archived_at', 'integer');
  await add('former_macs', 'text', '[]');
  // The static address in the node's values, as an unsigned number: no pool may give it away.
  await add('fixed_address', 'integer');
  await add('rule_id', 'text');
  // Of the newest run, kept by triggers, so that a list by state needs no look at every run.
  await add('state', 'text', 'none');
  await add('latest_run_id', 'text');
}

async function nodeIndexes(db: Kysely<never>): Promise<void> {
  await db.schema.dropIndex('node_fqdn').execute();
  await db.schema.createIndex('node_by_fqdn').unique().on('node').column('fqdn').where(LIVING).execute();
  await db.schema
    .createIndex('node_archived')
    .on('node')
    .columns(['fqdn', 'id'])
    .where(sql<boolean>`archived_at is not null`)
    .execute();
  for (const column of ['state', 'profile'] as const) {
    await db.schema.createIndex(`node_by_${column}`).on('node').columns([column, 'fqdn']).where(LIVING).execute();
  }
  await db.schema
    .createIndex('node_by_fixed_address')
    .on('node')
    .columns(['fixed_address', 'id'])
    .where(sql<boolean>`archived_at is null and fixed_address is not null`)
    .execute();
  // The name beside the tag: a page of a tag's nodes comes in the order of names without sorting.
  await db.schema
    .createTable('node_tag')
    .addColumn('tag', 'text', (c) => c.notNull())
    .addColumn('fqdn', 'text', (c) => c.notNull())
    .addColumn('node_id', 'text', (c) => c.notNull().references('node.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('node_tag_key', ['tag', 'fqdn', 'node_id'])
    .modifyEnd(sql`strict, without rowid`)
    .execute();
  await db.schema.createIndex('node_tag_by_node').on('node_tag').column('node_id').execute();
}

async function stateOfNodes(db: Kysely<never>): Promise<void> {
  await sql`create trigger run_is_newest after insert on run begin
      update node set latest_run_id = new.id, state = new.state
        where id = new.node_id and (new.ended = 0 or latest_run_id is null
          or exists (select 1 from run where run.id = latest_run_id and run.ended = 1 and (run.armed_at, run.id) < (new.armed_at, new.id)));
    end`.execute(db);
  await sql`create trigger run_changed_state after update of state on run when old.state <> new.state begin
      update node set state = new.state where id = new.node_id and latest_run_id = new.id;
    end`.execute(db);
}

async function hardware(db: Kysely<never>): Promise<void> {
  // What a machine said of itself, the newest of each kind: DHCP, system information, report of an installation.
  await db.schema
    .createTable('node_hardware')
    .addColumn('node_id', 'text', (c) => c.notNull().references('node.id').onDelete('cascade'))
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('run_id', 'text')
    // A hint only: it never makes two machines one.
    .addColumn('uuid', 'text')
    .addColumn('data', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('node_hardware_key', ['node_id', 'source'])
    .modifyEnd(sql`strict, without rowid`)
    .execute();
  await db.schema
    .createIndex('node_hardware_by_uuid')
    .on('node_hardware')
    .columns(['uuid', 'node_id'])
    .where(sql<boolean>`uuid is not null`)
    .execute();
  // Ports of machines that were taken out of the registry: no rule takes them in again by itself.
  await db.schema
    .createTable('retired_mac')
    .addColumn('mac', 'text', (c) => c.primaryKey().notNull())
    .addColumn('fqdn', 'text', (c) => c.notNull())
    .addColumn('because', 'text', (c) => c.notNull())
    .addColumn('at', 'integer', (c) => c.notNull())
    .modifyEnd(sql`strict, without rowid`)
    .execute();
  await db.schema.alterTable('discovered').addColumn('system_information', 'text').execute();
}

async function rules(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('rule')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('site', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('conditions', 'text', (c) => c.notNull())
    .addColumn('gives', 'text', (c) => c.notNull())
    .addColumn('may_arm', 'integer', (c) => c.notNull())
    .addColumn('machines', 'integer', (c) => c.notNull())
    .addColumn('registered', 'integer', (c) => c.notNull())
    .addColumn('expires_at', 'integer')
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('rule_by_name').unique().on('rule').column('name').execute();
  await sql`create index rule_by_priority on rule (priority desc, name)`.execute(db);
}

async function fillIn(db: Kysely<never>): Promise<void> {
  await sql`insert into node_tag (tag, fqdn, node_id)
    select distinct tag.value, node.fqdn, node.id from node, json_each(node.tags) as tag`.execute(db);
  await sql`update node set latest_run_id = (select run.id from run where run.node_id = node.id
    order by run.ended, run.armed_at desc, run.id desc limit 1)`.execute(db);
  await sql`update node set state = (select run.state from run where run.id = latest_run_id) where latest_run_id is not null`.execute(
    db,
  );
  const rows = await sql<{ id: string; node_values: string }>`select id, node_values from node`.execute(db);
  for (const { id, node_values } of rows.rows) {
    const address = fixedAddress(node_values);
    if (address !== undefined) await sql`update node set fixed_address = ${address} where id = ${id}`.execute(db);
  }
}

/** Of `network.cidr`, else of `answer.network.cidr`. */
function fixedAddress(text: string): number | undefined {
  const values = JSON.parse(text) as { network?: { cidr?: unknown }; answer?: { network?: { cidr?: unknown } } };
  const cidr = values.network?.cidr ?? values.answer?.network?.cidr;
  const octets = typeof cidr === 'string' ? (cidr.split('/')[0] ?? '').split('.').map(Number) : [];
  if (octets.length !== 4 || octets.some((octet) => !Number.isInteger(octet) || octet < 0 || octet > 255))
    return undefined;
  return octets.reduce((number, octet) => number * 256 + octet, 0);
}
