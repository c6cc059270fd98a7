/** `ironwake ...` in this process, as somebody types it who has a token: what it prints, and its exit status. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runCli } from '../../src/cli/program.ts';
import type { Parts } from './parts.ts';

export interface Printed {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/**
 * @param directory where it is typed; the token is put into a file there
 * @returns a function that takes the words behind `ironwake`, blanks between them
 */
export function commandLine(
  parts: Parts,
  directory: string,
  token: string,
): (words: string, input?: string) => Promise<Printed> {
  const tokenFile = join(directory, `token-${token.slice(0, 12)}`);
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  return async (words, input) => {
    let out = '';
    let err = '';
    // Read anew: certificates are rotated in between.
    const server = ['--server', parts.segment.httpsUrl, '--fingerprint', parts.journey.identity.fingerprint];
    const status = await runCli([...words.split(' '), ...server, '--token-file', tokenFile], {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      input: Readable.from(input === undefined ? [] : [input]),
      inputIsTerminal: false,
      errIsTerminal: false,
      outIsTerminal: false,
      env: {},
      cwd: directory,
      now: () => parts.clock.now(),
      sleep: async () => {},
    });
    return { status, out, err };
  };
}
