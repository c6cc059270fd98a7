/** A small Debian with a kernel of its own, as the installer leaves a node: for what containers share with their host. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DebianRelease, ensureRoot } from '../support/container.ts';
import { must, run } from './namespaces.ts';

/** Where the only partition of the disk begins. */
const FILE_SYSTEM_AT = 1 << 20;

/** Path of the disk, a raw image; about a minute for the first one, milliseconds afterwards. @throws Error with what the builder printed */
export async function guestDisk(release: DebianRelease): Promise<string> {
  const builder = fileURLToPath(new URL('guest/build.sh', import.meta.url));
  const built = await run([builder, await ensureRoot(release), release], { timeoutMs: 900_000 });
  if (built.code !== 0) throw new Error(`the disk of ${release} was not built:\n${built.stderr.slice(-4000)}`);
  return built.stdout.trim();
}

export interface FileOfNode {
  readonly content: string;
  /** 0644 unless told. */
  readonly mode?: number;
}

/**
 * Puts files on the disk of a machine that is off; their folders must be there.
 * @throws Error with debugfs' words
 */
export function putFiles(disk: string, files: Readonly<Record<string, FileOfNode>>): void {
  const folder = mkdtempSync(join(tmpdir(), 'iwl-files-'));
  try {
    const commands = Object.entries(files).map(([path, { content, mode = 0o644 }], index) => {
      const source = join(folder, String(index));
      writeFileSync(source, content, { mode });
      return `write ${source} ${path}\n`;
    });
    const list = join(folder, 'commands');
    writeFileSync(list, commands.join(''));
    const said = must('sh', '-c', 'debugfs -w -f "$1" "$2" 2>&1', 'sh', list, `${disk}?offset=${FILE_SYSTEM_AT}`);
    // Its status is 0 whatever became of its commands.
    if (said.match(/^Allocated inode/gm)?.length !== commands.length) throw new Error(`${disk}: ${said}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
