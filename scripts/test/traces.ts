/** What a test file must leave as it found it where several share a process, or the next one would be judged by what this one did. */

/** The state of a process that every file in it sees. */
export interface Traces {
  /** Name of the place -> its value. Values are compared by identity. */
  readonly places: ReadonlyMap<string, unknown>;
  /** What keeps the event loop alive (`process.getActiveResourcesInfo`): timers, sockets, children. */
  readonly resources: readonly string[];
}

/** Objects whose own functions tests are tempted to replace. */
const SHARED: Readonly<Record<string, object>> = { globalThis, Date, Math, JSON, performance, console, process };

/** Libraries listen to them from their first import on; nothing happens before the process ends. */
const HARMLESS: ReadonlySet<string | symbol> = new Set(['exit', 'beforeExit']);

/** Reads the present state. Getters are not called. */
export function tracesOf(process: NodeJS.Process): Traces {
  const places = new Map<string, unknown>([
    ['the working directory', process.cwd()],
    ['the umask', process.umask()],
    ['the user', process.geteuid?.()],
    ['the exit code', process.exitCode],
  ]);
  for (const [name, value] of Object.entries(process.env)) places.set(`process.env.${name}`, value);
  for (const event of process.eventNames().filter((name) => !HARMLESS.has(name)))
    places.set(`listeners of '${String(event)}'`, process.listenerCount(event as 'exit'));
  for (const [name, object] of Object.entries(SHARED))
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(object)))
      if (typeof value === 'function' || object === globalThis) places.set(`${name}.${key}`, value);
  return { places, resources: process.getActiveResourcesInfo() };
}

/**
 * What is not as before, in words: empty when all is. Fewer resources than before are no difference, nor is a new function under a name that
 * nobody had (tslib, with the first library that imports it).
 */
export function differences(before: Traces, after: Traces): readonly string[] {
  const said: string[] = [];
  for (const [place, value] of after.places)
    if (!Object.is(before.places.get(place), value) && !isAddition(before, place)) said.push(`${place} is changed`);
  for (const place of before.places.keys()) if (!after.places.has(place)) said.push(`${place} is gone`);
  const left = [...after.resources];
  for (const known of before.resources) {
    const at = left.indexOf(known);
    if (at >= 0) left.splice(at, 1);
  }
  return [...said, ...left.map((resource) => `left open: ${resource}`)];
}

const isAddition = (before: Traces, place: string): boolean =>
  place.startsWith('globalThis.') && !before.places.has(place);
