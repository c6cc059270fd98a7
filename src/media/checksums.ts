/** SHA-256 as people pass it on: on its own, or in a SHA256SUMS file. */

import { invalid } from '../errors.ts';

/**
 * The checksum of `fileName` in a SHA256SUMS file (coreutils: `<hex>  name`, `<hex> *name`; BSD: `SHA256 (name) = <hex>`), lower case;
 * undefined when the file is not listed. Folders before the name are passed over on both sides.
 *
 * @throws IronwakeError `media.checksum-ambiguous` when the same name is listed with different checksums
 */
export function parseSha256Sums(text: string, fileName: string): string | undefined {
  const wanted = baseName(fileName);
  const found = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    const plain = /^\\?([0-9a-fA-F]{64})[ \t]+\*?(.+?)\s*$/.exec(line);
    const bsd = /^SHA256 \((.+)\) = ([0-9a-fA-F]{64})\s*$/.exec(line);
    const name = plain?.[2] ?? bsd?.[1];
    const sum = plain?.[1] ?? bsd?.[2];
    if (name !== undefined && sum !== undefined && baseName(name) === wanted) found.add(sum.toLowerCase());
  }
  if (found.size > 1) {
    throw invalid(
      'media.checksum-ambiguous',
      'sha256sums',
      `The checksum file lists ${wanted} more than once, with different checksums`,
      'Give the right one with --sha256',
    );
  }
  return [...found][0];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A SHA-256 as a person types it, in lower case. @throws IronwakeError `media.bad-checksum` */
export function parseSha256(text: string): string {
  const sum = text.trim().toLowerCase();
  if (/^[0-9a-f]{64}$/.test(sum)) return sum;
  throw invalid(
    'media.bad-checksum',
    'sha256',
    'The checksum is not a SHA-256',
    'Give the 64 hexadecimal digits that the vendor publishes',
  );
}
