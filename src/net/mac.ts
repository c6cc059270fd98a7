import { invalid } from '../errors.ts';

/** A 48-bit MAC address in the one form used inside: six lower-case hex pairs with colons, `bc:24:11:00:00:01`. */
export type Mac = string & { readonly __brand: 'Mac' };

const HEX12 = /^[0-9a-f]{12}$/;

/**
 * Reads a MAC in any notation that vendors print: `BC:24:11:00:00:01`, `bc-24-11-00-00-01`, `bc24.1100.0001`, `bc2411-000001`,
 * `bc2411000001`; `01-bc-24-...` is not one (PXELINUX's prefix).
 * @throws IronwakeError `mac.malformed`, `mac.not-unicast` (group bit or all zero: no machine sends from such an address)
 */
export function parseMac(text: string, field = 'mac'): Mac {
  const trimmed = text.trim().toLowerCase();
  const separators = new Set(trimmed.replace(/[0-9a-f]/g, ''));
  const hex = trimmed.replace(/[:.\- ]/g, '');
  if (separators.size > 1 || !HEX12.test(hex) || !groupsAreEven(trimmed)) {
    throw invalid(
      'mac.malformed',
      field,
      `'${text.slice(0, 40)}' is not a MAC address`,
      'Write six hex pairs, for example bc:24:11:00:00:01.',
    );
  }
  if (hex === '000000000000' || (Number.parseInt(hex.slice(0, 2), 16) & 1) === 1) {
    throw invalid(
      'mac.not-unicast',
      field,
      `${text} is a group or empty address`,
      "Give the machine's own MAC, as printed on the card or shown by the firmware.",
    );
  }
  return format(hex);
}

/** Pairs (`aa:bb:..`), groups of four (`aabb.ccdd.eeff`), halves (`aabbcc-ddeeff`) or no separator at all; nothing uneven such as `a:bb:...`. */
function groupsAreEven(text: string): boolean {
  const groups = text.split(/[:.\- ]/);
  return (
    groups.length === 1 ||
    (groups.length === 6 && groups.every((g) => g.length === 2)) ||
    (groups.length === 3 && groups.every((g) => g.length === 4)) ||
    (groups.length === 2 && groups.every((g) => g.length === 6))
  );
}

function format(hex: string): Mac {
  return (hex.match(/../g) ?? []).join(':') as Mac;
}

/** The MAC of six bytes as they stand in `chaddr` or an Ethernet header. */
export function macFromBytes(bytes: Uint8Array): Mac {
  return format(Buffer.from(bytes.buffer, bytes.byteOffset, 6).toString('hex'));
}

export function macToBytes(mac: Mac): Uint8Array {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}
