/** A profile value by value, for people: what is set, to what, and where it came from. */
import { isMap, isSecretReference, type Origin, type Plain, type PlainMap } from './merge.ts';
import { nearestOrigin, type ResolvedProfile } from './resolve.ts';

export interface Leaf {
  /** With dots: `answer.global.country`; items of a list `answer.global.root-ssh-keys[0]`. */
  readonly path: string;
  /** On one line: text as it is, everything else as JSON. */
  readonly text: string;
  /** Undefined for a default of Ironwake. */
  readonly origin: Origin | undefined;
}

/** Parts of a profile that say something, in the order in which they are shown. */
const PARTS = [
  'product',
  'release',
  'types',
  'values',
  'pools',
  'counters',
  'answer',
  'postInstall',
  'install',
] as const;
type Shown = Partial<Pick<ResolvedProfile, (typeof PARTS)[number] | 'origins'>>;

const MASK = '(masked)';
/** Values of the answer that are worth stealing, in either spelling. */
const SECRET_KEYS: ReadonlySet<string> = new Set(['root-password-hashed', 'subscription-key']);

/** `answer` of a profile without what is worth stealing. */
export function maskAnswer(answer: PlainMap): PlainMap {
  const { global } = answer;
  if (!isMap(global)) return answer;
  const masked = Object.entries(global).map(([key, value]): [string, Plain] => [
    key,
    SECRET_KEYS.has(key.replaceAll('_', '-')) ? MASK : value,
  ]);
  return { ...answer, global: Object.fromEntries(masked) };
}

/** @param items one entry for each item of a list, instead of one for the list */
export function leavesOf(profile: Shown, items: boolean): Leaf[] {
  const masked: Shown = profile.answer === undefined ? profile : { ...profile, answer: maskAnswer(profile.answer) };
  return PARTS.flatMap((part) => {
    const value = masked[part];
    return value === undefined ? [] : below(value as Plain, [part], profile.origins ?? {}, items);
  });
}

function below(value: Plain, path: readonly string[], origins: ResolvedProfile['origins'], items: boolean): Leaf[] {
  if (isMap(value) && !isSecretReference(value)) {
    const entries = Object.entries(value);
    if (entries.length > 0) return entries.flatMap(([key, next]) => below(next, [...path, key], origins, items));
    // A part that is empty says nothing; an empty module says that it runs.
    if (path.length === 1) return [];
  }
  if (items && Array.isArray(value) && value.length > 0) {
    return value.flatMap((item: Plain, i) => leaf(item, [...path, String(i)], `${dotted(path)}[${i}]`, origins));
  }
  return leaf(value, path, dotted(path), origins);
}

function leaf(value: Plain, path: readonly string[], shown: string, origins: ResolvedProfile['origins']): Leaf[] {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [{ path: shown, text, origin: nearestOrigin(origins, path) }];
}

const dotted = (path: readonly string[]): string => path.join('.');

export interface Difference {
  readonly path: string;
  readonly before: Leaf | undefined;
  readonly after: Leaf | undefined;
}

/** What is different between two profiles, by path. */
export function differencesOf(before: Shown, after: Shown): Difference[] {
  const [left, right] = [before, after].map(
    (profile) => new Map(leavesOf(profile, false).map((found) => [found.path, found])),
  );
  if (left === undefined || right === undefined) return [];
  return [...new Set([...left.keys(), ...right.keys()])]
    .map((path) => ({ path, before: left.get(path), after: right.get(path) }))
    .filter((found) => found.before?.text !== found.after?.text)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
