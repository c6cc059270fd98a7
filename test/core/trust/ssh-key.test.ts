/** What must not be taken for a key or a signature; the good ones come from ssh-keygen itself in test/servers/ssh-signature.test.ts. */
import fc from 'fast-check';
import { test } from 'tap';
import { makeProbeKey } from '../../../src/trust/probe-key.ts';
import { parseOpenSshPublicKey, sshFingerprint } from '../../../src/trust/ssh-key.ts';
import { verifySshSignature } from '../../../src/trust/ssh-signature.ts';
import { sshString } from '../../../src/trust/ssh-wire.ts';
import { countingBytes } from './counting-bytes.ts';

/** Made once with `ssh-keygen -t ed25519`, its fingerprint printed by `ssh-keygen -l`. */
const LINE = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFU3RfKb9XUC9o7Ji28pcPxIANo/c/N8bg4zfoTivrCQ root@pve1';
const FINGERPRINT = 'SHA256:GfLmDxJOEpzehBaDZCkNp4VwtYlPnMvrPMxF3Oans4k';

test('a key line', async (t) => {
  const key = parseOpenSshPublicKey(`  ${LINE}  words \n`);
  t.equal(key.type, 'ssh-ed25519');
  t.equal(key.comment, 'root@pve1 words');
  t.equal(sshFingerprint(key), FINGERPRINT);
});

const encode = (type: string, ...parts: readonly Uint8Array[]) =>
  `${type} ${Buffer.concat([sshString(type), ...parts.map((part) => sshString(part))]).toString('base64')}`;

test('refused lines', async (t) => {
  const [, base64 = ''] = LINE.split(' ');
  const cases: ReadonlyArray<readonly [string, string, string]> = [
    ['empty', '', 'ssh.key-malformed'],
    ['no base64', 'ssh-ed25519 !!!', 'ssh.key-malformed'],
    ['type and key differ', `ssh-rsa ${base64}`, 'ssh.key-malformed'],
    ['cut', `ssh-ed25519 ${base64.slice(0, -8)}`, 'ssh.key-malformed'],
    ['something behind', encode('ssh-ed25519', new Uint8Array(32), new Uint8Array(1)), 'ssh.key-malformed'],
    ['31 bytes', encode('ssh-ed25519', new Uint8Array(31)), 'ssh.key-malformed'],
    ['DSA', encode('ssh-dss', new Uint8Array(20)), 'ssh.key-unsupported'],
    ['a security key', encode('sk-ssh-ed25519@openssh.com', new Uint8Array(32)), 'ssh.key-unsupported'],
    [
      'RSA of 1024 bits',
      encode('ssh-rsa', Uint8Array.of(1, 0, 1), new Uint8Array(128).fill(0x7f)),
      'ssh.key-unsupported',
    ],
    [
      'a point off the curve',
      encode('ecdsa-sha2-nistp256', Buffer.from('nistp256'), new Uint8Array(65).fill(4)),
      'ssh.key-malformed',
    ],
  ];
  for (const [name, line, code] of cases) t.throws(() => parseOpenSshPublicKey(line), { code }, name);
});

test('no text makes the verifier throw', async (t) => {
  const publicKey = parseOpenSshPublicKey(LINE);
  const check = (armored: string) => verifySshSignature({ armored, publicKey, namespace: 'ironwake', message: 'x' }).ok;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const body = Buffer.concat([Buffer.from('SSHSIG\0\0\0\u0001'), bytes]).toString('base64');
      return !check(`-----BEGIN SSH SIGNATURE-----\n${body}\n-----END SSH SIGNATURE-----`) && !check(body);
    }),
  );
  t.notOk(check(`-----BEGIN SSH SIGNATURE-----\n${'A'.repeat(1 << 20)}\n-----END SSH SIGNATURE-----`), 'too long');
});

test('a probe key is another one for other randomness', async (t) => {
  const one = makeProbeKey(countingBytes(1));
  t.match(one.publicLine, /^ssh-ed25519 [A-Za-z0-9+/=]+ ironwake-probe$/);
  t.not(one.publicLine, makeProbeKey(countingBytes(2)).publicLine);
  t.equal(one.publicLine, makeProbeKey(countingBytes(1)).publicLine);
});
