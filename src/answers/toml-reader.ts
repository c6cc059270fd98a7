/**
 * TOML 1.0 with the place of every key. Written for this project because no reader for Node tells where a key stands, and because the verdict
 * has to be the one of the installer's reader (the Rust crate `toml` 0.7 and 0.8): 64-bit integers, floats kept apart from integers, nothing of
 * TOML 1.1, tables defined once. Source: the TOML 1.0.0 specification. Checked against smol-toml and Python's tomllib.
 */
import { isSecretPath } from './keys.ts';
import { joinPath, Places, Unreadable } from './places.ts';
import { readScalar } from './toml-scalars.ts';
import { isForbidden, readString } from './toml-strings.ts';

export interface TomlDocument {
  readonly value: Readonly<Record<string, unknown>>;
  readonly places: Places;
}

/** How a table came to be; it decides what may still be added to it. */
type Origin = 'root' | 'header' | 'implied' | 'dotted' | 'inline' | 'element';

class Tab {
  origin: Origin;
  readonly path: string;
  readonly entries = new Map<string, Item>();

  constructor(origin: Origin, path: string) {
    this.origin = origin;
    this.path = path;
  }
}

/** `[[...]]`: tables one after the other. */
class TabList {
  readonly tables: Tab[] = [];

  last(): Tab | undefined {
    return this.tables.at(-1);
  }
}

class Value {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

type Item = Tab | TabList | Value;

/** What nests deeper is no answer, and no reason to run out of stack. */
const MAX_DEPTH = 64;

/**
 * @param text decoded; a byte-order mark at its start is skipped
 * @throws Unreadable with the offset of what is wrong
 */
export function readToml(text: string): TomlDocument {
  return new Reader(text).document();
}

class Reader {
  readonly #text: string;
  readonly #places: Places;
  readonly #root = new Tab('root', '');
  #at = 0;
  #table = this.#root;
  /** The key that was read last, with its tables: what is wrong behind it may be a part of its value. */
  #key = '';

  constructor(text: string) {
    this.#text = text;
    this.#places = new Places(text);
    if (text.startsWith('\ufeff')) this.#at = 1;
  }

