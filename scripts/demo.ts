/**
 * `npm run demo`: a private lab on this machine, the daemon in it, and one virtual machine with an empty disk on its way from power-on to
 * ready, with its timeline as it grows. Nothing touches the host's own network; everything goes when it ends, also on Ctrl-C.
 *
 *     npm run demo -- [--keep] [--firmware bios|uefi] [--release 9.2|8.4]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ADMIN_USER, PROFILE, Site } from '../test/lab/site.ts';

const FQDN = 'pve1.lab.test';
const MAC = 'bc:24:11:00:00:01';
function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What an administrator would type, on this terminal. Returns its exit status. */
async function type(site: Site, ...args: string[]): Promise<number> {
  say(`$ npx ironwake ${args.join(' ')}`);
  const [command = '', ...rest] = site.commandLine(...args);
  const child = spawn(command, rest, { stdio: 'inherit' });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status ?? 1;
}

function lookAround(site: Site, address: string): void {
  const inside = `sudo ip netns exec ${site.lab.serve.name}`;
  say(`
The lab stays until Ctrl-C. In another terminal:
  on the node       ${inside} ssh -i ${site.key} -o StrictHostKeyChecking=no ${ADMIN_USER}@${address}
  its console       less +F ${site.lab.machines[0]?.serialFile ?? ''}
  the timeline      ${inside} npx ironwake node show ${FQDN} --data-dir ${site.dataDir}
  the daemon's log  less +F ${site.lab.folder}/daemon.log`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      keep: { type: 'boolean', default: false },
      firmware: { type: 'string', default: 'bios' },
      release: { type: 'string', default: '9.2' },
    },
  });
  const { firmware, release } = values;
  if ((firmware !== 'bios' && firmware !== 'uefi') || (release !== '9.2' && release !== '8.4')) {
    say('usage: npm run demo -- [--keep] [--firmware bios|uefi] [--release 9.2|8.4]');
    process.exitCode = 2;
    return;
  }
  if (process.getuid?.() !== 0) {
    say('The demo needs root, for network namespaces and virtual machines: sudo npm run demo');
    process.exitCode = 1;
    return;
  }
  say(
    'Preparing the lab (the first time builds a stand-in installer image from Debian packages: about two minutes) ...',
  );
  const site = await Site.start({ release });
  try {
    const machine = site.lab.machine({ name: 'pve1', firmware, mac: MAC, processors: 2 });
    for (const args of [
      ['media', 'add', site.image],
      ['node', 'add', '--mac', MAC, '--fqdn', FQDN, '--profile', PROFILE],
      ['node', 'install', FQDN],
    ]) {
      const status = await type(site, ...args);
      if (status !== 0) throw new Error(`it ended with status ${status}`);
    }
    say(`\nPower on: an empty disk, ${firmware === 'uefi' ? 'UEFI' : 'BIOS'} firmware, network boot first.\n`);
    machine.powerOn();
    const ready = (await type(site, 'node', 'watch', FQDN)) === 0;
    say(ready ? '' : `\nThe console of ${FQDN} ends with:\n${machine.tail()}`);
    process.exitCode = ready ? 0 : 1;
    if (values.keep) {
      lookAround(site, site.lab.leaseOf(MAC) ?? '');
      for (;;) await delay(60_000);
    }
    say('Cleaning up (npm run demo -- --keep leaves everything running for a look around).');
  } finally {
    await site.stop();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
