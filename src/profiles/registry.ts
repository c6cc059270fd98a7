/** The profiles of a directory while the daemon runs: read at the start, read again when a file changes. */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { IronwakeError, messageOf } from '../errors.ts';
import { directorySignature, readDirectory, TAGS } from './directory.ts';
import { emptyLibrary, type Library, nextLibrary, type ProfileChecks, type ProfileProblem } from './library.ts';
import type { LoadedTag } from './load.ts';
import { nearest } from './nearest.ts';
import { canonicalJson, type ResolvedProfile } from './resolve.ts';

/** An editor writes a file in several steps; the last one counts. */
const DEBOUNCE_MS = 200;
/** The kernel does not tell of changes on network file systems, nor after the directory itself was replaced. */
const POLL_MS = 10_000;

export interface ProfileRegistryOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** Checks of other rooms: the answer against the key table, postInstall against the modules. */
  readonly checks?: ProfileChecks;
}

export interface ProfileChange {
  /** Names that are new, gone or different; tags as `tags/NAME`. */
  readonly names: readonly string[];
  readonly problems: readonly ProfileProblem[];
}

export class ProfileRegistry {
  readonly #options: ProfileRegistryOptions;
  readonly #listeners = new Set<(change: ProfileChange) => void>();
  #library: Library = emptyLibrary;
  #directoryProblem: ProfileProblem | undefined;
  #lastSeen = '';
  #watcher: FSWatcher | undefined;
  #tagsWatcher: FSWatcher | undefined;
  #cancelDebounce: (() => void) | undefined;
  #cancelPoll: (() => void) | undefined;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: ProfileRegistryOptions) {
    this.#options = options;
  }

  /**
   * Reads the directory and begins to watch it. Broken files do not fail it: see `problems`.
   * @throws IronwakeError `profile.directory` when the directory cannot be read
   */
  static async open(options: ProfileRegistryOptions): Promise<ProfileRegistry> {
    const registry = new ProfileRegistry(options);
    await registry.#read();
    registry.#watch();
    registry.#poll();
    return registry;
  }

  get(name: string): ResolvedProfile | undefined {
    return this.#library.resolved.get(name);
  }

  /** @throws IronwakeError `profile.unknown` (404), suggesting a name */
  require(name: string): ResolvedProfile {
    const profile = this.get(name);
    if (profile !== undefined) return profile;
    const names = [...this.#library.resolved.keys()];
    const broken = this.problems().find(
      (problem) => problem.severity === 'error' && problem.file.startsWith(`${name}.`),
    );
    const close = nearest(name, names);
    throw new IronwakeError({
      kind: 'not-found',
      code: 'profile.unknown',
      field: 'profile',
      message: `There is no usable profile '${name.slice(0, 60)}'${broken === undefined ? '' : ` (${broken.message})`}`,
      remedy:
        broken?.remedy ??
        (close === undefined ? `Use one of: ${names.join(', ') || '(none was found)'}.` : `Did you mean ${close}?`),
    });
  }

  /** The last good version of a tag's file; undefined for a tag that has none. */
  tag(name: string): LoadedTag | undefined {
    return this.#library.tags.get(name);
  }

  /** By name. */
  list(): readonly ResolvedProfile[] {
    return [...this.#library.resolved.values()];
  }

  /** What is wrong or unwise now. An error's profile is at its last good version, or missing if there never was one. */
  problems(): readonly ProfileProblem[] {
    return this.#directoryProblem === undefined
      ? this.#library.problems
      : [this.#directoryProblem, ...this.#library.problems];
  }

  /** Calls back after profiles or problems changed; the returned function ends that. */
  onChange(listener: (change: ProfileChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the directory again now. One reading at a time. Never fails: a directory that is gone is a problem, its profiles stay. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#readAgain());
    return this.#turn;
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    this.#tagsWatcher?.close();
    this.#cancelDebounce?.();
    this.#cancelPoll?.();
    this.#listeners.clear();
  }

  async #read(): Promise<void> {
    const { directory, clock, checks } = this.#options;
    // The signature comes first: a change between the two is then seen by the next poll.
    this.#lastSeen = await directorySignature(directory);
    this.#library = nextLibrary(this.#library, await readDirectory(directory), checks ?? [], clock.now());
    this.#directoryProblem = undefined;
  }

  async #readAgain(): Promise<void> {
    if (this.#closed) return;
    const before = this.#library;
    const problemsBefore = this.problems();
    try {
      await this.#read();
    } catch (error) {
      this.#directoryProblem ??= this.#asProblem(error);
    }
    if (!this.#closed) this.#watchTags();
    const names = changedNames(before, this.#library);
    if (this.#closed || (names.length === 0 && sameProblems(problemsBefore, this.problems()))) return;
    for (const listener of this.#listeners) listener({ names, problems: this.problems() });
  }

  #asProblem(error: unknown): ProfileProblem {
    const known = error instanceof IronwakeError ? error : undefined;
    return {
      file: this.#options.directory,
      severity: 'error',
      code: known?.code ?? 'profile.directory',
      message: messageOf(error),
      remedy: known?.remedy ?? 'See the log of the daemon.',
      line: 1,
      column: 1,
      affects: [],
      at: this.#options.clock.now(),
    };
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#options.directory, { persistent: false }, () => this.#changed());
      // Without the kernel's help the poll remains.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
    this.#watchTags();
  }

  /** The directory of the tags may come and go: looked for again after each reading. */
  #watchTags(): void {
    this.#tagsWatcher?.close();
    try {
      this.#tagsWatcher = watch(join(this.#options.directory, TAGS), { persistent: false }, () => this.#changed());
      this.#tagsWatcher.on('error', () => this.#tagsWatcher?.close());
    } catch {
      this.#tagsWatcher = undefined;
    }
  }

  #changed(): void {
    if (this.#closed) return;
    this.#cancelDebounce?.();
    this.#cancelDebounce = this.#options.clock.after(DEBOUNCE_MS, () => void this.reload());
  }

  #poll(): void {
    this.#cancelPoll = this.#options.clock.after(POLL_MS, () => {
      void directorySignature(this.#options.directory)
        .catch(() => 'unreadable')
        .then((seen) => (seen === this.#lastSeen ? undefined : this.reload()))
        .finally(() => {
          if (!this.#closed) this.#poll();
        });
    });
  }
}

function changedNames(before: Library, after: Library): string[] {
  const names = new Set([...before.resolved.keys(), ...after.resolved.keys()]);
  const tags = new Set([...before.tags.keys(), ...after.tags.keys()]);
  return [
    ...[...names].filter((name) => before.resolved.get(name)?.version !== after.resolved.get(name)?.version),
    ...[...tags].filter((name) => tagText(before, name) !== tagText(after, name)).map((name) => `${TAGS}/${name}`),
  ].sort();
}

function tagText(library: Library, name: string): string | undefined {
  const tag = library.tags.get(name);
  return tag === undefined ? undefined : canonicalJson(tag.body);
}

function sameProblems(a: readonly ProfileProblem[], b: readonly ProfileProblem[]): boolean {
  return (
    a.length === b.length && a.every((problem, i) => problem.code === b[i]?.code && problem.message === b[i]?.message)
  );
}
