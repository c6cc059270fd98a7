/**
 * How layers of a profile go over each other: maps merge deeply, lists and scalars replace, `null` removes. A reference to a secret
 * (`{ secret: name }`) is a scalar for this purpose. Where every value came from is kept beside it.
 */

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };
export type PlainMap = { readonly [key: string]: Plain };

/** The place of a value in a profile's file; lines and columns count from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where each value (not map) of a merged tree comes from, by its path as a JSON Pointer (RFC 6901). */
export type Origins = Readonly<Record<string, Origin>>;

export interface Layer {
  readonly body: PlainMap;
  /** The place of the value at a path in this layer. */
  originOf(path: readonly string[]): Origin;
}

export interface Merged {
  readonly body: PlainMap;
  readonly origins: Origins;
}

export function isMap(value: unknown): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `{ secret: name }` and nothing else. */
export function isSecretReference(value: unknown): value is { readonly secret: string } {
  return isMap(value) && Object.keys(value).length === 1 && typeof value.secret === 'string';
}

/** RFC 6901. */
export function pointer(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function mergesDeeply(value: unknown): value is PlainMap {
  return isMap(value) && !isSecretReference(value);
}

/** `layer` over `base`; neither is changed. */
export function mergeOver(base: PlainMap, layer: PlainMap): PlainMap {
  const merged = new Map<string, Plain>(Object.entries(base));
  for (const [key, value] of Object.entries(layer)) {
    const below = merged.get(key);
    if (value === null) merged.delete(key);
    else if (mergesDeeply(value)) merged.set(key, mergeOver(mergesDeeply(below) ? below : {}, value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** All layers, the first at the bottom. */
export function mergeLayers(layers: readonly Layer[]): Merged {
  let body: PlainMap = {};
  const origins = new Map<string, Origin>();
  for (const layer of layers) {
    body = mergeOver(body, layer.body);
    for (const path of leaves(layer.body, [])) origins.set(pointer(path), layer.originOf(path));
  }
  const alive = new Set(leaves(body, []).map(pointer));
  return { body, origins: Object.fromEntries([...origins].filter(([path]) => alive.has(path))) };
}

/** Paths of all values that are not maps to be merged; an empty map counts as a value. */
function leaves(value: Plain, path: readonly string[]): string[][] {
  if (!mergesDeeply(value)) return [[...path]];
  const entries = Object.entries(value);
  if (entries.length === 0 && path.length > 0) return [[...path]];
  return entries.flatMap(([key, below]) => leaves(below, [...path, key]));
}
