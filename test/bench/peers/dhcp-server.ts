/** Our DHCP server for dhcp.ts, in a process of its own inside a namespace: everybody is armed. Argument: the interface. Prints `ready`. */
import { decideBoot } from '../../../src/boot/decision.ts';
import { systemClock } from '../../../src/clock.ts';
import { DhcpServer } from '../../../src/dhcp/server.ts';
import { silentLog } from '../../../src/log.ts';
import { findSegments } from '../../../src/net/interfaces.ts';

const server = new DhcpServer({
  segments: await findSegments([process.argv[2] ?? ''], { http: 8080, https: 8443 }),
  decide: async (facts, segment) =>
    decideBoot(facts, { registered: true, run: { id: 'run', state: 'armed', contested: false } }, segment),
  log: silentLog,
  clock: systemClock,
});
await server.start();
process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('end', async () => {
  await server.close();
  process.exit(0);
});
