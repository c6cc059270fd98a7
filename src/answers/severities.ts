/** Raising and lowering our own findings. What the installer refuses stays refused, whatever is said here. */
import { invalid } from '../errors.ts';
import { nearest } from '../profiles/nearest.ts';
import { FINDING_KINDS, type Finding, type FindingCode, type Severity } from './findings.ts';

export type Severities = ReadonlyMap<FindingCode, Severity | 'off'>;

/** These guard secrets and files of the node, or are about nothing that could be left as it is. */
const FIXED: ReadonlySet<FindingCode> = new Set([
  'answer.secret',
  'answer.control-character',
  'answer.select-disks',
  'answer.select-port',
]);

/** Whether a code cannot be lowered. */
export function isFixed(code: FindingCode): boolean {
  return FIXED.has(code);
}

const LEVELS = ['error', 'warning', 'off'] as const;

/**
 * @param assignments `CODE=error`, `CODE=warning` or `CODE=off`; a later one counts
 * @throws IronwakeError `answer.severity` for an unknown code or level, or one that is the installer's to judge
 */
export function parseSeverities(assignments: readonly string[], field = '--severity'): Severities {
  return new Map(
    assignments.map((assignment) => {
      const [name = '', level = ''] = assignment.split('=', 2);
      const code = Object.keys(FINDING_KINDS).find((known): known is FindingCode => known === name);
      const severity = LEVELS.find((known) => known === level);
      if (code === undefined) {
        const close = nearest(name, Object.keys(FINDING_KINDS));
        throw invalid(
          'answer.severity',
          field,
          `there is no finding '${name.slice(0, 60)}'`,
          close === undefined ? 'See docs/answer-findings.md for the codes.' : `Did you mean ${close}?`,
        );
      }
      if (severity === undefined) {
        throw invalid(
          'answer.severity',
          field,
          `'${level.slice(0, 20)}' is no severity`,
          'Write error, warning or off.',
        );
      }
      if (FIXED.has(code) && severity !== 'error') {
        throw invalid('answer.severity', field, `${code} cannot be lowered`, 'Correct the answer instead.');
      }
      return [code, severity];
    }),
  );
}

/** The findings as an administrator wants them weighed. */
export function weigh(findings: readonly Finding[], severities: Severities): Finding[] {
  return findings.flatMap((found): Finding[] => {
    const severity = found.by === 'ironwake' ? severities.get(found.code) : undefined;
    if (severity === 'off') return [];
    return [severity === undefined ? found : { ...found, severity }];
  });
}
