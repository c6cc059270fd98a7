/** The first-boot executable that the installer fetches and the installed node runs once. It installs our unit, and that does the work. */
import { type BundleContext, pinList, shellFile } from './bundle.ts';
import { templateAt } from './template.ts';

/** The installer cuts a hook at 1 MiB without a word (proxmox-auto-install 8.4); ours stays far below. */
export const MAX_HOOK_BYTES = 64 << 10;

/** The hook of one run. It holds no secret: addresses, public-key pins and the run's id. */
export function renderFirstBoot(context: BundleContext): string {
  return templateAt(
    new URL('../../templates/first-boot.sh.hbs', import.meta.url),
    'shell',
  )({
    runId: context.runId,
    baseUrl: context.baseUrl,
    pins: pinList(context.pins),
    http: shellFile('http.sh'),
    agent: shellFile('agent.sh'),
    unit: shellFile('ironwake-first-boot.service'),
  });
}
