#!/usr/bin/env node
/** npm run demo: a private lab on this machine, and one virtual machine from power-on to ready. See demo.ts. */
import { becomePinned, orFail } from './setup/pinned.js';
import { setUp } from './setup/steps.js';

orFail(setUp('test').then(() => becomePinned('scripts/demo.ts', process.argv.slice(2))));
