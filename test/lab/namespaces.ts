/**
 * Network namespaces and the processes in them: the lab's wires. Everything carries the process id of its lab in its name, so that two
 * labs never meet and what a killed lab left is found and removed by the next one.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';

const PREFIX = 'iwl';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Milliseconds after which the command is killed (default 60000). */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface SpawnOptions {
  /** Standard output and error go to this file. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs a command that must succeed, for the lab's own plumbing. @throws Error with what it printed */
export function must(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.error !== undefined) throw new Error(`${command}: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr.trim() || result.stdout.trim()}`);
  return result.stdout;
}

/** Runs a command to its end, whatever its exit status. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    // A command that does not read its input to the end is no failure of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** One namespace. Commands in it see its interfaces only. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    must('ip', 'netns', 'add', name);
    must('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }

  ip(...args: string[]): string {
    return must('ip', '-n', this.name, ...args);
  }

  /** The command line that runs `argv` in here; `ip` replaces itself, so the process id is the command's own. */
  command(argv: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run(this.command(argv), options);
  }

  spawn(argv: readonly string[], options: SpawnOptions): ChildProcess {
    const [command = '', ...args] = this.command(argv);
    const log = openSync(options.logFile, 'a');
    try {
      return spawn(command, args, {
        stdio: ['ignore', log, log],
        env: { ...process.env, ...options.env },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
    } finally {
      closeSync(log);
    }
  }

  remove(): void {
    spawnSync('ip', ['netns', 'delete', this.name]);
  }
}

let labs = 0;

/** A name for one lab of this process: `iwl-<pid>-<number>`. */
export function newLabName(): string {
  labs += 1;
  return `${PREFIX}-${process.pid}-${labs}`;
}

/** Removes the namespaces, and ends the processes in them, of labs whose process is gone. */
export function sweepAbandoned(): void {
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout ?? '';
  for (const line of listed.split('\n')) {
    const found = new RegExp(`^(${PREFIX}-(\\d+)-\\S+)`).exec(line);
    const [, name = '', pid = ''] = found ?? [];
    if (found === null || existsSync(`/proc/${pid}`)) continue;
    const inside = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? '';
    for (const left of inside.split('\n').filter(Boolean)) {
      try {
        process.kill(Number(left), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    spawnSync('ip', ['netns', 'delete', name]);
  }
}
