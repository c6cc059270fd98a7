/** Why a mutant that survives `npm run mutation` may: the first rule that fits. What fits none is a test that is missing. */

export interface Survivor {
  readonly file: string;
  /** Stryker's name of what it did: `StringLiteral`, `ConditionalExpression`. */
  readonly mutator: string;
  readonly was: string;
  readonly became: string;
  /** The whole first line. */
  readonly context: string;
}

interface Rule {
  readonly reason: string;
  fits(survivor: Survivor): boolean;
}

const RULES: readonly Rule[] = [
  {
    reason: 'What stands in for a value that is not there; any text that is none of the values does',
    fits: ({ file, was, context }) =>
      /\/(?:globs|disk-rules|network-rules)\.ts$/.test(file) && was === "''" && /\?\? ''/.test(context),
  },
  {
    reason: 'A shortcut before the real comparison: a shorter beginning of the glob does as well',
    fits: ({ file, mutator, context }) =>
      file.endsWith('/globs.ts') && mutator === 'Regex' && context.startsWith('const beginning'),
  },
  {
    reason: 'The same either way: of equal releases each is the oldest, and the first row of a section is one of them',
    fits: ({ file, context }) => file.endsWith('/keys.ts') && context.includes('oldest'),
  },
  {
    reason: 'The same either way: a name without a dot begins at its first character, counted from -1 or from 0',
    fits: ({ file, context }) => file.endsWith('/keys.ts') && context.includes('lastIndexOf'),
  },
  {
    reason: 'No release has removed a key yet; the table can say it, and the sentence for it waits',
    fits: ({ file, was, context }) => file.endsWith('/validate.ts') && /removed/.test(`${was}${context}`),
  },
  {
    reason:
      'Cannot be reached: every enum has its values, every number its bounds, every name-or-table its release (dialect.test.ts looks)',
    fits: ({ file, was, context }) =>
      file.endsWith('/validate.ts') &&
      ((was === "'0'" && context.includes('tableSince')) ||
        (was === '[]' && context.includes('entry.values ?? []')) ||
        (was === '-Infinity' && context.includes('min ?? -Infinity'))),
  },
  {
    reason: 'The rules before it have refused or returned already; the line is for the type checker',
    fits: ({ file, was }) =>
      file.endsWith('/disk-rules.ts') && /^(?:own|level|minimum) === undefined|^level === undefined/.test(was),
  },
  {
    reason: 'Only the tables of zfs and btrfs have a level at all; the line says so to the reader',
    fits: ({ file, was }) => file.endsWith('/disk-rules.ts') && was === "kind === 'zfs' || kind === 'btrfs'",
  },
  {
    reason: 'The parser of MACs throws nothing else; anything else would be a defect and is not hidden',
    fits: ({ file, was }) => file.endsWith('/network-rules.ts') && was === '!(error instanceof IronwakeError)',
  },
  {
    reason: "The place of the whole tree is nobody's: only what lies in it has an origin",
    fits: ({ file, was, context }) =>
      file.endsWith('/merge.ts') && (was === '() => NOWHERE' || context.startsWith('const NOWHERE')),
  },
  {
    reason: 'What is neither map nor list is a leaf; its name is for the type checker',
    fits: ({ file, was }) => file.endsWith('/merge.ts') && was === "'leaf'",
  },
  {
    reason: 'A text that is split has one part at least; the default is for the type checker',
    fits: ({ file, context }) => file.endsWith('/addresses.ts') && context.startsWith('const [left = []'),
  },
];

export function reasonOf(survivor: Survivor): string | undefined {
  return RULES.find((rule) => rule.fits(survivor))?.reason;
}
