/**
 * The steps of a set-up, in order, and how they are run: look first without any lock; only where something is missing take the lock, look
 * again, and do it.
 */
import { inCheckout, ROOT } from './checkout.js';
import { debianStep } from './debian.js';
import { loadersStep } from './loaders.js';
import { withLock } from './lock.js';
import { npmStep, tapStep } from './npm.js';
import { giveBack } from './owner.js';

/**
 * @typedef {{ name: string, purpose: string, present: boolean }} Item
 * @typedef {{ done: boolean, needs: string, items: readonly Item[] }} Finding
 * @typedef {{ title: string, check: () => Promise<Finding>, apply: (say: (line: string) => void) => Promise<void> }} Step
 * @typedef {'command' | 'serve' | 'core' | 'test'} Layer `command` and `core` need npm only and no root: what the command line needs, and what
 *   the pure tests and `check` need
 */

/**
 * @param {Layer} layer
 * @returns {readonly Step[]}
 */
export function stepsOf(layer) {
  if (layer === 'command') return [npmStep('serve')];
  if (layer === 'core') return [npmStep('test'), tapStep()];
  const [npm, ...rest] = [npmStep(layer), debianStep(layer), loadersStep()];
  return layer === 'test' ? [npm, tapStep(), ...rest] : [npm, ...rest];
}

/** @param {string} line */
const print = (line) => {
  process.stderr.write(`${line}\n`);
};

/**
 * Brings a layer up to date. Silent when there is nothing to do.
 * @param {Layer} layer
 * @throws {import('./checkout.js').SetupError} with one line for the administrator
 */
export async function setUp(layer) {
  const steps = stepsOf(layer);
  const missing = [];
  for (const step of steps) if (!(await step.check()).done) missing.push(step);
  if (missing.length === 0) return;
  await withLock(
    inCheckout('.cache', 'setup.lock'),
    () => print(`set-up: another set-up of ${ROOT} is running, waiting for it`),
    async () => {
      // Root made the lock, and its folder; the owner's next set-up must be able to take it.
      giveBack('.cache');
      for (const step of steps) {
        if ((await step.check()).done) continue;
        const startedAt = Date.now();
        await step.apply((line) => print(`set-up: ${step.title}: ${line}`));
        print(`set-up: ${step.title}: done (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
      }
    },
  );
}

/**
 * What the set-up of a layer consists of, and what of it is still to do. Changes nothing.
 * @param {Layer} layer
 * @returns {Promise<string>}
 */
export async function describe(layer) {
  const lines = [`set-up of the layer '${layer}':`];
  for (const step of stepsOf(layer)) {
    const { done, needs, items } = await step.check();
    lines.push(`  ${step.title}: ${done ? 'nothing to do' : `would do: ${needs}`}`);
    const width = Math.max(0, ...items.map((item) => item.name.length));
    for (const item of items)
      lines.push(`    ${item.present ? 'present' : 'missing'}  ${item.name.padEnd(width)}  ${item.purpose}`);
  }
  return `${lines.join('\n')}\n`;
}
