/** Many nodes at once: all of them or none, with every bad row named by its line. */

import { IronwakeError } from '../errors.ts';
import { readRows } from '../exchange/read.ts';
import type { ExchangeFormat, NodeRow, RowFault } from '../exchange/rows.ts';
import { INSTALL_POLICIES, type InstallPolicy, type Node } from '../nodes/node.ts';
import { claimsInARow } from './claims-in-a-row.ts';
import { addressesOfAll, NOTHING_TO_TRY } from './free-addresses.ts';
import type { Journey } from './journey.ts';
import type { AuditEntry, Repositories } from './ports.ts';
import { draftOf, insertNode } from './registry.ts';

export interface ImportedRow {
  readonly line: number;
  readonly fqdn: string;
  readonly id: string;
  /** `unchanged`: the registry has this very node already. */
  readonly result: 'created' | 'unchanged';
}

export interface Import {
  readonly dryRun: boolean;
  readonly rows: readonly ImportedRow[];
}

export interface ImportOptions {
  readonly dryRun: boolean;
  /** Throws for a node that whoever imports may not register like this: then nothing is written. */
  readonly refuse: (node: Node) => void;
  /** A line of the audit log for every node that is registered, written with it or not at all. */
  readonly audit: (node: Node) => AuditEntry;
}

/** Faults that are told: who has more mends these first. */
const MOST_FAULTS = 200;

/** Ends a transaction of which nothing shall stay. */
class Undo extends Error {}

/**
 * @throws what `refuse` throws
 * @throws IronwakeError `import.rows` with `rows`, all that is wrong in the file; nothing was written then
 */
export async function importNodes(
  journey: Journey,
  text: string,
  format: ExchangeFormat,
  { dryRun, refuse, audit }: ImportOptions,
): Promise<Import> {
  const { rows, faults } = readRows(text, format);
  const drafts: Draft[] = [];
  const wrong = [...faults];
  for (const row of rows) {
    try {
      const node = draftOf(journey, { ...row, installPolicy: policyOf(row.installPolicy) });
      refuse(node);
      drafts.push({ row, node });
    } catch (error) {
      wrong.push(faultOf(row, error));
    }
  }
  wrong.push(...repeated(drafts));
  let done: ImportedRow[] = [];
  const write = (check: Parameters<typeof insertNode>[3], settled: () => void) =>
    journey.store.transaction(async (transaction) => {
      const repositories = { ...transaction, claims: claimsInARow(transaction.claims) };
      done = [];
      const found = [...wrong];
      for (const { row, node } of drafts) {
        try {
          const same = await present(repositories, node);
          if (same === undefined) {
            await insertNode(journey, repositories, node, check);
            await repositories.audit.append(audit(node));
          }
          done.push({
            line: row.line,
            fqdn: node.fqdn,
            id: same?.id ?? node.id,
            result: same === undefined ? 'created' : 'unchanged',
          });
        } catch (error) {
          found.push(faultOf(row, error));
        }
      }
      if (found.length > 0) throw badRows(found);
      settled();
      if (dryRun) throw new Undo();
    });
  try {
    if (dryRun) await write(NOTHING_TO_TRY, () => {});
    else await addressesOfAll(journey, new Set(drafts.flatMap(({ node }) => node.macs)), write);
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
  }
  if (!dryRun) journey.changes.notify();
  return { dryRun, rows: done };
}

interface Draft {
  readonly row: NodeRow;
  readonly node: Node;
}

/**
 * The registered node that this row is already.
 * @throws IronwakeError `import.differs`
 */
async function present(repositories: Repositories, node: Node): Promise<Node | undefined> {
  const there = await repositories.nodes.byFqdn(node.fqdn);
  if (there === undefined) return undefined;
  if (said(there) === said(node)) return there;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'import.differs',
    field: 'fqdn',
    message: `${node.fqdn} is registered already, and this row says something else of it`,
    remedy: 'An import adds machines; change one that is there with npx ironwake node set, or take the row out.',
  });
}

function said({ macs, profile, tags, notes, installPolicy, protected: guarded, values }: Node): string {
  return JSON.stringify([macs.toSorted(), profile, tags.toSorted(), notes, installPolicy, guarded, sorted(values)]);
}

/** Maps with their keys in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, sorted(item)]);
}

/** Two rows of one file that cannot both be: the registry would blame the one that comes later without naming the other. */
function repeated(drafts: readonly Draft[]): readonly RowFault[] {
  const seen = new Map<string, number>();
  return drafts.flatMap(({ row: { line }, node }) =>
    [...node.macs.map((mac) => ['macs', mac] as const), ['fqdn', node.fqdn] as const].flatMap(([field, text]) => {
      const other = seen.get(text);
      if (other === undefined) {
        seen.set(text, line);
        return [];
      }
      return [
        {
          line,
          field,
          code: 'import.repeated',
          message: `${text} stands in line ${other} already`,
          remedy: 'Take one of them out.',
        },
      ];
    }),
  );
}

function policyOf(word: string): InstallPolicy {
  const policy = INSTALL_POLICIES.find((known) => known === word);
  if (policy !== undefined) return policy;
  throw new IronwakeError({
    kind: 'invalid',
    code: 'node.install-policy',
    field: 'installPolicy',
    message: `'${word.slice(0, 40)}' is no install policy`,
    remedy: `One of ${INSTALL_POLICIES.join(', ')}.`,
  });
}

/** @throws what is no mistake of the row: a disk that is full is not told twelve times */
function faultOf({ line }: NodeRow, error: unknown): RowFault {
  if (!(error instanceof IronwakeError) || !['invalid', 'conflict', 'not-found'].includes(error.kind)) throw error;
  const { field, code, message, remedy } = error;
  return { line, ...(field !== undefined && { field }), code, message, remedy };
}

function badRows(faults: readonly RowFault[]): IronwakeError {
  const told = faults.toSorted((a, b) => a.line - b.line);
  const lines = new Set(told.map(({ line }) => line)).size;
  return new IronwakeError({
    kind: 'invalid',
    code: 'import.rows',
    field: 'body',
    message: `${lines} of the lines cannot be imported, so none was`,
    remedy: 'Mend what is named line by line, and import the file again.',
    rows: told.slice(0, MOST_FAULTS),
  });
}
