/** `ironwake ...` in this process, as somebody types it without a terminal: what it prints, and its exit status. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runCli } from '../../src/cli/program.ts';
import type { Io } from '../../src/cli/terminal.ts';
import type { Parts } from './parts.ts';

export interface Printed {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** @param surroundings what is not as usual: an empty environment, an empty input, the working directory of this process, a clock that stands */
export async function typed(words: readonly string[], surroundings: Partial<Io> = {}): Promise<Printed> {
  let out = '';
  let err = '';
  const status = await runCli(words, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    input: Readable.from([]),
    inputIsTerminal: false,
    errIsTerminal: false,
    outIsTerminal: false,
    env: {},
    cwd: process.cwd(),
    now: () => 0,
    sleep: async () => {},
    ...surroundings,
  });
  return { status, out, err };
}

/** The environment of somebody who has a token, and whose profiles are those of the server. */
export const environmentOf = (parts: Parts, token: string): NodeJS.ProcessEnv => ({
  IRONWAKE_URL: parts.segment.httpsUrl,
  IRONWAKE_FINGERPRINT: parts.journey.identity.fingerprint,
  IRONWAKE_TOKEN: token,
  IRONWAKE_ANSWERS_DIR: parts.directory,
});

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
  return (words, input) => {
    // Read anew: certificates are rotated in between.
    const server = ['--server', parts.segment.httpsUrl, '--fingerprint', parts.journey.identity.fingerprint];
    return typed([...words.split(' '), ...server, '--token-file', tokenFile], {
      input: Readable.from(input === undefined ? [] : [input]),
      cwd: directory,
      now: () => parts.clock.now(),
    });
  };
}
