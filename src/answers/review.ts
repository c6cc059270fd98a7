/** The whole judgement of one answer file: what the installer of a release says, what we say, and where in the file. */
import { adviseAnswer } from './advice.ts';
import type { Dialect } from './dialect.ts';
import { type AnswerFormat, isFinding, readAnswer } from './document.ts';
import { type Finding, finding } from './findings.ts';
import { ANSWER_KEYS, answerKey, nameIn, ownName, REQUIRED_SECTIONS } from './keys.ts';
import type { MachineFacts } from './machine.ts';
import { checkMachine, type Selection } from './machine-check.ts';
import type { Product } from './release.ts';
import { type Severities, weigh } from './severities.ts';
import { foldSpelling } from './spelling.ts';
import { officiallyAccepted, validateAnswer } from './validate.ts';
import { isTable, type Table, View } from './view.ts';

export interface ReviewRequest {
  readonly dialect: Dialect;
  readonly product: Product;
  /** What the file's name says about its format. */
  readonly format?: AnswerFormat | undefined;
  readonly severities?: Severities | undefined;
  /** Also judge as the installer would on this machine. */
  readonly machine?: MachineFacts | undefined;
}

export interface Review {
  /** The official verdict: parse and check phases, and the phase on the machine when one is given. */
  readonly accepted: boolean;
  /** What the installer refuses first, then our own errors, then warnings; each group in the order of the file. */
  readonly findings: readonly Finding[];
  /** What filters and lists choose on the machine. */
  readonly selections: readonly Selection[];
  /** The answer with hyphens, when it could be read at all. */
  readonly answer: Table | undefined;
}

/** @param content the file's bytes or text */
export function reviewAnswer(content: Uint8Array | string, request: ReviewRequest): Review {
  const { dialect, product, severities = new Map(), machine } = request;
  const read = readAnswer(content, request.format);
  if (isFinding(read)) return { accepted: false, findings: [read], selections: [], answer: undefined };
  const found = [...validateAnswer(read.value, dialect, product)];
  let selections: readonly Selection[] = [];
  let answer: Table | undefined;
  if (read.format === 'json' && !dialect.supportsJsonAnswer) {
    found.unshift(
      finding(
        'answer.json-release',
        '',
        `The installer of ${dialect.release} reads TOML only; JSON came with 9.2`,
        `Convert it: npx ironwake answer convert --to ${dialect.release}.`,
      ),
    );
  }
  if (isTable(read.value)) {
    ({ answer } = foldSpelling(read.value, dialect));
    const view = new View(answer, dialect, product);
    const checked = machine === undefined ? undefined : checkMachine(view, machine);
    selections = checked?.selections ?? [];
    const filtered = selections.find(({ path }) => path === 'disk-setup.filter');
    found.push(...adviseAnswer(view, filtered?.devices.length), ...(checked?.findings ?? []));
  }
  const accepted = officiallyAccepted(found);
  const findings = weigh(withoutConsequences(found, read.value), severities)
    .map((each) => {
      const { line, column } = read.places.of(each.path);
      return { ...spelledFor(dialect, each), line, column };
    })
    .sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
  return { accepted, findings, selections, answer };
}

/** What follows from a section that is missing altogether would hide that it is. */
function withoutConsequences(found: readonly Finding[], answer: unknown): Finding[] {
  const missing = REQUIRED_SECTIONS.filter((section) => isTable(answer) && !Object.hasOwn(answer, section));
  return found.filter(
    ({ code, path }) =>
      code === 'answer.missing' || !missing.some((section) => path === section || path.startsWith(`${section}.`)),
  );
}

function rank({ by, code, severity }: Finding): number {
  if (severity === 'warning') return 3;
  if (by !== 'installer') return 2;
  // A key that is missing is often one that is misspelled: say that first.
  return code === 'answer.missing' ? 1 : 0;
}

/** Path and words as the file of this release spells its keys. What is not a key there stays as it was written. */
function spelledFor(dialect: Dialect, found: Finding): Finding {
  const { code, path, message, remedy } = found;
  if (code === 'answer.unknown-key' || code === 'answer.not-in-release') return found;
  return {
    ...found,
    path: pathIn(path, dialect),
    message: textIn(message, path, dialect),
    remedy: textIn(remedy, path, dialect),
  };
}

/** Before the hyphens came, `Set disk-list` would be a key that the release does not take. */
function textIn(text: string, path: string, { takesHyphens, release }: Dialect): string {
  if (takesHyphens) return text;
  const section = path.split('.')[0] ?? '';
  return text.replace(/[a-z]+(?:-[a-z]+)+/g, (name) => {
    const entry = ANSWER_KEYS.find((each) => each.section === section && ownName(each) === name);
    return entry === undefined ? name : nameIn(entry, release);
  });
}

/** The path as the file of this release spells it. */
function pathIn(path: string, dialect: Dialect): string {
  const parts = path.split('.');
  return parts
    .map((part, i) => {
      const entry = i === 0 ? undefined : answerKey([...parts.slice(0, i), part.replace(/\[\d+\]$/, '')].join('.'));
      return entry === undefined ? part : part.replace(/^[^[]+/, nameIn(entry, dialect.release));
    })
    .join('.');
}
