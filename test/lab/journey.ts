/** From power-on to ready, and what must hold afterwards: the same walk for each firmware. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { parse } from 'yaml';
import type { NodeView } from '../../src/api/schemas.ts';
import type { StandInRelease } from './image.ts';
import { DAEMON_ADDRESS, DHCP_ADDRESS, LAB_INTERFACE, type LabOptions } from './lab.ts';
import type { Machine, MachineFirmware } from './machine.ts';
import { must } from './namespaces.ts';
import { ROOTS, type RootName } from './roots.ts';
import { ADMIN_PASSWORD, ADMIN_USER, NODE_VALUES, PROFILE, SHIPPED_PROFILE, Site, timelineText } from './site.ts';

const FQDN = 'pve1.lab.test';
/** The full plan of the shipped profile. */
const MODULES = Object.keys(
  (parse(readFileSync(SHIPPED_PROFILE, 'utf8')) as { postInstall: Readonly<Record<string, unknown>> }).postInstall,
);

export interface JourneyOptions {
  readonly firmware: MachineFirmware;
  readonly release: StandInRelease;
  readonly mac: string;
  readonly ipv6: NonNullable<LabOptions['ipv6']>;
  readonly root: RootName;
  /** `confirm`: somebody reads the code off the machine's console. */
  readonly secrets: 'auto' | 'confirm';
}

/** What the timeline of a machine without mishaps says, in order. Steps of the plan are looked at one by one. */
function expectedCodes({ firmware, secrets }: JourneyOptions): readonly string[] {
  const confirm = (...codes: string[]): readonly string[] => (secrets === 'confirm' ? codes : []);
  return [
    'node.registered',
    'run.armed',
    'node.password-read',
    // SeaBIOS' ROM is an iPXE and takes the script at once; OVMF's own PXE needs the loader first, and that is an iPXE that asks again.
    ...(firmware === 'uefi' ? ['boot.firmware-asked', 'boot.loader-fetched'] : []),
    'boot.firmware-asked',
    'boot.script-served',
    'boot.kernel-sent',
    'boot.image-started',
    'boot.image-delivered',
    'installer.seen',
    'installer.answer-served',
    'installer.hook-fetched',
    'installer.installed',
    'node.proved',
    'plan.fetched',
    ...confirm('plan.withheld'),
    'plan.step',
    ...confirm('plan.waiting-for-code', 'run.confirmed'),
    'plan.probe',
    'run.ready',
  ];
}

/** Codes in the order of their first appearance; what a firmware may repeat is told once. */
function firstAppearances(view: NodeView, firmware: MachineFirmware): readonly string[] {
  const codes = view.timeline.map((event) => event.code).filter((code) => code !== 'boot.local-disk');
  return codes.filter((code, index) => {
    const before = codes.slice(0, index).filter((earlier) => earlier === code).length;
    return before < (code === 'boot.firmware-asked' && firmware === 'uefi' ? 2 : 1);
  });
}

/** Warnings that belong to a journey: somebody read root's password, and a machine that is to be confirmed calls for a person. */
const WARNINGS = {
  auto: ['node.password-read'],
  confirm: ['node.password-read', 'plan.withheld', 'plan.waiting-for-code'],
};

/** From power-on to ready, and what must be true of the installed node then. */
export async function toReady(t: Test, options: JourneyOptions): Promise<Arrived | undefined> {
  const { firmware, release, mac, ipv6, root, secrets } = options;
  const site = await Site.start({ release, root, secrets, ipv6 });
  t.teardown(() => site.stop());
  const { lab } = site;
  const machine = lab.machine({ name: 'pve1', firmware, mac, disks: ROOTS[root].disks });

  await site.must('POST', '/api/v1/media', { path: site.image });
  const node = { mac, fqdn: FQDN, profile: PROFILE, values: NODE_VALUES };
  const { id } = (await site.must('POST', '/api/v1/nodes', node)) as { id: string };
  await site.must('POST', `/api/v1/nodes/${id}/install`, {});
  const { password } = (await site.must('POST', `/api/v1/nodes/${id}/root-password`)) as { password: string };

  machine.powerOn();
  if (secrets === 'confirm') await confirmByConsole(t, site, machine, id);
  const ready = await untilNode(t, site, machine, id, () => false);
  t.comment(timelineText(ready));
  t.equal(ready.run?.state, 'ready', 'the machine comes to ready by itself');
  if (ready.run?.state !== 'ready') return undefined;
  t.same(firstAppearances(ready, firmware), expectedCodes(options), 'the whole timeline, in order');
  t.same(
    ready.timeline
      .filter((event) => event.severity === 'alarm' || event.severity === 'warning')
      .map(({ code }) => code),
    WARNINGS[secrets],
    'nothing else on it warns',
  );
  t.equal(ready.waiting, null, 'nothing is waited for');
  t.match(
    await site.must('GET', `/api/v1/nodes/${id}/hardware`),
    { memoryBytes: 2048 * 1024 * 1024, serial: 'LAB-pve1', loader: /^iPXE 1\./ },
    'and its loader said what the installer does not know',
  );
  await planWasProved(t, site, id);
  const address = lab.leaseOf(mac) ?? '';
  await installedDisk(t, site, address, ready, root);
  return { site, machine, id, address, password };
}

