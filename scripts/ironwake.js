#!/usr/bin/env node
/**
 * The `ironwake` command. Runs on any Node from 18 on: sets up what is missing, then hands over to the pinned Node, which reads
 * TypeScript. `npm run serve` is `ironwake serve`.
 */
import { pinnedNodeIsThere } from './setup/checkout.js';
import { becomePinned, orFail } from './setup/pinned.js';
import { setUp } from './setup/steps.js';

/** @param {readonly string[]} argv */
async function main(argv) {
  if (argv[0] === 'serve' && !argv.includes('--help') && !argv.includes('-h')) await setUp('serve');
  else if (!pinnedNodeIsThere()) await setUp('command');
  becomePinned('src/cli/main.ts', argv);
}

orFail(main(process.argv.slice(2)));
