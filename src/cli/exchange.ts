/** `ironwake node import` and `node export`: nodes as files. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { invalid, messageOf, systemCode } from '../errors.ts';
import { EXCHANGE_FORMATS, type ExchangeFormat } from '../exchange/rows.ts';
import { filterOf } from './node.ts';
import { print, type Session } from './session.ts';
import { table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

const BY_NAME: Readonly<Record<string, ExchangeFormat>> = {
  '.csv': 'csv',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
};

export async function importFile(
  session: Session,
  [file = '']: readonly string[],
  options: Options,
): Promise<ExitStatus> {
  const path = resolve(session.io.cwd, file);
  const format = EXCHANGE_FORMATS.find((known) => known === options.format) ?? BY_NAME[extname(file).toLowerCase()];
  if (format === undefined)
    throw invalid(
      'import.format',
      '--format',
      `${path} does not say what it is`,
      'Name it .csv, .yaml or .json, or give --format.',
    );
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw invalid(
      'file.unreadable',
      'FILE',
      `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
      'Check the path and its permissions.',
    );
  }
  const done = await session.client.importNodes(text, format, options.dryRun === true);
  print(session, done, () => {
    const rows = done.rows.map(({ line, fqdn, result }) => [String(line), fqdn, result]);
    const words = done.dryRun ? 'would be registered; nothing was written' : 'registered';
    return (
      (done.dryRun ? table(['LINE', 'NODE', 'RESULT'], rows, 'The file holds no machine.') : '') +
      printable(`${done.created} ${words}${done.unchanged > 0 ? `, ${done.unchanged} there already` : ''}\n`)
    );
  });
  return 0;
}

export async function exportFile(session: Session, options: Options): Promise<ExitStatus> {
  const format = EXCHANGE_FORMATS.find((known) => known === options.format) ?? 'csv';
  const text = await session.client.exportNodes(format, filterOf(options));
  print(session, { format, text }, () => text);
  return 0;
}
