/** `ironwake media ...` */
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { IronwakeError, invalid, messageOf, systemCode } from '../errors.ts';
import { parseSha256, parseSha256Sums } from '../media/checksums.ts';
import { formatBytes } from '../runs/words.ts';
import { print, type Session } from './session.ts';
import { table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

type Options = Readonly<Record<string, unknown>>;

export async function add(session: Session, args: readonly string[], options: Options): Promise<ExitStatus> {
  const [file = ''] = args;
  const sha256 = await expectedSha256(session, file, options);
  const sending =
    options.onServer === true
      ? session.client.importMedia({ path: file, ...(sha256 !== undefined && { sha256 }) })
      : upload(session, resolve(session.io.cwd, file), sha256);
  const media = await sending.catch((error: unknown) => {
    throw inWordsOf(options, error);
  });
  print(
    session,
    media,
    () =>
      `${printable(media.name)} (${media.product} ${media.release}-${media.isoRelease}), ${formatBytes(media.sizeBytes)}\n` +
      `SHA-256 ${media.id}${sha256 === undefined ? ' (not compared: give --sha256 or --sums)' : ', as expected'}\n`,
  );
  return 0;
}

/** What the API calls `path`, `body` and `sha256` has other names on this command line. */
function inWordsOf(options: Options, error: unknown): unknown {
  if (!(error instanceof IronwakeError)) return error;
  if (error.field === 'path' || error.field === 'body') return error.about('FILE');
  return error.field === 'sha256' ? error.about(typeof options.sha256 === 'string' ? '--sha256' : '--sums') : error;
}

async function expectedSha256(session: Session, file: string, options: Options): Promise<string | undefined> {
  if (typeof options.sha256 === 'string') return parseSha256(options.sha256);
  if (typeof options.sums !== 'string') return undefined;
  const path = resolve(session.io.cwd, options.sums);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable('--sums', path, error);
  }
  const sum = parseSha256Sums(text, basename(file));
  if (sum !== undefined) return sum;
  throw invalid(
    'media.not-in-sums',
    '--sums',
    `${path} does not name ${basename(file)}`,
    "Take the SHA256SUMS file of the same download directory, and keep the image's original name.",
  );
}

async function upload(session: Session, path: string, sha256: string | undefined) {
  const { io } = session;
  let sizeBytes: number;
  try {
    const facts = await stat(path);
    if (!facts.isFile()) throw new Error('not a regular file');
    sizeBytes = facts.size;
    // Found out now and in words, not in the middle of the transfer.
    await (await open(path, 'r')).close();
  } catch (error) {
    throw unreadable('FILE', path, error);
  }
  const progress = progressLine(session, sizeBytes);
  try {
    return await session.client.uploadMedia({
      source: createReadStream(path, { highWaterMark: 512 * 1024 }),
      sizeBytes,
      sha256,
      onSent: progress,
    });
  } finally {
    if (io.errIsTerminal) io.err('\n');
  }
}

/** One line that grows on a terminal, a line every told elsewhere. */
function progressLine({ io, json }: Session, sizeBytes: number): (sent: number) => void {
  let shown = -1;
  const step = io.errIsTerminal ? 1 : 10;
  return (sent) => {
    const percent = sizeBytes === 0 ? 100 : Math.floor((sent / sizeBytes) * 100);
    const told = Math.floor(percent / step) * step;
    if (json || told === shown) return;
    shown = told;
    const line = `${told} % of ${formatBytes(sizeBytes)} sent${told === 100 ? '; the daemon checks it' : ''}`;
    io.err(io.errIsTerminal ? `\r${line}\u001b[K` : `${line}\n`);
  };
}

function unreadable(field: string, path: string, error: unknown) {
  return invalid(
    'file.unreadable',
    field,
    `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
    'Check the path and its permissions.',
  );
}

export async function remove(session: Session, args: readonly string[]): Promise<ExitStatus> {
  const [image = ''] = args;
  await session.client.removeMedia(image);
  print(session, { image }, () => `removed ${printable(image)}\n`);
  return 0;
}

export async function list(session: Session): Promise<ExitStatus> {
  const media = await session.client.media();
  const gone = media.filter(({ present }) => !present);
  print(
    session,
    media,
    () =>
      table(
        ['NAME', 'PRODUCT', 'RELEASE', 'SIZE', 'ADDED', 'ID'],
        media.map((one) => [
          one.name,
          one.product,
          `${one.release}-${one.isoRelease}`,
          one.present ? formatBytes(one.sizeBytes) : 'gone',
          dayAndTime(one.addedAt),
          one.id.slice(0, 12),
        ]),
        'No installer image yet. Import one: npx ironwake media add FILE.iso',
      ) +
      gone
        .map(
          ({ name, id }) =>
            `! the file of ${printable(name)} (${id.slice(0, 12)}) is gone or cut short: import it again with npx ironwake media add FILE.iso\n`,
        )
        .join(''),
  );
  return 0;
}
