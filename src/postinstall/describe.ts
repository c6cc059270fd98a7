/** A plan for people: what will be done, in which order, why, with which parameters and from which line of the profile. Pure; no secret goes in. */
import { isMap, isSecretReference, type Origins, type Plain } from '../profiles/merge.ts';
import { nearestOrigin } from '../profiles/resolve.ts';
import { type PostInstallModule, withDefaults } from './module.ts';
import { MODULES } from './modules/index.ts';
import type { Plan } from './plan.ts';

export interface DescribedParameter {
  /** Below the module: `keys[0]`, `bridges[1].name`. */
  readonly path: string;
  /** On one line: text as it is, everything else as JSON, `(secret NAME)` for a reference. */
  readonly value: string;
  /** `answers/web.yaml:12`; undefined: a default of the module. */
  readonly origin: string | undefined;
}

export interface DescribedModule {
  readonly name: string;
  readonly title: string;
  readonly why: string;
  readonly scope: 'node' | 'cluster';
  /** Modules of this plan without whose success it is skipped, and those that only run before. */
  readonly requires: readonly string[];
  readonly after: readonly string[];
  readonly parameters: readonly DescribedParameter[];
  /** It waits until a person has confirmed the node. */
  readonly withheld: boolean;
}

/**
 * @param postInstall of the node's profile, with its references to secrets
 * @param withheld names of the modules that wait for a person
 */
export function describePlan(
  plan: Plan,
  postInstall: unknown,
  origins: Origins,
  withheld: readonly string[],
): readonly DescribedModule[] {
  return plan.modules.map(({ module, needs, follows }) => ({
    name: module.name,
    title: module.title,
    why: module.why,
    scope: module.scope,
    requires: needs,
    after: follows,
    parameters: describeParameters(module, parametersOf(postInstall, module.name), origins),
    withheld: withheld.includes(module.name),
  }));
}

const parametersOf = (postInstall: unknown, name: string): unknown =>
  isMap(postInstall as Plain) ? Reflect.get(postInstall as object, name) : undefined;

export function describeParameters(
  module: PostInstallModule,
  given: unknown,
  origins: Origins,
): readonly DescribedParameter[] {
  const complete = withDefaults(module, given === true ? {} : given) as Plain;
  return leaves(complete, []).map(({ path, value }) => {
    const from = isGiven(given, path) ? nearestOrigin(origins, ['postInstall', module.name, ...path]) : undefined;
    return {
      path: path.reduce(
        (text, key) => (/^\d+$/.test(key) ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
        '',
      ),
      value,
      origin: from === undefined ? undefined : from.line === 0 ? from.file : `${from.file}:${from.line}`,
    };
  });
}

function leaves(value: Plain, path: readonly string[]): ReadonlyArray<{ path: readonly string[]; value: string }> {
  if (isSecretReference(value)) return [{ path, value: `(secret ${value.secret})` }];
  if (Array.isArray(value) && value.length > 0)
    return value.flatMap((item: Plain, index) => leaves(item, [...path, String(index)]));
  if (isMap(value)) {
    const entries = Object.entries(value);
    return entries.length === 0 && path.length > 0
      ? [{ path, value: '{}' }]
      : entries.flatMap(([key, below]) => leaves(below, [...path, key]));
  }
  return [{ path, value: typeof value === 'string' ? value : JSON.stringify(value) }];
}

function isGiven(given: unknown, path: readonly string[]): boolean {
  let at: unknown = given;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !(key in at)) return false;
    at = Reflect.get(at, key);
  }
  return true;
}

export interface PlanChange {
  readonly module: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Of `changed`: which parameter. */
  readonly path?: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly origin?: string | undefined;
}

/** What another `postInstall` than the last one would change. A secret that got a new value under the same name does not show. */
export function changesBetween(
  before: unknown,
  after: unknown,
  origins: Origins,
  modules: readonly PostInstallModule[] = MODULES,
): readonly PlanChange[] {
  return modules.flatMap((module): readonly PlanChange[] => {
    const [was, is] = [before, after].map((postInstall) => {
      const given = parametersOf(postInstall, module.name);
      const named = isMap(postInstall as Plain) && module.name in (postInstall as object) && given !== false;
      return named ? describeParameters(module, given, origins) : undefined;
    });
    if (was === undefined && is === undefined) return [];
    if (was === undefined) return [{ module: module.name, change: 'added' }];
    if (is === undefined) return [{ module: module.name, change: 'removed' }];
    const [old, fresh] = [was, is].map((list) => new Map(list.map((parameter) => [parameter.path, parameter])));
    const paths = new Set([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])]);
    return [...paths].flatMap((path) => {
      const [left, right] = [old?.get(path), fresh?.get(path)];
      if (left?.value === right?.value) return [];
      return [
        {
          module: module.name,
          change: 'changed' as const,
          path,
          before: left?.value,
          after: right?.value,
          origin: right?.origin,
        },
      ];
    });
  });
}
