/**
 * The profile as it was when a run was armed, with the node's own values over it. Answer and plan come from this copy: a change of the file
 * never changes a run that is under way.
 */
import type { Node } from '../nodes/node.ts';
import { overrideProfile } from '../profiles/node-values.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { RunData } from '../runs/run.ts';

/** What of a profile a run needs. Secrets are references only. */
export type ProfileSnapshot = Pick<ResolvedProfile, 'answer' | 'install'> & { readonly postInstall: unknown };

/** @throws IronwakeError `node.values` when the node's values do not have the shape of a profile */
export function snapshotOf(profile: ResolvedProfile, node: Node): ProfileSnapshot {
  return { ...overrideProfile(profile, node.values), install: profile.install };
}

/** The snapshot was validated when it was taken, so reading it back is a matter of types only. */
export function profileOf(run: { readonly data: Pick<RunData, 'profile'> }): ProfileSnapshot {
  return run.data.profile as unknown as ProfileSnapshot;
}
