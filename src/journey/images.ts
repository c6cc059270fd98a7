/** Installer images: which one a name means, and taking one away. */
import { IronwakeError } from '../errors.ts';
import type { Journey } from './journey.ts';
import type { AuditOf, MediaRecord } from './ports.ts';

/**
 * The image that an id, its beginning (8 digits or more) or a short name stands for.
 * @throws IronwakeError `media.unknown` (404), `media.ambiguous` (409)
 */
export function imageCalled(all: readonly MediaRecord[], wanted: string): MediaRecord {
  const text = wanted.toLowerCase();
  const found = all.filter(
    (media) => media.name.toLowerCase() === text || (text.length >= 8 && media.id.startsWith(text)),
  );
  const [only] = found;
  if (only === undefined)
    throw new IronwakeError({
      kind: 'not-found',
      code: 'media.unknown',
      field: 'media',
      message: `there is no image '${wanted.slice(0, 80)}'`,
      remedy: 'List them: npx ironwake media list.',
    });
  if (found.length > 1)
    throw new IronwakeError({
      kind: 'conflict',
      code: 'media.ambiguous',
      field: 'media',
      message: `${found.length} images are called '${wanted.slice(0, 80)}': ${found.map(({ id }) => id.slice(0, 12)).join(', ')}`,
      remedy: 'Give the id of one of them.',
    });
  return only;
}

/** Takes an image whose file is there into the list; one that is in it already stays as it is. */
export async function addImage(
  journey: Journey,
  image: MediaRecord,
  audit?: AuditOf<MediaRecord>,
): Promise<MediaRecord> {
  return journey.store.transaction(async (repositories) => {
    const known = await repositories.media.byId(image.id);
    if (known === undefined) await repositories.media.insert(image);
    const listed = known ?? image;
    if (audit !== undefined) await repositories.audit.append(audit(listed));
    return listed;
  });
}

/**
 * Forgets an image and removes its file; the space is free at once, or when the daemon starts again if it was being streamed.
 * @param removeFile the catalogue's
 * @throws IronwakeError `media.unknown` (404), `media.ambiguous` (409); `media.in-use` (409) while an installation under way needs it
 */
export async function removeImage(
  journey: Journey,
  wanted: string,
  removeFile: (id: string) => Promise<void>,
  audit?: AuditOf<MediaRecord>,
): Promise<MediaRecord> {
  const media = imageCalled(await journey.store.media.list(), wanted);
  await journey.store.transaction(async (repositories) => {
    const users = (await repositories.runs.active()).filter(({ mediaId }) => mediaId === media.id);
    const [user] = users;
    if (user !== undefined) {
      const node = await repositories.nodes.byId(user.nodeId);
      throw new IronwakeError({
        kind: 'conflict',
        code: 'media.in-use',
        message: `${media.name} is needed by ${users.length === 1 ? 'the installation' : `${users.length} installations`} under way${node === undefined ? '' : ` (${node.fqdn})`}`,
        remedy: `Wait for its end, or stop it first: npx ironwake node cancel ${node?.fqdn ?? 'NAME'}.`,
      });
    }
    await repositories.media.remove(media.id);
    if (audit !== undefined) await repositories.audit.append(audit(media));
  });
  await removeFile(media.id);
  return media;
}
