/**
 * What `tap` means to a test file that shares its process with others: the root is not the process's, it is the test that stands for this
 * file. host.ts makes every file import an instance of its own, as `tap-of-file.ts?URL-OF-THE-FILE`.
 */
import { underWay } from './under-way.ts';

const file = decodeURIComponent(new URL(import.meta.url).search.slice(1));
const root = underWay.get(file);
if (root === undefined) throw new Error(`no test is under way for ${file}`);

export const t = root;
export default root;
export const test = root.test.bind(root);
export const before = root.before.bind(root);
export const beforeEach = root.beforeEach.bind(root);
export const after = root.after.bind(root);
export const afterEach = root.afterEach.bind(root);
