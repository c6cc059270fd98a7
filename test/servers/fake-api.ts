/** A server with the daemon's certificate and problem format, whose routes a test writes down; it remembers what it was asked. */
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { loadCertificate, type ServerCertificate } from '../../src/trust/certificate.ts';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Answer {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  /** Close the connection without a word. */
  readonly hangUp?: boolean;
}

export interface FakeApi {
  readonly url: string;
  readonly certificate: ServerCertificate;
  readonly asked: Asked[];
  close(): void;
}

/** `early`: answers without reading the body, as a server does that refuses an upload at its headers. */
export async function fakeApi(
  directory: string,
  routes: (asked: Asked) => Answer | undefined,
  options: { readonly early?: boolean } = {},
): Promise<FakeApi> {
  const certificate = await loadCertificate({
    directory,
    hostNames: ['localhost'],
    addresses: ['127.0.0.1'],
    now: Date.now(),
  });
  const asked: Asked[] = [];
  const server = createServer({ key: certificate.keyPem, cert: certificate.certPem }, async (request, response) => {
    const { method = '', url = '', headers } = request;
    const chunks: Buffer[] = [];
    if (!options.early) for await (const chunk of request) chunks.push(chunk);
    const whole = { method, url, headers, body: Buffer.concat(chunks) };
    asked.push(whole);
    const answer = routes(whole);
    if (answer?.hangUp === true) return void request.socket.destroy();
    const status = answer === undefined ? 404 : (answer.status ?? 200);
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
    response.end(answer?.text ?? (answer?.json === undefined ? '' : JSON.stringify(answer.json)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    certificate,
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export function problem(status: number, code: string, detail: string, remedy: string, field?: string): Answer {
  const body = {
    type: `urn:ironwake:error:${code}`,
    title: 'x',
    status,
    detail,
    code,
    remedy,
    ...(field && { field }),
  };
  return { status, json: body };
}
