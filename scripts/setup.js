#!/usr/bin/env node
/**
 * npm run setup -- [serve|test|all] [--dry-run]
 *
 * Installs what Ironwake needs, on any Node from 18 on and without any package of its own. `npm run serve` and `npm test` call the same
 * steps, so nobody has to type this.
 */
import { SetupError } from './setup/checkout.js';
import { orFail } from './setup/pinned.js';
import { describe, setUp } from './setup/steps.js';

const USAGE = 'usage: npm run setup -- [serve|test|all] [--dry-run]';

/** @param {readonly string[]} argv */
async function main(argv) {
  const flags = argv.filter((word) => word.startsWith('-'));
  const words = argv.filter((word) => !word.startsWith('-'));
  const layer = words[0] ?? 'all';
  if (words.length > 1 || !['serve', 'test', 'all'].includes(layer) || flags.some((flag) => flag !== '--dry-run'))
    throw new SetupError(USAGE);
  // `npm run setup --dry-run`, without the two dashes, hands the flag to npm: it must not install either.
  const dryRun = flags.includes('--dry-run') || process.env.npm_config_dry_run === 'true';
  /** @type {import('./setup/steps.js').Layer[]} */
  const layers = layer === 'all' ? ['serve', 'test'] : [layer === 'serve' ? 'serve' : 'test'];
  if (dryRun) {
    for (const each of layers) process.stdout.write(await describe(each));
    return;
  }
  // The test layer contains the other one.
  const last = layers[layers.length - 1] ?? 'test';
  await setUp(last);
  process.stdout.write(`set-up of '${layer}': everything is there\n`);
}

orFail(main(process.argv.slice(2)));
