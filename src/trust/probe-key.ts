/**
 * The probe key: an Ed25519 pair made for one run, with which the daemon logs in once to prove that keys work, before SSH hardening may stay.
 * The private half is written in OpenSSH's own format (PROTOCOL.key), which the `ssh2` package and ssh itself read.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { RandomBytes } from './random.ts';
import { sshString, sshUint32 } from './ssh-wire.ts';

export interface ProbeKey {
  /** `ssh-ed25519 AAAA... ironwake-probe` */
  readonly publicLine: string;
  /** `-----BEGIN OPENSSH PRIVATE KEY-----`, without a passphrase: seal it before it is stored. */
  readonly privateKey: string;
}

const TYPE = 'ssh-ed25519';
const COMMENT = 'ironwake-probe';
/** PKCS#8 of an Ed25519 key up to its 32 bytes of seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** SPKI of an Ed25519 key up to its 32 bytes. */
const SPKI_PREFIX_BYTES = 12;
/** PROTOCOL.key: padded to the cipher's block size, which is 8 for the cipher "none". */
const BLOCK_BYTES = 8;

export function makeProbeKey(randomBytes: RandomBytes): ProbeKey {
  const seed = randomBytes(32);
  const privateObject = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateObject).export({ type: 'spki', format: 'der' });
  const publicBytes = spki.subarray(SPKI_PREFIX_BYTES);
  const blob = Buffer.concat([sshString(TYPE), sshString(publicBytes)]);
  const check = randomBytes(4);
  const inner = Buffer.concat([check, check, blob, sshString(Buffer.concat([seed, publicBytes])), sshString(COMMENT)]);
  const padding = Buffer.from(
    Array.from({ length: (BLOCK_BYTES - (inner.length % BLOCK_BYTES)) % BLOCK_BYTES }, (_, i) => i + 1),
  );
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    sshUint32(1),
    sshString(blob),
    sshString(Buffer.concat([inner, padding])),
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    publicLine: `${TYPE} ${blob.toString('base64')} ${COMMENT}`,
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`,
  };
}
