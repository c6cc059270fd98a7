/**
 * The profile as it was when a run was armed, with tags, the node's own values and its numbers of pools worked in. Answer and plan come from this
 * copy: a change of the file never changes a run that is under way.
 */
import { maskAnswer } from '../profiles/leaves.ts';
import type { Origins } from '../profiles/merge.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { RunData } from '../runs/run.ts';

/** What of a profile a run needs. Secrets are references only. */
export type ProfileSnapshot = Pick<ResolvedProfile, 'answer' | 'install'> & {
  readonly postInstall: unknown;
  /** Of the answer; runs that were armed by an older release have none. */
  readonly origins?: Origins;
};

/** @param profile of the node (`nodeProfileOf`) */
export function snapshotOf({ answer, postInstall, install, origins }: ResolvedProfile): ProfileSnapshot {
  const ofAnswer = Object.entries(origins).filter(([path]) => path.startsWith('/answer/'));
  return { answer, postInstall, install, origins: Object.fromEntries(ofAnswer) };
}

/** The snapshot was validated when it was taken, so reading it back is a matter of types only. */
export function profileOf(run: { readonly data: Pick<RunData, 'profile'> }): ProfileSnapshot {
  return run.data.profile as unknown as ProfileSnapshot;
}

/** A profile for people to look at. */
export function maskedProfile(profile: ResolvedProfile): ResolvedProfile {
  return { ...profile, answer: maskAnswer(profile.answer) };
}

/** The snapshot of a run for people to look at. */
export function maskedSnapshot(run: { readonly data: Pick<RunData, 'profile'> }): {
  readonly answer: Record<string, unknown>;
  readonly postInstall: Record<string, unknown>;
  readonly install: Record<string, unknown>;
} {
  const { answer, postInstall, install } = profileOf(run);
  return {
    answer: { ...maskAnswer(answer) },
    postInstall: typeof postInstall === 'object' && postInstall !== null ? { ...postInstall } : {},
    install: { ...install },
  };
}
