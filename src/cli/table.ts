/** Columns of text. */
import { printable, printableCell } from './terminal.ts';

/** Rows below their headings, columns padded with blanks, nothing cut. `empty` is the sentence for no rows. */
export function table(headings: readonly string[], rows: ReadonlyArray<readonly string[]>, empty: string): string {
  if (rows.length === 0) return `${empty}\n`;
  const lines = [headings, ...rows.map((row) => row.map(printableCell))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** `name  value` lines; those without a value are left out. */
export function facts(pairs: ReadonlyArray<readonly [string, string | null | undefined]>): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => typeof pair[1] === 'string');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `  ${name.padEnd(width)}  ${printable(value)}\n`).join('');
}
