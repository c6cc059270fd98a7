/**
 * All profiles of a directory at one moment, and how the next moment is made from it: a file that is broken now keeps the last good version
 * of its profile. Pure: texts in, profiles and problems out.
 */
import { adviseOn } from './advice.ts';
import type { ProfileFile } from './directory.ts';
import type { ProfileFinding } from './finding.ts';
import {
  type LoadedProfile,
  type PlacedFinding,
  ProfileError,
  profileNameOf,
  readProfile,
  throwErrors,
} from './load.ts';
import { type Origin, type Origins, pointer } from './merge.ts';
import { type ResolvedProfile, resolveProfile } from './resolve.ts';

/** Something wrong or unwise, for status page, `doctor` and log. */
export interface ProfileProblem {
  readonly file: string;
  readonly severity: 'error' | 'warning';
  readonly code: string;
  /** Begins with the place: `default.yaml:12:5: ...`. */
  readonly message: string;
  readonly remedy: string;
  readonly line: number;
  readonly column: number;
  /** When this very problem was first seen, epoch milliseconds. */
  readonly at: number;
}

export interface Library {
  /** By name. Includes those that begin with `_`, which only serve to be extended. */
  readonly loaded: ReadonlyMap<string, LoadedProfile>;
  /** What nodes can use, by name. */
  readonly resolved: ReadonlyMap<string, ResolvedProfile>;
  readonly problems: readonly ProfileProblem[];
}

export const emptyLibrary: Library = { loaded: new Map(), resolved: new Map(), problems: [] };

/** Checks of a resolved profile that other rooms make. An error among the findings makes the file count as broken. */
export type ProfileChecks = ReadonlyArray<(profile: ResolvedProfile) => readonly ProfileFinding[]>;

export function nextLibrary(
  before: Library,
  files: readonly ProfileFile[],
  checks: ProfileChecks,
  now: number,
): Library {
  const found: PlacedFinding[] = [];
  const loaded = new Map<string, LoadedProfile>();
  for (const file of files) {
    const name = profileNameOf(file.file);
    if (name === undefined) continue;
    const profile = collect(found, () => load(file, loaded)) ?? before.loaded.get(name);
    if (profile !== undefined && !loaded.has(name)) loaded.set(name, profile);
  }
  const resolved = new Map<string, ResolvedProfile>();
  for (const profile of loaded.values()) {
    if (profile.name.startsWith('_')) continue;
    const good = collect(found, () => resolve(profile, loaded, checks, found)) ?? before.resolved.get(profile.name);
    if (good !== undefined) resolved.set(profile.name, good);
  }
  return { loaded, resolved, problems: withTimes(found, before.problems, now) };
}

/** Runs `work`; a ProfileError goes to the list instead of out. */
function collect<T>(found: PlacedFinding[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    found.push(...error.problems);
    return undefined;
  }
}

function load(file: ProfileFile, others: ReadonlyMap<string, LoadedProfile>): LoadedProfile {
  const whole = (code: string, message: string, remedy: string): ProfileError =>
    new ProfileError([{ code, severity: 'error', path: [], message, remedy, file: file.file, line: 1, column: 1 }]);
  if (file.text === undefined) {
    throw whole(
      'profile.unreadable',
      `The file cannot be read: ${file.failure}`,
      'Make it a readable UTF-8 text file.',
    );
  }
  const profile = readProfile(file.file, file.text);
  const twin = others.get(profile.name);
  if (twin !== undefined && twin.file !== file.file) {
    throw whole('profile.twice', `${twin.file} is the same profile`, 'Keep one of the two files.');
  }
  return profile;
}

function resolve(
  profile: LoadedProfile,
  loaded: ReadonlyMap<string, LoadedProfile>,
  checks: ProfileChecks,
  found: PlacedFinding[],
): ResolvedProfile {
  const resolved = resolveProfile(profile, (name) => loaded.get(name), loaded.keys());
  const advice = adviseOn(resolved);
  // Advice about a place goes before another room's verdict on it: the node may still bring what is missing there.
  const advised = new Set(advice.map((finding) => pointer(finding.path)));
  const checked = checks.flatMap((check) => check(resolved)).filter((finding) => !advised.has(pointer(finding.path)));
  const findings = [...checked, ...advice].map((finding) => ({
    ...finding,
    ...placeIn(profile, resolved.origins, finding.path),
  }));
  throwErrors(findings);
  found.push(...findings);
  return resolved;
}

/** The place of a value: where it was set, else the nearest place in the profile's own file. */
function placeIn(profile: LoadedProfile, origins: Origins, path: readonly string[]): Origin {
  for (let length = path.length; length > 0; length--) {
    const origin = origins[pointer(path.slice(0, length))];
    if (origin !== undefined) return origin;
  }
  return profile.originOf(path);
}

function withTimes(found: readonly PlacedFinding[], before: readonly ProfileProblem[], now: number): ProfileProblem[] {
  const problems = new Map<string, ProfileProblem>();
  for (const { file, severity, code, message, remedy, line, column } of found) {
    const text = `${file}:${line}:${column}: ${message}`;
    const known = before.find((old) => old.code === code && old.message === text);
    problems.set(`${code} ${text}`, {
      file,
      severity,
      code,
      message: text,
      remedy,
      line,
      column,
      at: known?.at ?? now,
    });
  }
  return [...problems.values()];
}
