/** Nodes as rows of a file: CSV, YAML, JSON. Pure: text in, rows and what is wrong with them out, and back. What a MAC or a name may be is not known here. */

/** As it stands in the file: nothing is checked but the type of each field. */
export interface NodeRow {
  /** Where it begins in the file, from 1. */
  readonly line: number;
  readonly fqdn: string;
  readonly macs: readonly string[];
  readonly profile: string;
  readonly tags: readonly string[];
  readonly notes: string;
  readonly installPolicy: string;
  readonly protected: boolean;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface RowFault {
  readonly line: number;
  readonly field?: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export interface Rows {
  readonly rows: readonly NodeRow[];
  readonly faults: readonly RowFault[];
}

export const EXCHANGE_FORMATS = ['csv', 'yaml', 'json'] as const;
export type ExchangeFormat = (typeof EXCHANGE_FORMATS)[number];

/** Columns of the CSV, keys of the others. `fqdn` and `macs` must be there. */
export const COLUMNS = ['fqdn', 'macs', 'profile', 'tags', 'installPolicy', 'protected', 'notes', 'values'] as const;
export type Column = (typeof COLUMNS)[number];

/** More than a site has; a file beyond it is a mistake. */
export const MAX_ROWS = 20_000;

export const isColumn = (name: string): name is Column => (COLUMNS as readonly string[]).includes(name);

export function fault(line: number, field: string | undefined, message: string, remedy: string): RowFault {
  return { line, ...(field !== undefined && { field }), code: 'import.row', message, remedy };
}
