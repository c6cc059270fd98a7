/** The writer of big bodies, asked by curl and by raw sockets. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, get, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import { generate } from 'selfsigned';
import { type Test, test } from 'tap';
import { type SendOptions, type SendResult, sendSource } from '../../src/http/stream.ts';
import { type ByteSource, bytesSource } from '../../src/media/source.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;

/** A body without memory of its own: the same block again and again. */
function endless(sizeBytes: number, onRead: (offset: number, maxBytes: number) => void = () => {}): ByteSource {
  const block = Buffer.alloc(MIB, 'ironwake');
  return {
    sizeBytes,
    read(offset, maxBytes) {
      onRead(offset, maxBytes);
      return block.subarray(0, Math.min(maxBytes, sizeBytes - offset, block.byteLength));
    },
  };
}

interface Served {
  readonly port: number;
  readonly results: Array<SendResult | Error>;
  /** Resolves with the next response's end. */
  readonly next: () => Promise<SendResult | Error>;
}

async function serve(
  t: Test,
  sourceFor: (request: IncomingMessage) => ByteSource | undefined,
  options: Partial<SendOptions> = {},
): Promise<Served> {
  const results: Array<SendResult | Error> = [];
  const waiting: Array<(result: SendResult | Error) => void> = [];
  const done = (result: SendResult | Error) => {
    const waiter = waiting.shift();
    if (waiter === undefined) results.push(result);
    else waiter(result);
  };
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const source = sourceFor(request);
    if (source === undefined) {
      response.end('tiny');
      return;
    }
    sendSource(request, response, source, { contentType: 'application/octet-stream', ...options }).then(
      done,
      (error: Error) => {
        if (!response.headersSent) {
          response.statusCode = 500;
          response.end();
        }
        done(error);
      },
    );
  };
  const server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const next = async () => results.shift() ?? new Promise<SendResult | Error>((resolve) => waiting.push(resolve));
  return { port: (server.address() as AddressInfo).port, results, next };
}

