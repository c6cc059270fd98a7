/** What is wrong or unwise in a profile, and where. The shape that checks of other rooms (answers, postinstall) return as well. */

export interface ProfileFinding {
  /** Dotted and stable: `profile.unknown-parent`, `answer.country`. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** Path in the profile: `answer`, `global`, `country`. Its line and column are looked up where the file is known. */
  readonly path: readonly string[];
  readonly message: string;
  readonly remedy: string;
}

/** A check that another room makes of a whole profile; handed in by whoever puts the rooms together. */
export type ProfileCheck<Profile> = (profile: Profile) => readonly ProfileFinding[];
