/** A container with a stand-in server in front of it: what a test of a plan needs. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { renderFirstBoot } from '../../src/postinstall/hook.ts';
import type { PostInstallModule, Product } from '../../src/postinstall/module.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { Container, type DebianRelease } from './container.ts';
import { NodeServer, type Report } from './node-server.ts';

export interface PlanOfTest {
  readonly postInstall: unknown;
  /** Of the product: `9.2`. */
  readonly release: string;
  /** Proxmox VE unless told. */
  readonly product?: Product;
  readonly modules?: readonly PostInstallModule[];
  /** Modules that wait for a person's code. */
  readonly withheld?: readonly string[];
}

export class Rig {
  readonly container: Container;
  readonly server: NodeServer;

  constructor(container: Container, server: NodeServer) {
    this.container = container;
    this.server = server;
  }

  /** Gives the server its plan and runs the hook in the container, as the installer's unit does: no HOME, one argument, working directory /. */
  async install(plan: PlanOfTest, pins: readonly string[] = [this.server.pin]): Promise<void> {
    const { withheld = [], ...rest } = plan;
    const context = { baseUrl: this.server.url, pins, runId: this.server.runId };
    this.server.plan = bundlePlan(buildPlan({ product: 'pve', ...rest }), { ...context, withheld });
    await this.container.write('/var/lib/proxmox-first-boot/proxmox-first-boot', renderFirstBoot(context), '0700');
    await this.container.sh(
      'cd /; env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /var/lib/proxmox-first-boot/proxmox-first-boot fully-up',
    );
  }

  /** What the node has reported, one line for each step, as a person would tell it. */
  steps(): readonly string[] {
    return this.server.reports.map(({ module, step, result }) => `${module} ${step} ${result}`);
  }

  /** The line of a report that an administrator reads first; of the last one of that step. */
  detailOf(module: string, step: string): string {
    return this.server.reports.findLast((report) => report.module === module && report.step === step)?.detail ?? '';
  }

  /** A plan on a node that has had one: what `plan apply` does. The reports of the former one are forgotten. */
  async again(plan: PlanOfTest): Promise<void> {
    await this.container.sh('rm -f /var/lib/ironwake/result /var/lib/ironwake/seq');
    this.server.forget();
    await this.runPlan(plan);
  }

  /** What the node's hourly look says of a module: its differences as `what: expected X, found Y`, or why it failed; empty when it holds. */
  async drift(module: string): Promise<readonly string[]> {
    const { stdout, stderr } = await this.container.exec(['bash', '/var/lib/ironwake/lib/verify.sh', module]);
    const line = stdout.trim();
    if (line === '') throw new Error(`there is no verification of ${module}\n${stderr}`);
    const report = JSON.parse(line) as Report;
    if (process.env.IRONWAKE_SHOW !== undefined) writeFileSync('/dev/stderr', `${JSON.stringify(report, null, 1)}\n`);
    if (report.result === 'ok') return [];
    const differences = report.differences ?? [];
    return differences.length === 0
      ? [report.detail]
      : differences.map(({ what, expected, found }) => `${what}: expected ${expected}, found ${found}`);
  }

  /** Runs the module's apply of the last plan once more, as `plan apply` does, without the way over the server: what it has changed. */
  mend(module: string): Promise<readonly string[]> {
    return this.#script(module, 'apply');
  }

  /** Runs the module's rollback of the last plan. */
  async rollback(module: string): Promise<void> {
    await this.#script(module, 'rollback');
  }

