/** The state of the whole: counts, and what needs an administrator, one line each. */
import type { Journey } from './journey.ts';

export interface Status {
  readonly nodes: number;
  readonly activeRuns: number;
  readonly stalledRuns: number;
  readonly contestedRuns: number;
  readonly media: number;
  readonly discovered: number;
  readonly problems: readonly string[];
}

const DISCOVERED_LIMIT = 10_000;
/** Failures of a webhook in a row that a person should know of. */
const OUTAGE = 3;

/** @param missingLoaders boot loaders that the decision may offer and that are not staged */
export async function statusOf(journey: Journey, missingLoaders: readonly string[]): Promise<Status> {
  await journey.discovered.flush();
  const { store, profiles } = journey;
  const [nodes, runs, media, discovered] = await Promise.all([
    store.nodes.list(),
    store.runs.active(),
    store.media.list(),
    store.discovered.list(DISCOVERED_LIMIT),
  ]);
  const webhooks = (await store.webhooks.list()).filter(
    ({ webhook: { off }, health }) => (off !== undefined && off.because !== 'asked') || health.failures >= OUTAGE,
  );
  const contested = runs.filter((run) => run.contested);
  const there = await Promise.all(media.map((image) => journey.images.present(image)));
  const lost = media.filter((_, index) => !there[index]);
  const nameOf = new Map(nodes.map((node) => [node.id, node.fqdn]));
  return {
    nodes: nodes.length,
    activeRuns: runs.length,
    stalledRuns: runs.filter((run) => run.data.stalledSince !== undefined).length,
    contestedRuns: contested.length,
    media: media.length,
    discovered: discovered.length,
    problems: [
      ...contested.map(
        (run) =>
          `the installation of ${nameOf.get(run.nodeId) ?? run.nodeId} is contested: look at the machine, then trust or cancel`,
      ),
      ...missingLoaders.map(notStaged),
      ...profiles.problems().map((problem) => problem.message),
      ...lost.map(
        ({ name, id }) =>
          `the file of image ${name} (${id.slice(0, 12)}) is gone or cut short: import it again with npx ironwake media add FILE.iso`,
      ),
      ...webhooks.map(({ webhook: { name, off }, health: { failures, lastFailure } }) => {
        const what = off === undefined ? `has failed ${failures} times in a row` : `was switched off (${off.because})`;
        return `webhook ${name} ${what}${lastFailure === undefined ? '' : `: ${lastFailure.what}`}: npx ironwake webhook show ${name}`;
      }),
      ...(media.length === 0 ? ['no installer image has been imported yet: npx ironwake media add FILE.iso'] : []),
    ],
  };
}

/** A machine that needs this loader gets our offer and then nothing. */
export function notStaged(file: string): string {
  return `the boot loader ${file} is not staged: npm run setup -- serve`;
}
