/**
 * Values of a file that a plain JavaScript value cannot tell apart. The installer's parser refuses `12.0` where it wants a whole number, and
 * a date anywhere, so the readers (toml-reader.ts, json-reader.ts) keep them as what they are. Values from elsewhere (YAML profiles) never
 * hold these.
 */

/** A float that JavaScript would take for a whole number (`12.0`), or that is not finite (`inf`, `nan`). */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  toJSON(): number | string {
    return Number.isFinite(this.value) ? this.value : String(this.value);
  }
}

/** A date or time of TOML: no key of the answer takes one. */
export class Moment {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** A number as JavaScript counts: from a file or from elsewhere; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Float ? value.value : undefined;
}

/** A whole number, exactly; undefined for a float, also for `12.0` of a file. */
export function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
