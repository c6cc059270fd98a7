/**
 * Signatures as the Standard Webhooks specification has them (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, in the
 * header `webhook-signature` as `v1,BASE64`, several of them with spaces between while a secret changes.
 */
import { createHmac } from 'node:crypto';
import { invalid } from '../errors.ts';
import { sameSecret } from '../trust/compare.ts';
import type { RandomBytes } from '../trust/random.ts';

const PREFIX = 'whsec_';
/** The specification asks for 24 to 64 bytes. */
const LEAST_BYTES = 24;
const MOST_BYTES = 64;
const MADE_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** A message that is older, or further in the future, may be one that was recorded. Seconds. */
export const TOLERANCE_SECONDS = 300;

export const HEADERS = { id: 'webhook-id', timestamp: 'webhook-timestamp', signature: 'webhook-signature' } as const;

/** A new secret: `whsec_` and 32 random bytes in Base64. */
export function makeSecret(randomBytes: RandomBytes): string {
  return PREFIX + Buffer.from(randomBytes(MADE_BYTES)).toString('base64');
}

/**
 * The key that a secret stands for: `whsec_` and Base64, or Base64 alone, as the specification writes them.
 * @throws IronwakeError `webhook.secret`; the text itself is never repeated
 */
export function keyOfSecret(text: string): Uint8Array {
  const coded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  const key = BASE64.test(coded) && coded.length % 4 === 0 ? Buffer.from(coded, 'base64') : Buffer.alloc(0);
  if (key.byteLength >= LEAST_BYTES && key.byteLength <= MOST_BYTES) return key;
  throw invalid(
    'webhook.secret',
    'secret',
    `it is no signing secret: ${PREFIX} and Base64 of ${LEAST_BYTES} to ${MOST_BYTES} bytes`,
    'Leave it out and one is made; or: echo "whsec_$(openssl rand -base64 32)" | npx ironwake secret set NAME.',
  );
}

export interface Message {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/** `v1,BASE64` by each key, with a space between. @param keys the present one first */
export function sign({ id, timestamp, body }: Message, keys: readonly Uint8Array[]): string {
  const text = `${id}.${timestamp}.${body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(text).digest('base64')}`).join(' ');
}

export type Verification = 'good' | 'no-headers' | 'too-old' | 'too-new' | 'wrong-signature';

/**
 * What a receiver does with a request.
 * @param headers by lower-case name
 * @param nowSeconds seconds since 1970
 */
export function verify(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string,
  key: Uint8Array,
  nowSeconds: number,
): Verification {
  const { [HEADERS.id]: id, [HEADERS.timestamp]: at, [HEADERS.signature]: signatures } = headers;
  if (typeof id !== 'string' || typeof at !== 'string' || typeof signatures !== 'string') return 'no-headers';
  if (id === '' || !/^\d{1,12}$/.test(at)) return 'no-headers';
  const timestamp = Number(at);
  if (timestamp < nowSeconds - TOLERANCE_SECONDS) return 'too-old';
  if (timestamp > nowSeconds + TOLERANCE_SECONDS) return 'too-new';
  const right = sign({ id, timestamp, body }, [key]);
  return signatures.split(' ').some((each) => sameSecret(each, right)) ? 'good' : 'wrong-signature';
}
