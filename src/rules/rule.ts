/** A rule: it registers machines that nobody registered one by one, and arms them if it has that right. */
import { globProblem } from '../answers/globs.ts';
import { invalid } from '../errors.ts';
import type { InstallPolicy } from '../nodes/node.ts';

/** What a machine gets that matches. */
export interface RuleGift {
  /** Template of the full host name, with `{{counter.NAME}}`, `{{serial}}`, `{{mac}}` (name.ts). */
  readonly fqdn: string;
  readonly profile: string;
  readonly tags: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
  readonly installPolicy: InstallPolicy;
}

export interface Rule {
  readonly id: string;
  readonly revision: number;
  readonly name: string;
  /** The highest is tried first; the default rule comes last, whatever it says. */
  readonly priority: number;
  /** All of them must hold, as they were written; none at all is the default rule, which every machine matches. */
  readonly conditions: readonly string[];
  readonly gives: RuleGift;
  /** Whether a machine is armed when it is registered. Once: a rule never arms a machine that is registered. */
  readonly mayArm: boolean;
  /** How many machines it may register in all, and how many it has registered: also those that are gone since. */
  readonly machines: number;
  readonly registered: number;
  /** From when on it matches nothing. Epoch milliseconds. */
  readonly expiresAt: number | undefined;
  readonly createdAt: number;
  /** Name of the token. */
  readonly createdBy: string;
}

export type Condition =
  /** Any of the machine's MACs fits any of the globs; lower case, with colons. */
  | { readonly kind: 'mac'; readonly text: string; readonly globs: readonly string[] }
  /** Any value to which the pointer leads fits the glob; a `*` among the segments stands for every element. */
  | { readonly kind: 'fact'; readonly text: string; readonly segments: readonly string[]; readonly glob: string };

const MAX_TEXT = 512;
const MAX_SEGMENTS = 16;

/**
 * `mac:bc:24:11:*` or `/dmi/system/product_name=PowerEdge R6?0`: a JSON Pointer (RFC 6901), `=`, a glob.
 * @throws IronwakeError `rule.condition`
 */
export function parseCondition(text: string, field = 'when'): Condition {
  const refuse = (why: string) =>
    invalid(
      'rule.condition',
      field,
      `the condition '${text.slice(0, 80)}' ${why}`,
      "Write mac:GLOB, for example mac:bc:24:11:*, or POINTER=GLOB, for example '/dmi/system/product_name=PowerEdge*'.",
    );
  if (text.length > MAX_TEXT) throw refuse(`is longer than ${MAX_TEXT} characters`);
  if (/[\u0000-\u001f\u007f]/.test(text)) throw refuse('holds a control character');
  if (/^mac:/i.test(text)) {
    const globs = text.slice(4).split(',').map(macGlob);
    for (const glob of globs) {
      if (glob === '' || !/^[0-9a-f:*?[\]!-]+$/.test(glob)) throw refuse('is no glob of a MAC');
      const problem = globProblem(glob);
      if (problem !== undefined) throw refuse(problem);
    }
    return { kind: 'mac', text, globs };
  }
  const equals = text.indexOf('=');
  if (!text.startsWith('/') || equals < 2) throw refuse('is neither mac:GLOB nor POINTER=GLOB');
  const segments = text
    .slice(1, equals)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (segments.length > MAX_SEGMENTS) throw refuse(`has more than ${MAX_SEGMENTS} segments`);
  const glob = text.slice(equals + 1);
  const problem = glob === '' ? 'has an empty glob' : globProblem(glob);
  if (problem !== undefined) throw refuse(problem);
  return { kind: 'fact', text, segments, glob };
}

/** Lower case, with colons: `BC-24-11-*` and `bc2411000001` as well. A hyphen within brackets is a range. */
function macGlob(text: string): string {
  const glob = text.trim().toLowerCase();
  if (/^[0-9a-f]{12}$/.test(glob)) return (glob.match(/../g) ?? []).join(':');
  return glob.replaceAll(/\[[^\]]*\]|-/g, (part) => (part === '-' ? ':' : part));
}

/**
 * Whether (nearly) every machine meets a condition: nothing in its glob is fixed. `mac:*` is as good as no condition, and so is `mac:??:*` or
 * `/boot/arch=*`.
 */
export function isWide(condition: Condition): boolean {
  const globs = condition.kind === 'mac' ? condition.globs : [condition.glob];
  return globs.some((glob) => /^[*?:]*$/.test(glob.replaceAll(/\[[^\]]*\]/g, '?')));
}

/** The default rule has no conditions. */
export function isDefault({ conditions }: Pick<Rule, 'conditions'>): boolean {
  return conditions.length === 0;
}
