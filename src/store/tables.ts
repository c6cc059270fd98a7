/** The columns as SQLite holds them. JSON columns are text, times epoch milliseconds, flags 0 or 1. */
import type { Generated } from 'kysely';

export interface NodeTable {
  id: string;
  site: string;
  revision: number;
  fqdn: string;
  profile: string;
  node_values: string;
  created_at: number;
  /** JSON list, as the administrator gave them. */
  tags: string;
  notes: string;
  install_policy: string;
  protected: number;
  /** An archived node has its history, and neither its name nor its MACs. */
  archived_at: number | null;
  /** JSON list: the MACs that an archived node had. */
  former_macs: string;
  /** The static address in its values, as an unsigned number. */
  fixed_address: number | null;
  /** The rule that registered it. */
  rule_id: string | null;
  /** State of its newest run, `none` without one. Kept by triggers, like the next one. */
  state: Generated<string>;
  latest_run_id: Generated<string | null>;
}

/** The tags of living nodes, for looking up; what a node has stands in its own row. */
export interface NodeTagTable {
  tag: string;
  fqdn: string;
  node_id: string;
}

export interface NodeHardwareTable {
  node_id: string;
  source: string;
  at: number;
  run_id: string | null;
  uuid: string | null;
  data: string;
}

export interface RetiredMacTable {
  mac: string;
  fqdn: string;
  because: string;
  at: number;
}

export interface RuleTable {
  id: string;
  site: string;
  revision: number;
  name: string;
  priority: number;
  /** JSON list of conditions, as written. */
  conditions: string;
  /** JSON: what a machine gets that matches. */
  gives: string;
  may_arm: number;
  /** How many machines it may register, and how many it has registered. */
  machines: number;
  registered: number;
  expires_at: number | null;
  created_at: number;
  created_by: string;
}

export interface NodeMacTable {
  mac: string;
  node_id: string;
  /** Order in which the administrator named them: the first one is shown. */
  position: number;
}

export interface RunTable {
  id: string;
  site: string;
  revision: number;
  node_id: string;
  state: string;
  /** 1 in a state that nothing leaves; the partial index "one active run a node" stands on it. */
  ended: number;
  failure: string | null;
  contested: number;
  generation: number;
  media_id: string;
  armed_at: number;
  state_since: number;
  deadline_at: number | null;
  ended_at: number | null;
  data: string;
}

export interface RunReportTable {
  run_id: string;
  seq: number;
  module: string;
  step: string;
  result: string;
  started_at: number;
  duration_ms: number;
  output: string;
  detail: string;
}

export interface EventTable {
  id: Generated<number>;
  site: string;
  at: number;
  mac: string | null;
  node_id: string | null;
  run_id: string | null;
  code: string;
  data: string;
}

export interface DiscoveredTable {
  mac: string;
  site: string;
  first_seen_at: number;
  last_seen_at: number;
  packets: number;
  arch: string | null;
  uuid: string | null;
  vendor_class: string | null;
  host_name: string | null;
  interface_name: string;
  address: string | null;
  system_information: string | null;
}

export interface MediaTable {
  id: string;
  name: string;
  product: string;
  release: string;
  iso_release: string;
  size_bytes: number;
  kernel_path: string;
  initrd_path: string;
  added_at: number;
}

export interface SecretTable {
  name: string;
  sealed: string;
  updated_at: number;
}

export interface ApiTokenTable {
  id: string;
  name: string;
  role: string;
  hash: string;
  created_at: number;
  expires_at: number | null;
}

export interface AuditTable {
  id: Generated<number>;
  at: number;
  actor: string;
  came_from: string;
  action: string;
  target: string;
  data: string;
}

export interface SettingTable {
  key: string;
  value: string;
}

/** A number of a pool that a node holds: an address as an unsigned number, or the value of a counter. */
export interface ClaimTable {
  site: string;
  /** Within it a number is held once. */
  scope: string;
  number: number;
  pool: string;
  node_id: string;
  claimed_at: number;
}

/** The answer to a request with an Idempotency-Key, sealed; without an answer yet while `answered` is 0. */
export interface KeptAnswerTable {
  id: string;
  sealed: string;
  answered: number;
  at: number;
}

export interface WatchTable {
  node_id: string;
  run_id: string;
  seen_at: number;
  verified_at: number | null;
  data: string;
}

/** Secrets that nodes made: born_secret.sealed is null once it was read, or replaced by a newer one that was not. */
export interface BornSecretTable {
  id: string;
  node_id: string;
  run_id: string;
  module: string;
  name: string;
  /** Made by the node: what comes twice is one. */
  delivery: string;
  sealed: string | null;
  born_at: number;
  read_at: number | null;
  read_by: string | null;
  replaced_at: number | null;
}

/** An endpoint that events are sent to, and how it goes with it. */
export interface WebhookTable {
  id: string;
  site: string;
  revision: number;
  name: string;
  url: string;
  /** JSON lists. */
  events: string;
  severities: string;
  allow_http: number;
  allow_loopback: number;
  ca: string | null;
  /** Sealed, both. */
  secret: string;
  secret_at: number;
  old_secret: string | null;
  old_secret_until: number | null;
  off_because: string | null;
  off_at: number | null;
  created_at: number;
  created_by: string;
  failures: Generated<number>;
  failing_since: number | null;
  paused_until: number | null;
  last_delivered_at: number | null;
  last_failure: string | null;
  last_failure_at: number | null;
  shed: Generated<number>;
  /** Deliveries that wait. Kept by triggers. */
  waiting: Generated<number>;
}

export interface WebhookDeliveryTable {
  seq: Generated<number>;
  id: string;
  webhook_id: string;
  event_id: number | null;
  code: string;
  body: string;
  state: string;
  tries: number;
  created_at: number;
  queued_at: number;
  due_at: number;
  last_try_at: number | null;
  ended_at: number | null;
  status: number | null;
  failure: string | null;
}

/** Which migrations this file has seen (migrate.ts). */
export interface MigrationTable {
  number: number;
  name: string;
  applied_at: number;
}

export interface Tables {
  node: NodeTable;
  node_mac: NodeMacTable;
  node_tag: NodeTagTable;
  node_hardware: NodeHardwareTable;
  retired_mac: RetiredMacTable;
  rule: RuleTable;
  run: RunTable;
  run_report: RunReportTable;
  event: EventTable;
  discovered: DiscoveredTable;
  media: MediaTable;
  secret: SecretTable;
  api_token: ApiTokenTable;
  audit: AuditTable;
  setting: SettingTable;
  claim: ClaimTable;
  kept_answer: KeptAnswerTable;
  watch: WatchTable;
  born_secret: BornSecretTable;
  webhook: WebhookTable;
  webhook_delivery: WebhookDeliveryTable;
  migration: MigrationTable;
}
