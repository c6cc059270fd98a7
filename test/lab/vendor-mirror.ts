/**
 * The vendor's repositories in the lab: signed and empty, made once and kept in the cache, because the installer image carries their key.
 *
 *     node vendor-mirror.ts FOLDER ADDRESS PORT    serves them
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildMirror, startMirror } from '../support/mirror.ts';
import { must } from './namespaces.ts';

export interface VendorMirror {
  readonly folder: string;
  /** Binary public key. */
  readonly keyring: string;
}

/** The mirror's files; made when they are not there. Two at once: whoever is first wins, the other takes the winner's. */
export async function vendorMirror(): Promise<VendorMirror> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ironwake', 'lab');
  const recipe = createHash('sha256').update(readFileSync(new URL('../support/mirror.ts', import.meta.url)));
  const folder = join(cache, 'mirrors', recipe.digest('hex').slice(0, 24));
  const keyring = join(folder, 'keyring.gpg');
  if (existsSync(keyring)) return { folder, keyring };
  mkdirSync(join(cache, 'mirrors'), { recursive: true });
  const partial = mkdtempSync(join(cache, 'mirrors', 'partial-'));
  try {
    await buildMirror(partial);
    must('gpg', '--batch', '--dearmor', '--output', join(partial, 'keyring.gpg'), join(partial, 'keyring.asc'));
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(keyring)) throw error;
  }
  return { folder, keyring };
}

if (import.meta.main) {
  const [dir = '', host = '', port = '80'] = process.argv.slice(2);
  await startMirror({ host, port: Number(port), dir });
}
