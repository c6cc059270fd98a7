/**
 * How layers of a profile go over each other: maps merge deeply, lists and scalars replace, `null` removes, `key+` appends to the list below
 * what is not in it yet. A reference to a secret (`{ secret: name }`) is a scalar for this purpose. Where every value came from is kept
 * beside it.
 */

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };
export type PlainMap = { readonly [key: string]: Plain };

/** The place of a value in a profile's file; lines and columns count from 1. Line 0: the value is not from a file (the values of a node). */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where each value (not map) of a merged tree comes from, and each item of a list, by its path as a JSON Pointer (RFC 6901). */
export type Origins = Readonly<Record<string, Origin>>;

export interface Layer {
  readonly body: PlainMap;
  /** The place of the value at a path in this layer. */
  originOf(path: readonly string[]): Origin;
}

export interface Merged {
  readonly body: PlainMap;
  readonly origins: Origins;
  /** Paths where a layer appends to what is not a list. There the layer's list has replaced it. */
  readonly conflicts: ReadonlyArray<{ readonly path: readonly string[]; readonly origin: Origin }>;
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

/** `keys+` -> `keys`, if that is what a layer says with it: only lists can be appended. */
export function appendedKey(key: string, value: unknown): string | undefined {
  return key.length > 1 && key.endsWith('+') && Array.isArray(value) ? key.slice(0, -1) : undefined;
}

/** A value with the place that it came from. */
type Traced =
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Traced>; readonly origin: Origin }
  | { readonly kind: 'list'; readonly items: readonly Item[]; readonly origin: Origin }
  | { readonly kind: 'leaf'; readonly value: Plain; readonly origin: Origin };
interface Item {
  readonly value: Plain;
  readonly origin: Origin;
}
type Conflicts = Array<{ readonly path: readonly string[]; readonly origin: Origin }>;
type TracedMap = Extract<Traced, { kind: 'map' }>;

/** `layer` over `base`; neither is changed. */
export function mergeOver(base: PlainMap, layer: PlainMap): PlainMap {
  return mergeLayers([base, layer].map((body) => ({ body, originOf: () => NOWHERE }))).body;
}

const NOWHERE: Origin = { file: '', line: 0, column: 0 };

/** All layers, the first at the bottom. */
export function mergeLayers(layers: readonly Layer[]): Merged {
  const conflicts: Conflicts = [];
  let merged: TracedMap = { kind: 'map', entries: new Map(), origin: NOWHERE };
  for (const layer of layers) merged = lay(merged, layer.body, layer, [], conflicts);
  const origins = new Map<string, Origin>();
  collectOrigins(merged, [], origins);
  return { body: mapOf(merged), origins: Object.fromEntries(origins), conflicts };
}

/** `map` of a layer, which stands at `path` there, over `below`. */
function lay(
  below: Traced | undefined,
  map: PlainMap,
  layer: Layer,
  path: readonly string[],
  conflicts: Conflicts,
): TracedMap {
  const entries = new Map(below?.kind === 'map' ? below.entries : []);
  for (const [key, value] of Object.entries(map)) {
    const at = [...path, key];
    const origin = layer.originOf(at);
    const target = appendedKey(key, value);
    if (target !== undefined && Array.isArray(value)) {
      const list = entries.get(target);
      if (list !== undefined && list.kind !== 'list') conflicts.push({ path: [...path, target], origin });
      entries.set(target, append(list?.kind === 'list' ? list : undefined, itemsOf(value, layer, at), origin));
    } else if (value === null) entries.delete(key);
    else if (mergesDeeply(value)) entries.set(key, lay(entries.get(key), value, layer, at, conflicts));
    else if (Array.isArray(value)) entries.set(key, { kind: 'list', items: itemsOf(value, layer, at), origin });
    else entries.set(key, { kind: 'leaf', value, origin });
  }
  return { kind: 'map', entries, origin: layer.originOf(path) };
}

function itemsOf(list: readonly Plain[], layer: Layer, path: readonly string[]): Item[] {
  return list.map((value, i) => ({ value, origin: layer.originOf([...path, String(i)]) }));
}

/** What is in the list already is not put in again: a key or a disk twice is never meant, and a layer that is laid twice changes nothing. */
function append(
  below: Extract<Traced, { kind: 'list' }> | undefined,
  more: readonly Item[],
  origin: Origin,
): Extract<Traced, { kind: 'list' }> {
  if (below === undefined) return { kind: 'list', items: more, origin };
  const known = new Set(below.items.map(({ value }) => JSON.stringify(value)));
  return { ...below, items: [...below.items, ...more.filter(({ value }) => !known.has(JSON.stringify(value)))] };
}

function mapOf(traced: TracedMap): PlainMap {
  return Object.fromEntries([...traced.entries].map(([key, value]) => [key, plainOf(value)]));
}

function plainOf(traced: Traced): Plain {
  if (traced.kind === 'map') return mapOf(traced);
  return traced.kind === 'list' ? traced.items.map(({ value }) => value) : traced.value;
}

/** Of all values that are not maps to be merged; an empty map counts as a value. */
function collectOrigins(traced: Traced, path: readonly string[], origins: Map<string, Origin>): void {
  if (traced.kind !== 'map' || (traced.entries.size === 0 && path.length > 0))
    origins.set(pointer(path), traced.origin);
  if (traced.kind === 'list') {
    for (const [i, { origin }] of traced.items.entries()) origins.set(pointer([...path, String(i)]), origin);
  }
  if (traced.kind !== 'map') return;
  for (const [key, below] of traced.entries) collectOrigins(below, [...path, key], origins);
}
