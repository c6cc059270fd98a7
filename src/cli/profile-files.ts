/** The profile directory as the commands without a daemon read it: the daemon's own code, nothing kept from before. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { parseSeverities, type Severities } from '../answers/severities.ts';
import { loadConfig } from '../config/load.ts';
import { IronwakeError, invalid } from '../errors.ts';
import { checksOfProfiles } from '../profile-checks.ts';
import { readDirectory, TAGS } from '../profiles/directory.ts';
import { emptyLibrary, type Library, nextLibrary, type ProfileProblem } from '../profiles/library.ts';
import { profileNameOf, tagNameOf } from '../profiles/load.ts';
import { nearest } from '../profiles/nearest.ts';
import { type ResolvedProfile, resolveProfile } from '../profiles/resolve.ts';
import { isScriptFile } from '../profiles/scripts.ts';
import type { Io } from './terminal.ts';

export type Options = Readonly<Record<string, unknown>>;

export interface Directory {
  readonly path: string;
  readonly library: Library;
  /** Names of profiles, and of tags as `tags/NAME`, in the order of their files. */
  readonly names: readonly string[];
}

/** A profile or tag that somebody named, with the directory that it stands in. */
export interface Target {
  readonly directory: Directory;
  readonly name: string;
}

/** Reads each directory once, however many of its files are named. */
export class ProfileFiles {
  readonly #io: Io;
  readonly #options: Options;
  readonly #read = new Map<string, Promise<Directory>>();

  constructor(io: Io, options: Options) {
    this.#io = io;
    this.#options = options;
  }

  /** Of `--answers`, or where the daemon's settings say that profiles are. */
  own(): Promise<Directory> {
    return this.#directory(this.#config().answersDir);
  }

  /** How findings about answers weigh, by the daemon's settings. */
  severities(): Severities {
    return parseSeverities(this.#config().findings, 'findings');
  }

  #config(): ReturnType<typeof loadConfig> {
    const { env, cwd } = this.#io;
    const { answers, config } = this.#options;
    return loadConfig({ flags: { answers, config }, env, cwd });
  }

  /**
   * A name is looked for in the profile directory; what has a slash or ends with .yaml is a file, and its parents stand beside it.
   * @throws IronwakeError `profile.unknown`, `profile.not-a-file`, `profile.directory`
   */
  async target(text: string): Promise<Target> {
    const isFile = /\.ya?ml$/.test(text) || (text.includes('/') && !text.startsWith(`${TAGS}/`));
    const target = isFile ? await this.#file(text) : { directory: await this.own(), name: text };
    const { directory, name } = target;
    if (directory.names.includes(name)) return target;
    const close = nearest(name, directory.names);
    throw new IronwakeError({
      kind: 'not-found',
      code: 'profile.unknown',
      message: `There is no profile '${name.slice(0, 60)}' in ${directory.path}`,
      remedy: close === undefined ? `There are: ${directory.names.join(', ') || '(none)'}.` : `Did you mean ${close}?`,
    });
  }

  async #file(text: string): Promise<Target> {
    const path = resolve(this.#io.cwd, text);
    if (!existsSync(path)) {
      throw invalid('profile.not-a-file', 'FILE', `There is no ${path}`, 'Check the name.');
    }
    const parent = dirname(path);
    const tag = basename(parent) === TAGS ? tagNameOf(`${TAGS}/${basename(path)}`) : undefined;
    if (tag !== undefined) return { directory: await this.#directory(dirname(parent)), name: `${TAGS}/${tag}` };
    return { directory: await this.#directory(parent), name: profileNameOf(basename(path)) ?? basename(path) };
  }

  #directory(path: string): Promise<Directory> {
    const known = this.#read.get(path) ?? this.#load(path);
    this.#read.set(path, known);
    return known;
  }

  async #load(path: string): Promise<Directory> {
    const { release } = this.#options;
    const files = await readDirectory(path);
    const checks = checksOfProfiles(typeof release === 'string' ? release : undefined, this.severities());
    const names = files
      .filter(({ file }) => !isScriptFile(file))
      .map(({ file }) => profileNameOf(file) ?? `${TAGS}/${tagNameOf(file)}`);
    return {
      path,
      library: nextLibrary(emptyLibrary, files, checks, this.#io.now()),
      names: [...new Set(names)],
    };
  }
}

/** What is wrong or unwise in a profile: its own problems, and those of the files that it is built on. */
export function problemsOf({ directory, name }: Target): ProfileProblem[] {
  const files = new Set(ancestorsOf(directory.library, name, new Set()));
  return directory.library.problems.filter(
    ({ affects }) => affects.includes(name) || affects.some((other) => files.has(other)),
  );
}

function ancestorsOf({ loaded }: Library, name: string, seen: Set<string>): Set<string> {
  const profile = loaded.get(name);
  for (const parent of [...(profile?.parents ?? []), ...(profile?.mixins ?? [])]) {
    if (seen.has(parent)) continue;
    seen.add(parent);
    ancestorsOf({ loaded } as Library, parent, seen);
  }
  return seen;
}

/** @throws IronwakeError `profile.broken` naming the first error */
export function usableProfile(target: Target): ResolvedProfile {
  const { directory, name } = target;
  const { library } = directory;
  const resolved = library.resolved.get(name);
  if (resolved !== undefined) return resolved;
  const loaded = library.loaded.get(name);
  // What is only there to be extended is not checked as a whole, but can be looked at.
  if (loaded?.name.startsWith('_') === true) {
    return resolveProfile(loaded, (other) => library.loaded.get(other), library.loaded.keys());
  }
  const [first] = problemsOf(target).filter(({ severity }) => severity === 'error');
  throw new IronwakeError({
    kind: 'invalid',
    code: 'profile.broken',
    message: first?.message ?? `${name} is a tag, not a profile`,
    remedy: first?.remedy ?? 'A tag is shown with the node that has it: npx ironwake profile show --node NODE.',
  });
}
