/** Where randomness comes from is passed in: `randomBytes` of node:crypto in the daemon, a counter in tests. */
export type RandomBytes = (sizeBytes: number) => Uint8Array;

/** `length` letters of `alphabet` (at most 256 of them), each equally likely: bytes beyond the last whole multiple are thrown away. */
export function randomText(alphabet: string, length: number, randomBytes: RandomBytes): string {
  const limit = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < limit && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
