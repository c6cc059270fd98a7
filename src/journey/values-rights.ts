/** What the values of a node may say by the role of whoever writes them. */
import { IronwakeError } from '../errors.ts';
import { isMap } from '../profiles/merge.ts';
import { allows } from '../trust/api-token.ts';
import type { Role } from './ports.ts';

/** With these the values of one node say who is root on it, or what runs as root. */
const MODULES: ReadonlySet<string> = new Set(['admin-user', 'custom-scripts']);
const ROOT_KEYS = /^root[-_]ssh[-_]keys[+]?$/;

/**
 * Secrets, the accounts and keys of root, and scripts are an administrator's: below that role the values of a node may not speak of them, whatever
 * its profile does.
 * @param values as they are about to be written; their shape may be wrong still
 * @throws IronwakeError `node.values-of-admin` (403) naming the field
 */
export function refuseValuesOfAdmin(role: Role, values: unknown, fqdn?: string): void {
  if (allows(role, 'admin')) return;
  const found = secretIn(values, ['values']) ?? rootIn(values);
  if (found === undefined) return;
  const whose = fqdn === undefined ? 'the values of a node' : `the values of ${fqdn.slice(0, 80)}`;
  throw new IronwakeError({
    kind: 'refused',
    code: 'node.values-of-admin',
    field: found.path.join('.').slice(0, 200),
    message: `an ${role}'s token may not set ${found.what} in ${whose}`,
    remedy: 'Have an admin set it, or put it in a profile.',
  });
}

interface Found {
  readonly path: readonly string[];
  readonly what: string;
}

function rootIn(values: unknown): Found | undefined {
  if (!isMap(values)) return undefined;
  const { postInstall, answer } = values;
  const module = isMap(postInstall) ? Object.keys(postInstall).find((name) => MODULES.has(name)) : undefined;
  if (module !== undefined) return { path: ['values', 'postInstall', module], what: `the module ${module}` };
  const global = isMap(answer) ? answer.global : undefined;
  const key = isMap(global) ? Object.keys(global).find((name) => ROOT_KEYS.test(name)) : undefined;
  return key === undefined ? undefined : { path: ['values', 'answer', 'global', key], what: "root's keys" };
}

/** Any key `secret`: a map with more keys than that one may become a reference when it is laid over the profile. */
function secretIn(value: unknown, path: readonly string[]): Found | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isMap(value) && Object.hasOwn(value, 'secret')) return { path, what: 'a reference to a secret' };
  for (const [key, below] of Object.entries(value)) {
    const found = secretIn(below, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
