/** Public keys as OpenSSH writes them: `ssh-ed25519 AAAA... comment` (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4). */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { invalid } from '../errors.ts';
import { SshReader } from './ssh-wire.ts';

export interface SshPublicKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `-nistp384`, `-nistp521`, `ssh-rsa`. */
  readonly type: string;
  /** The key as it goes over the wire. */
  readonly blob: Uint8Array;
  readonly key: KeyObject;
  readonly comment: string;
}

const CURVES: Readonly<Record<string, { readonly crv: string; readonly sizeBytes: number }>> = {
  nistp256: { crv: 'P-256', sizeBytes: 32 },
  nistp384: { crv: 'P-384', sizeBytes: 48 },
  nistp521: { crv: 'P-521', sizeBytes: 66 },
};

/** Below this RSA is not worth checking (NIST SP 800-131A); ssh-keygen makes 3072. */
const MIN_RSA_BITS = 2048;

/** @throws IronwakeError `ssh.key-malformed`, `ssh.key-unsupported` (DSA, security keys, certificates, RSA below 2048 bits) */
export function parseOpenSshPublicKey(line: string, field = 'key'): SshPublicKey {
  const [type, base64, ...comment] = line.trim().split(/\s+/);
  if (type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw malformed(field);
  const blob = Buffer.from(base64, 'base64');
  let key: KeyObject | undefined;
  try {
    key = keyOf(type, new SshReader(blob));
  } catch {
    throw malformed(field);
  }
  if (key === undefined) {
    throw invalid(
      'ssh.key-unsupported',
      field,
      `SSH keys of type ${type.slice(0, 60)} are not supported`,
      'Use an Ed25519, ECDSA or RSA key (2048 bits or more).',
    );
  }
  return { type, blob, key, comment: comment.join(' ') };
}

/** `SHA256:...`, as `ssh-keygen -l` prints it. */
export function sshFingerprint(key: SshPublicKey): string {
  return `SHA256:${createHash('sha256').update(key.blob).digest('base64').replace(/=+$/, '')}`;
}

function keyOf(type: string, reader: SshReader): KeyObject | undefined {
  if (reader.text() !== type) throw new RangeError('the type in the key differs');
  const key = jwkOf(type, reader);
  if (key === undefined) return undefined;
  reader.end();
  const object = createPublicKey({ key, format: 'jwk' });
  const bits = object.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < MIN_RSA_BITS ? undefined : object;
}

function jwkOf(type: string, reader: SshReader): Record<string, string> | undefined {
  if (type === 'ssh-ed25519') return { kty: 'OKP', crv: 'Ed25519', x: reader.bytes().toString('base64url') };
  if (type === 'ssh-rsa') {
    const e = reader.positive().toString('base64url');
    return { kty: 'RSA', e, n: reader.positive().toString('base64url') };
  }
  const name = type.startsWith('ecdsa-sha2-') ? type.slice('ecdsa-sha2-'.length) : '';
  const curve = CURVES[name];
  if (curve === undefined) return undefined;
  if (reader.text() !== name) throw new RangeError('the curve in the key differs');
  const point = reader.bytes();
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.sizeBytes) throw new RangeError('not an uncompressed point');
  return {
    kty: 'EC',
    crv: curve.crv,
    x: point.subarray(1, 1 + curve.sizeBytes).toString('base64url'),
    y: point.subarray(1 + curve.sizeBytes).toString('base64url'),
  };
}

function malformed(field: string) {
  return invalid(
    'ssh.key-malformed',
    field,
    'This is not an OpenSSH public key',
    'Give one line as in a .pub file: ssh-ed25519 AAAA... name.',
  );
}
