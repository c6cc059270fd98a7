/** The right spelling that somebody probably meant. */

/** The candidate with the fewest edits (Levenshtein, case ignored), if they are few for its length. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  // What is far longer than any candidate is not a typing mistake, and comparing it would cost time.
  if (typed.length > 80) return undefined;
  const wanted = typed.toLowerCase().replaceAll('_', '-');
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(wanted.length / 3));
  for (const candidate of candidates) {
    const edits = distance(wanted, candidate.toLowerCase());
    if (edits < bestEdits || (edits === bestEdits && best === undefined)) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
