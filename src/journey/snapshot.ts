/**
 * The profile as it was when a run was armed, with tags, the node's own values and its numbers of pools worked in. Answer and plan come from this
 * copy: a change of the file never changes a run that is under way.
 */
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { RunData } from '../runs/run.ts';

/** What of a profile a run needs. Secrets are references only. */
export type ProfileSnapshot = Pick<ResolvedProfile, 'answer' | 'install'> & { readonly postInstall: unknown };

/** @param profile of the node (`nodeProfileOf`) */
export function snapshotOf({ answer, postInstall, install }: ResolvedProfile): ProfileSnapshot {
  return { answer, postInstall, install };
}

/** The snapshot was validated when it was taken, so reading it back is a matter of types only. */
export function profileOf(run: { readonly data: Pick<RunData, 'profile'> }): ProfileSnapshot {
  return run.data.profile as unknown as ProfileSnapshot;
}
