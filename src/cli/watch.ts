/** `ironwake node watch`: the timeline as it grows, until the installation ends. */
import type { EventView, NodeView } from '../api/schemas.ts';
import { IronwakeError } from '../errors.ts';
import type { Session } from './session.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { timelineLines, waitingLine } from './timeline.ts';

const POLL_MS = 1000;
/** A restart of the daemon takes a second; a minute without it is worth giving up. */
const PATIENCE_MS = 60_000;

export async function watch(session: Session, args: readonly string[]): Promise<ExitStatus> {
  return follow(session, args[0] ?? '');
}

/** 0 when it ended `ready`, 1 when it ended otherwise. @throws IronwakeError `run.none` for a node that was never armed */
export async function follow(session: Session, node: string): Promise<ExitStatus> {
  const { io, json } = session;
  let last: EventView | undefined;
  let waited = '';
  for (;;) {
    const view = await look(session, node, last !== undefined);
    const { run, waiting } = view;
    if (run === null) throw neverArmed(view);
    // The whole story of this installation and what was told after it began; not those before it. By their order: the clock may have been set.
    const begun = view.timeline.find((event) => event.runId === run.id)?.id ?? 0;
    const events = view.timeline.filter(({ id }) => id >= begun && id > (last?.id ?? 0));
    if (json) for (const event of events) io.out(`${JSON.stringify(event)}\n`);
    else io.out(timelineLines(events, last));
    last = events.at(-1) ?? last;
    if (run.ended) {
      if (!json) io.out(`${printable(view.node.fqdn)}: ${run.state}\n`);
      return run.state === 'ready' ? 0 : 1;
    }
    // Said again when what it waits for changes, not with each percent of the image.
    const topic = `${run.state} ${run.contested} ${run.stalledSince}`;
    if (!json && waiting !== null && topic !== waited) io.out(`  ${waitingLine(waiting)}`);
    waited = topic;
    await io.sleep(POLL_MS);
  }
}

/** The view; once it has been seen, a daemon that is away for a moment is waited for. */
async function look(session: Session, node: string, patient: boolean): Promise<NodeView> {
  const { io, client } = session;
  const start = io.now();
  for (let tries = 0; ; tries += 1) {
    try {
      return await client.node(node);
    } catch (error) {
      if (!patient || !isAway(error) || io.now() - start > PATIENCE_MS) throw error;
      if (tries === 0) io.err('ironwake: the daemon does not answer; waiting for it to come back\n');
      await io.sleep(POLL_MS);
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof IronwakeError && error.code === 'client.unreachable';
}

function neverArmed({ node }: NodeView): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'run.none',
    message: `${node.fqdn} has never been armed`,
    remedy: `Arm it: npx ironwake node install ${node.fqdn}`,
  });
}
