/** An answer file, TOML or JSON, as a value and the places of its keys. */
import { type Finding, finding } from './findings.ts';
import { readJson } from './json-reader.ts';
import { answerKey, SECTIONS } from './keys.ts';
import { joinPath, type Places, positionAt, Unreadable } from './places.ts';
import { readToml } from './toml-reader.ts';
import { isTable, type Table } from './view.ts';

export type AnswerFormat = 'toml' | 'json';

export interface AnswerDocument {
  readonly format: AnswerFormat;
  readonly value: unknown;
  readonly places: Places;
}

/**
 * @param content the file's bytes, or its text
 * @param format what its name says; without it a document that begins with `{` is JSON, which no TOML does
 * @returns the document, or the one finding that says why there is none
 */
export function readAnswer(content: Uint8Array | string, format?: AnswerFormat): AnswerDocument | Finding {
  const text = typeof content === 'string' ? content : decode(content);
  if (text === undefined) {
    return {
      ...finding('answer.syntax', '', 'The file is not UTF-8 text', 'Save it as UTF-8.'),
      line: 1,
      column: 1,
    };
  }
  const kind = format ?? (/^\s*\{/.test(text) ? 'json' : 'toml');
  try {
    if (kind === 'toml') return { format: kind, ...readToml(text) };
    const { value, places, doubled } = readJson(text);
    const path = doubled.find((each) => !isInFreeMap(each));
    if (path !== undefined) {
      return {
        ...finding('answer.duplicate-key', path, `'${path}' stands here twice`, 'Keep one of them.'),
        ...places.of(path),
      };
    }
    return { format: kind, value: withoutNulls(value), places };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const at = positionAt(text, error.offset);
    return error.reason === 'duplicate-key'
      ? { ...finding('answer.duplicate-key', error.path, error.message, 'Keep one of them.'), ...at }
      : { ...finding('answer.syntax', '', error.message, syntaxRemedy(kind)), ...at };
  }
}

export function isFinding(read: AnswerDocument | Finding): read is Finding {
  return 'code' in read;
}

function decode(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function syntaxRemedy(format: AnswerFormat): string {
  return format === 'toml'
    ? 'Correct the line; the installer reads TOML 1.0.'
    : 'Correct it; the installer reads plain JSON.';
}

function entryOf(path: string): ReturnType<typeof answerKey> {
  return answerKey(path) ?? answerKey(path.replaceAll('_', '-'));
}

/** In a free map the last of equal keys counts, without a word. */
function isInFreeMap(path: string): boolean {
  // The keys of such a map may hold dots.
  for (let at = path.indexOf('.'); at !== -1; at = path.indexOf('.', at + 1)) {
    const type = entryOf(path.slice(0, at))?.type;
    if (type === 'globs' || type === 'mapping') return true;
  }
  return false;
}

/** In JSON the optional keys without a default may be `null`, which is the same as not there. */
function withoutNulls(answer: unknown): unknown {
  if (!isTable(answer)) return answer;
  const optional = SECTIONS.filter((section) => section === 'post-installation-webhook' || section === 'first-boot');
  const strip = (table: Table, path: string): Table =>
    Object.fromEntries(
      Object.entries(table)
        .filter(([key, value]) => value !== null || entryOf(joinPath(path, key))?.nullable !== true)
        .map(([key, value]) => [key, isTable(value) ? strip(value, joinPath(path, key)) : value]),
    );
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([key, value]) => value !== null || !optional.some((section) => section === key))
      .map(([key, value]) => [key, isTable(value) ? strip(value, key) : value]),
  );
}
