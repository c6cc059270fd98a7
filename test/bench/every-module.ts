/** Parameters for a plan of every module that is shipped: a new one is in it by its place in the index. */
import { MODULES } from '../../src/postinstall/modules/index.ts';

/** What a site around the node gives. */
export interface SiteOfNode {
  /** Public key of the administrator. */
  readonly key: string;
  /** Resolver, and the address that comes in over SSH. */
  readonly server: string;
  readonly timeServer: string;
  readonly mirror: { readonly url: string; readonly keyring: string };
  /** The node's network port. */
  readonly port: string;
}

/** What is not the defaults: modules that have none for something, or that would reach beyond a container. */
const CHOSEN: Readonly<Record<string, (site: SiteOfNode) => unknown>> = {
  dns: ({ server }) => ({ servers: [server] }),
  repositories: ({ mirror }) => ({ mirror: mirror.url, keyring: mirror.keyring }),
  time: ({ timeServer }) => ({ servers: [timeServer] }),
  locale: () => ({ lang: 'en_US.UTF-8' }),
  timezone: () => ({ zone: 'Europe/Berlin' }),
  // The kernel's own keys are those of the machine that the container runs on.
  sysctl: () => ({ kernel: false }),
  'admin-user': ({ key }) => ({ name: 'ops', keys: [key] }),
  network: ({ port }) => ({ bridges: { vmbr0: { ports: [port] } } }),
  firewall: ({ server }) => ({ management: [`${server}/32`] }),
  'custom-scripts': () => ({
    scripts: { motd: { run: 'echo hello > /etc/motd', verify: 'grep -q hello /etc/motd' } },
  }),
};

/**
 * `postInstall` with every module of the index.
 * @throws Error when parameters are chosen for a module that there no longer is
 */
export function everyModule(site: SiteOfNode): Readonly<Record<string, unknown>> {
  const names = MODULES.map(({ name }) => name);
  const gone = Object.keys(CHOSEN).filter((name) => !names.includes(name));
  if (gone.length > 0) throw new Error(`there is no module ${gone.join(', ')}: take it out of every-module.ts`);
  return Object.fromEntries(names.map((name) => [name, CHOSEN[name]?.(site) ?? {}]));
}
