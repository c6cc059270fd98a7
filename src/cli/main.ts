/** The `ironwake` command: hands this process to the program and its exit status back. */
import { runCli } from './program.ts';
import type { Io } from './terminal.ts';

const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  input: process.stdin,
  inputIsTerminal: process.stdin.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  outIsTerminal: process.stdout.isTTY === true,
  env: process.env,
  cwd: process.cwd(),
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

// `ironwake node list | head -1` closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// An explicit end: a socket that somebody forgot must not keep a daemon that could not start. Standard output is written synchronously on Linux.
process.exit(await runCli(process.argv.slice(2), io));
