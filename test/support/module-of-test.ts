/** Modules of a test, whose scripts are given as text. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Type } from '@sinclair/typebox';
import type { Test } from 'tap';
import { defineModule, type PostInstallModule, type PreparedFile } from '../../src/postinstall/module.ts';
import type { PlanOfTest } from './rig.ts';

export interface Scripts {
  readonly apply?: string;
  readonly verify?: string;
  readonly rollback?: string;
  readonly after?: readonly string[];
  readonly requires?: readonly string[];
  readonly scope?: 'node' | 'cluster';
  readonly limit?: number;
  readonly files?: readonly PreparedFile[];
}

/** Where a test's modules lie until it ends. */
export function moduleFolder(t: Test): {
  readonly moduleOf: (name: string, scripts: Scripts) => PostInstallModule;
  readonly planOf: (...modules: readonly PostInstallModule[]) => PlanOfTest;
} {
  const dir = mkdtempSync(join(tmpdir(), 'ironwake-modules-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return {
    moduleOf(name, scripts) {
      const folder = join(dir, `${name}-${mkdtempSync(join(dir, 'm')).slice(-6)}`);
      mkdirSync(folder);
      for (const script of ['apply', 'verify', 'rollback'] as const)
        writeFileSync(join(folder, `${script}.sh`), `. "$IRONWAKE_LIB/module.sh"\n${scripts[script] ?? ''}\n`);
      return defineModule({
        name,
        title: name,
        why: 'A test wants it.',
        parameters: Type.Object({}),
        supports: { pve: ['8', '9'] },
        requires: scripts.requires ?? [],
        after: scripts.after ?? [],
        scope: scripts.scope ?? 'node',
        timeLimitSeconds: scripts.limit ?? 60,
        proof: [],
        folder: pathToFileURL(`${folder}/`),
        prepare: () => ({ parameters: {}, files: scripts.files ?? [] }),
      });
    },
    planOf: (...modules) => ({
      release: '9.2',
      modules,
      postInstall: Object.fromEntries(modules.map(({ name }) => [name, {}])),
    }),
  };
}
