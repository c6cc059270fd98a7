/** Which events an endpoint is sent. */
import { invalid } from '../errors.ts';
import { EVENT_CODES, type Severity } from '../runs/events.ts';
import type { Webhook } from './webhook.ts';

/** Everything but what a machine, or whoever forges its packets, can say again and again while it boots. */
export const DEFAULT_EVENTS = [
  'run.*',
  'node.*',
  'installer.*',
  'plan.*',
  'drift.*',
  'rule.*',
  'pool.*',
  'secret.*',
  'boot.image-missing',
] as const;

const MOST = 64;

/**
 * @param patterns a code, `PREFIX.*` for all that begin so, or `*`
 * @throws IronwakeError `webhook.events`: nothing is chosen, or a pattern that no event can have
 */
export function parseEvents(patterns: readonly string[]): readonly string[] {
  const refuse = (message: string) =>
    invalid('webhook.events', 'events', message, 'Use event codes: run.ready, run.*, or * for all (docs/webhooks.md).');
  if (patterns.length === 0) throw refuse('no event is chosen');
  if (patterns.length > MOST) throw refuse(`at most ${MOST} patterns are taken`);
  const wrong = patterns.find((pattern) => !EVENT_CODES.some((code) => covers(pattern, code)));
  if (wrong !== undefined) throw refuse(`'${wrong.slice(0, 80)}' is no event`);
  return [...new Set(patterns)];
}

/** Whether an endpoint wants an event. */
export function wants(
  { events, severities }: Pick<Webhook, 'events' | 'severities'>,
  code: string,
  severity: Severity,
): boolean {
  if (severities.length > 0 && !severities.includes(severity)) return false;
  return events.some((pattern) => covers(pattern, code));
}

function covers(pattern: string, code: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? code.startsWith(pattern.slice(0, -1)) : code === pattern;
}
