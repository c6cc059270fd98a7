/** Which daemon a command talks to, and with which right: from the options, the environment, or what the daemon on this machine wrote down. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Client, createClient } from '../api/client.ts';
import type { ServerAddress } from '../api/transport.ts';
import { loadLocalConfig } from '../config/local.ts';
import { IronwakeError, messageOf, systemCode } from '../errors.ts';
import type { Io } from './terminal.ts';

export interface Session {
  readonly io: Io;
  readonly client: Client;
  /** --json: one document on standard output, nothing else. */
  readonly json: boolean;
}

/** @throws IronwakeError `client.unreachable` when no daemon of the data directory runs, `client.no-token`, `file.unreadable`, and those of the configuration */
export async function openSession(io: Io, options: Readonly<Record<string, unknown>>): Promise<Session> {
  return { io, client: createClient(await serverOf(io, options)), json: options.json === true };
}

/** Where the daemon is and with which token to ask it. @throws what `openSession` throws */
export async function serverOf(io: Io, options: Readonly<Record<string, unknown>>): Promise<ServerAddress> {
  const { env, cwd } = io;
  const text = (option: string, variable: string): string | undefined => {
    const value = options[option] ?? env[variable];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const url = text('server', 'IRONWAKE_URL');
  const tokenFile = text('tokenFile', 'IRONWAKE_TOKEN_FILE');
  const given = tokenFile === undefined ? env.IRONWAKE_TOKEN : undefined;
  // The daemon's own settings say where it keeps its data; a command with --server and a token needs none of them.
  const dataDir = () =>
    loadLocalConfig({ flags: { dataDir: options.dataDir, config: options.config }, env, cwd }).dataDir;
  const local = url === undefined ? await readServerFile(dataDir()) : undefined;
  const token =
    given ?? (await readToken(tokenFile === undefined ? join(dataDir(), 'admin-token') : resolve(cwd, tokenFile)));
  return {
    url: url ?? local?.url ?? '',
    fingerprint: text('fingerprint', 'IRONWAKE_FINGERPRINT') ?? local?.fingerprint,
    token: token.trim(),
  };
}

async function readServerFile(dataDir: string): Promise<{ readonly url: string; readonly fingerprint: string }> {
  const path = join(dataDir, 'server.json');
  const text = await readText(path);
  if (text === undefined) {
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'client.unreachable',
      message: `No daemon of this data directory runs (there is no ${path})`,
      remedy:
        'Start it with: npm run serve. Name the data directory of one that runs with --data-dir, or another machine with --server, --fingerprint and --token-file.',
    });
  }
  try {
    const { url, fingerprint } = JSON.parse(text) as Record<string, unknown>;
    if (typeof url === 'string' && typeof fingerprint === 'string') return { url, fingerprint };
  } catch {
    // Falls through to the one sentence below.
  }
  throw new IronwakeError({
    kind: 'unavailable',
    code: 'client.server-file',
    message: `${path} is damaged`,
    remedy: 'Restart the daemon, it writes the file anew; or give --server and --fingerprint.',
  });
}

async function readToken(path: string): Promise<string> {
  const text = await readText(path);
  if (text !== undefined && /^[\x21-\x7e]+\s*$/.test(text)) return text;
  throw new IronwakeError({
    kind: 'invalid',
    code: 'client.no-token',
    field: '--token-file',
    message: text === undefined ? `There is no ${path}` : `${path} does not hold a token`,
    remedy: 'Name the file with your API token; the daemon prints at start where the first one is.',
  });
}

/** Undefined when there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new IronwakeError({
      kind: 'invalid',
      code: 'file.unreadable',
      message: `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
      remedy: "Run the command as the daemon's user (sudo), or give --server, --fingerprint and --token-file.",
      cause: error,
    });
  }
}

/** --json prints the value, otherwise the lines. */
export function print(session: Session, value: unknown, lines: () => string): void {
  session.io.out(session.json ? `${JSON.stringify(value, undefined, 2)}\n` : lines());
}
