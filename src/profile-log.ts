/** Profiles in the log: what is wrong at the start, and at every change what is new. Part of the composition. */
import type { Log } from './log.ts';
import type { ProfileProblem } from './profiles/library.ts';
import type { ProfileRegistry } from './profiles/registry.ts';

/** Ends with the registry. */
export function logProfiles(profiles: Pick<ProfileRegistry, 'problems' | 'onChange'>, log: Log): void {
  let told: ReadonlySet<string> = new Set();
  const tell = (problems: readonly ProfileProblem[]): void => {
    for (const problem of problems) {
      if (told.has(keyOf(problem))) continue;
      const { file, line, code, severity, message, remedy } = problem;
      const kept = severity === 'error' ? 'profile, the last good version stays in force' : 'profile';
      log.warn({ file, line, code }, `${kept}: ${message}. ${remedy}`);
    }
    told = new Set(problems.map(keyOf));
  };
  tell(profiles.problems());
  profiles.onChange(({ names, problems }) => {
    if (names.length > 0) log.info({ profiles: names }, 'profiles read again');
    tell(problems);
  });
}

const keyOf = ({ code, message }: ProfileProblem): string => `${code} ${message}`;
