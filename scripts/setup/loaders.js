/**
 * Boot loaders: copied from Debian's ipxe package into tftproot/ under the names that src/boot/loaders.ts offers to machines. Binaries are
 * never in git.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout, SetupError } from './checkout.js';
import { giveBack } from './owner.js';

/**
 * Candidates in order. UEFI: snponly.efi uses the firmware's own driver and only the card that booted, which more machines survive than
 * iPXE's drivers do. Debian 12 has no build for arm64.
 *
 * @type {ReadonlyArray<{ name: string, from: readonly string[], required: boolean }>}
 */
const STAGED = [
  { name: 'undionly.kpxe', from: ['undionly.kpxe'], required: true },
  { name: 'ipxe-x86_64.efi', from: ['snponly.efi', 'ipxe-amd64.efi', 'ipxe.efi'], required: true },
  { name: 'ipxe-arm64.efi', from: ['snponly-arm64.efi', 'ipxe-arm64.efi'], required: false },
];

/** @param {string} file */
const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/**
 * @param {{ sourceDir?: string, targetDir?: string }} [places] for tests
 * @returns {import('./steps.js').Step}
 */
export function loadersStep(places = {}) {
  const sourceDir = places.sourceDir ?? '/usr/lib/ipxe';
  const targetDir = places.targetDir ?? inCheckout('tftproot');
  const pairs = () =>
    STAGED.map((loader) => ({
      ...loader,
      source: loader.from.map((name) => join(sourceDir, name)).find((file) => existsSync(file)),
      target: join(targetDir, loader.name),
    }));
  /** @param {{ source: string | undefined, target: string }} pair */
  const isStaged = ({ source, target }) =>
    source !== undefined && existsSync(target) && digest(source) === digest(target);
  return {
    title: 'boot loaders',
    async check() {
      const all = pairs();
      return {
        done: all.every((pair) => isStaged(pair) || (pair.source === undefined && !pair.required)),
        needs: `copies of ${sourceDir} into ${targetDir} (no root)`,
        items: all.map((pair) => ({
          name: pair.name,
          purpose: pair.source ?? `not in this release's ipxe package${pair.required ? '' : ' (optional)'}`,
          present: isStaged(pair),
        })),
      };
    },
    async apply(say) {
      mkdirSync(targetDir, { recursive: true });
      for (const pair of pairs()) {
        if (pair.source === undefined) {
          if (!pair.required) continue;
          throw new SetupError(
            `${join(sourceDir, pair.from[0] ?? pair.name)} is missing although the ipxe package is installed: reinstall it with: sudo apt-get install --reinstall ipxe`,
          );
        }
        if (isStaged(pair)) continue;
        say(`${pair.source} -> ${pair.name}`);
        // A machine may be fetching the old file at this moment: it keeps its bytes.
        const temporary = `${pair.target}.${process.pid}`;
        try {
          writeFileSync(temporary, readFileSync(pair.source));
          chmodSync(temporary, 0o644);
          renameSync(temporary, pair.target);
        } catch (error) {
          rmSync(temporary, { force: true });
          throw new SetupError(
            `cannot write ${pair.target} (${error instanceof Error ? error.message : error}): run the set-up as the owner of ${targetDir}`,
          );
        }
      }
      if (places.targetDir === undefined) giveBack('tftproot');
    },
  };
}
