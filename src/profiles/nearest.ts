/** The right spelling that somebody probably meant. */

export interface NearestOptions {
  /** What words of others mean here: what they are called elsewhere, as written in lower case, to the candidate. */
  readonly meant?: Readonly<Record<string, string>>;
  /** Whether a wrong suggestion does harm (a RAID level, a keyboard): where two candidates are equally near, there is none. */
  readonly surely?: boolean;
}

/**
 * The candidate that is the same but for case and punctuation; else what `meant` says; else the one with the fewest edits (Levenshtein), if
 * they are few for its length: one for words up to five letters, two for longer ones, then a third.
 */
export function nearest(
  typed: string,
  candidates: Iterable<string>,
  { meant = {}, surely = false }: NearestOptions = {},
): string | undefined {
  // What is far longer than any candidate is not a typing mistake, and comparing it would cost time.
  if (typed.length > 80) return undefined;
  const all = [...candidates];
  const wanted = typed.toLowerCase().replaceAll('_', '-');
  const same = all.filter((candidate) => lettersOf(candidate) === lettersOf(typed));
  if (same.length === 1 && lettersOf(typed) !== '') return same[0];
  const word = [wanted, lettersOf(typed)].find((name) => Object.hasOwn(meant, name));
  const alias = word === undefined ? undefined : meant[word];
  // What is known to mean something else is not made into the next best.
  if (alias !== undefined) return all.find((candidate) => lettersOf(candidate) === lettersOf(alias));
  // Of two or three letters nearly everything is one edit away.
  if (surely && wanted.length < 4) return undefined;
  const most = wanted.length <= 5 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  let near: string[] = [];
  let fewest = most;
  for (const candidate of all) {
    const edits = distance(wanted, candidate.toLowerCase());
    if (edits < fewest) near = [];
    if (edits <= fewest) near.push(candidate);
    fewest = Math.min(fewest, edits);
  }
  return surely && near.length > 1 ? undefined : near[0];
}

function lettersOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** Optimal string alignment: two letters that changed places are one edit. */
function distance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforePrevious[j - 2] ?? 0) + 1 : replaced;
      current.push(Math.min(replaced, swapped, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[b.length] ?? 0;
}
