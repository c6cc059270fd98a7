/**
 * One HTTPS request to the daemon. Its certificate is self-signed, so it is known by its SHA-256 alone: the pin is checked when the TLS
 * handshake is done and before a single byte of the request, the token among them, is sent.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type ErrorKind, IronwakeError, messageOf, systemCode } from '../errors.ts';
import type { Problem } from './schemas.ts';

export interface ServerAddress {
  /** `https://10.0.0.2:8443` */
  readonly url: string;
  /** SHA-256 of its certificate, `AA:BB:..`; when absent the certificate must be signed by an authority that this machine trusts. */
  readonly fingerprint?: string | undefined;
  readonly token: string;
  /** How long the daemon may stay silent. A transfer that goes on is never cut. */
  readonly timeoutMs?: number | undefined;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query from `/api/...` on. */
  readonly path: string;
  readonly json?: unknown;
  /** A text of another type instead of JSON. */
  readonly text?: { readonly body: string; readonly contentType: string };
  /** Bytes instead of JSON. */
  readonly stream?: {
    readonly source: Readable;
    readonly sizeBytes: number;
    readonly onSent?: (bytes: number) => void;
  };
  readonly headers?: Readonly<Record<string, string>>;
}

/** Refusing a wrong answer early beats filling the memory with it. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * A daemon that refuses an upload (token, space, checksum known already) does so at its headers. Bytes that are on their way then would
 * break the connection before its answer is read, so the body starts only after a moment without a refusal.
 */
const UPLOAD_HEADERS = { 'content-type': 'application/octet-stream', expect: '100-continue', connection: 'keep-alive' };
const REFUSAL_GRACE_MS = 200;
/** RFC 9110, 10.1.1: a server that does not know the expectation must not be waited for. */
const CONTINUE_TIMEOUT_MS = 2000;

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'unauthorised',
  403: 'refused',
  404: 'not-found',
  409: 'conflict',
  412: 'outdated',
  413: 'invalid',
  422: 'mismatch',
  429: 'limited',
  503: 'unavailable',
};

/** Codes of the network that mean: nobody there. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
]);

/**
 * The parsed JSON of the reply (undefined for an empty one).
 * @throws IronwakeError what the daemon said (its code and remedy); `client.unreachable`, `client.fingerprint`, `client.untrusted`,
 *   `client.bad-url`, `client.unexpected`
 */
export async function send(server: ServerAddress, request: ApiRequest): Promise<unknown> {
  const base = parseUrl(server.url);
  const response = await exchange(base, server, request);
  const text = await readAll(response, base);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return text === '' ? undefined : parseJson(text, base);
  throw problemError(status, text, base);
}

/**
 * The body of the reply as it comes, for what is too long or too slow to be awaited: a backup, the live stream. Silence for `timeoutMs` ends it.
 * @throws what `send` throws
 */
export async function openStream(server: ServerAddress, request: ApiRequest): Promise<IncomingMessage> {
  const base = parseUrl(server.url);
  const response = await exchange(base, server, request);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  throw problemError(status, await readAll(response, base), base);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:') return url;
  throw new IronwakeError({
    kind: 'invalid',
    code: 'client.bad-url',
    field: '--server',
    message: `'${text.slice(0, 100)}' is not an HTTPS address`,
    remedy: 'Write it as the daemon prints it at start, for example https://10.0.0.2:8443.',
  });
}

