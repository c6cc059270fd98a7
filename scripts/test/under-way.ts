/** The test that stands for each file of this process: what `tap` gives a file that shares its process with others. */
import type { Test } from 'tap';

/** URL of a file -> its test. */
export const underWay = new Map<string, Test>();
