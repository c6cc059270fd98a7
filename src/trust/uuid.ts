/** UUID version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then randomness. Ids rise with time, also across daemons. */
import type { RandomBytes } from './random.ts';

const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A new id in lower case. `nowMs` is epoch milliseconds. */
export function uuidv7(nowMs: number, randomBytes: RandomBytes): string {
  const bytes = Buffer.alloc(16);
  bytes.set(randomBytes(10), 6);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}

/** Whether `text` is a UUID of any version, in lower case. */
export function isUuid(text: string): boolean {
  return SHAPE.test(text);
}

/** 16 bytes. @throws Error when it is no UUID in lower case (a defect: ids are made here) */
export function uuidToBytes(uuid: string): Uint8Array {
  if (!isUuid(uuid)) throw new Error(`not a UUID: ${uuid}`);
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

export function uuidFromBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
