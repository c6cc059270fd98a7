import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { packagesOf } from '../../scripts/packages.js';
import { ROOT, run } from './checkout.ts';

/** A machine whose dpkg and apt-get are scripts of ours: `installed` is what dpkg says, `calls` what apt-get was asked. */
class Machine {
  readonly directory = mkdtempSync(join(tmpdir(), 'ironwake-debian-'));
  readonly #installed = join(this.directory, 'installed');
  readonly #calls = join(this.directory, 'calls');

  constructor(installed: readonly string[], aptGet = '') {
    const bin = join(this.directory, 'bin');
    mkdirSync(bin);
    writeFileSync(this.#installed, installed.map((name) => `installed ${name}\n`).join(''));
    for (const program of ['service', 'systemctl'])
      this.#script(join(bin, program), `echo "${program} $@" >> ${this.#calls}`);
    this.#script(join(bin, 'dpkg-query'), `cat ${this.#installed}; exit 1`);
    this.#script(
      join(bin, 'apt-get'),
      `echo "$@" >> ${this.#calls}\n${aptGet}\nwhile [ $# -gt 0 ] && [ "$1" != install ]; do shift; done\n[ $# -eq 0 ] || shift\nfor p in "$@"; do echo "installed $p" >> ${this.#installed}; done`,
    );
    chmodSync(this.directory, 0o755);
  }

  #script(file: string, body: string): void {
    writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }

  /** The set-up of the serve layer's packages, nothing else of it. */
  apply(layer: string, uid?: number) {
    const script = `
      const { debianStep } = await import(${JSON.stringify(join(ROOT, 'scripts/setup/debian.js'))});
      const step = debianStep(${JSON.stringify(layer)});
      try { if (!(await step.check()).done) await step.apply((line) => console.log(line)); }
      catch (error) { console.error(error.name + ': ' + error.message); process.exit(1); }`;
    const node = process.execPath;
    // Really another user might not be able to read this checkout; what decides is what the process believes to be.
    const asUser = uid === undefined ? '' : `process.getuid = () => ${uid};`;
    return run(node, ['--input-type=module', '-e', asUser + script], {
      cwd: '/',
      env: { ...process.env, PATH: `${join(this.directory, 'bin')}:${process.env.PATH}` },
    });
  }

  get calls(): readonly string[] {
    return existsSync(this.#calls) ? readFileSync(this.#calls, 'utf8').trim().split('\n') : [];
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

const names = packagesOf('test').map((entry) => entry.name);

test('missing packages, and only those, are installed', async (t) => {
  const machine = new Machine(names.filter((name) => name !== 'curl' && name !== 'zstd'));
  t.teardown(() => machine.remove());
  const { status, stderr } = await machine.apply('test');
  t.equal(status, 0, stderr);
  t.equal(machine.calls.length, 2);
  t.match(machine.calls[0], /-y .*--no-install-recommends update$/);
  t.match(machine.calls[1], /-y .*--no-install-recommends install curl zstd$/);
  t.equal((await machine.apply('test')).status, 0);
  t.equal(machine.calls.length, 2, 'the second time nothing is asked of apt-get');
});

test('a service that comes with a package is switched off; one that was there before is left alone', async (t) => {
  const machine = new Machine(names.filter((name) => name !== 'prometheus'));
  t.teardown(() => machine.remove());
  const { status, stderr } = await machine.apply('test');
  t.equal(status, 0, stderr);
  t.strictSame(machine.calls.slice(2), ['service prometheus stop', 'systemctl disable prometheus.service']);
});

test('nothing missing: apt-get is not called at all', async (t) => {
  const machine = new Machine(names);
  t.teardown(() => machine.remove());
  t.equal((await machine.apply('test')).status, 0);
  t.strictSame(machine.calls, []);
});

test('without root one line says what is missing, why root, and the command', async (t) => {
  const machine = new Machine(names.filter((name) => name !== 'curl'));
  t.teardown(() => machine.remove());
  const { status, stderr } = await machine.apply('test', 1000);
  t.equal(status, 1);
  t.equal(stderr.trim().split('\n').length, 1);
  t.match(stderr, /needs root\. Type: sudo apt-get update && sudo apt-get install -y --no-install-recommends curl$/m);
  t.strictSame(machine.calls, []);
});

test('an apt-get that fails is reported with what it said', async (t) => {
  const machine = new Machine([], 'echo "E: Unable to locate package" >&2; exit 100');
  t.teardown(() => machine.remove());
  const { status, stderr } = await machine.apply('serve');
  t.equal(status, 1);
  t.match(stderr, /SetupError: apt-get update failed \(status 100\)/);
  t.match(stderr, /Unable to locate package/);
});
