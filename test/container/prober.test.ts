/** The daemon as an SSH client against a real sshd: it takes only the host that the installer told of, and only a login that succeeds. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { createSshProber } from '../../src/ssh/prober.ts';
import { Container, must } from '../support/container.ts';

t.setTimeout(300_000);
const dir = mkdtempSync(join(tmpdir(), 'ironwake-prober-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

/** A key pair of OpenSSH's own making. */
async function keyPair(name: string): Promise<{ readonly publicKey: string; readonly privateKey: string }> {
  const file = join(dir, name);
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  return { publicKey: readFileSync(`${file}.pub`, 'utf8').trim(), privateKey: readFileSync(file, 'utf8') };
}

t.test('a node is probed', async (t) => {
  const container = await Container.start({ release: 'trixie' });
  t.teardown(() => container.stop());
  const [known, unknown, otherHost] = [await keyPair('known'), await keyPair('unknown'), await keyPair('other-host')];
  await container.sh('install -d -m 700 /root/.ssh');
  await container.write('/root/.ssh/authorized_keys', `restrict,command="true" ${known.publicKey}\n`, '0600');
  const own = ['ed25519', 'rsa'].map((type) => container.read(`/etc/ssh/ssh_host_${type}_key.pub`).trim());
  const prober = createSshProber();
  const probe = (hostKeys: readonly string[], privateKey: string, user = 'root') =>
    prober.probe({ address: container.address as Ipv4, user, hostKeys, privateKey });
  /** What sshd has said of logins since the last time it was asked. */
  let heard = 0;
  const logins = async (): Promise<readonly string[]> => {
    await container.sh('journalctl --sync');
    const all = (await container.sh('journalctl -q -o cat -u ssh'))
      .split('\n')
      .filter((line) => /Accepted|Failed|preauth|authenticating/.test(line));
    const fresh = all.slice(heard);
    heard = all.length;
    return fresh;
  };

  for (const [name, hostKeys] of [
    ['all of its keys', own],
    ['the last of its keys alone', own.slice(1)],
    ['with a comment and a line end behind it', [`${own[0]} root@pve1\n`]],
  ] as const) {
    const taken = await probe(hostKeys, known.privateKey);
    t.match(taken, { result: 'ok', detail: /logged in as root with the probe key/ }, name);
    await container.until('the login', async () =>
      (await logins()).some((line) => line.startsWith('Accepted publickey for root')),
    );
  }

  const another = await probe([otherHost.publicKey], known.privateKey);
  t.strictSame(another, { result: 'failed', detail: 'the host key is not the one that the installer reported' });
  t.strictSame(
    (await logins()).filter((line) => /Accepted|Failed/.test(line)),
    [],
    'and no key was shown to it',
  );
  t.match(
    await probe([], known.privateKey),
    { result: 'failed', detail: /host key is not the one/ },
    'no key is known of it',
  );

  t.match(
    await probe(own, unknown.privateKey),
    { result: 'failed', detail: /authentication/i },
    'a key that nobody let in',
  );
  t.match(
    await probe(own, known.privateKey, 'nobody'),
    { result: 'failed', detail: /authentication/i },
    'another account',
  );
  t.notOk(
    (await logins()).some((line) => line.startsWith('Accepted')),
    'nobody came in',
  );
  t.match(await probe(own, 'no key at all'), { result: 'failed', detail: /key/ }, 'a private key that is none');

  await container.sh('systemctl stop ssh.socket ssh.service 2> /dev/null || systemctl stop ssh.service');
  t.match(await probe(own, known.privateKey), { result: 'failed', detail: /ECONNREFUSED/ }, 'nobody listens');
});
