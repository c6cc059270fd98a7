/**
 * What iPXE says of the machine that it runs on: the query that boot scripts send (templates/boot/machine.ipxe.hbs), read. All of it is a claim, and
 * shown as such: it is bounded and cleaned here, and never makes two machines one.
 *
 * Text comes as `hexraw`, the bytes of the setting in hex: builds differ in what `uristring` escapes (the one of Debian 12 sends `&` and `=` as
 * they are, and every byte above 0x7f as garbage). A setting that a build or a board does not have is empty.
 */

export interface LoaderReport {
  /** Of SMBIOS, as the board's maker filled it in. */
  readonly manufacturer?: string;
  readonly product?: string;
  readonly serial?: string;
  readonly asset?: string;
  /** As dmidecode prints it, lower case. */
  readonly uuid?: string;
  /** Of all memory modules in SMBIOS; where it names none, of the loader's own map of memory, which few builds have. */
  readonly memoryMiB?: number;
  readonly cpuVendor?: string;
  readonly cpuModel?: string;
  /** `i386`, `x86_64`, `arm64`: what the loader was built for. */
  readonly buildArch?: string;
  /** `pcbios` or `efi`. */
  readonly platform?: string;
  /** Of iPXE. */
  readonly version?: string;
  /** The network chip that it was loaded through, in the words of its driver. */
  readonly chip?: string;
  /** MACs of the ports that it has a driver for, in its order: `snponly` and `undionly` see one. */
  readonly ports?: readonly string[];
}

/** Twice what the largest board says; a longer query is not looked at. */
const MAX_QUERY = 6000;
const MAX_TEXT = 128;
const MAX_PORTS = 32;
/** 256 TiB. */
const MAX_MIB = 2 ** 28;

/**
 * @param query of the request's URL, without the question mark
 * @returns undefined when nothing in it can be read
 */
export function parseLoaderReport(query: string): LoaderReport | undefined {
  if (query.length > MAX_QUERY) return undefined;
  const said = new Map(
    query.split('&').flatMap((part): ReadonlyArray<readonly [string, string]> => {
      const at = part.indexOf('=');
      return at < 1 ? [] : [[part.slice(0, at), part.slice(at + 1)]];
    }),
  );
  const value = (key: string): string => said.get(key) ?? '';
  const report: { -readonly [K in keyof LoaderReport]: LoaderReport[K] | undefined } = {
    manufacturer: textOf(value('manufacturer')),
    product: textOf(value('product')),
    serial: textOf(value('serial')),
    asset: textOf(value('asset')),
    uuid: uuidOf(value('uuid')),
    memoryMiB: memoryOf(value('memory')) ?? mebibytes(Number(/^\d{1,9}$/.exec(value('memsize'))?.[0])),
    cpuVendor: textOf(value('cpuvendor')),
    cpuModel: textOf(value('cpumodel')),
    buildArch: wordOf(value('buildarch')),
    platform: wordOf(value('platform')),
    version: textOf(value('version')),
    chip: textOf(value('chip')),
    ports: portsOf(value('ports')),
  };
  const known = Object.fromEntries(Object.entries(report).filter(([, each]) => each !== undefined)) as LoaderReport;
  return Object.keys(known).length === 0 ? undefined : known;
}

/** Bytes in hex; Latin-1 where they are no UTF-8. What ends a line, moves a cursor or turns the direction of writing is no part of a name. */
function textOf(hex: string): string | undefined {
  if (!/^([0-9a-f]{2})+$/i.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  const utf8 = bytes.toString('utf8');
  const text = (utf8.includes('\ufffd') ? bytes.toString('latin1') : utf8)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll(/\s+/gu, ' ')
    .trim();
  const bounded = [...text].slice(0, MAX_TEXT).join('').trim();
  return bounded === '' ? undefined : bounded;
}

function wordOf(value: string): string | undefined {
  return /^[a-z0-9_-]{1,16}$/.test(value) ? value : undefined;
}

function uuidOf(value: string): string | undefined {
  const uuid = value.toLowerCase();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) || /^[0-]+$|^[f-]+$/.test(uuid)) return undefined;
  return uuid;
}

/**
 * Sizes of the memory modules, each a dot and, in hex as they lie in memory, the word at 0x0c and the double word at 0x1c of a Memory Device structure
 * (SMBIOS 3.7, 7.18: 0 empty, 0xffff unknown, 0x7fff look at the double word, bit 15 KiB instead of MiB). Old boards have no double word.
 */
function memoryOf(value: string): number | undefined {
  const sizes = value.split('.').map((hex) => {
    if (!/^([0-9a-f]{4}|[0-9a-f]{12})$/i.test(hex)) return 0;
    const bytes = Buffer.from(hex, 'hex');
    const size = bytes.readUInt16LE(0);
    if (size === 0xffff) return 0;
    if (size === 0x7fff) return bytes.length < 6 ? 0 : bytes.readUInt32LE(2) & 0x7fffffff;
    return (size & 0x8000) === 0 ? size : (size & 0x7fff) / 1024;
  });
  return mebibytes(Math.round(sizes.reduce((sum, size) => sum + size, 0)));
}

function mebibytes(value: number): number | undefined {
  return value > 0 && value <= MAX_MIB ? value : undefined;
}

/** Each a dot and twelve digits; another number of digits is no Ethernet port. */
function portsOf(value: string): readonly string[] | undefined {
  const macs = value
    .toLowerCase()
    .split('.')
    .filter((hex) => /^[0-9a-f]{12}$/.test(hex) && !/^(0+|f+)$/.test(hex))
    .map((hex) => (hex.match(/../g) ?? []).join(':'));
  const distinct = [...new Set(macs)].slice(0, MAX_PORTS);
  return distinct.length === 0 ? undefined : distinct;
}
