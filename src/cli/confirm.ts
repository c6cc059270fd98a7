/** Nothing is destroyed by a slip: whoever sits at a terminal types the name once more, a script says `--yes`. */
import { IronwakeError } from '../errors.ts';
import { type Io, printable, typedLine } from './terminal.ts';

export interface Destruction {
  /** What must be typed. */
  readonly name: string;
  /** What happens, as a sentence. */
  readonly effect: string;
  /** `--yes` was given. */
  readonly yes: boolean;
}

/** @throws IronwakeError `cli.not-confirmed`; then nothing was done. A name that is empty is confirmed by nothing that is typed. */
export async function confirmDestruction(io: Io, { name, effect, yes }: Destruction): Promise<void> {
  if (yes) return;
  if (!io.inputIsTerminal)
    throw notConfirmed(
      `${effect} Nothing was done, as nobody at a terminal can be asked`,
      'Add --yes when it is meant.',
    );
  io.err(printable(`${effect}\nType ${name} to go on: `));
  const typed = (await typedLine(io, 'shown')).trim();
  if (typed === '' || typed !== name)
    throw notConfirmed(`that is not ${name}; nothing was done`, 'Type the name as it is shown, or add --yes.');
}

function notConfirmed(message: string, remedy: string): IronwakeError {
  return new IronwakeError({ kind: 'refused', code: 'cli.not-confirmed', message, remedy });
}
