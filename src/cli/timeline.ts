/** A machine's story as lines of text. Times are shown in this machine's time zone. */
import type { EventView, RunView, WaitingView } from '../api/schemas.ts';
import { formatBytes } from '../runs/words.ts';
import { printable } from './terminal.ts';

const MARKS: Readonly<Record<EventView['severity'], string>> = { info: ' ', good: '✓', warning: '!', alarm: '✗' };
const INDENT = ' '.repeat(13);

const two = (value: number): string => String(value).padStart(2, '0');

/** `14:03:59` */
export function clockTime(iso: string): string {
  const date = new Date(iso);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `2027-01-15` */
export function day(iso: string): string {
  const date = new Date(iso);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function dayAndTime(iso: string): string {
  return `${day(iso)} ${clockTime(iso)}`;
}

/** One event: time, mark, text; cause and remedy below it where something is wrong. */
export function eventLines(event: EventView): string {
  const lines = [`  ${clockTime(event.at)} ${MARKS[event.severity] ?? ' '} ${event.text}`];
  if (event.cause !== undefined) lines.push(`${INDENT}likely: ${event.cause}`);
  if (event.remedy !== undefined) lines.push(`${INDENT}do: ${event.remedy}`);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** Events with a line of the date wherever a new day begins. `before` is the last event that was shown already. */
export function timelineLines(events: readonly EventView[], before?: EventView): string {
  let shown = before === undefined ? undefined : day(before.at);
  let text = '';
  for (const event of events) {
    const today = day(event.at);
    if (today !== shown) text += `  ${today}\n`;
    shown = today;
    text += eventLines(event);
  }
  return text;
}

/** "waiting for X until T; do: Y" */
export function waitingLine(waiting: WaitingView): string {
  const until = waiting.until === null ? '' : ` until ${clockTime(waiting.until)}`;
  return `${printable(`waiting for ${waiting.for}${until}; do: ${waiting.do}`)}\n`;
}

/** `loading, 1.0 GiB of 1.7 GiB`, `armed`, `failed (installer-error)`, `live, contested`. */
export function runWords(run: RunView | null): string {
  if (run === null) return 'registered';
  const words = [run.failure === null ? run.state : `${run.state} (${run.failure})`];
  if (run.state === 'loading' && run.progress !== null)
    words.push(`${formatBytes(run.progress.sentBytes)} of ${formatBytes(run.progress.totalBytes)}`);
  if (run.contested) words.push('contested');
  if (run.withheld !== undefined && !run.ended) words.push('waiting for its code');
  if (run.stalledSince !== null && !run.ended) words.push('stalled');
  return words.join(', ');
}
