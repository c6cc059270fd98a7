/** A file of nodes -> rows, and every mistake with its line. Never throws. */
import { type Info, parse } from 'csv-parse/sync';
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import {
  COLUMNS,
  type Column,
  type ExchangeFormat,
  fault,
  isColumn,
  MAX_ROWS,
  type NodeRow,
  type RowFault,
  type Rows,
} from './rows.ts';

type Fields = Readonly<Partial<Record<Column, unknown>>>;

export function readRows(text: string, format: ExchangeFormat): Rows {
  return format === 'csv' ? readCsv(text) : readTree(text, format);
}

// --- CSV ---

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: Info;
}

function readCsv(text: string): Rows {
  const first = /^\ufeff?([^\r\n]*)/.exec(text)?.[1] ?? '';
  // Spreadsheets write what their country separates lists with.
  const delimiter = [',', ';', '\t'].find((candidate) => first.includes(candidate)) ?? ',';
  let records: readonly CsvRecord[];
  try {
    records = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      // Fields are taken as they are: a note may begin with a space.
      trim: false,
      to: MAX_ROWS + 2,
    }) as unknown as readonly CsvRecord[];
  } catch (error) {
    const { lines, message } = error as { readonly lines?: number; readonly message: string };
    return refused(
      fault(lines ?? 1, undefined, message.split('\n')[0] ?? 'it is no CSV', 'Mend the quotes of this row.'),
    );
  }
  const [header, ...rest] = records;
  if (header === undefined)
    return refused(fault(1, undefined, 'the file is empty', `Begin with a header: ${COLUMNS.join(',')}`));
  const names = header.record.map((name) => name.trim());
  const wrong = headerFault(names);
  if (wrong !== undefined) return refused(wrong);
  const rows: NodeRow[] = [];
  const faults: RowFault[] = [];
  let ended = header.info.lines;
  for (const { record, info } of rest) {
    // A record may go over several lines: its first one is the one that people look for.
    const line = Math.max(ended + 1, info.lines - record.join('').split('\n').length + 1);
    ended = info.lines;
    if (record.every((field) => field.trim() === '')) continue;
    if (record.length !== names.length) {
      faults.push(
        fault(
          line,
          undefined,
          `it has ${record.length} fields, the header has ${names.length}`,
          'Quote a field that holds a comma.',
        ),
      );
      continue;
    }
    const fields = Object.fromEntries(names.map((name, column) => [name, cell(name as Column, record[column] ?? '')]));
    take(fields, line, rows, faults);
  }
  return bounded({ rows, faults });
}

function headerFault(names: readonly string[]): RowFault | undefined {
  const unknown = names.find((name) => !isColumn(name));
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  const missing = ['fqdn', 'macs'].find((name) => !names.includes(name));
  const remedy = `The columns are ${COLUMNS.join(', ')}; only fqdn and macs are needed.`;
  if (unknown !== undefined) return fault(1, unknown.slice(0, 40), 'this column is not known', remedy);
  if (twice !== undefined) return fault(1, twice, 'this column is there twice', remedy);
  if (missing !== undefined) return fault(1, missing, 'this column is missing', remedy);
  return undefined;
}

