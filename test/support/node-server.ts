/**
 * A stand-in for the daemon's node API: HTTPS with a key of its own, host-key proof checked by the real ssh-keygen, probe made by the real
 * ssh. It shares no code with the daemon, so that the node's scripts are tried against the contract and not against an implementation.
 */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, run } from './container.ts';

export interface Report {
  readonly seq: number;
  readonly module: string;
  readonly step: string;
  readonly result: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly output: string;
  readonly detail: string;
  readonly differences?: ReadonlyArray<{ readonly what: string; readonly expected: string; readonly found: string }>;
}

/** A secret that was made on the node. */
export interface Born {
  readonly run: string;
  readonly delivery: string;
  readonly module: string;
  readonly name: string;
  /** Base64. */
  readonly value: string;
}

/** What it stands for. */
export const textOfBorn = ({ value }: Born): string => Buffer.from(value, 'base64').toString('utf8');

export interface NodeServerOptions {
  readonly host: string;
  readonly runId: string;
  /** Where the node's sshd is. */
  readonly nodeAddress: string;
  /** The ed25519 host key as the webhook would have brought it. */
  readonly hostKey: string;
  /** A free one unless told. */
  readonly port?: number;
}

export class NodeServer {
  readonly runId: string;
  readonly pin: string;
  readonly reports: Report[] = [];
  readonly bodies: unknown[] = [];
  readonly requests: string[] = [];
  finished: unknown;
  /** Reports of this module are answered 400, as a daemon does that cannot read them. */
  refusedModule: string | undefined;
  /** What `POST /node/v1/watch` brought, and answers. */
  readonly watched: Record<string, unknown>[] = [];
  order: 'none' | 'apply' = 'none';
  /** What `POST /node/v1/born` brought, each time. */
  readonly born: Born[] = [];
  /** So many of them are taken, and the connection is cut before they are answered, as by a daemon that is killed there. */
  lostAnswers = 0;
  /** What the next ones are answered with instead of being taken; 200 takes them. */
  bornStatus = 200;
  /** What `GET /node/v1/plan` answers. */
  plan = '';
  /** What `GET /node/v1/release` answers. */
  release: 'now' | 'wait' = 'now';
  /** The run was cancelled or has failed: everything is answered 410. */
  over = false;
  /** Replaces the real probe. */
  probe: (request: Record<string, unknown>) => Promise<{ result: string; detail: string; untried?: string }>;
  readonly #options: NodeServerOptions;
  readonly #directory: string;
  #credential = randomBytes(24).toString('base64url');
  #nonce = '';
  #server: Server | undefined;
  #port = 0;

  private constructor(options: NodeServerOptions, directory: string) {
    this.#options = options;
    this.runId = options.runId;
    this.#port = options.port ?? 0;
    this.#directory = directory;
    const certificate = new X509Certificate(readFileSync(join(directory, 'cert.pem')));
    this.pin = createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64');
    this.probe = () => this.#login();
  }

