/** Reading what installers and live systems send: JSON whatever the content type says, every part optional unless nothing works without it. */
import { invalid } from '../errors.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { isTable, type Table } from './view.ts';

/**
 * @param body bytes or text as they came; at most what the HTTP server lets in
 * @throws IronwakeError `CODE` when it is not a JSON object
 */
export function readJsonObject(body: string | Uint8Array, code: string, what: string): Table {
  const remedy = 'Only the automated installer of Proxmox is meant to call this address.';
  try {
    const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value: unknown = JSON.parse(text);
    if (isTable(value)) return value;
  } catch (error) {
    // SyntaxError from JSON, TypeError from UTF-8; anything else is ours.
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw invalid(code, 'body', `The ${what} is not a JSON object`, remedy);
}

export function tableAt(table: Table, key: string): Table {
  const value = Object.hasOwn(table, key) ? table[key] : undefined;
  return isTable(value) ? value : {};
}

const MAX_TEXT = 256;

/** Printable text at a key: trimmed, at most 256 characters, without control characters; undefined when there is none. */
export function textAt(table: Table, key: string): string | undefined {
  const value = Object.hasOwn(table, key) ? table[key] : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value
    .toWellFormed()
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '')
    .trim();
  return text === '' ? undefined : text.slice(0, MAX_TEXT).toWellFormed();
}

export function listAt(table: Table, key: string): readonly Table[] {
  const value = Object.hasOwn(table, key) ? table[key] : undefined;
  return Array.isArray(value) ? value.filter(isTable) : [];
}

/** The Ethernet address at a key. InfiniBand, tunnels, group and empty addresses are undefined. */
export function macAt(table: Table, key: string): Mac | undefined {
  const text = textAt(table, key);
  if (text === undefined) return undefined;
  try {
    return parseMac(text);
  } catch {
    return undefined;
  }
}

/** Equal addresses once, in the order in which they came. */
export function distinct(macs: ReadonlyArray<Mac | undefined>): Mac[] {
  return [...new Set(macs.filter((mac) => mac !== undefined))];
}
