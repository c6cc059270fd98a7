/** What is legal in a profile and will surprise its author on the node. */
import type { ProfileFinding } from './finding.ts';
import { isSecretReference } from './merge.ts';
import type { ResolvedProfile } from './resolve.ts';

/** Warnings about a profile as a whole; values of a node may make them pointless. */
export function adviseOn(profile: ResolvedProfile): ProfileFinding[] {
  return [...planAdvice(profile), ...adminAdvice(profile), ...passwordAdvice(profile)];
}

function planAdvice(profile: ResolvedProfile): ProfileFinding[] {
  if (Object.keys(profile.postInstall).length > 0) return [];
  return [
    {
      code: 'profile.no-plan',
      severity: 'warning',
      path: ['postInstall'],
      message: 'There is no first-boot plan: the node stays as the installer left it, with root logins by password',
      remedy: 'Add postInstall with at least repositories, ssh and admin-user.',
    },
  ];
}

function adminAdvice(profile: ResolvedProfile): ProfileFinding[] {
  const admin = profile.postInstall['admin-user'];
  if (admin === undefined) return [];
  const keys = admin.keys;
  if (Array.isArray(keys) ? keys.length > 0 : keys !== undefined) return [];
  return [
    {
      code: 'profile.admin-without-key',
      severity: 'warning',
      path: ['postInstall', 'admin-user', 'keys'],
      message: 'The admin user has no SSH key, so nobody can log in with it',
      remedy: 'Add your public key to postInstall.admin-user.keys, here or in the values of each node.',
    },
  ];
}

function passwordAdvice(profile: ResolvedProfile): ProfileFinding[] {
  const global = profile.answer.global;
  if (typeof global !== 'object' || global === null || !('root-password' in global)) return [];
  if (!isSecretReference(global['root-password'])) return [];
  return [
    {
      code: 'profile.root-password-unused',
      severity: 'warning',
      path: ['answer', 'global', 'root-password'],
      message: 'The answer never holds this password: root gets a random one for each run',
      remedy: 'Log in with the admin user, or leave it for a later release whose plan sets it.',
    },
  ];
}
