/** The stand-in installer's HTTP client against a TLS server on loopback: pin, header order, one request and no retry, the 1 MiB cut. */
import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Test, test } from 'tap';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

interface Outcome {
  readonly failed?: string;
  readonly length?: number;
}

const LIVE = fileURLToPath(new URL('../lab/image/live', import.meta.url));
const PROGRAM = `
import json, sys
sys.path.insert(0, ${JSON.stringify(LIVE)})
import wire
row = json.loads(sys.argv[1])
body = row.pop("body", None)
try:
    data, kind = wire.request(**row, body=None if body is None else body.encode())
    print(json.dumps({"length": len(data)}))
except wire.Failed as failed:
    print(json.dumps({"failed": str(failed)}))
`;

async function request(row: object): Promise<Outcome> {
  const done = await promisify(execFile)('/usr/bin/python3', ['-B', '-c', PROGRAM, JSON.stringify(row)]);
  return JSON.parse(done.stdout) as Outcome;
}

async function startServer(t: Test): Promise<{ readonly url: string; readonly pin: string; readonly seen: Seen[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'iwl-client-'));
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'cert.pem');
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=x',
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  );
  const seen: Seen[] = [];
  const server: Server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (incoming, reply) => {
    let body = '';
    incoming.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    incoming.on('end', () => {
      const { method, url, rawHeaders } = incoming;
      seen.push({ method, url, rawHeaders, body });
      if (url === '/large') reply.end(Buffer.alloc(3 << 20, 'x'));
      else if (url === '/moved') reply.writeHead(302, { Location: '/here' }).end();
      else if (url === '/broken') reply.writeHead(500).end('one helpful line');
      else reply.end('taken');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pin: new X509Certificate(readFileSync(cert)).fingerprint256,
    seen,
  };
}

test('the stand-in installer speaks as the official one', async (t) => {
  const { url, pin, seen } = await startServer(t);
  const post = { release: '9.2', purpose: 'answer', url: `${url}/answer`, body: '{"a":1}' };

  await t.test('pin', async (t) => {
    t.match(await request({ ...post, pin }), { length: 5 }, 'with colons, upper case');
    t.match(await request({ ...post, pin: pin.replaceAll(':', '').toLowerCase() }), { length: 5 }, 'bare, lower case');
    const before = seen.length;
    t.match(
      await request({ ...post, pin: `00${pin.slice(2)}` }),
      { failed: /fingerprint does not match/ },
      'another one',
    );
    t.match(await request({ ...post, pin: 'not hex' }), { failed: /not the hex form/ }, 'no fingerprint at all');
    t.match(
      await request(post),
      { failed: /CERTIFICATE_VERIFY_FAILED/ },
      'none: the authorities of the machine decide',
    );
    t.equal(seen.length, before, 'no byte of a request has left then');
  });

  await t.test('form of the request', async (t) => {
    seen.length = 0;
    await request({ ...post, pin, token: 'name:secret' });
    await request({ ...post, pin, release: '8.4' });
    const names = (request: Seen | undefined) => request?.rawHeaders.filter((_, index) => index % 2 === 0);
    t.same(
      names(seen[0]),
      ['accept-encoding', 'content-length', 'user-agent', 'host', 'content-type', 'accept', 'authorization'],
      '9.2: order and lower case',
    );
    t.match(
      seen[0]?.rawHeaders.join(' '),
      'accept application/json, application/toml;q=0.5 authorization Bearer name:secret',
    );
    t.match(
      seen[1]?.rawHeaders.join(' '),
      'Accept */* Content-Type application/json; charset=utf-8',
      '8.4: capitalised',
    );
    t.equal(seen[1]?.body, '{"a":1}');
  });

  await t.test('one request, no retry', async (t) => {
    seen.length = 0;
    t.match(
      await request({ ...post, pin, url: `${url}/broken` }),
      { failed: 'http status: 500: one helpful line' },
      '9.2 shows the body',
    );
    t.equal(seen.length, 1, 'and does not come again');
    t.match(
      await request({ ...post, pin, release: '8.4', url: `${url}/broken` }),
      { failed: /^http status: 500$/ },
      '8.4 shows the status',
    );
  });

  await t.test('a redirect loses body and token', async (t) => {
    seen.length = 0;
    await request({ ...post, pin, token: 'name:secret', url: `${url}/moved` });
    t.match(seen[1], { method: 'GET', url: '/here', body: '' });
    t.notMatch(seen[1]?.rawHeaders.join(' '), /authorization/i);
  });

  await t.test('a first-boot executable is cut at 1 MiB without a word', async (t) => {
    const got = await request({ release: '9.2', purpose: 'first-boot', url: `${url}/large`, pin });
    t.same(got, { length: 1 << 20 });
  });
});