  async #script(module: string, script: 'apply' | 'rollback'): Promise<readonly string[]> {
    const home = '/var/lib/ironwake';
    const work = `${home}/mend`;
    const environment = [
      ...[`IRONWAKE_LIB=${home}/lib`, `IRONWAKE_MODULE=${module}`, `IRONWAKE_STATE=${home}/state/${module}`],
      ...['IRONWAKE_STEP=apply', `IRONWAKE_CHANGES=${work}/changes`, `IRONWAKE_DETAIL=${work}/detail`],
      `IRONWAKE_DIFFERENCES=${work}/differences`,
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ];
    await this.container.sh(`rm -rf ${work}; mkdir -p ${work}; : > ${work}/changes`);
    const command = `cd ${home}/plan/modules/${module} && exec env ${environment.join(' ')} bash ./${script}.sh < /dev/null`;
    const { code, stdout, stderr } = await this.container.exec(['bash', '-c', command]);
    if (code !== 0) throw new Error(`${script} of ${module} ended with ${code}\n${stdout}\n${stderr}`);
    return this.container.read(`${work}/changes`).split('\n').filter(Boolean);
  }

  /** Waits until the node has said that its plan has ended and has cleaned up. */
  async finished(): Promise<void> {
    try {
      await this.container.until('the end of the plan', () => this.server.finished !== undefined);
      // The plan may have restarted it.
      await this.container.refresh();
      await this.container.until(
        'the clean-up',
        async () => (await this.container.exec(['test', '-e', '/var/lib/ironwake/result'])).code === 0,
        20_000,
      );
    } catch (error) {
      const journal = await this.container.exec(['journalctl', '--no-pager', '-u', 'ironwake-first-boot', '-n', '60']);
      throw new Error(`${String(error)}\n${journal.stdout}\n${JSON.stringify(this.server.reports, null, 1)}`);
    }
  }

  async runPlan(plan: PlanOfTest): Promise<void> {
    await this.install(plan);
    await this.finished();
    if (process.env.IRONWAKE_SHOW !== undefined)
      writeFileSync('/dev/stderr', `${JSON.stringify(this.server.reports, null, 1)}\n`);
  }
}

/** The three steps of a module that holds. */
export const HELD = ['apply changed', 'verify ok', 'reapply unchanged'] as const;
export const held = (module: string): readonly string[] => HELD.map((step) => `${module} ${step}`);

export interface Breakage {
  readonly name: string;
  /** Shell that breaks it by hand, inside the container. */
  readonly by: string;
  /** What the verification must say; each must be in one of its lines. */
  readonly found: readonly (string | RegExp)[];
}

async function breakAndSee(t: Test, rig: Rig, module: string, by: string, found: Breakage['found']): Promise<void> {
  await rig.container.sh(by);
  const drift = await rig.drift(module);
  for (const line of found)
    t.ok(
      drift.some((seen) => (typeof line === 'string' ? seen.includes(line) : line.test(seen))),
      `${line} is seen in ${JSON.stringify(drift)}`,
    );
}

/**
 * On a node whose plan has ended well: each row breaks the module by hand, which its verification must see; the plan once more mends it, and
 * the verification holds again.
 */
export async function brokenByHand(
  t: Test,
  rig: Rig,
  module: string,
  plan: PlanOfTest,
  rows: readonly Breakage[],
): Promise<void> {
  t.strictSame(await rig.drift(module), [], 'it holds before');
  for (const { name, by, found } of rows)
    await t.test(`broken by hand: ${name}`, async (t) => {
      await breakAndSee(t, rig, module, by, found);
      await rig.again(plan);
      t.ok(rig.steps().includes(`${module} apply changed`), `mended: ${rig.steps().join(', ')}`);
      t.strictSame(await rig.drift(module), [], 'and it holds again');
    });
}

/** The same with `mend` in place of a plan: what takes its time and is the same for each row is left out. A second `mend` must change nothing. */
export async function mendedByHand(t: Test, rig: Rig, module: string, rows: readonly Breakage[]): Promise<void> {
  t.strictSame(await rig.drift(module), [], `${module} holds before`);
  for (const { name, by, found } of rows)
    await t.test(`${module} broken by hand: ${name}`, async (t) => {
      await breakAndSee(t, rig, module, by, found);
      t.not((await rig.mend(module)).length, 0, 'apply changes something');
      t.strictSame(await rig.drift(module), [], 'and it holds again');
      t.strictSame(await rig.mend(module), [], 'a second apply changes nothing');
    });
}

/** Boots container and server; the test ends both. */
export async function startRig(t: Test, options: { readonly release: DebianRelease }): Promise<Rig> {
  const container = await Container.start(options);
  t.teardown(() => container.stop());
  const server = await NodeServer.start({
    host: container.hostAddress,
    runId: randomUUID(),
    nodeAddress: container.address,
    hostKey: container.read('/etc/ssh/ssh_host_ed25519_key.pub'),
  });
  t.teardown(() => server.close());
  return new Rig(container, server);
}
