#!/usr/bin/env node
/**
 * npm test [-- LAYER... | FILE...]: all layers, some, or single files. `core` needs no root and no Debian package. See test.ts.
 */
import { becomePinned, orFail } from './setup/pinned.js';
import { setUp } from './setup/steps.js';

const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const coreOnly = words.length > 0 && words.every((word) => word === 'core' || word.startsWith('test/core/'));

orFail(setUp(coreOnly ? 'core' : 'test').then(() => becomePinned('scripts/test.ts', process.argv.slice(2))));
