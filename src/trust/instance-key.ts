/** The one secret of an installation, from which all others are derived, each for one purpose. */
import { createHash, hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IronwakeError, systemCode } from '../errors.ts';
import { createPrivateFile, readPrivateFile } from './private-file.ts';
import type { RandomBytes } from './random.ts';

export interface InstanceKey {
  /** Names the key without telling it, 16 hex digits: keep it in the store to notice that the key file was exchanged. */
  readonly id: string;
  /** 32 bytes for one purpose (HKDF-SHA256, RFC 5869): what is learnt about one says nothing about another. */
  subkey(purpose: string): Uint8Array;
}

const KEY_BYTES = 32;
const KEY_TEXT = /^[0-9a-f]{64}\n?$/;
/** Name of the file in the data directory. */
export const INSTANCE_KEY_FILE = 'instance.key';
/** Name of the systemd credential (LoadCredential=, LoadCredentialEncrypted=): same content as the file, 64 hex digits. */
export const INSTANCE_KEY_CREDENTIAL = 'ironwake-key';

/** The key in a closure: neither a log line nor JSON can print it. */
export function instanceKey(bytes: Uint8Array): InstanceKey {
  const derived = new Map<string, Uint8Array>();
  const derive = (purpose: string) => new Uint8Array(hkdfSync('sha256', bytes, '', `ironwake ${purpose}`, KEY_BYTES));
  return {
    id: createHash('sha256').update(derive('key id')).digest('hex').slice(0, 16),
    subkey(purpose) {
      const known = derived.get(purpose) ?? derive(purpose);
      derived.set(purpose, known);
      return known;
    },
  };
}

export interface InstanceKeyOptions {
  /** The data directory. */
  readonly directory: string;
  /** CREDENTIALS_DIRECTORY, when systemd started the daemon with credentials. */
  readonly credentialsDirectory?: string | undefined;
  readonly randomBytes: RandomBytes;
}

/**
 * The systemd credential if there is one, else the key file, else a new key file.
 * @throws IronwakeError `key.malformed`, `file.not-private`, `file.unreadable`, `file.unwritable`
 */
export async function loadInstanceKey(options: InstanceKeyOptions): Promise<InstanceKey> {
  const { directory, credentialsDirectory, randomBytes } = options;
  if (credentialsDirectory !== undefined) {
    const credential = join(credentialsDirectory, INSTANCE_KEY_CREDENTIAL);
    const text = await readCredential(credential);
    if (text !== undefined) return parseKey(text, credential);
  }
  const path = join(directory, INSTANCE_KEY_FILE);
  const present = await readPrivateFile(path);
  if (present !== undefined) return parseKey(present, path);
  const bytes = randomBytes(KEY_BYTES);
  const made = await createPrivateFile(path, `${Buffer.from(bytes).toString('hex')}\n`);
  // Another process was faster: its key counts.
  return made ? instanceKey(bytes) : parseKey((await readPrivateFile(path)) ?? '', path);
}

/** systemd guards the directory itself; the mode of the file in it is systemd's choice. */
async function readCredential(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseKey(text: string, path: string): InstanceKey {
  if (!KEY_TEXT.test(text)) {
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'key.malformed',
      message: `${path} does not hold a key (64 hex digits)`,
      remedy: 'Restore it from a backup. A new key makes all stored secrets unreadable.',
    });
  }
  return instanceKey(Buffer.from(text.trim(), 'hex'));
}
