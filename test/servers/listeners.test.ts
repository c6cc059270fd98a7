/** What stops a stop: connections that ask for nothing are closed at once, requests under way are finished. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fastify } from 'fastify';
import t from 'tap';
import { listen } from '../../src/http/listeners.ts';
import { openCertificates } from '../../src/trust/certificate-keeper.ts';

for (const kind of ['plain', 'TLS'] as const) {
  t.test(`${kind}: idle connections are closed at once, a request that has begun is answered`, async (t) => {
    const certificates = await openCertificates({
      directory: t.testdir(),
      hostNames: ['localhost'],
      addresses: ['127.0.0.1'],
      now: Date.now(),
    });
    const app = fastify({ return503OnClosing: true });
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    app.get('/slow', async () => {
      asked.resolve();
      await answer.promise;
      return 'done';
    });
    app.get('/quick', async () => 'done');
    await app.ready();
    const listeners = await listen(app, ['127.0.0.1'], 0, kind === 'TLS' ? certificates.current : undefined);
    t.teardown(() => listeners.destroy());
    const { port } = listeners;

    const open = (tls = kind === 'TLS'): Promise<Socket> =>
      new Promise((resolve, reject) => {
        const socket = tls
          ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => resolve(socket))
          : connect({ host: '127.0.0.1', port }, () => resolve(socket));
        socket.once('error', reject);
      });
    const closed = (socket: Socket): Promise<void> =>
      new Promise((resolve) => {
        socket.on('error', () => {});
        socket.once('close', () => resolve());
        socket.resume();
      });
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const until = (socket: Socket, what: string): Promise<string> =>
      new Promise((resolve) => {
        let text = '';
        socket.on('data', (piece) => {
          text += String(piece);
          if (text.includes(what)) resolve(text);
        });
      });

    const silent = await open(false);
    const idle = await open();
    const kept = await open();
    const keptAnswer = until(kept, 'done');
    kept.write(get('/quick'));
    await keptAnswer;
    const half = await open();
    half.write('GET /quick HTTP/1.1\r\nHost');
    const busy = await open();
    const busyAnswer = until(busy, 'done');
    busy.write(get('/slow'));
    await asked.promise;

    const idlers = [silent, idle, kept, half].map(closed);
    const busyClosed = closed(busy);
    const stopped = listeners.close();
    // Without an answer on the one that is busy: what has nothing to wait for does not wait for it.
    await Promise.all(idlers);
    t.pass('whoever asks for nothing is let go');
    answer.resolve();
    t.match(await busyAnswer, /^HTTP\/1\.1 200 /, 'what has begun is finished');
    await busyClosed;
    await stopped;
    t.pass('and then everything is closed');
  });
}
