/**
 * The images on disk, `DATA/media/<sha256>.iso`, and what is served out of them. Each image is mapped and parsed once; kernel, initrd and
 * every run's view share that.
 */

import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IronwakeError, messageOf, systemCode } from '../errors.ts';
import { wrapInitrd } from './cpio.ts';
import { readFileSource } from './file.ts';
import { type ImportRequest, imagePath, importImage, sweepPartials } from './import.ts';
import { type IsoImage, openFile, readIso } from './iso9660.ts';
import { mappedFile } from './mapped.ts';
import { overlayImage } from './overlay.ts';
import type { ImageSources, MediaRecord } from './record.ts';
import type { ByteSource } from './source.ts';

export interface Catalogue extends ImageSources {
  /** See `importImage`. The record is not stored anywhere but in the image's own file: keeping it is the caller's part. */
  add(request: ImportRequest): Promise<MediaRecord>;
  /** Removes the image's file. Downloads under way go on; the disk space is free when the daemon starts again. */
  remove(id: string): Promise<void>;
}

export interface CatalogueOptions {
  readonly dataDir: string;
  readonly now: () => number;
  /** Told once for each image that cannot be mapped and is read instead, which costs more processor time. */
  readonly onFallback?: ((path: string, reason: string) => void) | undefined;
}

interface OpenedImage {
  readonly source: ByteSource;
  readonly iso: IsoImage;
}

/** Opens the catalogue of a data directory, and sweeps what interrupted imports left. */
export async function openCatalogue(options: CatalogueOptions): Promise<Catalogue> {
  const directory = join(options.dataDir, 'media');
  await sweepPartials(directory);
  const opened = new Map<string, Promise<OpenedImage>>();

  function image(media: MediaRecord): Promise<OpenedImage> {
    const known = opened.get(media.id);
    if (known !== undefined) return known;
    const opening = openImage(imagePath(directory, media.id), media, options);
    opened.set(media.id, opening);
    // A failure is not remembered: the file may be put back.
    opening.catch(() => opened.delete(media.id));
    return opening;
  }

  return {
    add: (request) =>
      importImage(request, { directory, now: options.now, onReplaced: (sha256) => void opened.delete(sha256) }),
    async present({ id, sizeBytes }) {
      const about = await stat(imagePath(directory, id)).catch(() => undefined);
      return about?.size === sizeBytes;
    },
    async file(media, path) {
      const { source, iso } = await image(media);
      return openFile(source, iso, path);
    },
    async wrappedInitrd(media, files) {
      const { source, iso } = await image(media);
      return wrapInitrd(await openFile(source, iso, media.initrdPath), await overlayImage(source, iso, files));
    },
    async remove(id) {
      opened.delete(id);
      await rm(imagePath(directory, id), { force: true });
    },
  };
}

async function openImage(path: string, media: MediaRecord, options: CatalogueOptions): Promise<OpenedImage> {
  try {
    const source = await openSource(path, options);
    return { source, iso: await readIso(source) };
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new IronwakeError({
      kind: 'not-found',
      code: 'media.gone',
      message: `The file of image ${media.name} is gone from the data directory`,
      remedy: 'Add the image again',
      cause: error,
    });
  }
}

async function openSource(path: string, options: CatalogueOptions): Promise<ByteSource> {
  try {
    return await mappedFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error;
    options.onFallback?.(path, messageOf(error));
    return readFileSource(path);
  }
}
