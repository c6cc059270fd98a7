/** The files of a profile directory, of its `tags/` and of its `scripts/`, read one by one: what can be read is a text, what cannot is a reason. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IronwakeError, messageOf, systemCode } from '../errors.ts';
import { profileNameOf, tagNameOf } from './load.ts';
import { isScriptFile, SCRIPTS } from './scripts.ts';

/** The directory below that holds the files of tags. */
export const TAGS = 'tags';

/** A profile is a page of YAML; what is larger is something else. */
const MAX_FILE_BYTES = 1024 * 1024;

export interface ProfileFile {
  /** Name inside the directory: `default.yaml`, `tags/rack-a.yaml`, `scripts/motd`. */
  readonly file: string;
  /** The content, or why there is none. */
  readonly text: string | undefined;
  readonly failure: string | undefined;
}

/**
 * Every `*.yaml` and `*.yml` in the directory, by name, then those in `tags`, then what is in `scripts`. Files that vanish meanwhile are left out.
 * @throws IronwakeError `profile.directory`
 */
export async function readDirectory(directory: string): Promise<ProfileFile[]> {
  const files: ProfileFile[] = [];
  for (const file of await fileNames(directory)) {
    const read = await readOne(directory, file);
    if (read !== undefined) files.push(read);
  }
  return files;
}

/** Changes whenever a file comes, goes or is written; for places where the kernel does not tell (network file systems). */
export async function directorySignature(directory: string): Promise<string> {
  const parts: string[] = [];
  for (const file of await fileNames(directory)) {
    const facts = await stat(join(directory, file)).catch(() => undefined);
    parts.push(`${file}:${facts?.ino}:${facts?.size}:${facts?.mtimeMs}`);
  }
  return parts.join('\n');
}

async function fileNames(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    const profiles = names.filter((name) => profileNameOf(name) !== undefined).sort();
    return [
      ...profiles,
      ...(names.includes(TAGS) ? await filesBelow(directory, TAGS, (file) => tagNameOf(file) !== undefined) : []),
      ...(names.includes(SCRIPTS) ? await filesBelow(directory, SCRIPTS, isScriptFile) : []),
    ];
  } catch (cause) {
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'profile.directory',
      field: '--answers',
      message: `The profile directory ${directory} cannot be read (${systemCode(cause) ?? messageOf(cause)})`,
      remedy: 'Create it, or name another one with --answers.',
      cause,
    });
  }
}

/** `tags/NAME.yaml`, `scripts/NAME`; none when that is no directory. */
async function filesBelow(directory: string, folder: string, wanted: (file: string) => boolean): Promise<string[]> {
  try {
    const names = await readdir(join(directory, folder));
    return names
      .map((name) => `${folder}/${name}`)
      .filter(wanted)
      .sort();
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR' || systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readOne(directory: string, file: string): Promise<ProfileFile | undefined> {
  const path = join(directory, file);
  try {
    const facts = await stat(path);
    if (!facts.isFile()) return { file, text: undefined, failure: 'it is not a regular file' };
    if (facts.size > MAX_FILE_BYTES) return { file, text: undefined, failure: 'it is larger than 1 MiB' };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
    return { file, text, failure: undefined };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    return {
      file,
      text: undefined,
      failure: error instanceof TypeError ? 'it is not UTF-8' : (systemCode(error) ?? messageOf(error)),
    };
  }
}
