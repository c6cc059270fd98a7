/** Refusals in the log: a flood leaves one line in ten seconds, with the number of those before, and every reference that was told is found. */
import t from 'tap';
import { refuse } from '../../src/journey/refusal.ts';
import { createLog } from '../../src/log.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { startParts } from '../support/parts.ts';

t.test('a thousand refusals', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const journey = { ...parts.journey, log: await createLog({ level: 'info', format: 'json', destination }) };
  const from = (address: string) => refuse(journey, 'bad-token', 'the answer', address as Ipv4);
  const told = () => lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'refused the answer');

  const references = new Set<string>();
  for (let i = 0; i < 50; i += 1) references.add((await from('127.0.0.9')).reference);
  t.same(
    told().map(({ reference }) => reference),
    [...references],
    'one line, and its reference is what everybody read',
  );
  const other = await from('127.0.0.8');
  t.notOk(references.has(other.reference));
  parts.clock.advance(10_000);
  const later = await from('127.0.0.9');
  t.match(told().at(-1), { reference: later.reference, repeated: 49, ip: '127.0.0.9' });
  t.equal(told().length, 3);
});
