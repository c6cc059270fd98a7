/** A set-up that root runs in somebody else's checkout leaves nothing there that its owner cannot write. */
import { existsSync, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout, ROOT } from './checkout.js';

/**
 * Everything below a path of this checkout becomes its owner's again, or their next `npm test` fails. Does nothing unless root runs it in
 * the checkout of somebody else.
 * @param {string[]} parts path inside the checkout
 */
export function giveBack(...parts) {
  const owner = statSync(ROOT);
  if (process.getuid?.() !== 0 || owner.uid === 0) return;
  /** @param {string} entry */
  const walk = (entry) => {
    const stat = lstatSync(entry, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.uid !== owner.uid || stat.gid !== owner.gid) lchownSync(entry, owner.uid, owner.gid);
    if (stat.isDirectory()) for (const name of readdirSync(entry)) walk(join(entry, name));
  };
  const path = inCheckout(...parts);
  if (existsSync(path)) walk(path);
}
