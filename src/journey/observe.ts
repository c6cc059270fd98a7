/** The one way a run changes: load, transition, store run and events in one transaction, tell the listeners. */
import { IronwakeError } from '../errors.ts';
import type { Mac } from '../net/mac.ts';
import type { Node } from '../nodes/node.ts';
import { type EventCode, REPEATABLE_CODES } from '../runs/events.ts';
import type { Observation } from '../runs/observation.ts';
import type { Run } from '../runs/run.ts';
import { type RunEvent, type Transition, transition } from '../runs/transition.ts';
import { joinReportedPorts } from './join-ports.ts';
import type { Journey } from './journey.ts';
import type { NewEvent, Repositories } from './ports.ts';

/** Conditional writes that may lose against each other before it counts as a defect: two packets of one machine, hardly ever three. */
const ATTEMPTS = 8;

/**
 * Applies an observation to a run, against the run as it is stored now (not as the caller saw it a moment ago).
 * @param alongside further writes in the same transaction, made only when the observation was accepted: the run as it is now, and as it was
 * @throws IronwakeError `run.unknown`; `run.busy` when others kept changing it
 */
export async function observe(
  journey: Journey,
  runId: string,
  observation: Observation,
  alongside?: (repositories: Repositories, run: Run, before: Run) => Promise<void>,
): Promise<Transition> {
  await journey.timekeeping.follow();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const done = await journey.store.transaction(async (repositories) => {
      const run = await repositories.runs.byId(runId);
      if (run === undefined) throw unknownRun();
      const result = transition(run, observation, journey.clock.now(), journey.budgets);
      if (result.run.revision !== run.revision) {
        if (!(await repositories.runs.update(result.run, run.revision))) return undefined;
      }
      const events = result.events.filter((event) => isNews(journey, runId, event));
      let mac: Mac | undefined;
      if (events.length > 0) {
        const node = await repositories.nodes.byId(run.nodeId);
        const rows = events.map((event) => eventOf(journey, event, node, run));
        mac = rows[0]?.mac;
        await repositories.events.append(rows);
      }
      if (result.kind === 'accepted') await alongside?.(repositories, result.run, run);
      if (result.run.state === 'ready' && run.state !== 'ready')
        await joinReportedPorts(repositories, result.run, journey.clock.now());
      return { result, events, mac, before: run, changed: result.run.revision !== run.revision };
    });
    if (done === undefined) continue;
    if (done.changed) {
      journey.metrics.moved(done.before, done.result.run, journey.clock.now());
      journey.changes.notify();
    }
    for (const event of done.events) {
      const { mac } = done;
      journey.log.info({ mac, run: runId, ip: event.data.address, event: event.code, ...logged(event) }, 'timeline');
    }
    return done.result;
  }
  throw new IronwakeError({
    kind: 'unavailable',
    code: 'run.busy',
    message: `run ${runId} is being changed by others at this moment`,
    remedy: 'Try again.',
  });
}

/** What a machine, or somebody who forges its packets, can repeat as fast as the wire: at most one row a second each. */
const REPEATABLE: ReadonlySet<EventCode> = new Set(REPEATABLE_CODES);
const REPEAT_MS = 1000;

function isNews(journey: Journey, runId: string, { code }: RunEvent): boolean {
  return !REPEATABLE.has(code) || journey.throttle.passes(`${runId} ${code}`, REPEAT_MS);
}

/** Data of an event that helps in the log; outputs and documents stay on the timeline. */
function logged(event: RunEvent): Record<string, unknown> {
  const { arch, module, step, result, reason, state } = event.data;
  return { arch, module, step, result, reason, state };
}

export function eventOf(journey: Journey, event: RunEvent, node: Node | undefined, run: Run | undefined): NewEvent {
  return {
    at: journey.clock.now(),
    mac: run?.data.boundMac ?? node?.macs[0],
    nodeId: node?.id,
    runId: run?.id,
    code: event.code,
    data: event.data,
  };
}

/** Writes one event of a node that changes no run. */
export async function appendEvent(journey: Journey, event: RunEvent, node: Node, run: Run | undefined): Promise<void> {
  await journey.store.events.append([eventOf(journey, event, node, run)]);
  journey.changes.notify();
}

function unknownRun(): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'run.unknown',
    message: 'there is no such run',
    remedy: 'List the nodes: npx ironwake node list.',
  });
}
