/**
 * What a post-install module is. A module is one folder below `modules/`, and one line in modules/index.ts:
 *
 *     module.ts      this interface: parameters, what it runs on, what it comes after, what it prepares
 *     apply.sh       brings the node into the wanted state; run twice, the second run changes nothing
 *     verify.sh      looks, and changes nothing: is the wanted state there? Runs again every hour of the node's life
 *     rollback.sh    takes back what apply did
 *     files/*.hbs    configuration files (never shell), rendered by `prepare`
 *
 * The scripts are static. Parameters reach them as files (`parameter NAME` in shell/module.sh), so no value is ever part of a script.
 * CONTRIBUTING.md shows one from nothing; docs/modules.md is made from all of them.
 */
import type { Static, TObject } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { nearest } from '../profiles/nearest.ts';
import { templateAt } from './template.ts';

export const PRODUCTS = ['pve', 'pbs', 'pmg', 'pdm'] as const;
export type Product = (typeof PRODUCTS)[number];

/** Major releases by product: `{ pve: ['8', '9'] }`. */
export type Support = Readonly<Partial<Record<Product, readonly string[]>>>;

export interface ModuleContext {
  readonly product: Product;
  /** As the image says it: `9.2`. */
  readonly release: string;
}

/** A file that the module's scripts find as `files/NAME`. */
export interface PreparedFile {
  readonly name: string;
  readonly content: string;
  /** Masked in everything that is reported or shown. */
  readonly secret?: boolean;
}

export interface Prepared {
  readonly files: readonly PreparedFile[];
  /** What `parameter NAME` prints. Lists are one item a line. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Proof {
  /** `container/modules/ssh`. */
  readonly test: string;
  /** `Debian 12 and 13 in containers, real OpenSSH`. */
  readonly on: string;
}

export interface PostInstallModule<S extends TObject = TObject> {
  /** Name of its folder and key under `postInstall:`: lower-case letters, digits and hyphens, a letter first. */
  readonly name: string;
  /** What it does, in a few words and without a full stop. */
  readonly title: string;
  /** Why an administrator wants that: one sentence. `plan show` and docs/modules.md print it. */
  readonly why: string;
  /** Every parameter with default and description: profile validation, completion in editors and the documentation come from here. */
  readonly parameters: S;
  readonly supports: Support;
  /** Modules that must have succeeded before, when they are in the plan too: if one fails, this one is skipped. */
  readonly requires: readonly string[];
  /** Modules that run before, when they are in the plan too; how they end does not matter. Order only. */
  readonly after: readonly string[];
  /**
   * `cluster`: what it changes belongs to the whole cluster (/etc/pve). Nodes of one cluster then run it one at a time, and whoever comes second
   * finds it done; it must converge. `node`: everything else.
   */
  readonly scope: 'node' | 'cluster';
  /** Limit of one step, in seconds. */
  readonly timeLimitSeconds: number;
  /** What shows that it works: a file below test/ without `.test.ts`, and on what that runs. Printed in docs/modules.md. */
  readonly proof: readonly Proof[];
  /** Static programs of the folder beside the three scripts, started as `./NAME`. */
  readonly programs?: readonly string[];
  /** The module's folder, `new URL('.', import.meta.url)`. */
  readonly folder: URL;
  prepare(params: Static<S>, context: ModuleContext): Prepared;
  /**
   * For a module that is several steps of the plan, each with a report, a limit and a verification of its own: the parameters of each, as
   * `prepare` gets them. A step is called by the module's name, a hyphen and its own.
   */
  split?(params: Static<S>): readonly ModulePart<S>[];
}

export interface ModulePart<S extends TObject = TObject> {
  readonly name: string;
  readonly params: Static<S>;
  readonly timeLimitSeconds: number;
}

/** Lets the compiler tie `prepare` to the schema, then forgets the schema's exact type so that modules fit into one list. */
export function defineModule<S extends TObject>(module: PostInstallModule<S>): PostInstallModule {
  return module;
}

/** A configuration file of the module, rendered: `renderFile(folder, 'proxmox.sources', values)` reads `files/proxmox.sources.hbs`. */
export function renderFile(folder: URL, name: string, values: Readonly<Record<string, unknown>>): string {
  return templateAt(new URL(`files/${name}.hbs`, folder), 'config')(values);
}

export interface ParameterFinding {
  /** Path below the module's parameters with dots: `keys.0`. Empty for the whole. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

/** `value` with the defaults of the module's schema filled in. The value itself is left as it is. */
export function withDefaults(module: PostInstallModule, value: unknown): unknown {
  return Value.Default(module.parameters, value === undefined || value === null ? {} : structuredClone(value));
}

/** What is wrong with a module's parameters as a profile gives them; empty when they are good. Values are not repeated: one could be a secret. */
export function validateParameters(module: PostInstallModule, value: unknown): readonly ParameterFinding[] {
  const complete = withDefaults(module, value);
  const seen = new Set<string>();
  const findings: ParameterFinding[] = [];
  for (const error of Value.Errors(module.parameters, complete)) {
    const path = error.path.split('/').slice(1).join('.');
    // A missing key is reported again as a value of the wrong type: the first says it better.
    if (seen.has(path)) continue;
    seen.add(path);
    const known = Object.keys(module.parameters.properties);
    const key = path.split('.')[0] ?? '';
    const described: unknown = module.parameters.properties[key]?.description;
    if (path !== '' && !known.includes(key)) {
      const meant = nearest(key, known);
      findings.push({
        path,
        message: `module ${module.name} has no parameter '${key.slice(0, 60)}'`,
        remedy: meant === undefined ? `It has: ${known.join(', ')}.` : `Did you mean '${meant}'?`,
      });
      continue;
    }
    findings.push({
      path,
      message: error.message,
      remedy: typeof described === 'string' ? described : `See the parameters of module ${module.name}.`,
    });
  }
  return findings;
}
