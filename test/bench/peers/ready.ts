/**
 * Watches over the start of a daemon from within its namespace. Arguments: URLs. Prints `watching`, then, when every URL has answered 200,
 * the time of the last of them in epoch milliseconds with fractions.
 */
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

/** Finer than the figure needs, and so coarse that asking costs the daemon nothing. */
const EVERY_MS = 5;

function answers(url: string): Promise<boolean> {
  const options = { agent: false, rejectUnauthorized: false, timeout: 1000 } as const;
  return new Promise((resolve) => {
    const asked = (url.startsWith('https:') ? secure : plain)(url, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

async function untilAnswers(url: string): Promise<number> {
  while (!(await answers(url))) await pause(EVERY_MS);
  return performance.timeOrigin + performance.now();
}

process.stdout.write('watching\n');
const times = await Promise.all(process.argv.slice(2).map(untilAnswers));
process.stdout.write(`${Math.max(...times)}\n`);
