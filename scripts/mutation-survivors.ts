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
    reason: 'No release has removed a key yet; the table can say it',
    fits: ({ file, was, context }) => /\/(?:keys|validate)\.ts$/.test(file) && /removed/.test(`${was}${context}`),
  },
  {
    reason: 'What stands in for a value that is not there; any text that is none of the values does',
    fits: ({ file, was, context }) =>
      /\/(?:globs|disk-rules|network-rules)\.ts$/.test(file) && was === "''" && /\?\? ''/.test(context),
  },
  {
    reason: "The verdict asks for 'installer' alone, and the type checker refuses any other word",
    fits: ({ file, was, became }) =>
      /\/(?:disk|network)-rules\.ts$/.test(file) && was === "'ironwake'" && became === '""',
  },
  {
    reason: 'The same either way: equal releases have the same first one, and an empty text no dot',
    fits: ({ file, context }) =>
      file.endsWith('/keys.ts') && /sectionSince|oldest|lastIndexOf|prefix === ''/.test(context),
  },
  {
    reason: 'Cannot be reached with a valid dialect: all keys that may be a table say since when',
    fits: ({ file, was, context }) => file.endsWith('/validate.ts') && was === "'0'" && context.includes('tableSince'),
  },
  {
    reason: 'The rules before it have refused or returned already; the line is for the type checker',
    fits: ({ file, was }) =>
      file.endsWith('/disk-rules.ts') &&
      /^(?:own|level|minimum) === undefined|filesystem\(view\) !== 'btrfs'/.test(was),
  },
];

export function reasonOf(survivor: Survivor): string | undefined {
  return RULES.find((rule) => rule.fits(survivor))?.reason;
}
