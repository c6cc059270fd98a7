/** What a check found: the words that every check of this room speaks. */

export type Result = 'ok' | 'warning' | 'problem';

export type CheckName =
  | 'interface'
  | 'daemon'
  | 'ports'
  | 'firewall'
  | 'dhcp'
  | 'own dhcp'
  | 'own tftp'
  | 'loaders'
  | 'profiles'
  | 'disk'
  | 'clock'
  | 'certificate'
  | 'webhooks';

export interface Finding {
  readonly check: CheckName;
  readonly result: Result;
  /** Stable, dotted: scripts match on it. */
  readonly code: string;
  /** One line, what was found. */
  readonly message: string;
  /** One line, what to do; a finding that is not `ok` always has one. */
  readonly remedy: string | undefined;
}

type Part = readonly [check: CheckName, code: string, message: string];

export function ok(...[check, code, message]: Part): Finding {
  return { check, result: 'ok', code, message, remedy: undefined };
}

export function warning(...[check, code, message, remedy]: readonly [...Part, remedy: string]): Finding {
  return { check, result: 'warning', code, message, remedy };
}

export function problem(...[check, code, message, remedy]: readonly [...Part, remedy: string]): Finding {
  return { check, result: 'problem', code, message, remedy };
}

/** The gravest result of all findings. */
export function worst(findings: readonly Finding[]): Result {
  if (findings.some((finding) => finding.result === 'problem')) return 'problem';
  return findings.some((finding) => finding.result === 'warning') ? 'warning' : 'ok';
}
