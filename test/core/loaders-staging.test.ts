import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { loadersStep } from '../../scripts/setup/loaders.js';
import { LOADERS } from '../../src/boot/loaders.ts';

/** Files of Debian's ipxe package, by release. */
const RELEASES: ReadonlyArray<{
  readonly name: string;
  readonly files: readonly string[];
  readonly staged: Readonly<Record<string, string>>;
}> = [
  {
    name: 'Debian 12',
    files: ['ipxe.efi', 'ipxe.lkrn', 'snponly.efi', 'undionly.kpxe', 'undionly.kkpxe'],
    staged: { 'undionly.kpxe': 'undionly.kpxe', 'ipxe-x86_64.efi': 'snponly.efi' },
  },
  {
    name: 'Debian 13',
    files: ['ipxe-amd64.efi', 'ipxe-arm64.efi', 'ipxe.efi', 'snponly.efi', 'undionly.kpxe'],
    staged: { 'undionly.kpxe': 'undionly.kpxe', 'ipxe-x86_64.efi': 'snponly.efi', 'ipxe-arm64.efi': 'ipxe-arm64.efi' },
  },
  {
    name: 'a package without snponly.efi',
    files: ['ipxe.efi', 'undionly.kpxe'],
    staged: { 'undionly.kpxe': 'undionly.kpxe', 'ipxe-x86_64.efi': 'ipxe.efi' },
  },
];

for (const { name, files, staged } of RELEASES)
  test(`${name}: loaders are staged under the names that machines are offered`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'ironwake-loaders-'));
    t.teardown(() => rmSync(directory, { recursive: true }));
    const [sourceDir, targetDir] = [join(directory, 'ipxe'), join(directory, 'tftproot')];
    mkdirSync(sourceDir);
    for (const file of files) writeFileSync(join(sourceDir, file), `bytes of ${file}`);
    const step = loadersStep({ sourceDir, targetDir });

    t.equal((await step.check()).done, false);
    await step.apply(() => undefined);
    t.equal((await step.check()).done, true);
    const found = Object.fromEntries(
      readdirSync(targetDir).map((file) => [
        file,
        readFileSync(join(targetDir, file), 'utf8').replace('bytes of ', ''),
      ]),
    );
    t.strictSame(found, staged, 'nothing else, no temporary file');
    for (const loader of Object.keys(staged))
      t.ok(
        LOADERS.some((known) => known.file === loader),
        `${loader} is offered`,
      );

    writeFileSync(join(sourceDir, 'undionly.kpxe'), 'bytes of a new version');
    t.equal((await step.check()).done, false, 'an updated package is staged again');
  });

test('a loader that machines need and the package lacks is one line with the remedy', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-loaders-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const step = loadersStep({ sourceDir: join(directory, 'none'), targetDir: join(directory, 'tftproot') });
  await t.rejects(
    step.apply(() => undefined),
    { name: 'SetupError', message: /undionly\.kpxe is missing.*apt-get install --reinstall ipxe/ },
  );
});
