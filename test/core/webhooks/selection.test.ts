/** Which events an endpoint is sent. */
import { test } from 'tap';
import { EVENT_CODES, REPEATABLE_CODES } from '../../../src/runs/events.ts';
import { DEFAULT_EVENTS, parseEvents, wants } from '../../../src/webhooks/selection.ts';

test('patterns', (t) => {
  for (const [events, severities, code, severity, expected] of [
    [['*'], [], 'run.ready', 'good', true],
    [['run.*'], [], 'run.ready', 'good', true],
    [['run.*'], [], 'node.changed', 'info', false],
    [['run.*'], [], 'running', 'info', false],
    [['run.ready'], [], 'run.ready', 'good', true],
    [['run.ready'], [], 'run.failed', 'alarm', false],
    [['node.changed', 'run.failed'], [], 'run.failed', 'alarm', true],
    [['*'], ['alarm', 'warning'], 'run.failed', 'alarm', true],
    [['*'], ['alarm'], 'run.ready', 'good', false],
  ] as const)
    t.equal(wants({ events, severities }, code, severity), expected, `${events} ${severities}: ${code}`);
  t.end();
});

test('what no event can have is refused', (t) => {
  for (const events of [[], ['run'], ['run.'], ['run.redy'], ['ruin.*'], ['**'], ['*.ready'], ['run.*', ''], ['.*']])
    t.throws(() => parseEvents(events), { code: 'webhook.events', field: 'events' }, JSON.stringify(events));
  t.same(parseEvents(['run.*', '*', 'run.*']), ['run.*', '*'], 'each once');
  t.throws(() => parseEvents(new Array(65).fill('*')), { code: 'webhook.events' });
  t.end();
});

test('by default a receiver hears of all but what a booting machine repeats', (t) => {
  const events = parseEvents(DEFAULT_EVENTS);
  const silent = EVENT_CODES.filter((code) => !wants({ events, severities: [] }, code, 'info'));
  t.same(
    silent.filter((code) => !(REPEATABLE_CODES as readonly string[]).includes(code)),
    [],
  );
  t.end();
});
