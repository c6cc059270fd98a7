/** The layers of tests, from pure functions to real firmware, in the order in which they run. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';

export interface Layer {
  /** Also the directory under test/. */
  readonly name: string;
  readonly what: string;
  /** Test files at once. tap begins them in the order of their names, whatever order it is given. */
  readonly jobs: number;
  /** Several files run in one process, one after another: where starting one takes longer than its tests. */
  readonly shared: boolean;
  /** For one file. */
  readonly timeoutSeconds: number;
  /** Namespaces, containers and virtual machines are root's. */
  readonly needsRoot: boolean;
  /** Devices without which the layer means nothing. */
  readonly devices: readonly string[];
}

export const LAYERS: readonly Layer[] = [
  {
    name: 'core',
    what: 'pure cores',
    // On one processor two still help: what waits for the disk does not wait for the other.
    jobs: Math.min(8, Math.max(2, availableParallelism())),
    shared: true,
    timeoutSeconds: 120,
    needsRoot: false,
    devices: [],
  },
  {
    name: 'servers',
    what: 'servers on loopback, independent peers',
    jobs: 2,
    shared: false,
    timeoutSeconds: 180,
    needsRoot: false,
    devices: [],
  },
  {
    name: 'net',
    what: 'network namespaces',
    jobs: 1,
    shared: false,
    timeoutSeconds: 1200,
    needsRoot: true,
    devices: [],
  },
  {
    name: 'container',
    what: 'post-install modules in containers',
    // Most of their time is waiting: for services to start, for ports that stay silent, for the clock.
    jobs: 3,
    shared: false,
    timeoutSeconds: 900,
    needsRoot: true,
    devices: [],
  },
  {
    name: 'setup',
    what: 'set-up with several versions of Node and npm',
    jobs: 1,
    shared: false,
    timeoutSeconds: 600,
    needsRoot: true,
    devices: [],
  },
  {
    name: 'lab',
    what: 'virtual machines with real firmware',
    jobs: 2,
    shared: false,
    timeoutSeconds: 1800,
    needsRoot: true,
    devices: ['/dev/net/tun'],
  },
];

/** Why a layer cannot run here, with the remedy; undefined when it can. */
export function obstacleOf(layer: Layer): string | undefined {
  if (layer.needsRoot && process.getuid?.() !== 0)
    return `${layer.what}: that needs root. Type: sudo npm test -- ${layer.name}`;
  const missing = layer.devices.filter((device) => !existsSync(device));
  if (missing.length > 0)
    return `${missing.join(', ')} is missing: in a container, pass it through; elsewhere load its kernel module`;
  return undefined;
}
