/** One key, or one finding's code, explained from the table: the same facts as in docs/answers.md and docs/answer-findings.md. */
import { ANSWER_RELEASES } from './dialect.ts';
import { exampleLine } from './examples.ts';
import { FINDING_TEXTS } from './finding-texts.ts';
import { FINDING_KINDS, type FindingCode } from './findings.ts';
import {
  ANSWER_KEYS,
  type AnswerKey,
  formerName,
  HYPHENS_SINCE,
  hasUnderscoreAlias,
  isRequiredIn,
  ownName,
} from './keys.ts';
import { compareReleases, PRODUCT_NAMES } from './release.ts';

const TYPES: Readonly<Record<AnswerKey['type'], string>> = {
  string: 'text',
  boolean: 'true or false',
  integer: 'whole number',
  number: 'number',
  enum: 'one of the values',
  strings: 'list of texts',
  table: 'table',
  'name-or-table': 'text, or a table',
  globs: 'map of udev property to glob',
  mapping: 'map of MAC to name',
};

export interface KeyExplanation {
  readonly path: string;
  readonly text: string;
  readonly type: string;
  readonly values: readonly string[] | null;
  /** Where values may be written in upper case as well: since when. */
  readonly case: string | null;
  readonly default: string | null;
  /** `yes`, `no`, or the releases in which it is. */
  readonly required: string;
  readonly releases: string;
  readonly spelling: string;
  readonly products: readonly string[] | null;
  readonly range: string | null;
  readonly rules: readonly string[];
  readonly example: string;
}

/** Everything that the table knows of a key. */
export function explainKey(entry: AnswerKey): KeyExplanation {
  const { min, max, unit } = entry.range ?? {};
  const required = ANSWER_RELEASES.filter((release) => isRequiredIn(entry, release));
  const former = formerName(entry);
  return {
    path: `${entry.section}.${entry.key}`,
    text: entry.text,
    type: `${TYPES[entry.type]}${entry.tableSince === undefined ? '' : ` from ${entry.tableSince} on`}`,
    values: entry.values ?? null,
    case: caseOf(entry),
    default: entry.default ?? null,
    required:
      required.length === 0 ? 'no' : required.length === ANSWER_RELEASES.length ? 'yes' : `in ${required.join(', ')}`,
    releases: `from ${entry.since} on${entry.removed === undefined ? '' : `, until before ${entry.removed}`}`,
    spelling:
      former !== undefined
        ? `${former} before ${HYPHENS_SINCE}; ${former} is an alias since`
        : hasUnderscoreAlias(entry)
          ? `${ownName(entry).replaceAll('-', '_')} is an alias from ${HYPHENS_SINCE} on`
          : 'this one only',
    products: entry.products?.map((product) => PRODUCT_NAMES[product]) ?? null,
    range:
      entry.range === undefined
        ? null
        : `${max === undefined ? `at least ${min}` : `${min} to ${max}`}${unit === undefined ? '' : ` ${unit}`}`,
    rules: [...(entry.format === undefined ? [] : [entry.format]), ...(entry.rules ?? [])],
    example: exampleLine(entry, '9.2'),
  };
}

function caseOf({ upperCaseSince, values }: AnswerKey): string | null {
  if (upperCaseSince === undefined || values === undefined) return null;
  const loud = values.at(-1)?.toUpperCase();
  const since = compareReleases(upperCaseSince, ANSWER_RELEASES[0]) > 0 ? ` from ${upperCaseSince} on` : '';
  return `all lower case in every release, all upper case (${loud}) too${since}; never mixed`;
}

/** The keys that somebody may mean: a whole path, or its end (`hdsize`); either spelling, `[section] key` too. */
export function keysNamed(name: string): readonly AnswerKey[] {
  const wanted = name
    .trim()
    .replaceAll('_', '-')
    .replace(/^\[([^\]]+)\]\s*/, '$1.')
    .toLowerCase();
  const exact = ANSWER_KEYS.filter((entry) => `${entry.section}.${entry.key}` === wanted);
  if (exact.length > 0) return exact;
  return ANSWER_KEYS.filter(
    (entry) => entry.key === wanted || entry.key.endsWith(`.${wanted}`) || entry.section === wanted,
  );
}

/** Names that can be explained, for the nearest spelling. */
export function explainableNames(): readonly string[] {
  return [
    ...ANSWER_KEYS.map((entry) => `${entry.section}.${entry.key}`),
    ...ANSWER_KEYS.map(ownName),
    ...Object.keys(FINDING_KINDS),
  ];
}

export interface FindingExplanation {
  readonly code: string;
  readonly severity: string;
  readonly judge: string;
  readonly text: string;
}

export function explainFinding(name: string): FindingExplanation | undefined {
  const code = Object.keys(FINDING_KINDS).find((known): known is FindingCode => known === name);
  if (code === undefined) return undefined;
  const { severity, by } = FINDING_KINDS[code];
  return {
    code,
    severity,
    judge: by === 'installer' ? 'the installer refuses it' : 'the installer takes it; our own judgement',
    text: FINDING_TEXTS[code],
  };
}
