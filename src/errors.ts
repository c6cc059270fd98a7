/**
 * The one error family. Whatever an administrator sees (an API problem, a command's last line, an event) is made from these
 * three parts: a stable code, what happened, and what to do. Everything else that is thrown is a defect of ours.
 */

/** What kind of failure it is; HTTP status and exit status follow from it and from nothing else. */
export type ErrorKind =
  | 'invalid'
  | 'unauthorised'
  | 'refused'
  | 'not-found'
  | 'conflict'
  | 'outdated'
  | 'mismatch'
  | 'unavailable'
  | 'limited'
  | 'internal';

const HTTP_STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthorised: 401,
  refused: 403,
  'not-found': 404,
  conflict: 409,
  outdated: 412,
  mismatch: 422,
  limited: 429,
  unavailable: 503,
  internal: 500,
};

export interface ErrorDetails {
  readonly kind: ErrorKind;
  /** Stable, dotted, lower case: `media.not-proxmox`. Scripts match on it; never renamed after a release. */
  readonly code: string;
  /** What happened, one line, no trailing full stop needed. */
  readonly message: string;
  /** What to do about it, one line, imperative. */
  readonly remedy: string;
  /** The field, key or flag that is wrong, when there is one: `fqdn`, `--port`, `answer.global.country`. */
  readonly field?: string;
  readonly cause?: unknown;
  /** Of a file: everything that is wrong in it, line by line. */
  readonly rows?: readonly FileFault[];
}

export interface FileFault {
  readonly line: number;
  readonly field?: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export class IronwakeError extends Error {
  override readonly name = 'IronwakeError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly remedy: string;
  readonly field: string | undefined;
  readonly rows: readonly FileFault[] | undefined;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = details.kind;
    this.code = details.code;
    this.remedy = details.remedy;
    this.field = details.field;
    this.rows = details.rows;
  }

  /** The same error about a field of another name: what the API calls `body`, the command line calls `FILE`. */
  about(field: string): IronwakeError {
    const { cause, code, kind, message, remedy, rows } = this;
    return new IronwakeError({ kind, code, message, remedy, field, cause, ...(rows !== undefined && { rows }) });
  }

  /** The HTTP status of this error (RFC 9110), for problem+json. */
  get status(): number {
    return HTTP_STATUS[this.kind];
  }

  /** One line for a terminal: what happened, then the remedy. */
  get line(): string {
    const where = this.field === undefined ? '' : `${this.field}: `;
    return `${where}${this.message}. ${this.remedy}`;
  }
}

/** Shorthand for the most frequent case: something a person typed is wrong. */
export function invalid(code: string, field: string, message: string, remedy: string): IronwakeError {
  return new IronwakeError({ kind: 'invalid', code, field, message, remedy });
}

/** The message of anything that was thrown, for logs; never for an administrator's eyes on its own. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`EADDRINUSE`, `ENOENT`), if it is one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
