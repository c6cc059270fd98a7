/** What a command sees of its surroundings, and what it leaves behind. */
import { createInterface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';

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

/** C0 and C1 but line feed and tab, what turns the direction of writing, invisible separators. */
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text that machines or other people chose must not steer this terminal: what would is shown as `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(STEERING, escaped);
}

/** The same for a cell of a table, which has one line. */
export function printableCell(text: string): string {
  return printable(text).replace(/[\n\t]/g, (character) => (character === '\n' ? '\\n' : '\\t'));
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** The next line of the input, without its end; empty when there is none. `hidden`: it is not shown while it is typed. */
export async function typedLine({ input }: Io, how: 'shown' | 'hidden'): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface(how === 'hidden' ? { input, output: nowhere, terminal: true } : { input });
  try {
    return await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
  } finally {
    lines.close();
  }
}
