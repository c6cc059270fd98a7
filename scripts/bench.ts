/**
 * npm run bench [-- NAME...]: runs the measurements in test/bench/ one after another and prints a table for each. Figures are for reading
 * and comparing on one quiet machine; no test depends on them.
 */
import { globSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import Table from 'cli-table3';

/** What a file in test/bench exports as `run`. */
export interface Measurement {
  readonly title: string;
  /** One line of the table each; the keys of the first row are the columns. */
  readonly rows: ReadonlyArray<Readonly<Record<string, string | number>>>;
}

interface BenchModule {
  readonly run: () => Promise<Measurement>;
}

function isBench(module: unknown): module is BenchModule {
  return typeof module === 'object' && module !== null && 'run' in module && typeof module.run === 'function';
}

function render({ title, rows }: Measurement): string {
  const columns = Object.keys(rows[0] ?? {});
  const table = new Table({ head: columns, style: { head: [], border: [] } });
  for (const row of rows) table.push(columns.map((column) => String(row[column] ?? '')));
  return `${title}\n${table.toString()}\n`;
}

async function main(names: readonly string[]): Promise<void> {
  process.chdir(new URL('..', import.meta.url).pathname);
  const files = globSync('test/bench/*.ts').sort();
  const nameOf = (file: string): string => basename(file, '.ts');
  const unknown = names.filter((name) => !files.some((file) => nameOf(file) === name));
  if (unknown.length > 0) {
    process.stderr.write(`no such measurement: ${unknown.join(', ')}. There are: ${files.map(nameOf).join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  for (const file of files) {
    if (names.length > 0 && !names.includes(nameOf(file))) continue;
    process.stderr.write(`measuring ${nameOf(file)} ...\n`);
    try {
      const module: unknown = await import(pathToFileURL(resolve(file)).href);
      // A file without `run` is a part of another one.
      if (isBench(module)) process.stdout.write(`${render(await module.run())}\n`);
    } catch (error) {
      process.stderr.write(`${nameOf(file)} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = 1;
    }
  }
}

await main(process.argv.slice(2));
