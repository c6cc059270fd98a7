/** Every shell script that is shipped or made, through shellcheck; every Perl program through perl's own check. Needs the package shellcheck. */
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { MAX_HOOK_BYTES, renderFirstBoot } from '../../src/postinstall/hook.ts';
import { MODULES } from '../../src/postinstall/modules/index.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { run } from '../support/container.ts';

const tree = join(import.meta.dirname, '../..');
const room = join(tree, 'src/postinstall');
const dir = mkdtempSync(join(tmpdir(), 'ironwake-shellcheck-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

async function check(t: Test, name: string, file: string, options: readonly string[] = []): Promise<void> {
  const { code, stdout, stderr } = await run('shellcheck', ['-x', '-P', tree, ...options, file]);
  t.equal(code, 0, `${name}\n${stdout}${stderr}`);
}

t.test('scripts as they lie in the tree', async (t) => {
  const scripts = globSync('{shell/*.sh,modules/*/*.sh}', { cwd: room });
  for (const { name } of MODULES)
    for (const script of ['apply', 'verify', 'rollback'])
      t.ok(scripts.includes(`modules/${name}/${script}.sh`), `${name} has ${script}.sh`);
  for (const script of scripts) await check(t, script, join(room, script));
  for (const program of globSync('{shell/*.pl,modules/*/*.pl}', { cwd: room })) {
    const { code, stderr } = await run('perl', ['-c', join(room, program)]);
    t.equal(code, 0, `${program}\n${stderr}`);
  }
});

t.test('hook and plan as a node gets them, with values that would like to be code', async (t) => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFj1 $(reboot)`reboot`\'; reboot #"';
  const context = { baseUrl: "https://10.0.0.2:8443/'$(reboot)", pins: ["A'B", '$(reboot)'], runId: "'; reboot #" };
  const plan = buildPlan({
    postInstall: { repositories: {}, ssh: {}, 'admin-user': { name: 'ops', keys: [key], comment: "'; reboot #" } },
    product: 'pve',
    release: '9.2',
  });
  const [hook, bundle] = [renderFirstBoot(context), bundlePlan(plan, context)];
  for (const [name, script] of Object.entries({ hook, bundle })) {
    const file = join(dir, `${name}.sh`);
    writeFileSync(file, script);
    // SC2016 remarks that nothing expands in single quotes, which is what is wanted.
    await check(t, name, file, ['-e', 'SC2016']);
  }
  t.ok(Buffer.byteLength(hook) < MAX_HOOK_BYTES, `the hook has ${Buffer.byteLength(hook)} bytes`);
  t.ok(Buffer.byteLength(bundle) < 300 << 10, `the plan has ${Buffer.byteLength(bundle)} bytes`);
  t.ok(bundle.endsWith('\n# end of plan\n'));
});