  document(): TomlDocument {
    for (;;) {
      this.#skipLines();
      const char = this.#text[this.#at];
      if (char === undefined) break;
      if (char === '[') this.#header();
      else this.#assignment(this.#table, 0);
      this.#endOfLine();
    }
    return { value: plainTable(this.#root), places: this.#places };
  }

  #fail(message: string, offset = this.#at): never {
    throw new Unreadable('syntax', message, offset);
  }

  #skipBlanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  #skipComment(): void {
    if (this.#text[this.#at] !== '#') return;
    while (this.#at < this.#text.length && !this.#isLineBreak()) {
      if (isForbidden(this.#text.charCodeAt(this.#at))) this.#fail('There is a control character in a comment');
      this.#at++;
    }
  }

  #isLineBreak(): boolean {
    return this.#text[this.#at] === '\n' || this.#text.startsWith('\r\n', this.#at);
  }

  #takeLineBreak(): boolean {
    if (!this.#isLineBreak()) return false;
    this.#at += this.#text[this.#at] === '\n' ? 1 : 2;
    return true;
  }

  /** Blanks, comments and empty lines. */
  #skipLines(): void {
    do {
      this.#skipBlanks();
      this.#skipComment();
    } while (this.#takeLineBreak());
  }

  #endOfLine(): void {
    this.#skipBlanks();
    this.#skipComment();
    if (this.#at < this.#text.length && !this.#takeLineBreak()) {
      this.#fail(`There is ${this.#shown()} where the line should end`);
    }
  }

  /** The character here in quotation marks, unless it may belong to a password. */
  #shown(parts: ReadonlyArray<readonly [string, number]> = []): string {
    if (this.#isSecret() || parts.some(([name]) => isSecretPath(name))) return 'something';
    return `'${String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0x20)}'`;
  }

  #isSecret(): boolean {
    return isSecretPath(this.#key);
  }

  /** `a."b".c`: the parts with their offsets. */
  #keyParts(): Array<readonly [string, number]> {
    const parts: Array<readonly [string, number]> = [];
    for (;;) {
      this.#skipBlanks();
      const start = this.#at;
      const char = this.#text[start];
      if (char === '"' || char === "'") {
        const { value, end } = readString(this.#text, start, false, this.#isSecret());
        parts.push([value, start]);
        this.#at = end;
      } else {
        while (/^[A-Za-z0-9_-]$/.test(this.#text[this.#at] ?? '')) this.#at++;
        if (this.#at === start) {
          if (start >= this.#text.length || this.#isLineBreak()) this.#fail('A key is missing');
          this.#fail(`${capital(this.#shown(parts))} cannot stand in a key without quotation marks`);
        }
        parts.push([this.#text.slice(start, this.#at), start]);
      }
      if (parts.length > MAX_DEPTH) this.#fail('This nests too deep');
      this.#skipBlanks();
      if (this.#text[this.#at] !== '.') return parts;
      this.#at++;
    }
  }

  #header(): void {
    const isList = this.#text.startsWith('[[', this.#at);
    this.#at += isList ? 2 : 1;
    const parts = this.#keyParts();
    const close = isList ? ']]' : ']';
    if (!this.#text.startsWith(close, this.#at)) this.#fail(`The closing ${close} of the section is missing`);
    this.#at += close.length;
    const last = parts.at(-1);
    if (last === undefined) this.#fail('A section needs a name');
    const parent = this.#descend(this.#root, parts.slice(0, -1), 'implied');
    const [name, offset] = last;
    const path = joinPath(parent.path, name);
    const existing = parent.entries.get(name);
    this.#places.add(path, offset);
    if (isList) {
      const list = existing ?? new TabList();
      if (!(list instanceof TabList)) this.#doubled(path, offset);
      const table = new Tab('element', path);
      list.tables.push(table);
      parent.entries.set(name, list);
      this.#table = table;
      return;
    }
    if (existing === undefined) {
      this.#table = new Tab('header', path);
      parent.entries.set(name, this.#table);
      return;
    }
    if (!(existing instanceof Tab) || existing.origin !== 'implied') this.#doubled(path, offset);
    existing.origin = 'header';
    this.#table = existing;
  }

  #doubled(path: string, offset: number): never {
    const first = this.#places.of(path);
    throw new Unreadable('duplicate-key', `'${path}' stands here twice, first in line ${first.line}`, offset, path);
  }

  /** The table behind the parts; missing ones are made with `origin`. */
  #descend(from: Tab, parts: ReadonlyArray<readonly [string, number]>, origin: 'implied' | 'dotted'): Tab {
    let table = from;
    for (const [name, offset] of parts) {
      const path = joinPath(table.path, name);
      const existing = table.entries.get(name);
      if (existing === undefined) {
        const made = new Tab(origin, path);
        this.#places.add(path, offset);
        table.entries.set(name, made);
        table = made;
        continue;
      }
      const next: Item | undefined = existing instanceof TabList ? existing.last() : existing;
      if (!(next instanceof Tab) || next.origin === 'inline') this.#doubled(path, offset);
      // A key with dots may not add to a table that has its own header.
      if (origin === 'dotted' && next.origin !== 'dotted' && next.origin !== 'implied') this.#doubled(path, offset);
      table = next;
    }
    if (origin === 'dotted' && parts.length > 0 && table.origin !== 'dotted') {
      this.#doubled(table.path, parts.at(-1)?.[1] ?? this.#at);
    }
    return table;
  }

  #assignment(table: Tab, depth: number): void {
    const parts = this.#keyParts();
    const last = parts.at(-1);
    if (last === undefined) this.#fail('A key is missing');
    if (this.#text[this.#at] !== '=') this.#fail('The = behind the key is missing');
    this.#at++;
    const parent = this.#descend(table, parts.slice(0, -1), 'dotted');
    const [name, offset] = last;
    const path = joinPath(parent.path, name);
    if (parent.entries.has(name)) this.#doubled(path, offset);
    this.#places.add(path, offset);
    this.#key = path;
    this.#skipBlanks();
    parent.entries.set(name, this.#value(path, depth));
  }

  #value(path: string, depth: number): Item {
    if (depth > MAX_DEPTH) this.#fail('This nests too deep');
    const char = this.#text[this.#at];
    if (char === '"' || char === "'") {
      const { value, end } = readString(this.#text, this.#at, true, this.#isSecret());
      this.#at = end;
      return new Value(value);
    }
    if (char === '[') return new Value(this.#list(path, depth));
    if (char === '{') return this.#inline(path, depth);
    const start = this.#at;
    while (/^[A-Za-z0-9_+.:-]$/.test(this.#text[this.#at] ?? '')) this.#at++;
    // A date and a time may have one blank between them.
    if (/^\d{4}-\d\d-\d\d$/.test(this.#text.slice(start, this.#at)) && /^ \d/.test(this.#text.slice(this.#at))) {
      this.#at++;
      while (/^[A-Za-z0-9_+.:-]$/.test(this.#text[this.#at] ?? '')) this.#at++;
    }
    if (this.#at === start) {
      if (start >= this.#text.length || this.#isLineBreak() || char === '#') this.#fail('The value is missing');
      this.#fail(`There is ${this.#shown()} where a value should be`);
    }
    const read = readScalar(this.#text.slice(start, this.#at), this.#isSecret());
    if ('problem' in read) this.#fail(read.problem, start);
    return new Value(read.value);
  }

  #list(path: string, depth: number): unknown[] {
    const start = this.#at;
    const items: unknown[] = [];
    this.#at++;
    for (;;) {
      this.#skipLines();
      if (this.#at >= this.#text.length) this.#fail('The closing ] of the list is missing', start);
      if (this.#text[this.#at] === ']') break;
      const element = `${path}[${items.length}]`;
      this.#places.add(element, this.#at);
      items.push(plainItem(this.#value(element, depth + 1)));
      this.#skipLines();
      if (this.#text[this.#at] === ',') this.#at++;
      else if (this.#text[this.#at] !== ']') this.#fail('A comma or the closing ] of the list is missing');
    }
    this.#at++;
    return items;
  }

  /** All on one line and without a comma at the end: TOML 1.1 is laxer, the installer is not. */
  #inline(path: string, depth: number): Tab {
    const table = new Tab('inline', path);
    this.#at++;
    this.#skipBlanks();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return table;
    }
    // While it is being written, keys with dots may share tables inside it.
    for (;;) {
      this.#skipBlanks();
      if (this.#text[this.#at] === '}') this.#fail('No comma may stand before the } of an inline table');
      if (this.#isLineBreak()) this.#fail('An inline table stands on one line, from { to }');
      this.#assignment(table, depth + 1);
      this.#skipBlanks();
      const char = this.#text[this.#at];
      if (char === ',') this.#at++;
      else if (char === '}') break;
      else this.#fail('A comma or the closing } is missing; an inline table stands on one line');
    }
    this.#at++;
    seal(table);
    return table;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Nothing can be added to an inline table or to what stands in it. */
function seal(table: Tab): void {
  table.origin = 'inline';
  for (const item of table.entries.values()) if (item instanceof Tab && item.origin === 'dotted') seal(item);
}

function plainItem(item: Item): unknown {
  if (item instanceof Value) return item.value;
  return item instanceof TabList ? item.tables.map(plainTable) : plainTable(item);
}

function plainTable(table: Tab): Record<string, unknown> {
  // Object.fromEntries defines keys, so `__proto__` stays a key.
  return Object.fromEntries([...table.entries].map(([name, item]) => [name, plainItem(item)]));
}
