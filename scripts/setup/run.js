/** Runs another program and waits for it. */
import { spawn } from 'node:child_process';

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options] `show`: its output goes to the terminal as well
 * @returns {Promise<{ status: number, output: string }>} status 127 when the program does not exist; `output` is both streams together
 */
export function run(program, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        if (options.show) process.stderr.write(text);
      });
    }
    child.on('error', (error) => done({ status: 127, output: `${program}: ${error.message}` }));
    child.on('close', (code) => done({ status: code ?? 1, output }));
  });
}

/**
 * The last lines of a program's output that say something, for an error message.
 * @param {string} output
 */
export function tail(output, lines = 5) {
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lines)
    .join('\n  ');
}