interface Arrived {
  readonly site: Site;
  readonly machine: Machine;
  readonly id: string;
  readonly address: string;
  /** Root's random one. */
  readonly password: string;
}

/** The whole walk of one firmware: also what strangers get, and every netboot after it. */
export async function journey(t: Test, options: JourneyOptions): Promise<void> {
  const arrived = await toReady(t, options);
  if (arrived === undefined) return;
  const { site, machine, id, address, password } = arrived;
  const { lab } = site;
  await loginsByKeyOnly(t, site, address, password);
  await stranger(t, site, options.mac);

  await t.test('every later netboot goes to the disk', async (t) => {
    await machine.reset();
    await machine.waitFor(/login:/);
    const view = await site.node(id);
    const last = view.timeline.at(-1);
    t.equal(last?.code, 'boot.local-disk', 'the timeline says so');
    t.match(last?.text, /no installation is armed/);
    t.equal(
      (await site.ssh(address, ADMIN_USER, 'cat /etc/machine-id')).stdout.length,
      33,
      'and the same node is up again',
    );
  });

  await t.test('also when the daemon is off', async (t) => {
    t.equal(await lab.stopDaemon(), 0, 'it ends with status 0');
    await machine.reset();
    await machine.waitFor(/login:/);
    const up = await site.ssh(address, ADMIN_USER, 'hostname -f', lab.dhcp);
    t.equal(up.stdout.trim(), FQDN);
  });
}

/**
 * The node has done what needs no secret, shows its code on both of its consoles and waits. Somebody reads it there and types it; until then no
 * secret is on the node.
 */
async function confirmByConsole(t: Test, site: Site, machine: Machine, id: string): Promise<void> {
  const waits = (view: NodeView): boolean => view.timeline.some(({ code }) => code === 'plan.waiting-for-code');
  const view = await untilNode(t, site, machine, id, waits);
  // The run has ended otherwise: whoever looks at its end says so.
  if (!waits(view)) return;
  t.same(view.run?.withheld, ['admin-user', 'ssh'], 'what carries a secret is withheld, and what comes after it');
  t.match(view.waiting, { for: /confirmation code/, do: /run confirm/ }, 'and the view says what to do');
  const [, code = ''] = await machine.waitFor(/Its code: (\S+)/);
  // With the command's own status: nothing on the output would also be what a node says that was not reached.
  const asRoot = async (command: string): Promise<string> =>
    (await site.ssh(site.lab.leaseOf(machine.options.mac) ?? '', 'root', `${command}; echo "status $?"`)).stdout.trim();
  t.match(
    await asRoot('fold -w 80 /dev/vcs1'),
    `Its code: ${code}`,
    'the screen shows the same code as the serial console',
  );
  t.equal(
    await asRoot(`grep -rlF '${ADMIN_PASSWORD}' /etc /var/lib/ironwake`),
    'status 1',
    'the secret is not on the node yet',
  );
  t.equal(await asRoot(`getent passwd ${ADMIN_USER}`), 'status 2', 'nor the account that it belongs to');
  t.match(await site.command(['run', 'confirm', FQDN, code]), `confirmed ${FQDN}`, 'the code is taken');
}

/** Waits until `done` holds or the run has ended, whatever the end is. When the machine stops at a shell, that is an end. */
async function untilNode(
  t: Test,
  site: Site,
  machine: Machine,
  id: string,
  done: (view: NodeView) => boolean,
): Promise<NodeView> {
  try {
    return await site.untilNode(
      id,
      (view) => {
        if (!machine.on) throw new Error(`the machine went off\n${timelineText(view)}`);
        if (/Installation aborted|Kernel panic/.test(machine.serial())) throw new Error(timelineText(view));
        return done(view) || view.run?.ended === true || view.run?.stalledSince !== null;
      },
      20 * 60_000,
    );
  } catch (error) {
    t.comment(`${error instanceof Error ? error.message : error}\n--- serial\n${machine.tail(40)}`);
    t.comment(site.lab.log('daemon.log').slice(-4000));
    throw new Error('the machine did not come to the end of its run: see the comments above');
  }
}

