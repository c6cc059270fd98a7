/**
 * `ironwake webhook receive`: a receiver to try a webhook with, and an example of one: it checks every signature, knows a message by its id, and
 * prints what comes. It keeps nothing.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { IronwakeError, invalid, messageOf, systemCode } from '../errors.ts';
import { HEADERS, keyOfSecret, type Verification, verify } from '../webhooks/signature.ts';
import { whole } from './option-values.ts';
import { type ExitStatus, type Io, printable } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

/** More than any event is. */
const BODY_BYTES = 1024 * 1024;
/** Ids that are remembered. */
const KNOWN = 10_000;

const WRONG: Readonly<Record<Exclude<Verification, 'good'>, string>> = {
  'no-headers': 'it has no webhook-id, webhook-timestamp and webhook-signature',
  'too-old': 'it is older than five minutes: a recorded message, or the clocks differ',
  'too-new': 'it is of the future: the clocks differ',
  'wrong-signature': 'its signature is by another secret, or its content was changed',
};

/** Ends with SIGINT or SIGTERM, or after `--count` requests. Exit status 1: one of them was not signed well. */
export async function receive(io: Io, options: Options): Promise<ExitStatus> {
  const port = whole(String(options.port), '--port', 0, 65_535);
  const status = whole(String(options.status), '--status', 200, 599);
  const count = options.count === undefined ? undefined : whole(String(options.count), '--count', 1, 1_000_000);
  const listen = String(options.listen);
  if (isIP(listen) === 0)
    throw invalid('receiver.listen', '--listen', 'it is no IP address', 'Write it like 127.0.0.1, or ::1.');
  const keys = await readKeys(resolve(io.cwd, String(options.secretFile)));
  const { createServer } = await import('node:http');
  const ended = Promise.withResolvers<void>();
  const seen = new Set<string>();
  let requests = 0;
  let bad = 0;

  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    // Somebody who goes away in the middle is no matter.
    response.on('error', () => undefined);
    handle(request, response).catch((error: unknown) => io.err(`${printable(messageOf(error))}\n`));
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (body === undefined) {
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    const verdict = judge(request, body);
    const id = String(request.headers[HEADERS.id] ?? '');
    const again = verdict === 'good' && seen.has(id);
    if (verdict === 'good') remember(id);
    tell(io, options.json === true, { verdict, id, again, body });
    requests += 1;
    if (verdict !== 'good') bad += 1;
    const done = (): void => {
      if (count !== undefined && requests >= count) ended.resolve();
    };
    response.writeHead(verdict === 'good' ? status : 401).end(done);
    response.once('close', done);
  }

  function judge(request: IncomingMessage, body: string): Verification {
    const verdicts = keys.map((key) => verify(request.headers, body, key, Math.floor(io.now() / 1000)));
    return verdicts.find((verdict) => verdict === 'good') ?? verdicts[0] ?? 'no-headers';
  }

  function remember(id: string): void {
    seen.add(id);
    const [oldest] = seen;
    if (seen.size > KNOWN && oldest !== undefined) seen.delete(oldest);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(error, listen, port)));
    server.listen({ host: listen, port }, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  io.err(`listening on http://${isIP(listen) === 6 ? `[${listen}]` : listen}:${bound}/ (end with Ctrl-C)\n`);
  const stop = (): void => ended.resolve();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await ended.promise;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    server.close();
    server.closeAllConnections();
  }
  return bad === 0 ? 0 : 1;
}

/** Undefined: it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk as Uint8Array);
    length += bytes.byteLength;
    if (length > BODY_BYTES) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

interface Told {
  readonly verdict: Verification;
  readonly id: string;
  readonly again: boolean;
  readonly body: string;
}

function tell(io: Io, json: boolean, { verdict, id, again, body }: Told): void {
  if (json) {
    io.out(`${JSON.stringify({ verdict, id, again, payload: verdict === 'good' ? parsed(body) : null })}\n`);
    return;
  }
  // What is not signed well is a stranger's: its content is not shown as if it were news.
  if (verdict !== 'good') io.out(`! refused ${printable(id)}: ${WRONG[verdict]}\n`);
  else
    io.out(
      printable(`${again ? 'again ' : ''}${id} ${summary(parsed(body))}`)
        .replaceAll('\n', '\\n')
        .concat('\n'),
    );
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function summary(payload: unknown): string {
  const at = (value: unknown, ...path: readonly string[]): unknown =>
    path.reduce<unknown>(
      (found, key) =>
        typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>)[key] : undefined,
      value,
    );
  const words = [
    at(payload, 'timestamp'),
    at(payload, 'type'),
    at(payload, 'data', 'node', 'fqdn'),
    at(payload, 'data', 'event', 'text'),
  ];
  return words.filter((word) => typeof word === 'string').join(' ');
}

/** @throws IronwakeError `file.unreadable`, `webhook.secret` */
async function readKeys(path: string): Promise<readonly Uint8Array[]> {
  try {
    const lines = (await readFile(path, 'utf8')).split(/\s+/).filter((line) => line !== '');
    return (lines.length === 0 ? [''] : lines).map(keyOfSecret);
  } catch (error) {
    if (error instanceof IronwakeError) throw error;
    throw invalid(
      'file.unreadable',
      '--secret-file',
      `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
      'Name the file that webhook add --out has written.',
    );
  }
}

function cannotListen(error: unknown, address: string, port: number): IronwakeError {
  return new IronwakeError({
    kind: 'unavailable',
    code: 'receiver.port',
    field: '--port',
    message: `${address} port ${port} cannot be listened on (${systemCode(error) ?? messageOf(error)})`,
    remedy: 'Choose another port, or 0 for any that is free.',
    cause: error,
  });
}
