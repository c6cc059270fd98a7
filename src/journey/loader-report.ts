/** What a loader said of its machine is kept with the node: for people and for rules, never to tell machines apart or to join them. */
import { parseLoaderReport } from '../boot/loader-report.ts';
import { messageOf } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import type { Journey } from './journey.ts';

/** A loader that tries again, or a machine that restarts in a circle, is written down once in this time. */
const EVERY_MS = 60_000;

/** For a caller who was found to be the node's machine. Never throws: a hint stops no boot. @param query of the URL that its script made */
export async function keepLoaderReport(journey: Journey, { id }: Node, query: string): Promise<void> {
  const report = parseLoaderReport(query);
  if (report === undefined || !journey.throttle.passes(`loader's report ${id}`, EVERY_MS)) return;
  const { store, clock, log } = journey;
  try {
    await store.transaction(async ({ nodes, hardware }) => {
      // It may have been removed in this moment.
      if ((await nodes.byId(id)) === undefined) return;
      const data = { ...report };
      await hardware.put({ nodeId: id, source: 'ipxe', at: clock.now(), runId: undefined, uuid: report.uuid, data });
    });
  } catch (error) {
    log.warn({ node: id, err: messageOf(error) }, 'what the loader said of its machine could not be written');
  }
}
