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