async function exchange(base: URL, server: ServerAddress, request: ApiRequest): Promise<IncomingMessage> {
  // Imported here: `ironwake --help` needs neither.
  const [https, tls] = await Promise.all([import('node:https'), import('node:tls')]);
  const { fingerprint } = server;
  const words = request.text?.body ?? (request.json === undefined ? undefined : JSON.stringify(request.json));
  const body = words === undefined ? undefined : Buffer.from(words);
  const sizeBytes = request.stream?.sizeBytes ?? body?.byteLength;
  return new Promise<IncomingMessage>((resolve, reject) => {
    let answered = false;
    const fail = (error: unknown) => reject(translated(error, base));
    const outgoing = https.request({
      method: request.method,
      host: base.hostname,
      port: base.port === '' ? 443 : Number(base.port),
      path: request.path,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${server.token}`,
        ...(body !== undefined && { 'content-type': request.text?.contentType ?? 'application/json' }),
        ...(request.stream !== undefined && UPLOAD_HEADERS),
        ...(sizeBytes !== undefined && { 'content-length': sizeBytes }),
        ...request.headers,
      },
      timeout: server.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      createConnection: (options, done) => {
        const host = base.hostname.replace(/^\[|\]$/g, '');
        const socket: TLSSocket = tls.connect({
          host,
          port: Number(options.port),
          minVersion: 'TLSv1.3',
          // With a pin the authority does not matter; the pin below is the check.
          rejectUnauthorized: fingerprint === undefined,
          ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
        });
        socket.once('error', (error) => done?.(error, socket));
        socket.once('secureConnect', () => {
          const shown = socket.getPeerCertificate().fingerprint256;
          if (fingerprint !== undefined && normalise(shown ?? '') !== normalise(fingerprint)) {
            socket.destroy();
            done?.(wrongFingerprint(base, shown), socket);
          } else done?.(null, socket);
        });
        return undefined;
      },
    });
    outgoing.on('response', (response) => {
      answered = true;
      // One request a connection: an open one would keep this process waiting, and of a refused upload nobody reads the rest.
      response.once('end', () => response.socket.destroy());
      resolve(response);
    });
    outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    outgoing.on('error', (error) => {
      // The daemon may refuse an upload before it has all of it: its answer counts, not the broken pipe.
      if (!answered) fail(error);
    });
    const { stream } = request;
    if (stream === undefined) {
      outgoing.end(body);
      return;
    }
    let waiting: NodeJS.Timeout | undefined;
    const pourAfter = (ms: number) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (!answered && !outgoing.destroyed) pour(stream, outgoing, fail);
      }, ms);
    };
    outgoing.once('continue', () => pourAfter(REFUSAL_GRACE_MS));
    outgoing.once('close', () => {
      clearTimeout(waiting);
      stream.source.destroy();
    });
    outgoing.flushHeaders();
    pourAfter(CONTINUE_TIMEOUT_MS);
  });
}

function pour(
  { source, onSent }: NonNullable<ApiRequest['stream']>,
  outgoing: NodeJS.WritableStream & { destroy(error?: Error): unknown },
  fail: (error: unknown) => void,
): void {
  let sent = 0;
  source.on('data', (chunk: Buffer) => {
    sent += chunk.byteLength;
    onSent?.(sent);
  });
  source.on('error', (error) => {
    fail(error);
    outgoing.destroy();
  });
  source.pipe(outgoing);
}

async function readAll(response: IncomingMessage, base: URL): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.byteLength;
      if (length > MAX_RESPONSE_BYTES) throw unexpected(base, 'the answer is too long');
      chunks.push(chunk);
    }
  } catch (error) {
    throw translated(error, base);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string, base: URL): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected(base, 'the answer is not JSON');
  }
}

function problemError(status: number, text: string, base: URL): IronwakeError {
  let problem: Partial<Problem> = {};
  try {
    problem = JSON.parse(text) as Partial<Problem>;
  } catch {
    // Not from our API: a proxy's page. The status is all that can be told.
  }
  const { code, detail, remedy, field, errors } = problem;
  if (typeof code !== 'string' || typeof detail !== 'string' || typeof remedy !== 'string')
    throw unexpected(base, `it answered with HTTP status ${status}`);
  return new IronwakeError({
    kind: KINDS[status] ?? 'internal',
    code,
    message: detail,
    remedy,
    ...(typeof field === 'string' && { field }),
    ...(Array.isArray(errors) && { rows: errors }),
  });
}

function normalise(fingerprint: string): string {
  return fingerprint.replace(/[^0-9a-fA-F]/g, '').toUpperCase();
}

function wrongFingerprint(base: URL, shown: string | undefined): IronwakeError {
  return new IronwakeError({
    kind: 'refused',
    code: 'client.fingerprint',
    field: '--fingerprint',
    message: `${base.host} shows another certificate than the one expected (${shown ?? 'none'})`,
    remedy: 'Compare it with what the daemon prints at start. If they differ, somebody stands in between.',
  });
}

function unexpected(base: URL, what: string): IronwakeError {
  return new IronwakeError({
    kind: 'internal',
    code: 'client.unexpected',
    message: `${base.host} does not talk like an ironwake daemon: ${what}`,
    remedy: 'Check --server; the API listens on the HTTPS port (8443 by default).',
  });
}

/** What the network threw, in the administrator's words; what is no network failure is handed on. */
function translated(error: unknown, base: URL): unknown {
  if (error instanceof IronwakeError) return error;
  const code = systemCode(error);
  if (code === undefined) return error;
  if (UNREACHABLE.has(code)) {
    return new IronwakeError({
      kind: 'unavailable',
      code: 'client.unreachable',
      message: `Nothing answers at ${base.host} (${code})`,
      remedy: 'Is the daemon running? Start it with: npm run serve.',
      cause: error,
    });
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return unexpected(base, 'it does not speak TLS');
  if (/CERT|SIGNED|ALTNAME|ISSUER/.test(code)) {
    return new IronwakeError({
      kind: 'refused',
      code: 'client.untrusted',
      field: '--fingerprint',
      message: `The certificate of ${base.host} is not trusted (${messageOf(error)})`,
      remedy: 'Give its fingerprint with --fingerprint, as the daemon prints it at start.',
      cause: error,
    });
  }
  return error;
}
