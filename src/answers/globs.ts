/**
 * Globs as the installer's filters read them: `*` (crosses slashes), `?`, `[abc]`, `[0-9]`, `[!a]`, case-sensitive. `**` may stand only as a whole
 * path component; next to other characters it does not compile, which shows on the machine only.
 */

/** Why a glob does not compile, or undefined when it does. */
export function globProblem(glob: string): string | undefined {
  for (const match of glob.matchAll(/\*{2,}/g)) {
    const before = glob[match.index - 1];
    const after = glob[match.index + match[0].length];
    if (match[0].length > 2) return 'has three or more asterisks in a row';
    if ((before !== undefined && before !== '/') || (after !== undefined && after !== '/')) {
      return 'has ** beside other characters';
    }
  }
  return bracketsClose(glob) ? undefined : 'has a bracket that does not close';
}

function bracketsClose(glob: string): boolean {
  let at = glob.indexOf('[');
  while (at !== -1) {
    // The first character of a class, also behind `!`, is never the closing bracket.
    const first = glob[at + 1] === '!' ? at + 2 : at + 1;
    const end = glob.indexOf(']', first + 1);
    if (end === -1) return false;
    at = glob.indexOf('[', end + 1);
  }
  return true;
}

/** What stands for one character. */
type One =
  | { readonly kind: 'one' }
  | { readonly kind: 'literal'; readonly char: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: ReadonlyArray<readonly [string, string]> };
type Token = { readonly kind: 'any' } | One;

/** Whether a text matches a glob; one that does not compile matches nothing. A `**` counts as `*`, which crosses slashes as well. */
export function matchesGlob(glob: string, text: string): boolean {
  return compileGlob(glob)(text);
}

/** The same for a glob that many texts are held against. */
export function compileGlob(glob: string): (text: string) => boolean {
  const tokens = tokensOf(glob);
  if (tokens === undefined) return () => false;
  // Most texts differ before the first wildcard.
  const beginning = glob.slice(0, glob.search(/[*?[]|$/));
  return (text) => text.startsWith(beginning) && matchesTokens(tokens, text);
}

function matchesTokens(tokens: readonly Token[], text: string): boolean {
  const chars = [...text];
  let place = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  // Greedy with one place to come back to: no glob takes longer than tokens times characters.
  while (at < chars.length) {
    const wanted = tokens[place];
    if (wanted?.kind === 'any') {
      star = place++;
      resume = at;
    } else if (wanted !== undefined && takes(wanted, chars[at] ?? '')) {
      place++;
      at++;
    } else if (star !== -1) {
      place = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (tokens[place]?.kind === 'any') place++;
  return place === tokens.length;
}

function takes(token: One, char: string): boolean {
  switch (token.kind) {
    case 'one':
      return true;
    case 'literal':
      return token.char === char;
    case 'class':
      return token.ranges.some(([from, to]) => char >= from && char <= to) !== token.negated;
  }
}

/** Undefined when a bracket does not close. */
function tokensOf(glob: string): Token[] | undefined {
  const tokens: Token[] = [];
  const chars = [...glob];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? '';
    if (char === '*') tokens.push({ kind: 'any' });
    else if (char === '?') tokens.push({ kind: 'one' });
    else if (char === '[') {
      const negated = chars[i + 1] === '!';
      const first = negated ? i + 2 : i + 1;
      const end = chars.indexOf(']', first + 1);
      if (end === -1) return undefined;
      const ranges: Array<readonly [string, string]> = [];
      for (let j = first; j < end; j++) {
        const from = chars[j] ?? '';
        if (chars[j + 1] === '-' && j + 2 < end) {
          ranges.push([from, chars[j + 2] ?? '']);
          j += 2;
        } else ranges.push([from, from]);
      }
      tokens.push({ kind: 'class', negated, ranges });
      i = end;
    } else tokens.push({ kind: 'literal', char });
  }
  return tokens;
}
