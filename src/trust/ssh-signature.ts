/**
 * Signatures of `ssh-keygen -Y sign` (OpenSSH, PROTOCOL.sshsig): how a node proves on its first boot that it holds the host key which its
 * webhook named.
 */
import { createHash, verify } from 'node:crypto';
import { type SshPublicKey, sshFingerprint } from './ssh-key.ts';
import { SshReader, sshString } from './ssh-wire.ts';

const MAGIC = Buffer.from('SSHSIG');
const ARMOR = /^\s*-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*$/;
/** Far above what a 16384-bit RSA key needs. */
const MAX_ARMORED = 16 * 1024;
/** The hash of a signature by its algorithm name; sha1 (`ssh-rsa`) is refused as PROTOCOL.sshsig demands. */
const RSA_HASHES: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };
const ECDSA: Readonly<Record<string, { readonly hash: string; readonly sizeBytes: number }>> = {
  'ecdsa-sha2-nistp256': { hash: 'sha256', sizeBytes: 32 },
  'ecdsa-sha2-nistp384': { hash: 'sha384', sizeBytes: 48 },
  'ecdsa-sha2-nistp521': { hash: 'sha512', sizeBytes: 66 },
};

export type SignatureVerdict =
  | { readonly ok: true; readonly fingerprint: string }
  | {
      readonly ok: false;
      readonly because: 'malformed' | 'other-namespace' | 'other-key' | 'weak-algorithm' | 'wrong-signature';
    };

export interface SignatureCheck {
  /** The text between and with the BEGIN and END lines. */
  readonly armored: string;
  /** The key that must have signed. */
  readonly publicKey: SshPublicKey;
  readonly namespace: string;
  readonly message: Uint8Array | string;
}

/** Decides; never throws for what came over the network. */
export function verifySshSignature(check: SignatureCheck): SignatureVerdict {
  try {
    return decide(check);
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, because: 'malformed' };
    throw error;
  }
}

function decide({ armored, publicKey, namespace, message }: SignatureCheck): SignatureVerdict {
  const base64 = armored.length > MAX_ARMORED ? undefined : ARMOR.exec(armored)?.[1];
  if (base64 === undefined) return { ok: false, because: 'malformed' };
  const reader = new SshReader(Buffer.from(base64.replace(/[\r\n]/g, ''), 'base64'));
  const magic = reader.take(MAGIC.length);
  const version = reader.uint32();
  const keyBlob = reader.bytes();
  const signedNamespace = reader.text();
  const reserved = reader.bytes();
  const hashName = reader.text();
  const signature = new SshReader(reader.bytes());
  reader.end();
  const algorithm = signature.text();
  const value = signature.bytes();
  signature.end();

  if (!magic.equals(MAGIC) || version !== 1) return { ok: false, because: 'malformed' };
  if (hashName !== 'sha256' && hashName !== 'sha512') return { ok: false, because: 'weak-algorithm' };
  if (signedNamespace !== namespace) return { ok: false, because: 'other-namespace' };
  if (!keyBlob.equals(publicKey.blob)) return { ok: false, because: 'other-key' };
  const signed = Buffer.concat([
    MAGIC,
    sshString(namespace),
    sshString(reserved),
    sshString(hashName),
    sshString(createHash(hashName).update(message).digest()),
  ]);
  const good = verifyValue(publicKey, algorithm, value, signed);
  if (good === undefined) return { ok: false, because: 'weak-algorithm' };
  return good ? { ok: true, fingerprint: sshFingerprint(publicKey) } : { ok: false, because: 'wrong-signature' };
}

/** Undefined when the algorithm is none that this key may use. */
function verifyValue(
  { type, key }: SshPublicKey,
  algorithm: string,
  value: Buffer,
  signed: Buffer,
): boolean | undefined {
  if (type === 'ssh-rsa') {
    const hash = RSA_HASHES[algorithm];
    return hash === undefined ? undefined : verify(hash, signed, key, value);
  }
  if (algorithm !== type) return undefined;
  if (type === 'ssh-ed25519') return verify(null, signed, key, value);
  const ecdsa = ECDSA[type];
  if (ecdsa === undefined) return undefined;
  const reader = new SshReader(value);
  const r = fixed(reader.positive(), ecdsa.sizeBytes);
  const s = fixed(reader.positive(), ecdsa.sizeBytes);
  reader.end();
  return verify(ecdsa.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat([r, s]));
}

function fixed(value: Buffer, sizeBytes: number): Buffer {
  if (value.length > sizeBytes) throw new RangeError('SSH number is too long');
  return Buffer.concat([Buffer.alloc(sizeBytes - value.length), value]);
}
