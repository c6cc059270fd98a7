/** Debian packages: the missing ones, by apt-get, only when something is missing. */
import { setTimeout as pause } from 'node:timers/promises';
import { packagesOf } from '../packages.js';
import { SetupError } from './checkout.js';
import { withLock } from './lock.js';
import { run, tail } from './run.js';

/** Packages are the machine's, not the checkout's: two checkouts take turns. */
const MACHINE_LOCK = '/run/lock/ironwake-packages.lock';

/**
 * @param {readonly string[]} names
 * @returns {Promise<Set<string>>} those that are installed
 */
async function installedOf(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format language
  const { status, output } = await run('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...names]);
  if (status === 127)
    throw new SetupError(
      'dpkg-query is missing: Ironwake is set up on Debian 12 or 13; elsewhere see docs/dependencies.md',
    );
  return new Set(
    output
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length)),
  );
}

/**
 * apt-get waits for dpkg's lock but not for the one of its lists, and a cache that another apt-get rewrites at this moment is an error.
 * @param {readonly string[]} args
 * @param {(line: string) => void} say
 */
async function aptGet(args, say) {
  const options = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=600', '-o', 'Dpkg::Use-Pty=0', '--no-install-recommends'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  for (let attempt = 1; ; attempt++) {
    const { status, output } = await run('apt-get', [...options, ...args], { env });
    if (status === 0) return;
    const busy = /Could not get lock|Unable to lock|out of sync|Unable to acquire/.test(output);
    if (!busy || attempt === 200)
      throw new SetupError(
        `apt-get ${args[0]} failed (status ${status}): cure what it says, then repeat.\n  ${tail(output)}`,
      );
    if (attempt === 1) say('another apt-get is at work, waiting for it');
    await pause(3000);
  }
}

/**
 * A service that came with a package of which only programs are wanted. One that was there before is somebody's and is left alone.
 * @param {string} service
 * @param {(line: string) => void} say
 */
async function switchOff(service, say) {
  // `service` also knows machines without systemd, containers for one; there nothing is enabled that could be disabled.
  for (const [program = '', ...args] of [
    ['service', service, 'stop'],
    ['systemctl', 'disable', `${service}.service`],
  ]) {
    const { status, output } = await run(program, args);
    if (status !== 0 && status !== 127)
      say(`${program} ${args.join(' ')} failed: the tests do not need that service\n  ${tail(output)}`);
  }
}

/**
 * @param {'serve' | 'test'} layer
 * @returns {import('./steps.js').Step}
 */
export function debianStep(layer) {
  const wanted = packagesOf(layer);
  const names = wanted.map((entry) => entry.name);
  const missingOf = async () => {
    const installed = await installedOf(names);
    return names.filter((name) => !installed.has(name));
  };
  return {
    title: 'Debian packages',
    async check() {
      const missing = await missingOf();
      return {
        done: missing.length === 0,
        needs: `apt-get install ${missing.join(' ')} (needs root: packages belong to the whole machine)`,
        items: wanted.map((entry) => ({
          name: entry.name,
          purpose: entry.purpose,
          present: !missing.includes(entry.name),
        })),
      };
    },
    async apply(say) {
      const missing = await missingOf();
      if (missing.length === 0) return;
      if (process.getuid?.() !== 0)
        throw new SetupError(
          `${missing.length === 1 ? 'a Debian package is' : `${missing.length} Debian packages are`} missing, and installing packages needs root. Type: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`,
        );
      await withLock(
        MACHINE_LOCK,
        () => say('another set-up installs packages, waiting for it'),
        async () => {
          const still = await missingOf();
          if (still.length === 0) return;
          say(`apt-get update`);
          await aptGet(['update'], say);
          say(`apt-get install ${still.join(' ')}`);
          await aptGet(['install', ...still], say);
          for (const { name, service } of wanted)
            if (service !== undefined && still.includes(name)) await switchOff(service, say);
        },
      );
    },
  };
}
