/** Nodes -> a file that `readRows` reads back unchanged. */
import { stringify } from 'csv-stringify/sync';
import { Document, isScalar, visit } from 'yaml';
import { COLUMNS, type ExchangeFormat, type NodeRow } from './rows.ts';

export function writeRows(rows: ReadonlyArray<Omit<NodeRow, 'line'>>, format: ExchangeFormat): string {
  if (format === 'csv')
    return stringify([[...COLUMNS], ...rows.map(cells)], { record_delimiter: '\n', quoted_match: /^\s|\s$|\r/ });
  const trees = rows.map((row) => Object.fromEntries(COLUMNS.map((column) => [column, row[column]])));
  if (format === 'json') return `${JSON.stringify(trees, undefined, 2)}\n`;
  // Quoted throughout: `no`, `0123` and `1:30` stay text for every reader.
  const document = new Document(trees, { aliasDuplicateObjects: false });
  visit(document, {
    Pair(_, { key }) {
      if (isScalar(key) && UNREADABLE.test(String(key.value))) key.type = 'QUOTE_DOUBLE';
    },
  });
  const text = document.toString({ defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0 });
  return text.replace(new RegExp(UNREADABLE, 'g'), escaped);
}

/** YAML 1.1 has no place for these, and PyYAML reads no file that holds one. They stand within quotes only, where they can be escaped. */
const UNREADABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function cells(row: Omit<NodeRow, 'line'>): readonly string[] {
  return [
    row.fqdn,
    row.macs.join(' '),
    row.profile,
    row.tags.join(' '),
    row.installPolicy,
    row.protected ? 'yes' : 'no',
    guarded(row.notes),
    Object.keys(row.values).length === 0 ? '' : JSON.stringify(row.values),
  ];
}

/**
 * A spreadsheet calculates what begins like a formula, also in quotes. An apostrophe before it makes it text there; reading takes one away again,
 * so a text that begins with one gets another.
 */
function guarded(text: string): string {
  return /^[=+\-@\t\r']/.test(text) ? `'${text}` : text;
}
