/**
 * JSON (RFC 8259) with the place of every key, whole numbers kept apart from floats, and keys that stand there twice reported instead of
 * swallowed: the installer's reader (the Rust crate `serde_json`) refuses those.
 */
import { isSecretPath } from './keys.ts';
import { joinPath, Places, Unreadable } from './places.ts';
import { Float } from './scalars.ts';

export interface JsonDocument {
  readonly value: unknown;
  readonly places: Places;
  /** Keys that stand there twice, with their tables. The last one counts, which is right for free maps only. */
  readonly doubled: readonly string[];
}

const MAX_DEPTH = 127;
const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** @throws Unreadable with the offset of what is wrong */
export function readJson(text: string): JsonDocument {
  return new Reader(text).document();
}

class Reader {
  readonly #text: string;
  readonly #places: Places;
  readonly #doubled: string[] = [];
  #at = 0;
  /** The key that was read last, with its tables. */
  #key = '';

  constructor(text: string) {
    this.#text = text;
    this.#places = new Places(text);
  }

  document(): JsonDocument {
    const value = this.#value('', 0);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail('There is more behind the end of the document');
    return { value, places: this.#places, doubled: this.#doubled };
  }

  #fail(message: string, offset = this.#at): never {
    throw new Unreadable('syntax', message, offset);
  }

  #skipBlanks(): void {
    while (/^[ \t\r\n]$/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #value(path: string, depth: number): unknown {
    if (depth > MAX_DEPTH) this.#fail('This nests too deep');
    this.#skipBlanks();
    const char = this.#text[this.#at];
    if (char === undefined) this.#fail('The document ends too early');
    if (char === '{') return this.#object(path, depth);
    if (char === '[') return this.#list(path, depth);
    if (char === '"') return this.#string();
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #number(): unknown {
    NUMBER.lastIndex = this.#at;
    const word = NUMBER.exec(this.#text)?.[0];
    if (word === undefined) this.#fail('There is no value here that JSON knows');
    const start = this.#at;
    this.#at += word.length;
    // `-0` is a float for the installer, as are integers that fit into no 64 bits.
    if (/^-?\d+$/.test(word) && word !== '-0') {
      const value = BigInt(word);
      if (value >= INT64_MIN && value <= UINT64_MAX) {
        return Number.isSafeInteger(Number(value)) ? Number(value) : value;
      }
    }
    const value = Number(word);
    if (!Number.isFinite(value)) this.#fail('This number is too large', start);
    return Number.isInteger(value) ? new Float(value) : value;
  }

  #string(): string {
    const start = this.#at;
    let value = '';
    this.#at++;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === '\n') this.#fail('The closing quotation mark is missing', start);
      if (char === '"') break;
      if (char.charCodeAt(0) < 0x20) this.#fail('There is a control character in the text');
      if (char === '\\') value += this.#escape();
      else {
        value += char;
        this.#at++;
      }
    }
    this.#at++;
    if (!value.isWellFormed()) this.#fail('There is half of a surrogate pair in the text', start);
    return value;
  }

  #escape(): string {
    const kind = this.#text[this.#at + 1] ?? '';
    const plain = Object.hasOwn(ESCAPES, kind) ? ESCAPES[kind] : undefined;
    if (plain !== undefined) {
      this.#at += 2;
      return plain;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 6);
    if (kind !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) {
      this.#fail(`${isSecretPath(this.#key) ? 'This backslash' : `'\\${kind}'`} is not an escape of JSON`);
    }
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  #list(path: string, depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    this.#skipBlanks();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return items;
    }
    for (;;) {
      this.#skipBlanks();
      const element = `${path}[${items.length}]`;
      this.#places.add(element, this.#at);
      items.push(this.#value(element, depth + 1));
      this.#skipBlanks();
      const char = this.#text[this.#at];
      this.#at++;
      if (char === ']') return items;
      if (char !== ',') this.#fail('A comma or the closing ] of the list is missing', this.#at - 1);
    }
  }

  #object(path: string, depth: number): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    this.#at++;
    this.#skipBlanks();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return {};
    }
    for (;;) {
      this.#skipBlanks();
      const start = this.#at;
      if (this.#text[start] !== '"') this.#fail('A key in quotation marks is missing');
      const name = this.#string();
      const below = joinPath(path, name);
      if (entries.has(name)) this.#doubled.push(below);
      this.#places.add(below, start);
      this.#key = below;
      this.#skipBlanks();
      if (this.#text[this.#at] !== ':') this.#fail('The : behind the key is missing');
      this.#at++;
      entries.set(name, this.#value(below, depth + 1));
      this.#skipBlanks();
      const char = this.#text[this.#at];
      this.#at++;
      if (char === '}') return Object.fromEntries(entries);
      if (char !== ',') this.#fail('A comma or the closing } is missing', this.#at - 1);
    }
  }
}