  static async start(options: NodeServerOptions): Promise<NodeServer> {
    const directory = mkdtempSync(join(tmpdir(), 'ironwake-node-server-'));
    const file = (name: string) => join(directory, name);
    await must('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=ironwake', '-keyout', file('key.pem'), '-out', file('cert.pem')],
    ]);
    await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'probe', '-f', file('probe')]);
    writeFileSync(file('allowed'), `node ${options.hostKey.trim()}\n`);
    writeFileSync(file('known_hosts'), `${options.nodeAddress} ${options.hostKey.trim()}\n`);
    const server = new NodeServer(options, directory);
    await server.open();
    return server;
  }

  get url(): string {
    return `https://${this.#options.host}:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get credential(): string {
    return this.#credential;
  }

  /** The credential that was given out is refused from now on. */
  revoke(): void {
    this.#credential = randomBytes(24).toString('base64url');
  }

  /** As if this node had never reported. */
  forget(): void {
    this.reports.length = 0;
    this.bodies.length = 0;
    this.requests.length = 0;
    this.watched.length = 0;
    this.born.length = 0;
    this.finished = undefined;
  }

  /** Listens again, on the same port as before. */
  async open(): Promise<void> {
    const key = readFileSync(join(this.#directory, 'key.pem'));
    const cert = readFileSync(join(this.#directory, 'cert.pem'));
    const server = createServer({ key, cert }, (request, response) => {
      this.#answer(request).then(
        ({ status, body }) => {
          const text = typeof body === 'string' ? body : JSON.stringify(body);
          response.writeHead(status, { 'Content-Length': Buffer.byteLength(text) }).end(text);
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    // A node that refuses the key ends the handshake.
    server.on('tlsClientError', () => this.requests.push('refused handshake'));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, this.#options.host, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Goes away, as a daemon that restarts: connections are cut. */
  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async close(): Promise<void> {
    await this.shut();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const route = `${request.method} ${request.url}`;
    this.requests.push(route);
    if (request.method === 'POST' && request.headers['content-type'] !== 'application/json')
      return { status: 415, body: {} };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    if (this.over) return { status: 410, body: {} };
    if (route === 'POST /node/v1/challenge') {
      if (body.run !== this.runId) return { status: 404, body: {} };
      this.#nonce = `v1.${randomBytes(24).toString('base64url')}`;
      return { status: 200, body: { nonce: this.#nonce } };
    }
    if (route === 'POST /node/v1/credential') {
      const good =
        body.run === this.runId && body.nonce === this.#nonce && (await this.#verify(String(body.signature)));
      return good ? { status: 200, body: { credential: this.#credential } } : { status: 403, body: {} };
    }
    if (request.headers.authorization !== `Bearer ${this.#credential}`) return { status: 401, body: {} };
    if (route === 'GET /node/v1/release') return { status: 200, body: { release: this.release } };
    if (route === 'GET /node/v1/plan') return { status: 200, body: this.plan };
    if (route === 'GET /node/v1/probe-key')
      return { status: 200, body: readFileSync(join(this.#directory, 'probe.pub'), 'utf8') };
    if (route === 'POST /node/v1/probe') return { status: 200, body: await this.probe(body) };
    if (route === 'POST /node/v1/reports') {
      this.bodies.push(body);
      const reports = body.reports as Report[];
      if (reports.some(({ module }) => module === this.refusedModule)) return { status: 400, body: {} };
      this.reports.push(...reports);
      return { status: 200, body: {} };
    }
    if (route === 'POST /node/v1/watch') {
      this.watched.push(body);
      return { status: 200, body: { order: this.order, pins: `sha256//${this.pin}` } };
    }
    if (route === 'POST /node/v1/born') {
      if (this.bornStatus !== 200) return { status: this.bornStatus, body: {} };
      this.born.push(body as unknown as Born);
      if (this.lostAnswers > 0) {
        this.lostAnswers -= 1;
        request.socket.destroy();
      }
      return { status: 200, body: { taken: 1 } };
    }
    if (route === 'POST /node/v1/finished') {
      this.finished = body;
      return { status: 200, body: {} };
    }
    return { status: 404, body: {} };
  }

  async #verify(signature: string): Promise<boolean> {
    const file = join(this.#directory, 'signature');
    writeFileSync(file, signature);
    const allowed = join(this.#directory, 'allowed');
    const args = ['-Y', 'verify', '-f', allowed, '-I', 'node', '-n', 'ironwake', '-s', file];
    return (await run('ssh-keygen', args, { input: this.#nonce })).code === 0;
  }

  async #login(): Promise<{ result: string; detail: string }> {
    const output = await run('ssh', [
      ...['-F', '/dev/null', '-i', join(this.#directory, 'probe'), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
      ...['-o', 'StrictHostKeyChecking=yes', '-o', `UserKnownHostsFile=${join(this.#directory, 'known_hosts')}`],
      ...[
        '-o',
        'GlobalKnownHostsFile=/dev/null',
        '-o',
        'ConnectTimeout=5',
        `root@${this.#options.nodeAddress}`,
        'true',
      ],
    ]);
    return output.code === 0
      ? { result: 'ok', detail: 'logged in' }
      : { result: 'failed', detail: output.stderr.trim().replaceAll(/["\\\r\n]/g, ' ') };
  }
}
