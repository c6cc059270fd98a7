/** A receiver of webhooks that we did not write: Node's HTTP server, and OpenSSL for the signatures. */
import { execFileSync } from 'node:child_process';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Behaviour = (request: Received, response: ServerResponse, number: number) => void;

export interface TestReceiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** What it does with the requests to come. */
  behave(behaviour: Behaviour): void;
  /** Waits until so many have come. */
  heard(count: number): Promise<void>;
}

export const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (_, response) =>
    void response.writeHead(status, headers).end();

export async function startReceiver(
  t: { teardown(work: () => void): void },
  options: { readonly tls?: { readonly key: string; readonly cert: string }; readonly behaviour?: Behaviour } = {},
): Promise<TestReceiver> {
  const received: Received[] = [];
  let behaviour = options.behaviour ?? answering(204);
  let arrived = Promise.withResolvers<void>();
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('end', () => {
      const { url: path = '', method = '', headers } = request;
      const one = { path, method, headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(one);
      arrived.resolve();
      arrived = Promise.withResolvers();
      behaviour(one, response, received.length);
    });
  };
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook`,
    port,
    received,
    behave: (next) => {
      behaviour = next;
    },
    async heard(count) {
      while (received.length < count) await arrived.promise;
    },
  };
}

/** What OpenSSL makes of a request: the signature as the header should have it. @param secret `whsec_...` */
export function opensslSignature({ headers, body }: Received, secret: string): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64').toString('hex');
  const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const mac = execFileSync('openssl', ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key}`, '-binary'], {
    input: text,
  });
  return `v1,${mac.toString('base64')}`;
}