/** The bytes of an answer as they are on the wire. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text);
  const parts: Buffer[] = [];
  for await (const chunk of socket) parts.push(chunk);
  return Buffer.concat(parts).toString('latin1');
}

const TEXT = Buffer.from('0123456789'.repeat(10));

const answers: ReadonlyArray<
  readonly [name: string, request: string, status: string, headers: readonly string[], body: string]
> = [
  [
    'whole',
    'GET / HTTP/1.1',
    '200 OK',
    ['Content-Length: 100', 'Accept-Ranges: bytes', 'ETag: "tag"'],
    TEXT.toString(),
  ],
  ['HEAD', 'HEAD / HTTP/1.1\r\nRange: bytes=0-4', '200 OK', ['Content-Length: 100', 'Accept-Ranges: bytes'], ''],
  [
    'a range',
    'GET / HTTP/1.1\r\nRange: bytes=8-11',
    '206 Partial Content',
    ['Content-Length: 4', 'Content-Range: bytes 8-11/100'],
    '8901',
  ],
  [
    'the rest of the same body',
    'GET / HTTP/1.1\r\nRange: bytes=97-\r\nIf-Range: "tag"',
    '206 Partial Content',
    ['Content-Length: 3', 'Content-Range: bytes 97-99/100'],
    '789',
  ],
  [
    'the rest of another body',
    'GET / HTTP/1.1\r\nRange: bytes=97-\r\nIf-Range: "old"',
    '200 OK',
    ['Content-Length: 100'],
    TEXT.toString(),
  ],
  [
    'beyond the end',
    'GET / HTTP/1.1\r\nRange: bytes=100-',
    '416 Range Not Satisfiable',
    ['Content-Range: bytes */100', 'Content-Length: 0'],
    '',
  ],
  ['known already', 'GET / HTTP/1.1\r\nIf-None-Match: "tag"', '304 Not Modified', ['ETag: "tag"'], ''],
  ['another one wanted', 'GET / HTTP/1.1\r\nIf-Match: "old"', '412 Precondition Failed', ['Content-Length: 0'], ''],
];
for (const [name, request, status, headers, body] of answers) {
  test(`on the wire: ${name}`, async (t) => {
    const { port, next } = await serve(t, () => bytesSource(TEXT), { etag: '"tag"' });
    const answer = await raw(port, `${request}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const [head = '', ...rest] = answer.split('\r\n\r\n');
    const lines = head.split('\r\n');
    t.equal(lines[0], `HTTP/1.1 ${status}`);
    // GRUB compares these names by case.
    for (const header of headers) t.ok(lines.includes(header), `${header} in ${lines.join(' | ')}`);
    t.equal(rest.join('\r\n\r\n'), body);
    t.match(await next(), { status: Number(status.slice(0, 3)), sentBytes: body.length, complete: true });
  });
}

test('an empty body', async (t) => {
  const { port } = await serve(t, () => bytesSource(new Uint8Array(0)));
  t.match(
    await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1\.1 200 OK[\s\S]*Content-Length: 0\r\n/,
  );
});

test('curl resumes where it stopped, and gets the same bytes', async (t) => {
  const bytes = Buffer.alloc(
    3 * MIB + 17,
    Uint8Array.from({ length: 253 }, (_, index) => index),
  );
  const progress: Array<readonly [number, number]> = [];
  const { port, next } = await serve(t, () => bytesSource(bytes), {
    etag: '"tag"',
    onProgress: (sent, start) => progress.push([sent, start]),
  });
  const file = `${t.testdir()}/out`;
  const url = `http://127.0.0.1:${port}/`;
  await run('curl', ['-sS', '-r', '0-999999', '-o', file, url]);
  t.match(await next(), { status: 206, startOffset: 0, sentBytes: 1_000_000, complete: true });
  await run('curl', ['-sS', '-C', '-', '-o', file, url]);
  t.match(await next(), {
    status: 206,
    startOffset: 1_000_000,
    sentBytes: bytes.byteLength - 1_000_000,
    complete: true,
  });
  const { stdout } = await run('sha256sum', [file]);
  const { createHash } = await import('node:crypto');
  t.equal(stdout.slice(0, 64), createHash('sha256').update(bytes).digest('hex'));
  t.same(progress.at(-1), [bytes.byteLength - 1_000_000, 1_000_000]);
});

test('a source that answers in promises and small parts', async (t) => {
  const source: ByteSource = {
    sizeBytes: 100,
    read: async (offset) => TEXT.subarray(offset, Math.min(offset + 7, 100)),
  };
  const { port } = await serve(t, () => source);
  const { stdout } = await run('curl', ['-sS', `http://127.0.0.1:${port}/`]);
  t.equal(stdout, TEXT.toString());
});

test('a client that goes away ends the stream', async (t) => {
  let reads = 0;
  const { port, next } = await serve(t, () => endless(10_000 * MIB, () => reads++));
  const request = get({ port, host: '127.0.0.1' }, (response) => {
    response.once('data', () => request.destroy());
  });
  request.on('error', () => {});
  const result = await next();
  t.match(result, { status: 200, complete: false });
  const after = reads;
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(reads, after, 'nothing is read for nobody');
});

test('a client that does not read holds one slice, and a signal cuts it', async (t) => {
  const controller = new AbortController();
  let progressed = 0;
  const { port, next } = await serve(t, () => endless(10_000 * MIB), {
    signal: controller.signal,
    onProgress: (sent) => {
      progressed = sent;
    },
  });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  // Until the buffers of the kernel are full: no progress during many turns of the loop.
  for (let still = 0, seen = -1; still < 200; still = progressed === seen ? still + 1 : 0) {
    seen = progressed;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  t.ok(progressed < 100 * MIB, `${progressed} bytes`);
  const ended = next();
  controller.abort();
  const result = await ended;
  t.match(result, { complete: false, sentBytes: progressed });
  socket.destroy();
});

test('a signal that came before', async (t) => {
  const { port, next } = await serve(t, () => endless(MIB), { signal: AbortSignal.abort() });
  t.equal(await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => ''), '');
  t.match(await next(), { complete: false, sentBytes: 0 });
});

test('a source that fails: before the header an error can be answered, later the connection is cut', async (t) => {
  const failing = (from: number): ByteSource => ({
    sizeBytes: 3 * MIB,
    read(offset, maxBytes) {
      if (offset >= from) throw new Error('disk');
      return Buffer.alloc(Math.min(maxBytes, from - offset));
    },
  });
  let from = 0;
  const { port, next } = await serve(t, () => failing(from));
  t.match(await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 500 /);
  t.match(await next(), { message: 'disk' });
  from = MIB;
  // curl 18: transferred a partial file. 56: the connection was reset.
  const failed = await run('curl', ['-sS', '-o', '/dev/null', `http://127.0.0.1:${port}/`]).catch(
    (error: unknown) => error,
  );
  t.match(failed, { code: /^(18|56)$/ });
  t.match(await next(), { message: 'disk' });
});

test('a source that ends too early is an error, not a hang', async (t) => {
  const { port, next } = await serve(t, () => ({ sizeBytes: 100, read: (offset) => TEXT.subarray(offset, 50) }));
  await t.rejects(run('curl', ['-sS', '-o', '/dev/null', `http://127.0.0.1:${port}/`]));
  t.ok((await next()) instanceof RangeError);
});

test('over TLS the slices are smaller', async (t) => {
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
  const asked: number[] = [];
  const server = createTlsServer({ key: pem.private, cert: pem.cert }, (request, response) => {
    sendSource(
      request,
      response,
      endless(2 * MIB, (_, maxBytes) => asked.push(maxBytes)),
      { contentType: 'x/y' },
    ).catch(t.threw);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { stdout } = await run('sh', [
    '-c',
    `curl -sSk https://127.0.0.1:${(server.address() as AddressInfo).port}/ | wc -c`,
  ]);
  t.equal(Number(stdout), 2 * MIB);
  t.equal(Math.max(...asked), 64 * 1024);
});

test('8 fast downloads of 300 MB: the loop turns between any two slices, and small requests are answered meanwhile', async (t) => {
  const sizeBytes = 300 * 1000 * 1000;
  let turns = 0;
  let watching = true;
  const watch = () => {
    turns++;
    if (watching) setImmediate(watch);
  };
  watch();
  t.teardown(() => {
    watching = false;
  });

  let slices = 0;
  let withoutTurn = 0;
  const { port, results } = await serve(t, (request) => {
    if (request.url !== '/big') return undefined;
    let turnOfLastSlice = -1;
    return endless(sizeBytes, (_, maxBytes) => {
      slices++;
      if (turns === turnOfLastSlice) withoutTurn++;
      if (maxBytes > 512 * 1024) withoutTurn++;
      turnOfLastSlice = turns;
    });
  });

  let tiny = 0;
  let refused = 0;
  const ask = () => {
    const asking = httpRequest({ port, host: '127.0.0.1', path: '/tiny', agent: false }, (response) => {
      if (response.statusCode === 200) tiny++;
      else refused++;
      response.resume();
    });
    asking.on('error', () => refused++);
    asking.end();
  };
  const asking = setInterval(ask, 5);
  const downloads = Array.from({ length: 8 }, () =>
    run('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', `http://127.0.0.1:${port}/big`]),
  );
  const answers = await Promise.all(downloads);
  clearInterval(asking);

  t.same(
    answers.map((answer) => answer.stdout),
    Array.from({ length: 8 }, () => `200 ${sizeBytes}`),
  );
  t.equal(results.length, 8);
  t.ok(results.every((result) => !(result instanceof Error) && result.complete && result.sentBytes === sizeBytes));
  t.equal(slices, 8 * Math.ceil(sizeBytes / (512 * 1024)));
  t.equal(withoutTurn, 0, 'every slice waits for a turn of the loop');
  t.ok(tiny > 0, `${tiny} small requests were answered meanwhile`);
  t.equal(refused, 0);
});