/** Lists stand between spaces, `protected` is yes or no, values are JSON; an empty field is one that is not there. */
function cell(name: Column, text: string): unknown {
  if (name === 'notes') return unguarded(text);
  if (text.trim() === '') return undefined;
  if (name === 'macs' || name === 'tags') return text.trim().split(/[\s,;]+/);
  if (name === 'protected')
    return (
      ({ yes: true, no: false, true: true, false: false } as Readonly<{ [word: string]: boolean }>)[
        text.trim().toLowerCase()
      ] ?? text
    );
  if (name !== 'values') return text.trim();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The quote that keeps a spreadsheet from calculating (write.ts) is not part of the text. */
function unguarded(text: string): string {
  return text.startsWith("'") ? text.slice(1) : text;
}

// --- YAML and JSON ---

function readTree(text: string, format: 'yaml' | 'json'): Rows {
  let strict: unknown;
  if (format === 'json') {
    try {
      strict = JSON.parse(text);
    } catch (error) {
      return refused(
        fault(lineOfJsonError(text, error), undefined, 'it is not JSON', 'Mend it here or a little before.'),
      );
    }
  }
  // Reading YAML is slow, and of JSON only needed for the lines of what is wrong.
  const quick = strict === undefined ? undefined : fromList(listIn(strict), () => 1);
  if (quick !== undefined && quick.faults.length === 0) return quick;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined)
    return refused(
      fault(
        broken.linePos?.[0].line ?? 1,
        undefined,
        broken.message.split('\n')[0] ?? 'it is no YAML',
        'Mend the file here.',
      ),
    );
  let tree: unknown;
  try {
    tree = document.toJS({ maxAliasCount: 100 });
  } catch {
    return refused(fault(1, undefined, 'it repeats itself too often (aliases)', 'Write the rows out.'));
  }
  const top = isMap(document.contents) ? document.contents.get('nodes', true) : document.contents;
  const starts = isSeq(top)
    ? top.items.map(
        (item) => lines.linePos((item as { range?: readonly [number, number, number] }).range?.[0] ?? 0).line,
      )
    : [];
  return fromList(listIn(tree), (place) => starts[place] ?? 1);
}

function lineOfJsonError(text: string, error: unknown): number {
  const at = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  return at === undefined ? 1 : text.slice(0, Number(at)).split('\n').length;
}

/** A list of nodes, or a map with such a list under `nodes`. */
function listIn(tree: unknown): unknown {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree) && 'nodes' in tree ? tree.nodes : tree;
}

function fromList(list: unknown, lineOf: (place: number) => number): Rows {
  if (!Array.isArray(list))
    return refused(
      fault(
        1,
        undefined,
        'it holds no list of nodes',
        'Write a list of maps, or a map with such a list under `nodes`.',
      ),
    );
  const rows: NodeRow[] = [];
  const faults: RowFault[] = [];
  for (const [place, item] of list.entries()) {
    const line = lineOf(place);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      faults.push(fault(line, undefined, 'it is no node', 'Write a map with fqdn and macs.'));
      continue;
    }
    const unknown = Object.keys(item).find((name) => !isColumn(name));
    if (unknown === undefined) take(item as Fields, line, rows, faults);
    else faults.push(fault(line, unknown.slice(0, 40), 'this key is not known', `The keys are ${COLUMNS.join(', ')}.`));
  }
  return bounded({ rows, faults });
}

// --- both ---

function take(fields: Fields, line: number, rows: NodeRow[], faults: RowFault[]): void {
  const wrong = (field: Column, what: string) =>
    faults.push(fault(line, field, what, 'See docs/api.md for the fields of a node.'));
  const { fqdn, macs, profile = 'default', tags = [], notes = '', installPolicy = 'once', values = {} } = fields;
  const { protected: guarded = false } = fields;
  const before = faults.length;
  if (typeof fqdn !== 'string' || fqdn === '') wrong('fqdn', 'a full host name is needed');
  if (!isTexts(macs) || macs.length === 0) wrong('macs', 'at least one MAC address is needed');
  if (typeof profile !== 'string') wrong('profile', 'it must be a name');
  if (!isTexts(tags)) wrong('tags', 'it must be a list of names');
  if (typeof notes !== 'string') wrong('notes', 'it must be text');
  if (typeof installPolicy !== 'string') wrong('installPolicy', 'it must be a word');
  if (typeof guarded !== 'boolean') wrong('protected', 'it must be yes or no');
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    wrong('values', 'it must be a map (in CSV: JSON)');
  if (faults.length > before) return;
  rows.push({ line, fqdn, macs, profile, tags, notes, installPolicy, protected: guarded, values } as NodeRow);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function bounded(found: Rows): Rows {
  if (found.rows.length + found.faults.length <= MAX_ROWS) return found;
  return refused(fault(1, undefined, `it has more than ${MAX_ROWS} rows`, 'Import it in parts.'));
}

function refused(one: RowFault): Rows {
  return { rows: [], faults: [one] };
}
