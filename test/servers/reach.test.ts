/** The daemon knocks at a node: against real sockets of this host. */
import { createServer } from 'node:net';
import t from 'tap';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { createReach } from '../../src/ssh/reach.ts';

const LOCAL = parseIpv4('127.0.0.1');

t.test('open, refused, from another address of ours, from one that is not ours', async (t) => {
  const seen: (string | undefined)[] = [];
  const server = createServer((socket) => {
    seen.push(socket.remoteAddress);
    socket.on('error', () => {}).destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const reach = createReach();
  t.equal(await reach.connect({ address: LOCAL, port }), 'open');
  t.equal(await reach.connect({ address: LOCAL, port, from: parseIpv4('127.0.0.9') }), 'open');
  t.equal(await reach.connect({ address: LOCAL, port, from: parseIpv4('192.0.2.77') }), 'unreachable');
  await new Promise<void>((resolve) => server.close(() => resolve()));
  t.equal(await reach.connect({ address: LOCAL, port }), 'refused');
  t.strictSame(seen, ['127.0.0.1', '127.0.0.9']);
});

t.test('a daemon that stops waits for nobody', async (t) => {
  const stop = new AbortController();
  // TEST-NET: nobody answers there, or there is no route at all.
  const knock = createReach({ signal: stop.signal, timeoutMs: 600_000 }).connect({
    address: parseIpv4('192.0.2.1'),
    port: 9,
  });
  stop.abort();
  t.ok(['silent', 'unreachable', 'refused'].includes(await knock));
});

t.test('ping', async (t) => {
  const verdict = await createReach().ping(LOCAL);
  t.ok(
    ['answered', 'untried'].includes(verdict),
    'answered where there is a ping program, and never silent on loopback',
  );
});
