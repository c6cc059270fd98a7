/**
 * The npm dependencies. `npm ci --ignore-scripts` runs only when what is installed is not what package-lock.json says: a set-up on a
 * machine that has everything needs no network and half a second.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { inCheckout, NODE_PACKAGE, PINNED_NODE, pinnedNodeIsThere, ROOT, SetupError } from './checkout.js';
import { giveBack } from './owner.js';
import { run, tail } from './run.js';

const MODULES = inCheckout('node_modules');
const STAMP = join(MODULES, '.ironwake-setup');
/** npm writes it last: what it has installed. */
const INSTALLED = join(MODULES, '.package-lock.json');
/**
 * What must lie in node_modules/.bin: `npx ironwake` takes it from there (without it npm would fetch a package of that name), and the
 * systemd unit and `npx node` the pinned Node. npm 11 links an optional package's commands, the npm 9.2 of Debian does not.
 * @type {ReadonlyArray<readonly [string, string]>}
 */
const LINKS = [
  [join(MODULES, '.bin', 'ironwake'), '../../scripts/ironwake.js'],
  [join(MODULES, '.bin', 'node'), `../${NODE_PACKAGE}/bin/node`],
];

/**
 * @typedef {{ version?: string, integrity?: string, dev?: boolean, optional?: boolean, link?: boolean,
 *   dependencies?: Record<string, string>, devDependencies?: Record<string, string> }} LockEntry
 */

/**
 * @param {string} file
 * @returns {Record<string, LockEntry>} empty when there is no such file or it is cut off
 */
function lockEntries(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

/** @param {string} file */
const digest = (file) => (existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'none');

/** What the stamp must say for nothing to be done: the lockfile, the kind of machine, and what npm says it has installed. */
function fingerprint() {
  return JSON.stringify({
    lock: digest(inCheckout('package-lock.json')),
    platform: `${process.platform}-${process.arch}`,
    installed: digest(INSTALLED),
  });
}

/**
 * Whether every package that a layer needs is installed as the lockfile says. Optional packages of other platforms may be absent.
 * @param {boolean} withDev
 */
function installedAsLocked(withDev) {
  const locked = lockEntries(inCheckout('package-lock.json'));
  const installed = lockEntries(INSTALLED);
  return (
    pinnedNodeIsThere() &&
    Object.entries(locked).every(([path, wanted]) => {
      if (path === '' || (wanted.dev && !withDev)) return true;
      const have = installed[path];
      if (have === undefined) return wanted.optional === true;
      return have.version === wanted.version && have.integrity === wanted.integrity && existsSync(join(ROOT, path));
    }) &&
    Object.keys(installed).every((path) => locked[path] !== undefined)
  );
}

/**
 * What package.json asks for by name, the pinned Node first; all the others are theirs.
 * @param {boolean} withDev
 * @returns {import('./steps.js').Item[]}
 */
function directPackages(withDev) {
  const locked = lockEntries(inCheckout('package-lock.json'));
  const installed = lockEntries(INSTALLED);
  const { dependencies = {}, devDependencies = {} } = locked[''] ?? {};
  /**
   * @param {string} name
   * @param {string} purpose
   */
  const item = (name, purpose) => {
    const path = `node_modules/${name}`;
    const { version = '' } = locked[path] ?? {};
    return { name: `${name} ${version}`, purpose, present: installed[path]?.version === version };
  };
  return [
    item(`node-linux-${process.arch}`, 'the Node that runs Ironwake, whatever Node calls npm'),
    ...Object.keys(dependencies).map((name) => item(name, 'npm package')),
    ...(withDev ? Object.keys(devDependencies).map((name) => item(name, 'npm package, for tests and checks')) : []),
  ];
}

/** @param {readonly [string, string]} link */
function linkIsRight([link, target]) {
  try {
    return readlinkSync(link) === target;
  } catch {
    return false;
  }
}

/** @param {readonly [string, string]} link */
function makeLink([link, target]) {
  const temporary = `${link}.${process.pid}`;
  mkdirSync(join(MODULES, '.bin'), { recursive: true });
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, link);
}

/** The stamp says which layer was installed, so that `serve` does not look at what only tests need. */
function stampSays() {
  try {
    const [layer, ...rest] = readFileSync(STAMP, 'utf8').split('\n');
    return { layer, fingerprint: rest.join('\n').trim() };
  } catch {
    return { layer: '', fingerprint: '' };
  }
}

/** @param {boolean} withDev */
function writeStamp(withDev) {
  writeFileSync(`${STAMP}.${process.pid}`, `${withDev ? 'test' : 'serve'}\n${fingerprint()}\n`);
  renameSync(`${STAMP}.${process.pid}`, STAMP);
}

