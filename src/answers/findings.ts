/** What is wrong with an answer, one value for log, API, command line and tests. */
import { IronwakeError } from '../errors.ts';

/** `installer`: the official one refuses it too. `ironwake`: it takes it, and the machine suffers. */
export type Judge = 'installer' | 'ironwake';
export type Severity = 'error' | 'warning';

interface FindingKind {
  readonly severity: Severity;
  readonly by: Judge;
}

const refused: FindingKind = { severity: 'error', by: 'installer' };
const trap: FindingKind = { severity: 'error', by: 'ironwake' };
const unwise: FindingKind = { severity: 'warning', by: 'ironwake' };

/** Every finding there is. Codes are stable: never renamed after a release. */
export const FINDING_KINDS = {
  'answer.syntax': refused,
  'answer.duplicate-key': refused,
  'answer.json-release': refused,
  'answer.not-a-table': refused,
  'answer.unknown-section': refused,
  'answer.unknown-key': refused,
  'answer.not-in-release': refused,
  'answer.missing': refused,
  'answer.type': refused,
  'answer.value': refused,
  'answer.duplicate-spelling': refused,
  'answer.old-spelling': unwise,
  'answer.control-character': trap,
  'answer.secret': trap,
  'answer.range': trap,
  'answer.country': refused,
  'answer.fqdn': refused,
  'answer.domain': trap,
  'answer.email': refused,
  'answer.email-default': refused,
  'answer.timezone': refused,
  'answer.password-short': refused,
  'answer.password-missing': refused,
  'answer.password-twice': refused,
  'answer.password-hash': trap,
  'answer.ssh-key': trap,
  'answer.subscription-key': trap,
  'answer.cidr': refused,
  'answer.prefix-missing': refused,
  'answer.cidr-not-a-host': trap,
  'answer.address': refused,
  'answer.address-family': trap,
  'answer.address-unused': refused,
  'answer.address-missing': refused,
  'answer.gateway-outside': trap,
  'answer.glob': trap,
  'answer.filter-empty': trap,
  'answer.nic-filter-keys': trap,
  'answer.nic-filter-mac': trap,
  'answer.pinning-disabled': trap,
  'answer.pinning-mac': trap,
  'answer.pinning-name': trap,
  'answer.pinning-duplicate': refused,
  'answer.disk-selection-missing': refused,
  'answer.disk-selection-twice': refused,
  'answer.disk-filter-all': trap,
  'answer.disk-filter-match': unwise,
  'answer.disk-filter-keys': unwise,
  'answer.disk-name': trap,
  'answer.disk-duplicate': trap,
  'answer.disk-count': refused,
  'answer.disk-count-odd': trap,
  'answer.raid-missing': refused,
  'answer.foreign-options': refused,
  'answer.swap-size': refused,
  'answer.arc-max': unwise,
  'answer.filesystem-product': trap,
  'answer.url': trap,
  'answer.fingerprint': trap,
  'answer.fingerprint-missing': unwise,
  'answer.first-boot-url': refused,
  'answer.select-disks': trap,
  'answer.select-port': trap,
  'answer.subscription-product': trap,
  'answer.product-ignores': unwise,
  'answer.first-boot-product': unwise,
  'answer.machine-filter': refused,
  'answer.machine-disk': trap,
  'answer.machine-disk-count': trap,
  'answer.machine-interface': unwise,
  'answer.machine-unknown': unwise,
  'answer.unwise-single-disk': unwise,
  'answer.unwise-raid0': unwise,
  'answer.unwise-raidz1': unwise,
  'answer.unwise-dhcp': unwise,
  'answer.unwise-password': unwise,
  'answer.unwise-clear-password': unwise,
  'answer.unwise-local-mail': unwise,
} as const satisfies Record<string, FindingKind>;

export type FindingCode = keyof typeof FINDING_KINDS;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly by: Judge;
  /** Path in the answer with dots, as an administrator would write it: `disk-setup.zfs.raid`. Empty for the whole answer. */
  readonly path: string;
  /** What is wrong, one line. Never holds a password or hash. */
  readonly message: string;
  /** What to write instead, one line. */
  readonly remedy: string;
  /** From 1, where the answer came from a file. */
  readonly line?: number;
  readonly column?: number;
  /** Where a profile set it, as `default.yaml:17:5`, where the answer came from one. */
  readonly origin?: string;
}

/** Control characters (C0, DEL, C1), the two Unicode line separators and halves of a surrogate pair. */
export const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A finding with the severity and judge that its code has, unless a dialect sees it differently. */
export function finding(
  code: FindingCode,
  path: string,
  message: string,
  remedy: string,
  differently: Partial<FindingKind> = {},
): Finding {
  return {
    code,
    ...FINDING_KINDS[code],
    ...differently,
    path: plain(path),
    message: plain(message),
    remedy: plain(remedy),
  };
}

/** Findings quote what was typed: control characters are shown as escapes and long values are cut, so that a line stays a line. */
function plain(text: string): string {
  const shown = text.replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return shown.length > 400 ? `${shown.slice(0, 400)}...` : shown;
}

/** An answer that no machine gets. Carries every finding; the message names the first error. */
export class AnswerInvalid extends IronwakeError {
  readonly findings: readonly Finding[];

  constructor(subject: string, findings: readonly Finding[]) {
    const errors = findings.filter((found) => found.severity === 'error');
    const first = errors[0];
    const origin = first?.origin === undefined ? '' : ` (${first.origin})`;
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
    super({
      kind: 'invalid',
      code: 'answer.invalid',
      message: `The answer for ${subject} is not valid: ${first?.path}: ${first?.message}${origin}${more}`,
      remedy: first?.remedy ?? 'Correct the profile.',
      ...(first === undefined ? {} : { field: `answer.${first.path}` }),
    });
    this.findings = findings;
  }
}
