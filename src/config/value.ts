/** Turns what somebody wrote (text of a flag or variable, a YAML value) into a setting's value, or says what was expected. */
import { Kind } from '@sinclair/typebox';
import { isIpv4 } from '../net/ipv4.ts';
import type { Setting } from './schema.ts';

export type Reading =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly expected: string };

/** Reads text, or a list of texts from a repeated flag. Lists are separated by commas, maps are written `name=value`. */
export function readText(setting: Setting, text: string | readonly string[]): Reading {
  const { schema } = setting;
  const parts = (typeof text === 'string' ? [text] : text).flatMap((part) => part.split(','));
  const filled = parts.map((part) => part.trim()).filter((part) => part !== '');
  if (schema[Kind] === 'Array') return readValue(setting, filled);
  if (schema[Kind] === 'Record') {
    const pairs = filled.map((part) => part.split('='));
    if (pairs.some((pair) => pair.length !== 2)) return { ok: false, expected: expectation(setting) };
    return readValue(setting, Object.fromEntries(pairs));
  }
  const last = typeof text === 'string' ? text : (text.at(-1) ?? '');
  if (schema[Kind] === 'Integer') return readValue(setting, /^\d+$/.test(last) ? Number(last) : last);
  return readValue(setting, last);
}

/** Reads a value that has a type already (YAML). One name may stand for a list of one. */
export function readValue(setting: Setting, value: unknown): Reading {
  const { schema } = setting;
  const candidate = schema[Kind] === 'Array' && typeof value === 'string' ? [value] : value;
  return fits(setting, candidate) ? { ok: true, value: candidate } : { ok: false, expected: expectation(setting) };
}

function fits({ schema }: Setting, value: unknown): boolean {
  switch (schema[Kind]) {
    case 'Integer':
      return Number.isInteger(value) && Number(value) >= schema.minimum && Number(value) <= schema.maximum;
    case 'String':
      return isText(value, schema.minLength ?? 0, schema.maxLength ?? 4096);
    case 'Union':
      return choices(schema).some((choice) => choice === value);
    case 'Array':
      return (
        Array.isArray(value) &&
        value.every((item) => isText(item, schema.items.minLength ?? 0, schema.items.maxLength ?? 4096))
      );
    case 'Record':
      return (
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.entries(value).every(([name, item]) => name !== '' && typeof item === 'string' && isIpv4(item))
      );
    default:
      throw new TypeError(`configuration: a setting of kind ${schema[Kind]} has no reader`);
  }
}

function isText(value: unknown, minLength: number, maxLength: number): boolean {
  return typeof value === 'string' && value.length >= minLength && value.length <= maxLength && !value.includes('\0');
}

function choices(schema: Setting['schema']): readonly string[] {
  return (schema.anyOf as ReadonlyArray<{ const: string }>).map((option) => option.const);
}

/** What a setting takes, to be read after "is not". */
export function expectation({ schema }: Setting): string {
  if (schema.expected !== undefined) return schema.expected;
  switch (schema[Kind]) {
    case 'Integer':
      return `a whole number from ${schema.minimum} to ${schema.maximum}`;
    case 'Union':
      return `one of ${choices(schema).join(', ')}`;
    case 'Array':
      return 'a list of interface names (at most 15 characters each)';
    case 'Record':
      return 'interface=IPv4 address, for example eno1=10.0.0.2';
    default:
      return schema.path
        ? 'the name of a directory'
        : `a text of ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
  }
}

/** The default as a person would write it, for help texts and the documentation. */
export function defaultText({ schema }: Setting): string {
  if (schema.defaultText !== undefined) return schema.defaultText;
  return String(schema.default);
}
