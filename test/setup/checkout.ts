/**
 * Copies of this checkout to set up, and the Nodes and npms to do it with: from the npm registry, in a directory of the test.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** A registry that nobody listens on: whoever asks it fails at once. */
export const NO_NETWORK = { npm_config_registry: 'http://127.0.0.1:9/', npm_config_fetch_retries: '0' };

/** Versions that administrators have; 24 is the pinned one. */
export type NodeVersion = 18 | 20 | 24;
export type NpmVersion = 9 | 11;

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'ironwake-setup-'));
  #copies = 0;

  constructor() {
    // Other users must get in: one test is not root.
    chmodSync(this.directory, 0o755);
  }

  /** Fetches the Nodes and npms. */
  async fetchTools(): Promise<void> {
    const platform = `${process.platform}-${process.arch}`;
    const packages = [
      `node18@npm:node-${platform}@18`,
      `node20@npm:node-${platform}@20`,
      // The npm of Debian 12 and 13.
      'npm9@npm:npm@9.2.0',
      'npm11@npm:npm@11',
    ];
    const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--no-save'];
    const tools = join(this.directory, 'tools');
    mkdirSync(tools);
    const done = await run('npm', [...flags, '--prefix', tools, ...packages], { cwd: tools, env: cleanEnv() });
    if (done.status !== 0) throw new Error(`npm install of the test's Nodes failed: ${done.stderr}`);
  }

  nodeOf(version: NodeVersion): string {
    const name = version === 24 ? `node-${process.platform}-${process.arch}` : `node${version}`;
    const modules = version === 24 ? join(ROOT, 'node_modules') : join(this.directory, 'tools/node_modules');
    return join(modules, name, 'bin');
  }

  npmOf(version: NpmVersion): string {
    return join(this.directory, 'tools/node_modules', `npm${version}`, 'bin');
  }

  /** A fresh checkout: everything that git knows or would add, nothing that a set-up made. */
  checkout(): string {
    const copy = join(this.directory, `checkout${++this.#copies}`);
    const list = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
    for (const file of list.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      copyFileSync(join(ROOT, file), join(copy, file));
    }
    return copy;
  }

  /** Environment in which `node` and the child npm are of these versions. */
  env(node: NodeVersion, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return { ...cleanEnv(), PATH: `${this.nodeOf(node)}:/usr/sbin:/usr/bin:/sbin:/bin`, ...more };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Nothing of the npm and tap that run these tests; how this machine reaches the registry (proxy, certificates) stays. */
function cleanEnv(): NodeJS.ProcessEnv {
  const ours = /^(npm_(?!config_)|npm_config_.*prefix|IRONWAKE_|TAP|INIT_CWD$|NODE_(OPTIONS|ENV|COMPILE_CACHE)$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

export interface RunOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly uid?: number;
  /** Called with the process once it runs. */
  readonly started?: (child: ChildProcess) => void;
}

export function run(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  return new Promise((done, fail) => {
    // The test runner loads its own code into every Node that is started below it, which an old Node cannot run: `env` takes that away
    // after the runner has put it there.
    const child = spawn('env', ['-u', 'NODE_OPTIONS', program, ...args], {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text.stderr += chunk.toString();
    });
    child.on('error', fail);
    child.on('close', (status) => done({ status, ...text }));
    options.started?.(child);
  });
}
