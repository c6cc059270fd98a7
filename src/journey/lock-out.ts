/** Logins by key only, and no key for anyone: the plan would have to stop on the node, after everything else has been done. */
import { IronwakeError } from '../errors.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';

/** Why nobody could log in to a machine with this profile, and the place in its file where a key belongs; undefined when somebody can. */
export function lockOutOf(profile: ResolvedProfile): { readonly because: string; readonly where: string } | undefined {
  const plan = profile.postInstall as {
    readonly ssh?: unknown;
    readonly 'admin-user'?: { readonly keys?: readonly unknown[] };
  };
  const global = profile.answer.global as { readonly 'root-ssh-keys'?: readonly unknown[] } | undefined;
  const account = plan['admin-user']?.keys;
  const place = profile.origins['/postInstall/admin-user/keys'] ?? profile.origins['/postInstall/admin-user/name'];
  const where = place === undefined ? `${profile.name}.yaml` : `${place.file}:${place.line}`;
  if (Array.isArray(account) && account.length === 0)
    return { because: "makes an administrator's account and holds no public key for it", where };
  const keys = [...(account ?? []), ...(global?.['root-ssh-keys'] ?? [])];
  if (plan.ssh === undefined || keys.length > 0) return undefined;
  return { because: 'allows SSH logins by key only and holds no key of yours', where };
}

/** @throws IronwakeError `plan.nobody-can-log-in` with file, line and what to write there */
export function refuseLockOut(profile: ResolvedProfile): void {
  const found = lockOutOf(profile);
  if (found === undefined) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'plan.nobody-can-log-in',
    field: 'postInstall.admin-user.keys',
    message: `profile '${profile.name}' ${found.because} (${found.where})`,
    remedy: `Put your public key into ${found.where}, under postInstall.admin-user.keys (keys: ["ssh-ed25519 AAAA... you@laptop"]), then arm again.`,
  });
}
