/** What an administrator searches the log for: a machine, a run. */
import t from 'tap';
import { createLog } from '../../src/log.ts';
import { armed, install, loadImage } from '../support/machine.ts';
import { NODE_AT, NODE_MAC } from '../support/parts.ts';

t.test('every line of an installation names its machine and its run', async (t) => {
  const lines: string[] = [];
  const log = await createLog({
    level: 'info',
    format: 'json',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const { parts } = await armed(t, { log });
  const { runId } = await install(t, parts, await loadImage(parts));
  const timeline = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'timeline');
  t.ok(timeline.length > 5);
  for (const line of timeline) t.match(line, { mac: NODE_MAC, run: runId }, line.event);
  const of = (code: string) => timeline.find(({ event }) => event === code);
  t.equal(of('boot.firmware-asked')?.arch, 'bios');
  t.equal(of('installer.answer-served')?.ip, NODE_AT);
});
