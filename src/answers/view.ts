/** An answer as rules read it: old spellings folded, values by path, only the types that the key table allows. */
import type { Dialect } from './dialect.ts';
import type { Product } from './release.ts';
import { Float, Moment, numberOf } from './scalars.ts';

export type Table = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is Table {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(value instanceof Date || value instanceof Float || value instanceof Moment);
}

export class View {
  readonly dialect: Dialect;
  readonly product: Product;
  readonly #answer: Table;

  constructor(answer: Table, dialect: Dialect, product: Product) {
    this.#answer = answer;
    this.dialect = dialect;
    this.product = product;
  }

  get(path: string): unknown {
    let value: unknown = this.#answer;
    for (const part of path.split('.')) {
      if (!isTable(value) || !Object.hasOwn(value, part)) return undefined;
      value = value[part];
    }
    return value;
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  text(path: string): string | undefined {
    const value = this.get(path);
    return typeof value === 'string' ? value : undefined;
  }

  number(path: string): number | undefined {
    return numberOf(this.get(path));
  }

  strings(path: string): readonly string[] {
    const value = this.get(path);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** Whether a map stands there that has no entry at all. */
  isEmptyMap(path: string): boolean {
    const value = this.get(path);
    return isTable(value) && Object.keys(value).length === 0;
  }

  /** The entries of a free map whose values are strings, or undefined when there is no map. */
  entries(path: string): ReadonlyArray<readonly [string, string]> | undefined {
    const value = this.get(path);
    if (!isTable(value)) return undefined;
    return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  }
}
