/**
 * The daemon as it is started by `ironwake serve`, in a process of its own that has read its code and waits for a line on standard input: the words
 * behind `ironwake`, as JSON. So that a test that ends daemons by the hundred does not wait for the reading.
 */
import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { runCli } from '../../src/cli/program.ts';
import '../../src/cli/serve.ts';
import '../../src/daemon.ts';

// It will not come to its end.
flushCompileCache();
process.stdout.write('waiting\n');
const lines = createInterface({ input: process.stdin });
// Should the test end, nobody needs this process.
lines.once('close', () => process.exit(0));
const words = JSON.parse(await new Promise<string>((resolve) => lines.once('line', resolve))) as readonly string[];
process.exit(
  await runCli(words, {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    input: Readable.from([]),
    inputIsTerminal: false,
    errIsTerminal: false,
    outIsTerminal: false,
    env: process.env,
    cwd: process.cwd(),
    now: () => Date.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }),
);
