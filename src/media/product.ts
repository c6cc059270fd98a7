/** What an installer image is: said by files inside it, never by its name. */

import { IronwakeError } from '../errors.ts';
import { fileMissing } from './broken.ts';
import { type IsoImage, lookUp, openFile, readIso } from './iso9660.ts';
import { readExactly } from './reading.ts';
import type { Product } from './record.ts';
import type { ByteSource } from './source.ts';

const KERNEL_PATH = '/boot/linux26';
const INITRD_PATH = '/boot/initrd.img';
const CD_INFO_PATH = '/.cd-info';
const CAPABLE_PATH = '/auto-installer-capable';
/** A handful of assignments; more is something else. */
const CD_INFO_BYTES_AT_MOST = 16 * 1024;

/** The first half of an image's short name, as the vendor's file names begin. */
const LONG_NAMES: Readonly<Record<Product, string>> = {
  pve: 'proxmox-ve',
  pbs: 'proxmox-backup-server',
  pmg: 'proxmox-mail-gateway',
  pdm: 'proxmox-datacenter-manager',
};

/** What the installer image says about itself. */
export interface ImageFacts {
  readonly iso: IsoImage;
  /** `proxmox-ve_9.2-1` */
  readonly name: string;
  readonly product: Product;
  /** `9.2` */
  readonly release: string;
  /** `1` */
  readonly isoRelease: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
}

/**
 * The assignments of a `.cd-info`: `NAME='value'`, one a line, in single quotes (double quotes and none are taken as well). Other lines
 * are passed over.
 */
export function parseCdInfo(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(?:'([^']*)'|"([^"]*)"|(\S*))\s*$/.exec(line);
    if (match?.[1] !== undefined) values.set(match[1], match[2] ?? match[3] ?? match[4] ?? '');
  }
  return values;
}

/**
 * Reads product, release and the boot files' places from an image, and checks that it can install automatically.
 *
 * @throws IronwakeError `media.not-iso`, `media.truncated`, `media.damaged`, `media.not-proxmox`, `media.not-capable`,
 *   `media.file-missing`
 */
export async function inspectImage(source: ByteSource): Promise<ImageFacts> {
  const iso = await readIso(source);
  const info = await readCdInfo(source, iso);
  const product = productOf(info.get('PRODUCT') ?? '');
  const release = info.get('RELEASE') ?? '';
  const isoRelease = info.get('ISORELEASE') ?? '';
  if (product === undefined) throw notProxmox(`it names its product ${JSON.stringify(info.get('PRODUCT') ?? '')}`);
  if (!/^\d+(\.\d+)*$/.test(release)) throw notProxmox(`it names its release ${JSON.stringify(release)}`);
  if (!/^[A-Za-z0-9.~+-]{1,32}$/.test(isoRelease))
    throw notProxmox(`it names its revision ${JSON.stringify(isoRelease)}`);
  const name = `${LONG_NAMES[product]}_${release}-${isoRelease}`;

  if ((await lookUp(source, iso, CAPABLE_PATH)) === undefined) {
    throw new IronwakeError({
      kind: 'invalid',
      code: 'media.not-capable',
      message: `${name} has no automated installer`,
      remedy: 'Use a newer image of the product; Proxmox VE needs 8.2 or newer',
    });
  }
  for (const path of [KERNEL_PATH, INITRD_PATH]) {
    const file = await openFile(source, iso, path);
    if (file.sizeBytes === 0) throw fileMissing(path, 'is empty');
  }
  return { iso, name, product, release, isoRelease, kernelPath: KERNEL_PATH, initrdPath: INITRD_PATH };
}

async function readCdInfo(source: ByteSource, iso: IsoImage): Promise<ReadonlyMap<string, string>> {
  const entry = await lookUp(source, iso, CD_INFO_PATH);
  if (entry === undefined) throw notProxmox(`it has no ${CD_INFO_PATH}`);
  const file = await openFile(source, iso, CD_INFO_PATH);
  if (file.sizeBytes > CD_INFO_BYTES_AT_MOST) throw notProxmox(`its ${CD_INFO_PATH} has ${file.sizeBytes} bytes`);
  return parseCdInfo(new TextDecoder().decode(await readExactly(file, 0, file.sizeBytes)));
}

function productOf(text: string): Product | undefined {
  return text === 'pve' || text === 'pbs' || text === 'pmg' || text === 'pdm' ? text : undefined;
}

function notProxmox(why: string): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'media.not-proxmox',
    message: `This is not an installer image of a Proxmox product: ${why}`,
    remedy:
      'Use the ISO image of Proxmox VE, Backup Server, Mail Gateway or Datacenter Manager as the vendor publishes it',
  });
}
