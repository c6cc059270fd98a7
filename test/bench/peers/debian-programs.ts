/**
 * Programs out of Debian packages that must not be installed beside each other or would start a server of their own: fetched and unpacked
 * into a directory. For tftp.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The path of `program` (relative to the root, without a leading slash) out of `name`, or undefined when it cannot be had or run. */
export function extractDebian(name: string, program: string, directory: string): string | undefined {
  const target = join(directory, name);
  mkdirSync(target, { recursive: true });
  if (spawnSync('apt-get', ['download', '-q', name], { cwd: target }).status !== 0) return undefined;
  const archive = readdirSync(target).find((file) => file.endsWith('.deb'));
  if (archive === undefined || spawnSync('dpkg', ['-x', archive, '.'], { cwd: target }).status !== 0) return undefined;
  const path = join(target, program);
  // A missing library shows here and not as a server that never answers.
  const libraries = spawnSync('ldd', [path], { encoding: 'utf8' });
  return libraries.status === 0 && !libraries.stdout.includes('not found') ? path : undefined;
}
