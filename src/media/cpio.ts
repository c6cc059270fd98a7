/**
 * The image inside the initrd: cpio archives after one another, as the kernel unpacks them (Documentation/driver-api/early-userspace/
 * buffer-format.rst). The first is the image's own initrd, compressed however it likes; the second, *newc* and not compressed, holds one
 * file, `/proxmox.iso`, which the installer's init looks for before any disc.
 */

import { IronwakeError } from '../errors.ts';
import { concatenate, paddingTo, zeros } from './concatenation.ts';
import { type ByteSource, bytesSource } from './source.ts';

const IMAGE_NAME = 'proxmox.iso';
const MODE = 0o100644;
/** newc has 32-bit sizes. */
const MEMBER_BYTES_AT_MOST = 0xffff_ffff;

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
}

/** Header and name of a newc member, padded to 4; inode, owner and time are zero, so the same member is always the same bytes. */
function newcHeader({ name, mode, sizeBytes }: Member): Uint8Array {
  // magic, then: inode mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [0, mode, 0, 0, 1, 0, sizeBytes, 0, 0, 0, 0, name.length + 1, 0];
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return new TextEncoder().encode(text + '\0'.repeat(paddingTo(4, text.length)));
}

/**
 * One initrd for the loader: `initrd`, zeros to a multiple of 4, and an archive with `image` as `proxmox.iso`. Its size is exact, and
 * nothing is copied.
 *
 * @throws IronwakeError `media.too-big` for an image of 4 GiB and more
 */
export function wrapInitrd(initrd: ByteSource, image: ByteSource): ByteSource {
  if (image.sizeBytes > MEMBER_BYTES_AT_MOST) {
    throw new IronwakeError({
      kind: 'invalid',
      code: 'media.too-big',
      message: `The image has ${image.sizeBytes} bytes, and an initrd cannot hold a file of 4 GiB or more`,
      remedy: 'Use the plain installer image of the product; images of this size cannot be booted from the network',
    });
  }
  return concatenate([
    initrd,
    zeros(paddingTo(4, initrd.sizeBytes)),
    bytesSource(newcHeader({ name: IMAGE_NAME, mode: MODE, sizeBytes: image.sizeBytes })),
    image,
    zeros(paddingTo(4, image.sizeBytes)),
    bytesSource(newcHeader({ name: 'TRAILER!!!', mode: 0, sizeBytes: 0 })),
  ]);
}
