/**
 * The profile of one node: tags by name and the node's own values over its profile, values checked, pools read, templates rendered. Pure: numbers
 * of pools are handed in by whoever holds them.
 */
import { type Fqdn, splitFqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import { type LoadedTag, type PlacedFinding, ProfileError, throwErrors } from './load.ts';
import { isMap, type Layer, type Origin, type Plain, type PlainMap } from './merge.ts';
import { readNodeValues } from './node-values.ts';
import { addressNumberOf, type Pool, readPools } from './pools.ts';
import { layerOf, nearestOrigin, profileOfLayers, type ResolvedProfile } from './resolve.ts';
import { isScript } from './scripts.ts';
import {
  checkNames,
  isTemplate,
  namesOf,
  PLAIN_FACTS,
  renderTemplate,
  TemplateError,
  type TemplateFacts,
} from './template.ts';
import { faultsOf, withStandIns } from './value-types.ts';

/** What of a node its profile depends on. */
export interface ProfileSubject {
  readonly fqdn: Fqdn;
  readonly macs: readonly Mac[];
  readonly site: string;
  readonly tags: readonly string[];
  readonly values: unknown;
}

/** RFC 2606 and RFC 7042 documentation values: a node for checks that have none. */
export const STAND_IN_NODE: ProfileSubject = {
  fqdn: 'node.example.test' as Fqdn,
  macs: ['00:00:5e:00:53:01' as Mac],
  site: 'default',
  tags: [],
  values: {},
};

/**
 * Tags in the order of their names, then the node, over the profile. Templates are still templates.
 * @param tagOf the file of a tag; a tag without one is a label and nothing more
 * @throws ProfileError `profile.append`, `profile.value-type`, `profile.value-missing`, `profile.template`, `profile.pool`
 * @throws IronwakeError `node.values`
 */
export function profileForNode(
  profile: ResolvedProfile,
  tagOf: (name: string) => LoadedTag | undefined,
  subject: ProfileSubject,
): ResolvedProfile {
  const tags = [...new Set(subject.tags)].sort().flatMap((name) => tagOf(name) ?? []);
  const own = nodeLayer(subject);
  const isPlain = Object.values(own.body).every(
    (part) => part === undefined || (isMap(part) && Object.keys(part).length === 0),
  );
  const last = isPlain ? plainNodes.get(profile) : undefined;
  if (last !== undefined && last.tags.length === tags.length && last.tags.every((tag, i) => tag === tags[i]))
    return last.merged;
  const merged = profileOfLayers(profile.name, [layerOf(profile), ...tags, ...(isPlain ? [] : [own])]);
  throwErrors(checkInputs(merged, 'node'));
  if (isPlain) plainNodes.set(profile, { tags, merged });
  return merged;
}

/**
 * Nodes without values of their own differ in nothing before templates are rendered. The last of each profile is kept: an import merges the same ten
 * thousand times. A file that changes is another object.
 */
const plainNodes = new WeakMap<
  ResolvedProfile,
  { readonly tags: readonly LoadedTag[]; readonly merged: ResolvedProfile }
>();

function nodeLayer({ fqdn, values }: ProfileSubject): Layer {
  const { answer, postInstall, values: own = {} } = readNodeValues(values);
  return {
    body: { answer, postInstall, values: own },
    originOf: () => ({ file: `values of ${fqdn}`, line: 0, column: 0 }),
  };
}

/**
 * Everything about values, pools and templates that can be known without numbers of pools. A missing value is an error `for` a node, and none
 * in a profile: the node may bring it.
 */
export function checkInputs(profile: ResolvedProfile, of: 'profile' | 'node'): PlacedFinding[] {
  const place = (path: readonly string[]): Origin =>
    nearestOrigin(profile.origins, path) ?? { file: `${profile.name}.yaml`, line: 1, column: 1 };
  const findings: PlacedFinding[] = [];
  const add = (code: string, path: readonly string[], message: string, remedy: string): void => {
    findings.push({ code, severity: 'error', path, message, remedy, ...place(path) });
  };
  for (const { kind, name, message, remedy } of faultsOf(profile.types, profile.values)) {
    if (kind === 'wrong') add('profile.value-type', ['values', name], message, remedy);
    else if (of === 'node') add('profile.value-missing', ['types', name, 'type'], message, remedy);
  }
  for (const { path, message, remedy } of readPools(profile.pools, profile.counters).faults) {
    add('profile.pool', path, message, remedy);
  }
  const names = new Map<string, readonly string[]>([
    ['', PLAIN_FACTS],
    ['values', [...new Set([...Object.keys(profile.types), ...Object.keys(profile.values)])]],
    ['pool', Object.keys(profile.pools)],
    ['counter', Object.keys(profile.counters)],
  ]);
  for (const { path, text } of templatesOf(profile)) {
    const fault = faultIn(() => checkNames(text, names));
    if (fault !== undefined) add('profile.template', path, fault.message, fault.remedy);
  }
  return findings;
}

function faultIn(work: () => void): TemplateError['fault'] | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return error.fault;
    throw error;
  }
}

