/** Strings and comments of TOML 1.0. */
import { Unreadable } from './places.ts';

export interface Read {
  readonly value: string;
  /** Offset behind the closing quotation mark. */
  readonly end: number;
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  '"': '"',
  '\\': '\\',
};

/** A backslash at the end of a line swallows the break and all blanks behind it. */
const CONTINUED = /\\[ \t]*\r?\n(?:[ \t]|\r?\n)*/y;

/** C0 without tab, and DEL: may stand nowhere in a TOML file except as an escape. */
export function isForbidden(code: number): boolean {
  return (code < 0x20 && code !== 0x09) || code === 0x7f;
}

/**
 * The string that begins at `at`, of any of the four kinds.
 * @param severalLines whether the kinds with three quotation marks are allowed here (they are not as keys)
 * @param isSecret the string is a password or the like: messages quote nothing of it
 * @throws Unreadable
 */
export function readString(text: string, at: number, severalLines: boolean, isSecret: boolean): Read {
  const quote = text[at] ?? '';
  if (text.startsWith(quote.repeat(3), at)) {
    if (severalLines) return readLong(text, at, quote, isSecret);
    if (text[at + 2] === quote) throw new Unreadable('syntax', 'A key cannot go over several lines', at);
  }
  let value = '';
  let i = at + 1;
  for (;;) {
    const char = text[i];
    if (char === undefined || char === '\n' || (char === '\r' && text[i + 1] === '\n')) {
      throw new Unreadable('syntax', `The closing quotation mark ${quote} is missing`, at);
    }
    if (char === quote) return { value, end: i + 1 };
    if (char === '\\' && quote === '"') {
      const escaped = readEscape(text, i, isSecret);
      value += escaped.value;
      i = escaped.end;
      continue;
    }
    if (isForbidden(text.charCodeAt(i))) throw new Unreadable('syntax', 'There is a control character in the text', i);
    value += char;
    i++;
  }
}

function readLong(text: string, at: number, quote: string, isSecret: boolean): Read {
  const end = quote.repeat(3);
  let value = '';
  let i = at + 3;
  // A line break right behind the opening marks does not count.
  if (text[i] === '\n') i += 1;
  else if (text.startsWith('\r\n', i)) i += 2;
  for (;;) {
    const char = text[i];
    if (char === undefined) throw new Unreadable('syntax', `The closing quotation marks ${end} are missing`, at);
    if (text.startsWith(end, i)) {
      // Up to two more marks belong to the text.
      let marks = 3;
      while (marks < 5 && text[i + marks] === quote) marks++;
      return { value: value + quote.repeat(marks - 3), end: i + marks };
    }
    if (char === '\\' && quote === '"') {
      CONTINUED.lastIndex = i;
      const continued = CONTINUED.exec(text);
      if (continued !== null) {
        i += continued[0].length;
        continue;
      }
      const escaped = readEscape(text, i, isSecret);
      value += escaped.value;
      i = escaped.end;
      continue;
    }
    if (text.startsWith('\r\n', i)) {
      value += '\n';
      i += 2;
      continue;
    }
    if (char !== '\n' && isForbidden(text.charCodeAt(i))) {
      throw new Unreadable('syntax', 'There is a control character in the text', i);
    }
    value += char;
    i++;
  }
}

function readEscape(text: string, at: number, isSecret: boolean): Read {
  const kind = text[at + 1] ?? '';
  const plain = Object.hasOwn(ESCAPES, kind) ? ESCAPES[kind] : undefined;
  if (plain !== undefined) return { value: plain, end: at + 2 };
  const digits = kind === 'u' ? 4 : kind === 'U' ? 8 : 0;
  const hex = text.slice(at + 2, at + 2 + digits);
  if (digits > 0 && hex.length === digits && /^[0-9a-fA-F]+$/.test(hex)) {
    const code = Number.parseInt(hex, 16);
    if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) {
      return { value: String.fromCodePoint(code), end: at + 2 + digits };
    }
  }
  const shown = isSecret ? 'This backslash' : `'\\${kind}'`;
  throw new Unreadable('syntax', `${shown} is not an escape of TOML 1.0; write \\\\ for one backslash`, at);
}
