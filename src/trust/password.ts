/** Random passwords, and their hashes in the form that /etc/shadow and the installer's answer take. */
import { encrypt } from 'unixcrypt';
import { type RandomBytes, randomText } from './random.ts';

/** Without 0 O 1 l I: a root password may have to be typed at a console. */
const READABLE = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** The alphabet of crypt(5) salts. */
const SALT = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 24 characters, 139 bits: no guessing of its hash, however fast. */
export function randomPassword(randomBytes: RandomBytes): string {
  return randomText(READABLE, 24, randomBytes);
}

/** `$6$rounds=5000$SALT$HASH`: sha512-crypt with the default rounds and a new salt of 16 characters (crypt(5)). Takes about 10 ms. */
export function hashPassword(password: string, randomBytes: RandomBytes): string {
  return encrypt(password, `$6$${randomText(SALT, 16, randomBytes)}`);
}
