/** Tokens of the API: who has one is somebody with a role. Only their SHA-256 is stored; they are random, so no slow hash is needed. */
import { createHash } from 'node:crypto';
import type { RandomBytes } from './random.ts';

/** Each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** `iw_` makes a leaked one recognisable to scanners of logs and repositories. */
export function makeApiToken(randomBytes: RandomBytes): string {
  return `iw_${Buffer.from(randomBytes(32)).toString('base64url')}`;
}

/** SHA-256 in hex: what is stored and looked up by. */
export function hashApiToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Whether `role` may do what `needed` may. */
export function allows(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
