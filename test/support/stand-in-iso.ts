/** A small image in the official layout, for tests that need an image in the catalogue and no installer in it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes `folder/stand-in.iso` and returns its path. @param paddingBytes makes the image as large as a test wants it */
export function makeStandInIso(folder: string, paddingBytes = 0): string {
  const tree = join(folder, 'iso-tree');
  for (const name of ['boot', '.disk']) mkdirSync(join(tree, name), { recursive: true });
  const info = "RELEASE='9.2'\nISORELEASE='1'\nISONAME='proxmox-ve'\nPRODUCT='pve'\nPRODUCTLONG='Proxmox VE'\n";
  writeFileSync(join(tree, '.cd-info'), info);
  writeFileSync(join(tree, '.disk', 'info'), info);
  writeFileSync(join(tree, 'auto-installer-capable'), '');
  writeFileSync(join(tree, 'boot', 'linux26'), Buffer.alloc(70_000, 'kernel'));
  // The magic number of zstd, which the official initrd is packed with.
  writeFileSync(join(tree, 'boot', 'initrd.img'), Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.alloc(5000)]));
  if (paddingBytes > 0) writeFileSync(join(tree, 'pve-base.squashfs'), Buffer.alloc(paddingBytes, 'x'));
  const image = join(folder, 'stand-in.iso');
  execFileSync('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-J', '-V', 'PVE', '-o', image, tree], { stdio: 'pipe' });
  return image;
}