interface Found {
  readonly path: readonly string[];
  readonly text: string;
}

/** In `answer` and `postInstall`: what is rendered. */
function templatesOf({ answer, postInstall }: ResolvedProfile): Found[] {
  return [...stringsIn(answer, ['answer']), ...stringsIn(postInstall, ['postInstall'])].filter(({ text }) =>
    isTemplate(text),
  );
}

function stringsIn(value: Plain, path: readonly string[]): Found[] {
  if (typeof value === 'string') return isScript(path) ? [] : [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((item: Plain, i) => stringsIn(item, [...path, String(i)]));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([key, below]) => stringsIn(below, [...path, key]));
}

/** The pools and counters that the templates of a profile name: only of these a node gets a number. */
export function neededPools(profile: ResolvedProfile): readonly Pool[] {
  const named = new Set(templatesOf(profile).flatMap(({ text }) => namesOf(text).map((path) => path.join('.'))));
  return readPools(profile.pools, profile.counters).pools.filter(({ kind, name }) => named.has(`${kind}.${name}`));
}

/** The numbers of a node, as templates print them. */
export interface HeldNumbers {
  readonly pool: Readonly<Record<string, string>>;
  readonly counter: Readonly<Record<string, string>>;
}

/**
 * @param profile of this node (`profileForNode`)
 * @throws ProfileError `profile.template`, naming file and line
 */
export function renderProfile(profile: ResolvedProfile, subject: ProfileSubject, held: HeldNumbers): ResolvedProfile {
  const { fqdn, macs, site, tags } = subject;
  const facts: TemplateFacts = {
    fqdn,
    ...splitFqdn(fqdn),
    mac: macs[0] ?? '',
    site,
    tags: [...new Set(tags)].sort(),
    values: profile.values,
    ...held,
  };
  const renderMap = (map: PlainMap, path: string): PlainMap =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, render(value, [path, key])]));
  const render = (value: Plain, path: readonly string[]): Plain => {
    if (typeof value === 'string') return isTemplate(value) && !isScript(path) ? renderText(value, path) : value;
    if (Array.isArray(value)) return value.map((item: Plain, i) => render(item, [...path, String(i)]));
    if (!isMap(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, render(below, [...path, key])]));
  };
  const renderText = (text: string, path: readonly string[]): string => {
    try {
      return renderTemplate(text, facts);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const place = nearestOrigin(profile.origins, path) ?? { file: profile.name, line: 0, column: 0 };
      throw new ProfileError([{ code: 'profile.template', severity: 'error', path, ...error.fault, ...place }]);
    }
  };
  return {
    ...profile,
    answer: renderMap(profile.answer, 'answer'),
    // Modules are maps, and rendering a map gives a map.
    postInstall: renderMap(profile.postInstall, 'postInstall') as ResolvedProfile['postInstall'],
  };
}

/** The profile as a node that nobody has yet would get it: the first number of each pool, examples for values that the node has to bring. */
export function renderForCheck(profile: ResolvedProfile, subject: ProfileSubject = STAND_IN_NODE): ResolvedProfile {
  const standIn = { ...profile, values: withStandIns(profile.types, profile.values) };
  return renderProfile(standIn, subject, firstNumbers(neededPools(profile), namedAddresses(profile)));
}

/** Gateway and DNS server: addresses that the profile itself gives away, so that no pool gives them again. */
export function namedAddresses({ answer }: Pick<ResolvedProfile, 'answer'>): number[] {
  const network = isMap(answer.network) ? answer.network : {};
  return [network.gateway, network.dns].map(addressNumberOf).filter((number) => number !== undefined);
}

/** The first number of each pool that is not left out. */
function firstNumbers(pools: readonly Pool[], named: readonly number[]): HeldNumbers {
  return heldNumbers(
    pools.map((pool) => {
      let number = pool.from;
      const closed = pool.kind === 'pool' ? [...pool.except, ...named] : [];
      while (closed.includes(number) && number < pool.to) number += 1;
      return { pool, number };
    }),
  );
}

export function heldNumbers(held: ReadonlyArray<{ readonly pool: Pool; readonly number: number }>): HeldNumbers {
  const of = (kind: Pool['kind']) =>
    Object.fromEntries(
      held.filter(({ pool }) => pool.kind === kind).map(({ pool, number }) => [pool.name, pool.print(number)]),
    );
  return { pool: of('pool'), counter: of('counter') };
}
