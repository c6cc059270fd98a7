#!/usr/bin/env node
/** npm run bench [-- NAME...]: the measurements of test/bench, as tables. See bench.ts. */
import { becomePinned, orFail } from './setup/pinned.js';
import { setUp } from './setup/steps.js';

orFail(setUp('test').then(() => becomePinned('scripts/bench.ts', process.argv.slice(2))));
