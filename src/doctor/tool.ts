/** Other programs that are asked something, each with a time limit: a dead network file system or a broken server must not hang the doctor. */
import { execFile } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, systemCode } from '../errors.ts';

export type Output =
  | { readonly kind: 'text'; readonly text: string }
  /** Not installed. */
  | { readonly kind: 'absent' }
  /** It ran and failed, or took too long. */
  | { readonly kind: 'failed'; readonly reason: string };

const TOOL_TIMEOUT_MS = 5000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Administrators' programs are not in the search path of other users. */
const SEARCH_PATH = `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

/** Runs a program to its end and returns what it printed. Never throws. */
export function runTool(program: string, args: readonly string[], timeoutMs = TOOL_TIMEOUT_MS): Promise<Output> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
        env: { ...process.env, PATH: SEARCH_PATH, LC_ALL: 'C' },
      },
      (error, stdout, stderr) => {
        if (error === null) resolve({ kind: 'text', text: stdout });
        else if (systemCode(error) === 'ENOENT') resolve({ kind: 'absent' });
        else if (error.killed === true) resolve({ kind: 'failed', reason: `no end within ${timeoutMs / 1000} s` });
        else resolve({ kind: 'failed', reason: firstLine(stderr) ?? firstLine(messageOf(error)) ?? 'it failed' });
      },
    );
  });
}

function firstLine(text: string): string | undefined {
  const line = text.trim().split('\n')[0]?.slice(0, 200);
  return line === '' ? undefined : line;
}

/** The scripts in `foreign/`: packages that we did not write, each in a process of its own, because they hang or die on what they do not expect. */
export type Foreign = 'dhcp-client' | 'tftp-client' | 'disk-rows';

/** Runs one of them; it prints one JSON document. Never throws. */
export async function runForeign(
  script: Foreign,
  args: readonly string[],
  timeoutMs: number,
): Promise<{ readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string }> {
  const here = fileURLToPath(import.meta.url);
  const path = fileURLToPath(new URL(`foreign/${script}${extname(here)}`, import.meta.url));
  // setpriv (util-linux) becomes the script and has the kernel end it with us, however we end: a package that hangs outlives nobody.
  const output = await runTool('setpriv', ['--pdeathsig', 'KILL', process.execPath, path, ...args], timeoutMs);
  if (output.kind !== 'text')
    return { ok: false, reason: output.kind === 'failed' ? output.reason : 'it did not start' };
  try {
    return { ok: true, value: JSON.parse(output.text) };
  } catch {
    return { ok: false, reason: 'it printed no JSON' };
  }
}
