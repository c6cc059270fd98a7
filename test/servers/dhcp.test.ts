/** The DHCP server on loopback: what happens around the packets. What travels on a real segment is in test/net/dhcp.test.ts. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { test } from 'tap';
import type { BootDecision } from '../../src/boot/decision.ts';
import type { ClientFacts } from '../../src/boot/facts.ts';
import { ManualClock } from '../../src/clock.ts';
import { bootServerRequest, encodeDiscover } from '../../src/dhcp/discover.ts';
import { encodePacket, parsePacket } from '../../src/dhcp/packet.ts';
import { QUIET_MS } from '../../src/dhcp/rarely.ts';
import { type DhcpObservation, DhcpServer, type DhcpServerOptions } from '../../src/dhcp/server.ts';
import { IronwakeError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import type { HostNetwork } from '../../src/net/interfaces.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Segment } from '../../src/net/segment.ts';

const LOOPBACK = '127.0.0.1' as Ipv4;
const MAC = '52:54:00:00:00:01' as Mac;
const SEGMENT: Segment = {
  interfaceName: 'lo',
  address: LOOPBACK,
  prefixLength: 8,
  httpUrl: 'http://127.0.0.1:8080',
  httpsUrl: 'https://127.0.0.1:8443',
};
const LOADER: BootDecision = { kind: 'loader', file: 'x.efi', because: { code: 'armed', runId: 'r' } };
const SILENT: BootDecision = { kind: 'silent', because: { code: 'not-registered' } };

async function setUp(options: Partial<DhcpServerOptions> = {}) {
  const lines: { readonly msg: string; readonly level: number; readonly leftOut?: number }[] = [];
  const seen: ClientFacts[] = [];
  const observations: DhcpObservation[] = [];
  const clock = new ManualClock();
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const server = new DhcpServer({
    segments: [SEGMENT],
    decide: async (facts) => {
      seen.push(facts);
      return LOADER;
    },
    observe: (observation) => observations.push(observation),
    log: await createLog({ level: 'debug', format: 'json', destination }),
    clock,
    ports: { dhcp: 0, bootServer: 0 },
    ...options,
  });
  await server.start();
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  return {
    server,
    socket,
    clock,
    lines,
    seen,
    observations,
    ports: () => server.boundPorts[0] ?? { dhcp: 0, bootServer: 0 },
    tearDown: async () => {
      socket.close();
      await server.close();
    },
  };
}

/** The next reply that this socket gets. */
async function reply(socket: Socket) {
  const [bytes, from] = await once(socket, 'message');
  const parsed = parsePacket(bytes);
  if (!parsed.ok) throw new Error(parsed.fault);
  return { ...parsed.packet, fromPort: from.port };
}

const discover = (xid: number, secs = 0) => encodeDiscover({ client: 'uefi', mac: MAC, xid, secs });

test('answers on both ports from the port that was asked', async (t) => {
  const { socket, ports, seen, server, tearDown } = await setUp();
  t.teardown(tearDown);
  socket.send(discover(1), ports().dhcp, LOOPBACK);
  t.hasStrict(await reply(socket), { op: 2, xid: 1, siaddr: LOOPBACK, file: 'x.efi', fromPort: ports().dhcp });
  socket.send(
    encodePacket(bootServerRequest({ client: 'uefi', mac: MAC, xid: 2 }, LOOPBACK)),
    ports().bootServer,
    LOOPBACK,
  );
  t.hasStrict(await reply(socket), { xid: 2, file: 'x.efi', fromPort: ports().bootServer });
  t.strictSame(
    seen.map((f) => `${f.message} ${f.port}`),
    ['discover 67', 'request 4011'],
  );
  t.hasStrict(server.counters, { received: 2, answered: 2, failed: 0 });
});

test('the same answer to the same machine stands in the log once in ten seconds, with the number left out', async (t) => {
  const { socket, ports, lines, clock, tearDown } = await setUp();
  t.teardown(tearDown);
  const ask = async (xid: number) => {
    socket.send(discover(xid), ports().dhcp, LOOPBACK);
    await reply(socket);
  };
  for (const xid of [1, 2, 3, 4]) await ask(xid);
  clock.advance(10_000);
  await ask(5);
  const told = () => lines.filter(({ msg }) => /^DHCP discover/.test(msg)).map(({ leftOut = 0 }) => leftOut);
  // The line is written when the reply has left.
  while (told().at(-1) === 0) await new Promise(setImmediate);
  t.strictSame(told(), [0, 3]);
});

test('a decision that fails costs one packet its reply, nothing more', async (t) => {
  const { socket, ports, lines, server, tearDown } = await setUp({
    decide: async (facts) => {
      if (facts.secs === 1) throw new Error('the store is gone');
      return LOADER;
    },
  });
  t.teardown(tearDown);
  for (const xid of [1, 2, 3]) socket.send(discover(xid, 1), ports().dhcp, LOOPBACK);
  socket.send(discover(4), ports().dhcp, LOOPBACK);
  t.equal((await reply(socket)).xid, 4);
  t.hasStrict(server.counters, { failed: 3, answered: 1 });
  t.equal(lines.filter((l) => l.msg === 'a DHCP packet could not be answered').length, 1, 'said once, not three times');
});

test('malformed packets: counted by reason, said at most once a minute', async (t) => {
  const { socket, ports, lines, clock, server, tearDown } = await setUp();
  t.teardown(tearDown);
  const said = () => lines.filter((l) => l.msg.startsWith('not a DHCP request')).map((l) => l.leftOut);
  const flood = async (xid: number) => {
    for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(100), ports().dhcp, LOOPBACK);
    socket.send(discover(xid), ports().dhcp, LOOPBACK);
    t.equal((await reply(socket)).xid, xid);
  };
  await flood(1);
  t.strictSame(said(), [0]);
  clock.advance(QUIET_MS);
  await flood(2);
  t.strictSame(said(), [0, 19], 'with the number that was left out');
  t.strictSame([...server.counters.malformed], [['too-short', 40]]);
});

