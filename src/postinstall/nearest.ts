/** The right spelling that somebody probably meant. */

/** The candidate that is fewest edits away (Levenshtein), when it is at most a third of the word. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  if (typed.length > 60) return undefined;
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: edits(typed.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(2, Math.floor(typed.length / 3)) ? best.candidate : undefined;
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
