/** Where in a file a key stands, so that a finding can say line and column. Readers collect offsets; lines are counted when somebody asks. */

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters (code points), a tab counting as one. */
  readonly column: number;
}

/** Where each line begins. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Position of an offset in a text. */
export function positionAt(text: string, offset: number, starts: readonly number[] = lineStarts(text)): Position {
  let [line, beyond] = [0, starts.length];
  while (beyond - line > 1) {
    const middle = (line + beyond) >> 1;
    if ((starts[middle] ?? 0) <= offset) line = middle;
    else beyond = middle;
  }
  // Not the byte-order mark: editors do not show it.
  const before = text.slice(starts[line], offset).replace(/^\ufeff/, '');
  return { line: line + 1, column: [...before].length + 1 };
}

/** A reader gave up: not TOML, not JSON, or a key that stands there twice. */
export class Unreadable extends Error {
  readonly reason: 'syntax' | 'duplicate-key';
  readonly offset: number;
  /** The key that is doubled, with its tables: `global.country`. */
  readonly path: string;

  constructor(reason: 'syntax' | 'duplicate-key', message: string, offset: number, path = '') {
    super(message);
    this.reason = reason;
    this.offset = offset;
    this.path = path;
  }
}

/** `global` and `country` are `global.country`; an element is `disk-setup.disk-list[0]`. */
export function joinPath(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`;
}

export class Places {
  readonly text: string;
  readonly #exact = new Map<string, number>();
  /** The same with hyphens for underscores: findings name a key by its right spelling. */
  readonly #folded = new Map<string, number>();
  /** Made when somebody asks. */
  #lineStarts: readonly number[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The first place of a path counts. */
  add(path: string, offset: number): void {
    if (!this.#exact.has(path)) this.#exact.set(path, offset);
    const folded = path.replaceAll('_', '-');
    if (!this.#folded.has(folded)) this.#folded.set(folded, offset);
  }

  /** Where the key stands, or the table that it is missing from, or the start of the file. */
  of(path: string): Position {
    for (let rest = path; rest !== ''; rest = parentOf(rest)) {
      const offset = this.#exact.get(rest) ?? this.#folded.get(rest.replaceAll('_', '-'));
      if (offset === undefined) continue;
      this.#lineStarts ??= lineStarts(this.text);
      return positionAt(this.text, offset, this.#lineStarts);
    }
    return { line: 1, column: 1 };
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0));
}
