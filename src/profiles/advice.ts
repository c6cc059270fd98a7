/** What is legal in a profile and will surprise its author on the node. */
import type { ProfileFinding } from './finding.ts';
import type { ResolvedProfile } from './resolve.ts';

/** Warnings about a profile as a whole; values of a node may make them pointless. */
export function adviseOn(profile: ResolvedProfile): ProfileFinding[] {
  return [...planAdvice(profile), ...adminAdvice(profile)];
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
