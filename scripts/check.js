#!/usr/bin/env node
/** npm run check: types, lint and format, import table, shell scripts. Needs npm dependencies only. See check.ts. */
import { becomePinned, orFail } from './setup/pinned.js';
import { setUp } from './setup/steps.js';

orFail(setUp('core').then(() => becomePinned('scripts/check.ts', process.argv.slice(2))));
