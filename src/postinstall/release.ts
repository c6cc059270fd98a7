/** Which modules of a plan wait until a person has confirmed the node: those that carry a secret, and those that come after one of them. */
import { isSecretReference } from '../profiles/merge.ts';
import type { Plan } from './plan.ts';

export interface Withholding {
  /** The plan without them. */
  readonly plan: Plan;
  /** Their names, in the order in which they would run. */
  readonly withheld: readonly string[];
}

/** @param postInstall as the profile has it, with its references to secrets */
export function withholdSecrets(plan: Plan, postInstall: unknown): Withholding {
  const held = new Set<string>();
  for (const { module, key, needs, prepared } of plan.modules) {
    const parameters = parametersOf(postInstall, key);
    const carries = refersToSecret(parameters) || prepared.files.some(({ secret }) => secret === true);
    if (carries || needs.some((name) => held.has(name))) held.add(module.name);
  }
  return {
    plan: { ...plan, modules: plan.modules.filter(({ module }) => !held.has(module.name)) },
    withheld: [...held],
  };
}

function parametersOf(postInstall: unknown, name: string): unknown {
  return typeof postInstall === 'object' && postInstall !== null ? Reflect.get(postInstall, name) : undefined;
}

function refersToSecret(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return isSecretReference(value) || Object.values(value).some(refersToSecret);
}
