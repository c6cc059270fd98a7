/** What can be wrong with an image, in the words of the person who brought it. */

import { IronwakeError } from '../errors.ts';

const DOWNLOAD_AGAIN = "Download the image again and compare its SHA-256 with the vendor's";

export function notIso(why: string): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'media.not-iso',
    message: `This is not an ISO 9660 image: ${why}`,
    remedy: 'Give the installer image as it was downloaded, not unpacked and not compressed',
  });
}

/** @param missingBytes how many bytes the image says it has beyond the end of the file */
export function truncated(missingBytes: number): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'media.truncated',
    message: `The image is cut off: ${missingBytes} bytes are missing at its end`,
    remedy: DOWNLOAD_AGAIN,
  });
}

export function damaged(why: string): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'media.damaged',
    message: `The image is damaged: ${why}`,
    remedy: DOWNLOAD_AGAIN,
  });
}

export function fileMissing(path: string, why: string): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'media.file-missing',
    message: `${path} ${why}`,
    remedy: 'Use an unchanged installer image of a Proxmox product',
  });
}
