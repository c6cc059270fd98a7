/** A container with a stand-in server in front of it: what a test of a plan needs. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { renderFirstBoot } from '../../src/postinstall/hook.ts';
import type { PostInstallModule } from '../../src/postinstall/module.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { Container, type DebianRelease } from './container.ts';
import { NodeServer } from './node-server.ts';

export interface PlanOfTest {
  readonly postInstall: unknown;
  /** Of Proxmox VE: `9.2`. */
  readonly release: string;
  readonly modules?: readonly PostInstallModule[];
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
    const context = { baseUrl: this.server.url, pins, runId: this.server.runId };
    this.server.plan = bundlePlan(buildPlan({ ...plan, product: 'pve' }), context);
    await this.container.write('/var/lib/proxmox-first-boot/proxmox-first-boot', renderFirstBoot(context), '0700');
    await this.container.sh(
      'cd /; env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /var/lib/proxmox-first-boot/proxmox-first-boot fully-up',
    );
  }

  /** Waits until the node has said that its plan has ended and has cleaned up. */
  async finished(): Promise<void> {
    try {
      await this.container.until('the end of the plan', () => this.server.finished !== undefined);
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
