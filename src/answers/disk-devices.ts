/**
 * The names of disks on which the installer can make partitions; on any other it stops after it has wiped the disk's table. And what it never lists.
 * Source: `get_partition_dev` and `hd_list` of the low-level installer (Proxmox/Sys/Block.pm, the same from 8.2 to 9.2).
 */
import { compileGlob, globProblem } from './globs.ts';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];

/** sda to sdiv; virtio, Xen, old IDE; NVMe; RAID controllers and their like with a folder of their own (`cciss/c0d0`, `ataraid/d0`, `i2o/hda`). */
const DEVICE = /^\/dev\/(?:sd(?:[a-h]?[a-z]|i[a-v])|(?:xv|[hxev])d[a-z]|nvme\d+n\d+|[^/]+\/(?:c\d+d\d+|d\d+|hd[a-z]))$/;

/** Whether the installer can partition a device. @param device its path: `/dev/sda` */
export function canBePartitioned(device: string): boolean {
  return DEVICE.test(device);
}

export function isEmmc(device: string): boolean {
  return /^(?:\/dev\/)?mmcblk/.test(device);
}

/** The disk whose partition this is, `sda` of `sda1`, or undefined. */
export function diskOfPartition(name: string): string | undefined {
  const disk = /^(.*\d)p\d+$/.exec(name)?.[1] ?? /^(.*[a-z])\d+$/.exec(name)?.[1];
  return disk !== undefined && canBePartitioned(`/dev/${disk.replace(/^\/dev\//, '')}`) ? disk : undefined;
}

/** Every name of the families that end somewhere. */
const COUNTED: readonly string[] = [
  ...['', ...LETTERS.slice(0, 9)].flatMap((first) => LETTERS.map((last) => `/dev/sd${first}${last}`)),
  ...['xv', 'h', 'x', 'e', 'v'].flatMap((first) => LETTERS.map((last) => `/dev/${first}d${last}`)),
].filter(canBePartitioned);

/** How the names of the others begin, as far as there are drivers for them. */
const UNCOUNTED = ['nvme', 'cciss/', 'ida/', 'rd/', 'ataraid/', 'i2o/'].map((stem) => `/dev/${stem}`);

/** Whether a glob for DEVNAME may match a disk that can be partitioned. In doubt it may; one that does not compile has a finding of its own. */
export function mayBePartitioned(glob: string): boolean {
  if (glob === '' || globProblem(glob) !== undefined) return true;
  const wildcard = glob.search(/[*?[]/);
  if (wildcard === -1) return canBePartitioned(glob);
  if (meansEmmc(glob)) return false;
  const beginning = glob.slice(0, wildcard);
  if (UNCOUNTED.some((stem) => stem.startsWith(beginning) || beginning.startsWith(stem))) return true;
  return COUNTED.some(compileGlob(glob));
}

/** Whether whatever a glob for DEVNAME matches is eMMC. */
export function meansEmmc(glob: string): boolean {
  return glob.replaceAll(/\[!?.[^\]]*\]/g, '?').includes('mmcblk');
}
