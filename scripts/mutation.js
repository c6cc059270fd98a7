#!/usr/bin/env node
/** npm run mutation [-- --force]: whether the tests notice a wrong line; writes docs/mutation.md. See mutation.ts. */
import { becomePinned, orFail } from './setup/pinned.js';
import { setUp } from './setup/steps.js';

orFail(setUp('core').then(() => becomePinned('scripts/mutation.ts', process.argv.slice(2))));
