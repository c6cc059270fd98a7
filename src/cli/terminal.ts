/** What a command sees of its surroundings, and what it leaves behind. */
import type { Readable } from 'node:stream';

/** What a command touches of the outside world; tests hand in their own. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly input: Readable;
  readonly inputIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether lines may be drawn anew in place. */
  readonly outIsTerminal?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon reached. */
export type ExitStatus = 0 | 1 | 2 | 3;

/** Text that machines or other people chose must not steer this terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}
