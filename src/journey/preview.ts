/** What a node has, would get and got: for people who look, nothing is taken or written. */
import { type Preview, previewAnswer } from '../answers/preview.ts';
import { NEWEST_RELEASES, type Product } from '../answers/release.ts';
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { Run } from '../runs/run.ts';
import { chooseMedia } from './arm.ts';
import type { Journey } from './journey.ts';
import { machineFactsOf } from './machine-facts.ts';
import { nodeProfileOf } from './node-profile.ts';

export interface NodeAnswer extends Preview {
  readonly product: Product;
  readonly release: string;
  /** The image that would be taken; undefined when there is none yet that fits. */
  readonly media: string | undefined;
}

/** @throws as `nodeProfileOf` and `previewAnswer` */
export async function answerPreviewOf(journey: Journey, node: Node): Promise<NodeAnswer> {
  const { profile } = await nodeProfileOf(journey, journey.store, node, 'look');
  const media = await fittingMedia(journey, profile);
  const product = media?.product ?? profile.product ?? 'pve';
  const release = media?.release ?? profile.release ?? NEWEST_RELEASES[product];
  const baseUrl = journey.segments()[0]?.httpsUrl ?? 'https://SERVER';
  const certFingerprint = journey.identity.fingerprint;
  const machine = await machineFactsOf(journey, node);
  const { severities } = journey.settings;
  return {
    ...previewAnswer({ profile, node, machine, product, release, baseUrl, certFingerprint, severities }),
    product,
    release,
    media: media?.name,
  };
}

/** The image that would be taken; undefined when there is none yet that fits. */
export async function fittingMedia(journey: Journey, profile: ResolvedProfile) {
  try {
    return await chooseMedia(journey, profile, undefined);
  } catch (error) {
    if (error instanceof IronwakeError && error.code === 'media.none') return undefined;
    throw error;
  }
}

const INSTALLED: ReadonlySet<Run['state']> = new Set(['installed', 'configuring', 'ready']);

/** The newest run that installed the node: its snapshot is what the node was made from. */
export async function installedRunOf(journey: Journey, node: Node): Promise<Run | undefined> {
  const runs = await journey.store.runs.listOf(node.id);
  return runs.find((run) => INSTALLED.has(run.state));
}