test('what is nobody to boot is not asked about', async (t) => {
  const { socket, ports, seen, server, tearDown } = await setUp();
  t.teardown(tearDown);
  socket.send(encodeDiscover({ client: 'plain', mac: MAC, xid: 1 }), ports().dhcp, LOOPBACK);
  socket.send(encodeDiscover({ client: 'installer', mac: MAC, xid: 2 }), ports().dhcp, LOOPBACK);
  socket.send(discover(3), ports().dhcp, LOOPBACK);
  await reply(socket);
  t.strictSame(
    seen.map((f) => f.kind),
    ['installer', 'pxe'],
  );
  t.equal(server.counters.ignored, 1);
});

test('firmware that takes no PXE10 offer is offered the other form, and that is observed', async (t) => {
  const { socket, ports, observations, tearDown } = await setUp();
  t.teardown(tearDown);
  const forms: string[] = [];
  for (const secs of [0, 4, 12]) {
    socket.send(discover(1, secs), ports().dhcp, LOOPBACK);
    forms.push((await reply(socket)).options.has(43) ? 'pxe10' : 'binl');
  }
  t.strictSame(forms, ['pxe10', 'binl', 'binl']);
  t.hasStrict(observations, [{ kind: 'offer-form-changed', form: 'binl', segment: SEGMENT }]);
  t.equal(observations.length, 1);
});

test('an interface that goes and comes back', async (t) => {
  const lo = {
    name: 'lo',
    index: 1,
    ethernet: true,
    loopback: true,
    bridge: undefined,
    addresses: [{ address: LOOPBACK, prefixLength: 8 }],
  };
  let host: HostNetwork = { interfaces: [lo], defaultRoutes: [] };
  const { server, socket, ports, observations, tearDown } = await setUp({ readHost: async () => host });
  t.teardown(tearDown);
  await server.checkInterfaces();
  t.strictSame(observations, [], 'nothing changed');

  host = { ...host, interfaces: [{ ...lo, addresses: [] }] };
  await server.checkInterfaces();
  await server.checkInterfaces();
  t.strictSame(observations, [{ kind: 'segment-lost', segment: SEGMENT, because: 'address' }], 'said once');
  t.strictSame(server.boundPorts, [undefined]);

  const moved = '127.0.0.5' as Ipv4;
  host = { ...host, interfaces: [{ ...lo, addresses: [{ address: moved, prefixLength: 8 }] }] };
  await server.checkInterfaces();
  t.hasStrict(observations.at(-1), {
    kind: 'segment-restored',
    before: SEGMENT,
    segment: { address: moved, httpUrl: 'http://127.0.0.5:8080' },
  });
  t.hasStrict(server.segments, [{ address: moved }]);
  socket.send(discover(9), ports().dhcp, moved);
  t.hasStrict(await reply(socket), { xid: 9, siaddr: moved }, 'served on its new address');
});

test('the watch runs by the clock', async (t) => {
  let looks = 0;
  let looked: () => void = () => {};
  const { server, clock, tearDown } = await setUp({
    readHost: async () => {
      looks += 1;
      looked();
      return {
        interfaces: [
          {
            name: 'lo',
            index: 1,
            ethernet: true,
            loopback: true,
            bridge: undefined,
            addresses: [{ address: LOOPBACK, prefixLength: 8 }],
          },
        ],
        defaultRoutes: [],
      };
    },
  });
  t.teardown(tearDown);
  t.equal(looks, 1, 'at the start');
  const next = new Promise<void>((resolve) => {
    looked = resolve;
  });
  clock.advance(5000);
  await next;
  t.equal(looks, 2);
  await server.close();
  clock.advance(60_000);
  t.equal(looks, 2, 'closed: no more');
});

test('a port in use: one error, and nothing stays bound', async (t) => {
  const blocker = createSocket('udp4');
  blocker.bind(0, LOOPBACK);
  await once(blocker, 'listening');
  const { port } = blocker.address();
  const start = () => setUp({ ports: { dhcp: 0, bootServer: port } });
  await t.rejects(start(), {
    constructor: IronwakeError,
    code: 'net.port-in-use',
    message: `UDP 127.0.0.1:${port} is taken by another process`,
  });
  blocker.close();
  await once(blocker, 'close');
  const { tearDown } = await start();
  await tearDown();
  t.pass('the port is free afterwards');
});

test('after close nothing is sent any more', async (t) => {
  let release: () => void = () => {};
  let asked: () => void = () => {};
  const wasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { server, socket, ports, tearDown } = await setUp({
    decide: async () => {
      asked();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return LOADER;
    },
  });
  t.teardown(tearDown);
  socket.send(discover(1), ports().dhcp, LOOPBACK);
  await wasAsked;
  await server.close();
  release();
  await new Promise(setImmediate);
  t.hasStrict(server.counters, { answered: 0, failed: 0, silent: 1 });
});

test('silence is counted too', async (t) => {
  const { server, socket, ports, tearDown } = await setUp({ decide: async (f) => (f.secs === 1 ? SILENT : LOADER) });
  t.teardown(tearDown);
  socket.send(discover(1, 1), ports().dhcp, LOOPBACK);
  socket.send(discover(2), ports().dhcp, LOOPBACK);
  t.equal((await reply(socket)).xid, 2);
  t.hasStrict(server.counters, { silent: 1, answered: 1 });
});
