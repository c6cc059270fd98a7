/** Our reader of keys and signatures against OpenSSH's own writer, and the other way round. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { test } from 'tap';
import { makeProbeKey } from '../../src/trust/probe-key.ts';
import { parseOpenSshPublicKey, sshFingerprint } from '../../src/trust/ssh-key.ts';
import { verifySshSignature } from '../../src/trust/ssh-signature.ts';

const NONCE = 'nonce-7f3a\n';

/** Key types of a host, and the ones that an administrator may have put there. */
const KEYS = [
  ['ed25519', []],
  ['ecdsa', ['-b', '256']],
  ['ecdsa', ['-b', '384']],
  ['ecdsa', ['-b', '521']],
  ['rsa', ['-b', '2048']],
  ['rsa', ['-b', '3072']],
] as const;

function makeKey(directory: string, name: string, type: string, bits: readonly string[] = []) {
  const path = join(directory, name);
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', `root@${name}`, '-f', path]);
  return { path, publicKey: parseOpenSshPublicKey(readFileSync(`${path}.pub`, 'utf8')) };
}

function sign(path: string, message: string, options: readonly string[] = [], namespace = 'ironwake'): string {
  const arguments_ = ['-q', '-Y', 'sign', '-f', path, '-n', namespace, ...options];
  return execFileSync('ssh-keygen', arguments_, {
    input: message,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

for (const [type, bits] of KEYS) {
  const name = `${type}${bits[1] ?? ''}`;
  test(`${name}: ssh-keygen signs, we verify`, async (t) => {
    const directory = t.testdir();
    const { path, publicKey } = makeKey(directory, name, type, bits);
    const listed = execFileSync('ssh-keygen', ['-lf', `${path}.pub`], { encoding: 'utf8' });
    t.match(listed, ` ${sshFingerprint(publicKey)} `, 'the fingerprint that ssh-keygen prints');
    t.equal(publicKey.comment, `root@${name}`);
    const check = { publicKey, namespace: 'ironwake', message: NONCE };
    for (const options of [[], ['-O', 'hashalg=sha256'], ['-O', 'hashalg=sha512']]) {
      const armored = sign(path, NONCE, options);
      t.strictSame(
        verifySshSignature({ ...check, armored }),
        { ok: true, fingerprint: sshFingerprint(publicKey) },
        `options '${options.join(' ')}'`,
      );
    }
    const armored = sign(path, NONCE);
    const other = makeKey(directory, 'other', type, bits);
    const lines = armored.trim().split('\n');
    const bodyOf = (change: (bytes: Buffer) => Buffer) =>
      [
        lines[0],
        ...(change(Buffer.from(lines.slice(1, -1).join(''), 'base64'))
          .toString('base64')
          .match(/.{1,70}/g) ?? []),
        lines.at(-1),
      ].join('\n');
    const flip = (at: number) =>
      bodyOf((bytes) => {
        const i = at < 0 ? bytes.length + at : at;
        bytes[i] = (bytes[i] ?? 0) ^ 1;
        return bytes;
      });
    const cases = [
      ['another message', { ...check, armored, message: `${NONCE} ` }, 'wrong-signature'],
      ['another key expected', { ...check, armored, publicKey: other.publicKey }, 'other-key'],
      ['signed by another key', { ...check, armored: sign(other.path, NONCE) }, 'other-key'],
      ['signed for another purpose', { ...check, armored: sign(path, NONCE, [], 'file') }, 'other-namespace'],
      ['another purpose expected', { ...check, armored, namespace: 'file' }, 'other-namespace'],
      ['last byte changed', { ...check, armored: flip(-1) }, 'wrong-signature'],
      ['magic changed', { ...check, armored: flip(0) }, 'malformed'],
      ['version changed', { ...check, armored: flip(9) }, 'malformed'],
      ['cut', { ...check, armored: bodyOf((bytes) => bytes.subarray(0, -3)) }, 'malformed'],
      ['longer', { ...check, armored: bodyOf((bytes) => Buffer.concat([bytes, Buffer.alloc(3)])) }, 'malformed'],
      ['no armour', { ...check, armored: lines.slice(1, -1).join('\n') }, 'malformed'],
      ['two signatures', { ...check, armored: armored + armored }, 'malformed'],
      ['empty', { ...check, armored: '' }, 'malformed'],
    ] as const;
    for (const [what, given, because] of cases) t.strictSame(verifySshSignature(given), { ok: false, because }, what);
  });
}

test('a probe key of ours is a key for OpenSSH and for ssh2', async (t) => {
  const directory = t.testdir();
  const { publicLine, privateKey } = makeProbeKey(randomBytes);
  const path = join(directory, 'probe');
  writeFileSync(path, privateKey, { mode: 0o600 });
  const derived = execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim();
  t.equal(derived, publicLine);
  const verdict = verifySshSignature({
    armored: sign(path, NONCE),
    publicKey: parseOpenSshPublicKey(publicLine),
    namespace: 'ironwake',
    message: NONCE,
  });
  t.equal(verdict.ok, true);
  const parsed = ssh2.utils.parseKey(privateKey);
  t.notOk(parsed instanceof Error);
  if (parsed instanceof Error) return;
  t.equal(parsed.type, 'ssh-ed25519');
  t.equal(`ssh-ed25519 ${parsed.getPublicSSH().toString('base64')} ironwake-probe`, publicLine);
});
