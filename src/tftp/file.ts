/** The file name of a request, as firmware and loaders really send it, in the one form that Ironwake looks up. */

export type NormalisedFile =
  | { readonly ok: true; readonly file: string }
  | { readonly ok: false; readonly because: 'empty' | 'leaves-root' | 'control-character' | 'too-long' };

const MAX_FILE_LENGTH = 255;

/**
 * `raw` is the name one character a byte, as packet.ts decodes it. What comes out is relative, with single slashes, without `.` and `..`;
 * case is kept. Quirks: a trailing 0xff (Kea and others hand out the DHCP end mark as part of option 67; behind a
 * careless text conversion it is U+FFFD), leading and doubled slashes
 * (shim: `dir//grubx64.efi`), backslashes (UEFI paths).
 */
export function normaliseFile(raw: string): NormalisedFile {
  const name = raw.replaceAll('\\', '/').replace(/(?:[\0\xff]|\xef\xbf\xbd|\/\.?)+$/, '');
  if (name.length > MAX_FILE_LENGTH) return { ok: false, because: 'too-long' };
  if (/[\0-\x1f\x7f-\x9f]/.test(name)) return { ok: false, because: 'control-character' };
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  // Not resolved but refused: no loader has a reason to climb.
  if (segments.includes('..')) return { ok: false, because: 'leaves-root' };
  if (segments.length === 0) return { ok: false, because: 'empty' };
  return { ok: true, file: segments.join('/') };
}
