/** The stand-in installer's programs, asked without a machine. They are in another language and share nothing with the product. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// Debian's own Python: tomllib came with 3.11, and an older one may stand first in PATH.
const PYTHON = '/usr/bin/python3';

/** One question of checker.py; see its `verdict`. */
export interface CheckerRow {
  readonly release: string;
  readonly answer: string;
  readonly product?: string;
  /** Whether the server said application/json. */
  readonly json?: boolean;
  readonly machine?: object;
}

export interface CheckerVerdict {
  readonly ok: boolean;
  /** P, C or M, where it is refused. */
  readonly phase?: string;
  readonly message?: string;
  readonly fqdn?: string;
  readonly disks?: readonly string[];
  readonly interface?: string;
}

/**
 * One process for all rows.
 * @returns a reply for each
 * @throws Error when the program fails, or answers more or fewer
 */
export function askStandIn<R>(program: 'checker.py' | 'wire.py', rows: readonly object[]): R[] {
  const path = fileURLToPath(new URL(`../lab/image/live/${program}`, import.meta.url));
  const asked = spawnSync(PYTHON, ['-B', path, '--rows'], {
    input: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (asked.status !== 0) throw new Error(`${program}: ${asked.error?.message ?? asked.stderr}`);
  const replies = asked.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as R);
  if (replies.length !== rows.length) throw new Error(`${program}: ${replies.length} replies to ${rows.length} rows`);
  return replies;
}