/** The npm that runs us (npm 9 or 11, whatever the system has), else the one in PATH. */
function npmCommand() {
  const path = process.env.npm_execpath;
  if (path !== undefined && basename(path) === 'npm-cli.js' && existsSync(path))
    return { program: process.execPath, args: [path] };
  return { program: 'npm', args: [] };
}

/**
 * `npm ci` empties node_modules first, and a daemon may be running out of it: where its packages are as the lockfile says and only those of
 * tests are missing, they are added instead.
 * @param {boolean} withDev
 * @returns {'ci' | 'install'}
 */
const commandFor = (withDev) => (withDev && installedAsLocked(false) ? 'install' : 'ci');

/**
 * @param {'ci' | 'install'} command
 * @param {boolean} withDev
 */
async function npmInstall(command, withDev) {
  const { program, args } = npmCommand();
  // Versions and hashes are pinned, so what the cache has needs no request.
  // Quiet about engines and audits: the packages run on the pinned Node, not on the one that npm runs on.
  const flags = [
    command,
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--loglevel=error',
    withDev ? '--include=dev' : '--omit=dev',
    ...(command === 'install' ? ['--no-save'] : []),
  ];
  const { status, output } = await run(program, [...args, ...flags], {
    cwd: ROOT,
    env: { ...process.env, npm_config_dry_run: 'false' },
  });
  if (status !== 0)
    throw new SetupError(
      `npm ${command} failed (status ${status}): check the network, then repeat the command.\n  ${tail(output)}`,
    );
}

/**
 * @param {'serve' | 'test'} layer
 * @returns {import('./steps.js').Step}
 */
export function npmStep(layer) {
  const withDev = layer === 'test';
  return {
    title: 'npm dependencies',
    async check() {
      const stamp = stampSays();
      const enough = stamp.layer === 'test' || stamp.layer === layer;
      const stamped = enough && stamp.fingerprint === fingerprint() && pinnedNodeIsThere();
      const done = (stamped || installedAsLocked(withDev)) && LINKS.every(linkIsRight);
      const count = Object.entries(lockEntries(inCheckout('package-lock.json'))).filter(
        ([path, entry]) => path !== '' && (withDev || !entry.dev) && !entry.optional,
      ).length;
      return {
        done: done && stamped,
        needs: installedAsLocked(withDev)
          ? `note that the ${count} packages of package-lock.json are installed already (no network)`
          : `npm ${commandFor(withDev)} --ignore-scripts: ${count} packages as package-lock.json says, into node_modules (no root, nothing is compiled)`,
        items: directPackages(withDev),
      };
    },
    async apply(say) {
      if (!installedAsLocked(withDev)) {
        const command = commandFor(withDev);
        say(`installing with npm ${command}, this takes a minute`);
        await npmInstall(command, withDev);
        // Should adding not have led to what the lockfile says: from scratch.
        if (command === 'install' && !installedAsLocked(withDev)) await npmInstall('ci', withDev);
        if (!pinnedNodeIsThere())
          throw new SetupError(
            `npm did not install ${PINNED_NODE}: this machine (${process.platform}-${process.arch}) is neither linux-x64 nor linux-arm64, or optional packages are omitted (npm config get omit)`,
          );
      }
      LINKS.filter((link) => !linkIsRight(link)).forEach(makeLink);
      writeStamp(withDev);
      giveBack('node_modules');
    },
  };
}

const TAP_PLUGINS = inCheckout('.tap', 'plugins');
const TAP_STAMP = inCheckout('.tap', 'ironwake-setup');

/**
 * tap without its TypeScript plugin (Node strips types itself) must be built once; works offline.
 * @returns {import('./steps.js').Step}
 */
export function tapStep() {
  const fingerprintOfTap = () =>
    createHash('sha256')
      .update(readFileSync(inCheckout('.taprc')))
      .update(lockEntries(inCheckout('package-lock.json'))['node_modules/tap']?.version ?? '')
      .digest('hex');
  return {
    title: 'test runner',
    async check() {
      const stamp = existsSync(TAP_STAMP) ? readFileSync(TAP_STAMP, 'utf8') : '';
      return {
        done: stamp === fingerprintOfTap() && existsSync(TAP_PLUGINS),
        needs: 'tap build: the test runner without its TypeScript plugin, into .tap (no root, no network)',
        items: [],
      };
    },
    async apply(say) {
      say('building');
      const path = `${join(MODULES, '.bin')}:${process.env.PATH}`;
      const { status, output } = await run(PINNED_NODE, [join(MODULES, '.bin', 'tap'), 'build'], {
        cwd: ROOT,
        env: { ...process.env, PATH: path },
      });
      if (status !== 0) throw new SetupError(`tap build failed (status ${status}):\n  ${tail(output)}`);
      mkdirSync(inCheckout('.tap'), { recursive: true });
      writeFileSync(TAP_STAMP, fingerprintOfTap());
      giveBack('.tap');
    },
  };
}
