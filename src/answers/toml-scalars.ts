/** Numbers, dates and booleans of TOML 1.0, by the grammar of its specification. Nothing of TOML 1.1: the installer's reader refuses it. */
import { Float, Moment } from './scalars.ts';

const DECIMAL = /^[+-]?(?:0|[1-9](?:_?\d)*)$/;
const BASED = /^0(?:x[0-9a-fA-F](?:_?[0-9a-fA-F])*|o[0-7](?:_?[0-7])*|b[01](?:_?[01])*)$/;
const FLOAT = /^[+-]?(?:0|[1-9](?:_?\d)*)(?:\.\d(?:_?\d)*)?(?:[eE][+-]?\d(?:_?\d)*)?$/;
const SPECIAL = /^[+-]?(?:inf|nan)$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)/;
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?/;
const OFFSET = /^(?:[Zz]|[+-](\d\d):(\d\d))$/;

const SMALLEST = -(2n ** 63n);
const LARGEST = 2n ** 63n - 1n;

/**
 * The value of a bare word, or why it is none. Integers beyond 2^53 are bigint; `12.0`, `inf` and `nan` are `Float`.
 * @param isSecret the word stands where a password does: it is not quoted
 */
export function readScalar(
  word: string,
  isSecret: boolean,
): { readonly value: unknown } | { readonly problem: string } {
  const shown = isSecret ? 'This' : `'${word}'`;
  if (word === 'true') return { value: true };
  if (word === 'false') return { value: false };
  if (DECIMAL.test(word) || BASED.test(word)) return integer(word.replaceAll('_', ''), shown);
  if (FLOAT.test(word)) {
    const value = Number(word.replaceAll('_', ''));
    // `1e999`: the installer's reader refuses a float beyond the range; below it, `-1e999`, it looks for no bound and makes `-inf` of it.
    if (value === Infinity) return { problem: `${shown} is larger than a float can be` };
    return { value: Number.isInteger(value) || value === -Infinity ? new Float(value) : value };
  }
  if (SPECIAL.test(word)) {
    const sign = word.startsWith('-') ? -1 : 1;
    return { value: new Float(word.endsWith('nan') ? Number.NaN : sign * Number.POSITIVE_INFINITY) };
  }
  if (/^\d{4}-\d\d-\d\d|^\d\d:/.test(word)) {
    return isMoment(word) ? { value: new Moment(word) } : { problem: `${shown} is not a date or time` };
  }
  if (/^[+-]?0\d/.test(word)) return { problem: `${shown} has a zero in front` };
  return { problem: `${shown} is not a value; text needs quotation marks` };
}

function integer(digits: string, shown: string): { readonly value: unknown } | { readonly problem: string } {
  const negative = digits.startsWith('-');
  const magnitude = BigInt(digits.replace(/^[+-]/, ''));
  const value = negative ? -magnitude : magnitude;
  if (value < SMALLEST || value > LARGEST) return { problem: `${shown} does not fit into 64 bits` };
  const plain = Number(value);
  return { value: Number.isSafeInteger(plain) ? plain : value };
}

function isMoment(word: string): boolean {
  const date = DATE.exec(word);
  if (date === null) return isTime(word, false);
  const [, year, month, day] = date.map(Number);
  if (!isDay(year ?? 0, month ?? 0, day ?? 0)) return false;
  const rest = word.slice(10);
  return rest === '' || (/^[Tt ]/.test(rest) && isTime(rest.slice(1), true));
}

function isTime(word: string, offsetAllowed: boolean): boolean {
  const time = TIME.exec(word);
  if (time === null) return false;
  const [whole, hour, minute, second] = time;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return false;
  const rest = word.slice(whole.length);
  if (rest === '') return true;
  const offset = OFFSET.exec(rest);
  return offsetAllowed && offset !== null && Number(offset[1] ?? 0) < 24 && Number(offset[2] ?? 0) < 60;
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] ?? 0);
}