/** Each module was applied, verified, and applied again without a change. */
async function planWasProved(t: Test, site: Site, id: string): Promise<void> {
  const { items } = (await site.must('GET', `/api/v1/nodes/${id}/reports`)) as {
    items: ReadonlyArray<{ module: string; step: string; result: string; durationMs: number }>;
  };
  for (const module of MODULES) {
    const steps = items.filter((report) => report.module === module).map(({ step, result }) => `${step} ${result}`);
    t.same(
      steps,
      ['apply changed', 'verify ok', 'reapply unchanged'],
      `${module}: applied, verified, and a second run changes nothing`,
    );
  }
  t.same([...new Set(items.map((report) => report.module))].sort(), [...MODULES].sort(), 'no other module');
  t.ok(
    items.every((report) => report.durationMs >= 0),
    'every step tells its time',
  );
}

async function installedDisk(t: Test, site: Site, address: string, ready: NodeView, root: RootName): Promise<void> {
  const on = async (command: string): Promise<string> => {
    let done = await site.ssh(address, ADMIN_USER, command);
    // ssh's own status: on a busy host the node was seen to close a login that took longer than its LoginGraceTime. All that is asked here only reads.
    for (let again = 0; done.code === 255 && again < 3; again += 1) done = await site.ssh(address, ADMIN_USER, command);
    return done.code === 0 ? done.stdout.trim() : `status ${done.code}: ${done.stdout}${done.stderr}`;
  };
  t.equal(await on('hostname -f'), FQDN, 'host name');
  t.match(await on('cat /etc/network/interfaces'), `address ${address}/24`, "the lease's address is static now");
  for (const { what, command, shows } of ROOTS[root].onNode)
    t.match(await on(`sudo -n sh -c ${quoted(command)}`), shows, `${root}: ${what}`);
  t.match(await on('cat /etc/default/keyboard'), 'XKBLAYOUT="de"', "the profile's parent has its word");
  t.equal(
    await on(`getent passwd ${ADMIN_USER} | cut -d: -f5`),
    'Rack b7 for pve1',
    "its mix-in, with the node's value",
  );
  t.equal(await on('readlink /etc/localtime'), '/usr/share/zoneinfo/Europe/Vienna', 'and the node over all of them');
  const compare = '$_ = (getpwnam shift)[1]; print crypt(<STDIN>, $_) eq $_ ? "same" : "other"';
  t.equal(
    await on(`printf %s '${ADMIN_PASSWORD}' | sudo -n perl -e '${compare}' ${ADMIN_USER}`),
    'same',
    "the administrator's password is the secret",
  );
  t.equal(await on('sudo -n id -u'), '0', 'sudo without a password');
  t.equal(await on('sudo -n grep -c ironwake-probe /root/.ssh/authorized_keys || true'), '0', 'the probe key is gone');
  t.equal(
    await on('sudo -n ls /var/lib/proxmox-first-boot'),
    'proxmox-first-boot',
    'the hook has succeeded: its flag is gone',
  );
  t.equal(await on('systemctl is-failed "*" | grep -c failed || true'), '0', 'no unit has failed');
  t.equal(
    await on('grep -rhE "enterprise.proxmox.com" /etc/apt/sources.list.d/*.list 2>/dev/null | grep -vc "^#" || true'),
    '0',
    'no enabled entry in the old form needs a subscription',
  );
  t.match(
    await on('sudo -n apt-get update -q -o APT::Update::Error-Mode=any 2>&1; echo "status $?"'),
    /status 0$/,
    'apt-get update works',
  );
  t.equal(site.lab.log('mirror.log'), '', 'the mirror has nothing to complain about');
  const scanned = await site.lab.serve.run([
    'sh',
    '-c',
    `ssh-keyscan -t ed25519 ${address} 2>/dev/null | ssh-keygen -lf -`,
  ]);
  const [, fingerprint = ''] = scanned.stdout.split(' ');
  t.ok(ready.run?.fingerprints.includes(fingerprint), `host key on the wire is one of the webhook's`, { fingerprint });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A real client with the right password is offered keys only. */
async function loginsByKeyOnly(t: Test, site: Site, address: string, password: string): Promise<void> {
  const { lab } = site;
  const asker = join(lab.folder, 'askpass');
  writeFileSync(asker, `#!/bin/sh\necho '${password}'\n`, { mode: 0o700 });
  for (const user of ['root', ADMIN_USER]) {
    const tried = await lab.serve.run(
      [
        ...[
          'ssh',
          '-F',
          '/dev/null',
          '-o',
          'PubkeyAuthentication=no',
          '-o',
          'PreferredAuthentications=password,keyboard-interactive',
        ],
        ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', `${user}@${address}`, 'id'],
      ],
      { env: { SSH_ASKPASS: asker, SSH_ASKPASS_REQUIRE: 'force' } },
    );
    t.equal(tried.code, 255, `${user} cannot log in with a password`);
    t.match(tried.stderr, 'Permission denied (publickey).', 'only keys are offered');
  }
  t.equal((await site.ssh(address, 'root', 'id -u')).stdout.trim(), '0', 'root by key');
}

/** A machine that nobody armed, and one that lies about who it is: one refusing sentence. */
async function stranger(t: Test, site: Site, mac: string): Promise<void> {
  const { lab } = site;
  const ask = async (url: string, ...args: string[]) =>
    (await lab.stranger.run(['curl', '-ksS', '-w', ' %{http_code}', ...args, url])).stdout;
  const hex = mac.replaceAll(':', '-');
  const answers = [
    await ask(`http://${DAEMON_ADDRESS}:8080/boot/script/${mac}`),
    await ask(`http://${DAEMON_ADDRESS}:8080/boot/script/${hex}`),
    await ask(`http://${DAEMON_ADDRESS}:8080/boot/script/bc:24:11:ff:ff:ff`),
    await ask(`http://${DAEMON_ADDRESS}:8080/boot/guessed/initrd.img`),
    await ask(`https://${DAEMON_ADDRESS}:8443/installer/guessed/answer`, '--data-binary', '{}'),
    await ask(`https://${DAEMON_ADDRESS}:8443/installer/guessed/first-boot`),
  ];
  const [first = ''] = answers;
  t.match(first, / 403$/, 'refused');
  // Equal but for the reference number, so that a stranger cannot tell an unknown machine from an unarmed one.
  const shape = (text: string): string => text.replace(/reference \w+/, 'reference #');
  for (const answer of answers) t.equal(shape(answer), shape(first), 'the same sentence for everything');
  // With the status that tells a node to prove its host key again.
  const plan = await ask(`https://${DAEMON_ADDRESS}:8443/node/v1/plan`);
  t.equal(shape(plan), shape(first).replace(/ 403$/, ' 401'), 'also for a node that cannot show its credential');

  const offers = join(lab.folder, 'offers');
  const note = join(lab.folder, 'note-offer');
  writeFileSync(offers, '');
  writeFileSync(note, `#!/bin/sh\necho "$1 server=$serverid next=$siaddr file=$boot_file$bootfile" >> ${offers}\n`, {
    mode: 0o755,
  });
  // A client tells only of the offer that it took, and this one of no proxy's: what comes in is counted before it reads it.
  const rule = (from: string) => `ip saddr ${from} udp sport { 67, 4011 } counter`;
  const table = `table ip heard { chain in { type filter hook prerouting priority 0; ${rule(DAEMON_ADDRESS)}; ${rule(DHCP_ADDRESS)}; }; }`;
  const nft = (words: string): string => must('ip', 'netns', 'exec', lab.stranger.name, 'nft', words);
  nft(`add ${table}`);
  await lab.stranger.run([
    ...['busybox', 'udhcpc', '-f', '-q', '-n', '-t', '3', '-T', '1', '-i', 'lan0', '-s', note],
    ...['-V', 'PXEClient:Arch:00007:UNDI:003000', '-x', '93:0007'],
  ]);
  const seen = readFileSync(offers, 'utf8');
  t.match(seen, `bound server=${DHCP_ADDRESS}`, 'its lease comes from the DHCP server');
  const heard = nft('list table ip heard');
  const packets = (from: string): string => new RegExp(`saddr ${from} .*packets (\\d+)`).exec(heard)?.[1] ?? heard;
  t.equal(packets(DAEMON_ADDRESS), '0', 'no packet came from us');
  t.not(packets(DHCP_ADDRESS), '0', "the DHCP server's are counted");
  const own = /link\/ether (\S+)/.exec(lab.stranger.ip('link', 'show', 'dev', LAB_INTERFACE))?.[1] ?? '';
  const { items } = (await site.must('GET', '/api/v1/discovered')) as { items: ReadonlyArray<{ mac: string }> };
  t.ok(items.map((machine) => machine.mac).includes(own), 'we heard it, and only wrote it down', { own, items });
}
