/**
 * A DHCP server of ours in a process of its own (started inside a namespace). Arguments: one JSON object. Prints JSON lines: `{"ready":...}`, every packet that
 * `decide` saw, observations, and after `check` or `counters` on standard input what was asked for.
 */
import { createInterface } from 'node:readline';
import { decideBoot } from '../../../src/boot/decision.ts';
import { systemClock } from '../../../src/clock.ts';
import { DhcpServer } from '../../../src/dhcp/server.ts';
import { IronwakeError } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { findSegments } from '../../../src/net/interfaces.ts';
import { loadKernel } from '../../../src/net/socket.ts';

interface Settings {
  readonly interfaces: readonly string[];
  /** MACs beginning so are registered and armed. */
  readonly armed: string;
  readonly relay?: boolean;
  readonly koffi?: boolean;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const say = (line: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const server = new DhcpServer({
    segments: await findSegments(settings.interfaces, { http: 8080, https: 8443 }),
    decide: async (facts, segment) => {
      say({ decide: facts, interface: segment.interfaceName });
      const known = facts.mac.startsWith(settings.armed);
      return decideBoot(
        facts,
        { registered: known, run: known ? { id: 'run', state: 'armed', contested: false } : undefined },
        segment,
      );
    },
    observe: (observation) => say({ observed: observation.kind, segment: observation.segment }),
    log: await createLog({ level: 'warn', format: 'json' }),
    clock: systemClock,
    relay: settings.relay ?? false,
    loadKernel: async () => (settings.koffi === false ? undefined : loadKernel()),
  });
  await server.start();
  say({ ready: server.segments });
  createInterface({ input: process.stdin }).on('line', async (line) => {
    if (line === 'check') await server.checkInterfaces();
    if (line === 'close') {
      await server.close();
      process.exit(0);
    }
    say({ counters: { ...server.counters, malformed: Object.fromEntries(server.counters.malformed) } });
  });
} catch (error) {
  say(error instanceof IronwakeError ? { error: error.code, line: error.line } : { error: String(error) });
  process.exit(1);
}
