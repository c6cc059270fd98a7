/** `ironwake watch [NODE]`: everything that happens, as it happens; progress bars on a terminal, a JSON document a line with --json. */
import type { LiveMessage } from '../api/event-stream.ts';
import type { RunFrame } from '../api/schemas.ts';
import { IronwakeError, systemCode } from '../errors.ts';
import type { Session } from './session.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { clockTime, eventLines, runWords } from './timeline.ts';

const POLL_MS = 1000;
/** A restart of the daemon takes a second; a minute without it is worth giving up. */
const PATIENCE_MS = 60_000;
const BAR = 24;
/** Shown below the timeline: more would push it off the screen. */
const ROWS = 12;

/** Follows until it is interrupted; with a node until its installation ends: 0 when that is `ready`, 1 otherwise. */
export async function live(session: Session, args: readonly string[]): Promise<ExitStatus> {
  const { io, client, json } = session;
  const [node] = args;
  // The name is checked once: a stream that is resumed must not fail because of a typing error.
  const followed = node === undefined ? undefined : (await client.node(node)).node.id;
  const screen = json ? undefined : createScreen(session, followed === undefined);
  let after: number | undefined;
  let awaySince: number | undefined;
  for (;;) {
    try {
      for await (const message of client.live({
        ...(followed !== undefined && { node: followed }),
        ...(after !== undefined && { after }),
      })) {
        awaySince = undefined;
        if (message.kind === 'event') after = message.event.id;
        if (screen === undefined) io.out(`${JSON.stringify(documentOf(message))}\n`);
        else screen.show(message);
        if (followed !== undefined && message.kind === 'run' && message.frame.run.ended) {
          screen?.clear();
          return message.frame.run.state === 'ready' ? 0 : 1;
        }
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      if (awaySince !== undefined && io.now() - awaySince > PATIENCE_MS) throw error;
    }
    screen?.clear();
    if (awaySince === undefined) io.err('ironwake: the daemon ended the stream; waiting for it to come back\n');
    awaySince ??= io.now();
    // Before the first event there is no id to resume from: what was missed is told by the state that comes first.
    await io.sleep(POLL_MS);
  }
}

function documentOf(message: LiveMessage): Readonly<Record<string, unknown>> {
  return message.kind === 'event' ? { event: message.event } : { run: message.frame };
}

function isAway(error: unknown): boolean {
  if (error instanceof IronwakeError) return error.code === 'client.unreachable' || error.kind === 'unavailable';
  // The connection broke in the middle of the stream.
  return systemCode(error) !== undefined;
}

/** Events scroll; below them one line for each installation under way, drawn anew in place on a terminal. */
function createScreen({ io }: Session, manyNodes: boolean) {
  const frames = new Map<string, RunFrame>();
  const names = new Map<string, string>();
  let drawn = 0;
  const clear = (): void => {
    if (drawn > 0) io.out(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    if (!io.outIsTerminal) return;
    const active = [...frames.values()].filter(({ run }) => !run.ended);
    const lines = active.slice(0, ROWS).map(progressLine);
    if (active.length > ROWS) lines.push(`  and ${active.length - ROWS} more\n`);
    io.out(lines.join(''));
    drawn = lines.length;
  };
  return {
    clear,
    show(message: LiveMessage): void {
      clear();
      if (message.kind === 'run') {
        const { node, run } = message.frame;
        names.set(node.id, node.fqdn);
        if (run.ended) frames.delete(run.id);
        else frames.set(run.id, message.frame);
        if (run.ended && !manyNodes) io.out(`${printable(node.fqdn)}: ${runWords(run)}\n`);
      } else {
        const { event } = message;
        const who = event.nodeId === null ? undefined : (names.get(event.nodeId) ?? event.mac ?? undefined);
        io.out(manyNodes && who !== undefined ? `${printable(who)}\n${eventLines(event)}` : eventLines(event));
      }
      draw();
    },
  };
}

/** `pve1.lab.example  [########................] 33 %  loading, 500 MiB of 1.5 GiB, until 14:20:01` */
export function progressLine({ node, run }: RunFrame): string {
  const share = shareOf(run);
  const filled = Math.round(share * BAR);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${String(Math.round(share * 100)).padStart(3)} %`;
  const until = run.deadlineAt === null ? '' : `, until ${clockTime(run.deadlineAt)}`;
  return `${printable(`  ${node.fqdn}  ${bar}  ${runWords(run)}${until}`)}\n`;
}

/** Where each state begins and ends on the way from power-on to ready, by the time that it usually takes. */
const SHARES: Readonly<Record<string, readonly [number, number]>> = {
  armed: [0, 0],
  booting: [0.02, 0.05],
  loading: [0.05, 0.25],
  live: [0.25, 0.3],
  claimed: [0.3, 0.32],
  installing: [0.32, 0.7],
  installed: [0.7, 0.8],
  configuring: [0.8, 0.98],
  ready: [1, 1],
};

function shareOf(run: RunFrame['run']): number {
  const [from, to] = SHARES[run.state] ?? [0, 0];
  const inside =
    run.state === 'loading' && run.progress !== null && run.progress.totalBytes > 0
      ? Math.min(1, run.progress.sentBytes / run.progress.totalBytes)
      : 0;
  return from + (to - from) * inside;
}
