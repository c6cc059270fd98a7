/** `ironwake secret ...`: values come from standard input or a file, never from the command line, where everybody on the machine sees them. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { invalid, messageOf, systemCode } from '../errors.ts';
import { print, type Session } from './session.ts';
import { table } from './table.ts';
import { type ExitStatus, type Io, printable, typedLine } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

const MAX_BYTES = 64 * 1024;

export async function set(
  session: Session,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<ExitStatus> {
  const [name = ''] = args;
  const value =
    typeof options.file === 'string' ? await fromFile(session.io, options.file) : await fromInput(session.io);
  if (value === '')
    throw invalid('secret.empty', 'value', 'The value is empty', 'Pipe it in, or name a file: --file FILE.');
  await session.client.setSecret(name, value);
  print(session, { name }, () => `set ${printable(name)}\n`);
  return 0;
}

/** Editors and `echo` end the last line; that newline is not part of the value. */
const withoutNewline = (text: string): string => text.replace(/\r?\n$/, '');

async function fromFile(io: Io, file: string): Promise<string> {
  const path = resolve(io.cwd, file);
  try {
    return withoutNewline(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalid(
      'file.unreadable',
      '--file',
      `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
      'Check the path and its permissions.',
    );
  }
}

async function fromInput(io: Io): Promise<string> {
  if (io.inputIsTerminal) return hiddenLine(io);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of io.input) {
    const bytes = Buffer.from(chunk);
    length += bytes.byteLength;
    if (length > MAX_BYTES)
      throw invalid(
        'secret.too-long',
        'value',
        'The value is longer than 64 KiB',
        'Secrets are passwords and keys, not files.',
      );
    chunks.push(bytes);
  }
  return withoutNewline(Buffer.concat(chunks).toString('utf8'));
}

/** A line from the terminal that is not shown while it is typed. */
async function hiddenLine(io: Io): Promise<string> {
  io.err('Value (not shown): ');
  try {
    return await typedLine(io, 'hidden');
  } finally {
    io.err('\n');
  }
}

export async function list(session: Session): Promise<ExitStatus> {
  const secrets = await session.client.secrets();
  print(session, secrets, () =>
    table(
      ['NAME', 'SET'],
      secrets.map((secret) => [secret.name, dayAndTime(secret.updatedAt)]),
      'No secret is set. Set one: npx ironwake secret set NAME < FILE',
    ),
  );
  return 0;
}

export async function remove(session: Session, args: readonly string[]): Promise<ExitStatus> {
  const [name = ''] = args;
  await session.client.removeSecret(name);
  print(session, { removed: name }, () => `removed ${printable(name)}\n`);
  return 0;
}
