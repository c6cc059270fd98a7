/** The plan: what a profile's `postInstall` means for one node, as a value. Pure. */
import { createHash } from 'node:crypto';
import { IronwakeError, invalid } from '../errors.ts';
import { nearest } from '../profiles/nearest.ts';
import {
  type ModuleContext,
  type PostInstallModule,
  type Prepared,
  type Product,
  validateParameters,
  withDefaults,
} from './module.ts';
import { MODULES } from './modules/index.ts';

export interface PlanRequest {
  /** The profile's `postInstall`: module name to the map of its parameters; `{}` takes the defaults. */
  readonly postInstall: unknown;
  readonly product: Product;
  /** `9.2` */
  readonly release: string;
  /** What there is to choose from; the shipped ones unless told. */
  readonly modules?: readonly PostInstallModule[];
}

export interface PlannedModule {
  /** A module that is several steps stands here once for each, under the step's name. */
  readonly module: PostInstallModule;
  /** Its key under `postInstall:`, which is the name unless it is one step of several. */
  readonly key: string;
  /** With defaults filled in. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Names of the modules in this plan without whose success it is skipped. */
  readonly needs: readonly string[];
  /** Names of the modules in this plan that run before it, whatever becomes of them. */
  readonly follows: readonly string[];
  readonly prepared: Prepared;
}

export interface Plan {
  readonly context: ModuleContext;
  /** In the order in which they run. */
  readonly modules: readonly PlannedModule[];
  /** SHA-256 (hex) of everything the plan consists of but the scripts: equal plans, equal digests. */
  readonly digest: string;
}

/**
 * Puts the modules of a profile into the order in which they run: a module after those that it names in `requires` and `after`, otherwise in
 * the order of the shipped list, whatever order the profile has.
 * @throws IronwakeError `plan.malformed`, `plan.module-unknown`, `plan.not-supported`, `plan.parameter`, `plan.cycle`
 */
export function buildPlan(request: PlanRequest): Plan {
  const available = request.modules ?? MODULES;
  const context: ModuleContext = { product: request.product, release: request.release };
  const wanted = readWanted(request.postInstall, available);
  const steps = inOrder(
    available.filter((module) => wanted.has(module.name)),
    wanted,
  ).flatMap((module) => planned(module, wanted, context));
  // Whoever waits for a module of several steps waits for all of them.
  const named = (keys: readonly string[]) =>
    keys.flatMap((key) => steps.filter((step) => step.key === key).map(({ module }) => module.name));
  const modules = steps.map((step) => ({ ...step, needs: named(step.needs), follows: named(step.follows) }));
  const digest = createHash('sha256')
    .update(
      JSON.stringify([
        context,
        modules.map(({ module, needs, prepared }) => [module.name, needs, canonical(prepared)]),
      ]),
    )
    .digest('hex');
  return { context, modules, digest };
}

type Wanted = ReadonlyMap<string, unknown>;

function readWanted(postInstall: unknown, available: readonly PostInstallModule[]): Wanted {
  const wanted = new Map<string, unknown>();
  if (postInstall === undefined || postInstall === null) return wanted;
  if (typeof postInstall !== 'object' || Array.isArray(postInstall))
    throw invalid(
      'plan.malformed',
      'postInstall',
      'postInstall is not a table of modules',
      'Write one key per module, for example `ssh: {}`.',
    );
  const names = available.map((module) => module.name);
  for (const [name, params] of Object.entries(postInstall)) {
    if (!names.includes(name)) {
      const meant = nearest(name, names);
      throw invalid(
        'plan.module-unknown',
        `postInstall.${name.slice(0, 60)}`,
        `there is no module '${name.slice(0, 60)}'`,
        meant === undefined ? `Modules are: ${names.join(', ')}.` : `Did you mean '${meant}'?`,
      );
    }
    // A profile's layers have taken null out by now: what is no map is a mistake, and guessing could leave a node unprotected.
    if (typeof params !== 'object' || params === null || Array.isArray(params))
      throw invalid(
        'plan.malformed',
        `postInstall.${name}`,
        `the parameters of module ${name} are not a map`,
        `Write ${name}: {} for its defaults, or leave it out.`,
      );
    wanted.set(name, params);
  }
  return wanted;
}

/** With the keys of modules where the plan has their steps. */
function planned(module: PostInstallModule, wanted: Wanted, context: ModuleContext): readonly PlannedModule[] {
  const field = `postInstall.${module.name}`;
  const releases = module.supports[context.product];
  const major = context.release.split('.')[0] ?? '';
  if (releases?.includes(major) !== true) {
    const supported = Object.entries(module.supports).map(([product, list]) => `${product} ${list.join(', ')}`);
    throw invalid(
      'plan.not-supported',
      field,
      `module ${module.name} does not know ${context.product} ${context.release}`,
      `It knows: ${supported.join('; ')}. Remove it, or write \`${module.name}: null\` over a profile that has it.`,
    );
  }
  const given = wanted.get(module.name);
  const finding = validateParameters(module, given)[0];
  if (finding !== undefined) {
    const path = finding.path === '' ? field : `${field}.${finding.path}`;
    throw invalid('plan.parameter', path, finding.message, finding.remedy);
  }
  const params = withDefaults(module, given) as Record<string, unknown>;
  const inPlan = (names: readonly string[]) => names.filter((name) => wanted.has(name));
  const common = { key: module.name, needs: inPlan(module.requires), follows: inPlan(module.after) };
  if (module.split === undefined) return [{ ...common, module, params, prepared: module.prepare(params, context) }];
  return module.split(params).map((part) => ({
    ...common,
    module: { ...module, name: `${module.name}-${part.name}`, timeLimitSeconds: part.timeLimitSeconds },
    params: part.params,
    prepared: module.prepare(part.params, context),
  }));
}

function inOrder(modules: readonly PostInstallModule[], wanted: Wanted): readonly PostInstallModule[] {
  const ordered: PostInstallModule[] = [];
  const placed = new Set<string>();
  while (ordered.length < modules.length) {
    const next = modules.find(
      (module) =>
        !placed.has(module.name) &&
        [...module.requires, ...module.after].every((name) => !wanted.has(name) || placed.has(name)),
    );
    if (next === undefined) {
      const left = modules.filter((module) => !placed.has(module.name)).map((module) => module.name);
      throw new IronwakeError({
        kind: 'invalid',
        code: 'plan.cycle',
        field: 'postInstall',
        message: `modules wait for each other: ${left.join(', ')}`,
        remedy: 'Take one of them out of the plan, or mend `requires` or `after` in its module.ts.',
      });
    }
    ordered.push(next);
    placed.add(next.name);
  }
  return ordered;
}

/** The same JSON for the same content, whatever order the keys were written in. */
function canonical(prepared: Prepared): unknown {
  return [
    Object.entries(prepared.parameters).sort(([a], [b]) => (a < b ? -1 : 1)),
    prepared.files.map(({ name, content }) => [name, content]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  ];
}
