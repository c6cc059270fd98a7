/** A check of `postInstall` against the parameters of the modules. The modules live in a room above: what they say is handed in. */
import type { ProfileFinding } from './finding.ts';
import { isMap, isSecretReference } from './merge.ts';
import { nearest } from './nearest.ts';
import type { ResolvedProfile } from './resolve.ts';

export interface ParameterComplaint {
  /** Path below the module's parameters with dots: `keys.0`. Empty for the whole. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

/**
 * A check for `ProfileRegistry`.
 * @param modules names of all modules
 * @param validate what is wrong with the parameters of one of them
 */
export function planCheck(
  modules: readonly string[],
  validate: (module: string, parameters: unknown) => readonly ParameterComplaint[],
): (profile: Pick<ResolvedProfile, 'postInstall'>) => ProfileFinding[] {
  return (profile) =>
    Object.entries(profile.postInstall).flatMap(([module, parameters]) => {
      if (!modules.includes(module)) return [unknownModule(module, modules)];
      return validate(module, parameters)
        .map((complaint) => ({ ...complaint, parts: complaint.path === '' ? [] : complaint.path.split('.') }))
        .filter(({ parts }) => !liesInSecret(parameters, parts))
        .map(({ parts, message, remedy }) => ({
          code: 'profile.parameter',
          severity: 'error' as const,
          path: ['postInstall', module, ...parts],
          message: `${module}: ${message}`,
          remedy,
        }));
    });
}

function unknownModule(module: string, modules: readonly string[]): ProfileFinding {
  const close = nearest(module, modules);
  return {
    code: 'profile.unknown-module',
    severity: 'error',
    path: ['postInstall', module],
    message: `There is no module '${module.slice(0, 60)}'`,
    remedy: close === undefined ? `Modules: ${modules.join(', ')}.` : `Did you mean ${close}?`,
  };
}

/** What a secret holds is not known here; it is checked when a run is armed. */
function liesInSecret(parameters: unknown, path: readonly string[]): boolean {
  let value = parameters;
  for (const part of path) {
    if (isSecretReference(value)) return true;
    value = isMap(value) ? value[part] : Array.isArray(value) ? value[Number(part)] : undefined;
  }
  return isSecretReference(value);
}
