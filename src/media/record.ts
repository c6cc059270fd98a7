/** The words of the media room that other rooms share: what a catalogued image is, and what can be had from it. */

import type { ByteSource } from './source.ts';

/** The products that share this installer, as the installer itself names them. */
export type Product = 'pve' | 'pbs' | 'pmg' | 'pdm';

/** A catalogued installer image. */
export interface MediaRecord {
  /** SHA-256 of the image, hex; also its file's name. */
  readonly id: string;
  /** Short name for people: `proxmox-ve_9.2-1`. */
  readonly name: string;
  readonly product: Product;
  /** `9.2` */
  readonly release: string;
  /** `1` */
  readonly isoRelease: string;
  readonly sizeBytes: number;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly addedAt: number;
}

/** What a run's view of an image adds to the base: files in the root of the image. */
export interface OverlayFile {
  /** Name in the root directory, Rock Ridge: `auto-installer-mode.toml`. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** The images on disk. Implemented by the catalogue. */
export interface ImageSources {
  /** Whether the file of a catalogued image is there, as long as it was. */
  present(media: MediaRecord): Promise<boolean>;
  /** A file inside the image by its Rock Ridge path (kernel, initrd). @throws IronwakeError `media.file-missing` */
  file(media: MediaRecord, path: string): Promise<ByteSource>;
  /** The image's initrd, padding, and a cpio member `proxmox.iso` with the image as this run sees it. Same run, same bytes. */
  wrappedInitrd(media: MediaRecord, files: readonly OverlayFile[]): Promise<ByteSource>;
}
