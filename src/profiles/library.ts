/**
 * All profiles of a directory at one moment, and how the next moment is made from it: a file that is broken now keeps the last good version
 * of its profile. Pure: texts in, profiles and problems out.
 */
import { adviseOn } from './advice.ts';
import type { ProfileFile } from './directory.ts';
import type { ProfileFinding } from './finding.ts';
import {
  type LoadedProfile,
  type LoadedTag,
  type PlacedFinding,
  ProfileError,
  profileNameOf,
  readProfile,
  readTag,
  tagNameOf,
  throwErrors,
} from './load.ts';
import { type Origin, type Origins, pointer } from './merge.ts';
import { checkInputs, renderForCheck } from './node-profile.ts';
import { nearestOrigin, type ResolvedProfile, resolveProfile } from './resolve.ts';
import { isScriptFile, withScripts } from './scripts.ts';

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
  /** Profiles that have it, by name; tags as `tags/NAME`. A problem of a parent is one of its heirs, too. */
  readonly affects: string[];
  /** When this very problem was first seen, epoch milliseconds. */
  readonly at: number;
}

export interface Library {
  /** By name. Includes those that begin with `_`, which only serve to be extended. */
  readonly loaded: ReadonlyMap<string, LoadedProfile>;
  /** What nodes can use, by name. */
  readonly resolved: ReadonlyMap<string, ResolvedProfile>;
  /** Tags that have a file, by name. What a tag does to a profile is checked where a node brings the two together. */
  readonly tags: ReadonlyMap<string, LoadedTag>;
  readonly problems: readonly ProfileProblem[];
}

export const emptyLibrary: Library = { loaded: new Map(), resolved: new Map(), tags: new Map(), problems: [] };

/** Checks of a resolved profile that other rooms make; its templates are rendered for a node that does not exist. An error among the findings makes the file count as broken. */
export type ProfileChecks = ReadonlyArray<(profile: ResolvedProfile) => readonly ProfileFinding[]>;

export function nextLibrary(
  before: Library,
  files: readonly ProfileFile[],
  checks: ProfileChecks,
  now: number,
): Library {
  const found: Found[] = [];
  const scripts = new Map(files.filter(({ file }) => isScriptFile(file)).map((file) => [file.file, file]));
  const loaded = new Map<string, LoadedProfile>();
  for (const file of files) {
    const name = profileNameOf(file.file);
    if (name === undefined) continue;
    const profile = collect(found, name, () => load(file, loaded, scripts)) ?? before.loaded.get(name);
    if (profile !== undefined && !loaded.has(name)) loaded.set(name, profile);
  }
  const resolved = new Map<string, ResolvedProfile>();
  for (const profile of loaded.values()) {
    if (profile.name.startsWith('_')) continue;
    const good =
      collect(found, profile.name, () => resolve(profile, loaded, checks, found)) ?? before.resolved.get(profile.name);
    if (good !== undefined) resolved.set(profile.name, good);
  }
  const tags = new Map<string, LoadedTag>();
  for (const file of files) {
    const name = tagNameOf(file.file);
    if (name === undefined) continue;
    const tag = collect(found, `tags/${name}`, () => loadTag(file, tags, scripts)) ?? before.tags.get(name);
    if (tag !== undefined && !tags.has(name)) tags.set(name, tag);
  }
  return { loaded, resolved, tags, problems: withTimes(found, before.problems, now) };
}

/** With the name of the profile or tag that was looked at. */
type Found = PlacedFinding & { readonly about: string };

/** Runs `work`; a ProfileError goes to the list instead of out. */
function collect<T>(found: Found[], about: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    found.push(...error.problems.map((problem) => ({ ...problem, about })));
    return undefined;
  }
}

type Scripts = ReadonlyMap<string, ProfileFile>;

function load(file: ProfileFile, others: ReadonlyMap<string, LoadedProfile>, scripts: Scripts): LoadedProfile {
  return complete(refuseTwin(readProfile(file.file, textOf(file)), others), scripts);
}

function loadTag(file: ProfileFile, others: ReadonlyMap<string, LoadedTag>, scripts: Scripts): LoadedTag {
  return complete(refuseTwin(readTag(file.file, textOf(file)), others), scripts);
}

function complete<T extends LoadedProfile | LoadedTag>(layer: T, scripts: Scripts): T {
  return withScripts(layer, (file) => scripts.get(file), [...scripts.keys()]);
}

function wholeFile(file: string, code: string, message: string, remedy: string): ProfileError {
  return new ProfileError([{ code, severity: 'error', path: [], message, remedy, file, line: 1, column: 1 }]);
}

function textOf({ file, text, failure }: ProfileFile): string {
  if (text !== undefined) return text;
  const message = `The file cannot be read: ${failure}`;
  throw wholeFile(file, 'profile.unreadable', message, 'Make it a readable UTF-8 text file.');
}

function refuseTwin<T extends { readonly name: string; readonly file: string }>(
  read: T,
  others: ReadonlyMap<string, T>,
): T {
  const twin = others.get(read.name);
  if (twin === undefined || twin.file === read.file) return read;
  throw wholeFile(read.file, 'profile.twice', `${twin.file} is the same profile`, 'Keep one of the two files.');
}

function resolve(
  profile: LoadedProfile,
  loaded: ReadonlyMap<string, LoadedProfile>,
  checks: ProfileChecks,
  found: Found[],
): ResolvedProfile {
  const resolved = resolveProfile(profile, (name) => loaded.get(name), loaded.keys());
  const advice = adviseOn(resolved);
  // Advice about a place goes before another room's verdict on it: the node may still bring what is missing there.
  const advised = new Set(advice.map((finding) => pointer(finding.path)));
  throwErrors(checkInputs(resolved, 'profile'));
  const rendered = renderForCheck(resolved);
  const checked = checks.flatMap((check) => check(rendered)).filter((finding) => !advised.has(pointer(finding.path)));
  const findings = [...checked, ...advice].map((finding) => ({
    ...finding,
    ...placeIn(profile, resolved.origins, finding.path),
  }));
  throwErrors(findings);
  found.push(...findings.map((finding) => ({ ...finding, about: profile.name })));
  return resolved;
}

/** The place of a value: where it was set, else the nearest place in the profile's own file. */
function placeIn(profile: LoadedProfile, origins: Origins, path: readonly string[]): Origin {
  return nearestOrigin(origins, path) ?? profile.originOf(path);
}

function withTimes(found: readonly Found[], before: readonly ProfileProblem[], now: number): ProfileProblem[] {
  const problems = new Map<string, ProfileProblem>();
  for (const { file, severity, code, message, remedy, line, column, about } of found) {
    const text = `${file}:${line}:${column}: ${message}`;
    const known = before.find((old) => old.code === code && old.message === text);
    const affects = problems.get(`${code} ${text}`)?.affects ?? [];
    problems.set(`${code} ${text}`, {
      file,
      severity,
      code,
      message: text,
      remedy,
      line,
      column,
      affects: affects.includes(about) ? affects : [...affects, about],
      at: known?.at ?? now,
    });
  }
  return [...problems.values()];
}
