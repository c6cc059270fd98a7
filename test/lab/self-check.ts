/**
 * The stand-in image alone, without the daemon: one machine from its wrapped initrd to an installed disk to a first boot that runs a
 * trivial hook, against a server of thirty lines. Run by hand after a change to the image; prints sizes and times.
 *
 *     node test/lab/self-check.ts [--release 8.4] [--firmware uefi] [--root btrfs-mirror]
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stringify } from 'smol-toml';
import { standInImage } from './image.ts';
import { DAEMON_ADDRESS, Lab } from './lab.ts';
import { must } from './namespaces.ts';
import { ROOTS, type RootName } from './roots.ts';
import { wrapImage } from './wrapped-initrd.ts';

const PORT = 8443;
const MAC = 'bc:24:11:00:00:01';

function answer(pin: string, publicKey: string, root: RootName): string {
  return `[global]
keyboard = "de"
country = "de"
fqdn = "node1.lab.test"
mailto = "root@lab.test"
timezone = "Europe/Berlin"
root-password = "a password"
root-ssh-keys = ["${publicKey}"]

[network]
source = "from-dhcp"

${stringify({ 'disk-setup': ROOTS[root].diskSetup })}

[post-installation-webhook]
url = "https://${DAEMON_ADDRESS}:${PORT}/webhook"
cert-fingerprint = "${pin}"

[first-boot]
source = "from-url"
url = "https://${DAEMON_ADDRESS}:${PORT}/hook"
cert-fingerprint = "${pin}"
`;
}

const HOOK = `#!/bin/sh
printf '%s %s' "$1" "$(hostname -f)" | curl -sSfk --data-binary @- https://${DAEMON_ADDRESS}:${PORT}/first-boot
`;

/** The server's half, in the daemon's namespace: one line of JSON for each request. */
function serve(folder: string, root: RootName): void {
  const cert = readFileSync(join(folder, 'cert.pem'));
  const pin = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');
  const publicKey = readFileSync(join(folder, 'key.pub'), 'utf8').trim();
  const replies: Readonly<Record<string, string>> = {
    '/answer': answer(pin, publicKey, root),
    '/hook': HOOK,
    '/webhook': '',
    '/first-boot': '',
  };
  createServer({ key: readFileSync(join(folder, 'key.pem')), cert }, (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const reply = replies[request.url ?? ''];
      console.log(JSON.stringify({ method: request.method, url: request.url, headers: request.rawHeaders, body }));
      response.writeHead(reply === undefined ? 404 : 200, { 'Content-Type': 'application/toml' }).end(reply);
    });
  }).listen(PORT, DAEMON_ADDRESS);
}

async function check(release: '9.2' | '8.4', firmware: 'bios' | 'uefi', root: RootName): Promise<void> {
  const since = performance.now();
  const mark = (what: string): void =>
    console.log(`${((performance.now() - since) / 1000).toFixed(1).padStart(7)} s  ${what}`);
  const iso = await standInImage({ release });
  mark(`image ${iso}, ${(statSync(iso).size / 1e6).toFixed(0)} MB`);
  const lab = await Lab.start();
  try {
    const file = (name: string): string => join(lab.folder, name);
    must(
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=lab',
      '-keyout',
      file('key.pem'),
      '-out',
      file('cert.pem'),
    );
    must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file('key'));
    const pin = new X509Certificate(readFileSync(file('cert.pem'))).fingerprint256;
    const wrapped = wrapImage(
      iso,
      `mode = "http"\n[http]\nurl = "https://${DAEMON_ADDRESS}:${PORT}/answer"\ncert_fingerprint = "${pin}"\n`,
      lab.folder,
    );
    mark(`wrapped initrd, ${(statSync(wrapped.initrd).size / 1e6).toFixed(0)} MB`);
    lab.spawn(
      lab.serve,
      [process.execPath, fileURLToPath(import.meta.url), '--serve', lab.folder, '--root', root],
      'server.log',
    );
    const machine = lab.machine({
      name: 'node1',
      firmware,
      mac: MAC,
      disks: ROOTS[root].disks,
      directBoot: { ...wrapped, append: 'ramdisk_size=16777216 rw quiet proxmox-start-auto-installer lab.word=stays' },
    });
    machine.powerOn();
    mark('power on');
    await machine.waitFor(/looking for the image/);
    mark('initrd');
    await machine.waitFor(/live system: starting/);
    mark('live system');
    await machine.waitFor(/\] answer received/);
    mark('answer');
    await machine.waitFor(/file systems made/);
    mark('partitions');
    await machine.waitFor(/base system copied/);
    mark('base system');
    await machine.waitFor(/boot loader installed/);
    mark('boot loader');
    await machine.waitFor(/Installation finished/);
    mark('webhook sent');
    await machine.untilOff(60_000);
    machine.powerOn({ fromDisk: true });
    mark('power on again');
    await machine.waitFor(/login:/);
    mark('login prompt');
    const deadline = Date.now() + 300_000;
    while (!lab.log('server.log').includes('/first-boot"')) {
      if (Date.now() > deadline) throw new Error(`no first-boot hook in time\n${machine.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    mark('first-boot hook has run');
    for (const line of lab.log('server.log').split('\n')) console.log(line.slice(0, 1500));
    const address = lab.leaseOf(MAC) ?? '';
    const trusting = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];
    const onNode = (command: string) =>
      lab.serve.run(['ssh', '-i', file('key'), ...trusting, `root@${address}`, command]);
    const ssh = await onNode(
      'cat /etc/network/interfaces /etc/hosts /proc/cmdline; ip -br a; systemctl --failed; systemctl list-jobs; systemd-analyze 2>/dev/null; systemd-analyze blame | head -15; ls /etc/apt/sources.list.d',
    );
    console.log(ssh.stdout, ssh.stderr);
    for (const { what, command, shows } of ROOTS[root].onNode) {
      const shown = (await onNode(command)).stdout.trim();
      const holds = shows.test(shown);
      if (!holds) process.exitCode = 1;
      console.log(`${holds ? 'ok' : 'NOT OK'}  ${what}: ${shown}`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(lab.log('dnsmasq.log'));
    process.exitCode = 1;
  } finally {
    await lab.stop();
  }
}

const { values } = parseArgs({
  options: {
    serve: { type: 'string' },
    release: { type: 'string', default: '9.2' },
    firmware: { type: 'string', default: 'bios' },
    root: { type: 'string', default: 'ext4' },
  },
});
if (!(values.root in ROOTS)) throw new Error(`--root: one of ${Object.keys(ROOTS).join(', ')}`);
const root = values.root as RootName;
if (values.serve !== undefined) serve(values.serve, root);
else await check(values.release === '8.4' ? '8.4' : '9.2', values.firmware === 'uefi' ? 'uefi' : 'bios', root);
