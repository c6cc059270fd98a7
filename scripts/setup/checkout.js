/** Where things lie in this checkout. Plain JavaScript for any Node from 18 on, like everything that runs before the set-up. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's top directory, absolute. */
export const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** @param {string[]} parts */
export const inCheckout = (...parts) => join(ROOT, ...parts);

/** Node's own package of this machine: an exact dependency, in the lockfile with its integrity. */
export const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;

/** The Node that runs everything after the set-up. */
export const PINNED_NODE = inCheckout('node_modules', NODE_PACKAGE, 'bin', 'node');

export const pinnedNodeIsThere = () => existsSync(PINNED_NODE);

/** A failure that a person can cure: one line, no stack. */
export class SetupError extends Error {
  /** @param {string} line what is wrong and the command or action that cures it */
  constructor(line) {
    super(line);
    this.name = 'SetupError';
  }
}
