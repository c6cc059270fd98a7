/**
 * Keep: an installed node looks at itself by a timer, says what no longer holds, and asks whether there is something to do. It is never called: the
 * daemon has no way into a node. What a person ordered waits here until the node asks.
 */
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import {
  afterVerification,
  hasBegun,
  MAX_REPORTS_OF_ORDER,
  openOrder,
  orderOf,
  type Verification,
  type Watch,
} from '../nodes/watch.ts';
import { bundlePlan, pinList } from '../postinstall/bundle.ts';
import { MODULES } from '../postinstall/modules/index.ts';
import type { EventCode } from '../runs/events.ts';
import type { Run, StepReport } from '../runs/run.ts';
import type { Journey } from './journey.ts';
import { type NodePlan, planOfNode } from './plan.ts';
import type { AuditOf, NewEvent, Repositories } from './ports.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { TokenHolder } from './tokens.ts';
import type { Caller } from './whereabouts.ts';

export interface WatchReport {
  /** Absent: the node only asks. */
  readonly verifications?: readonly Verification[] | undefined;
  readonly packages?: readonly string[] | undefined;
}

export type WatchReply = { readonly kind: 'watch'; readonly order: 'none' | 'apply'; readonly pins: string } | Refusal;

/** Whether the holder's run is the one that the node stands on: ready, and no newer one was armed. */
async function isKept(journey: Journey, { node, run }: TokenHolder): Promise<boolean> {
  return run.state === 'ready' && (await journey.store.runs.latestOf(node.id))?.id === run.id;
}

/** Whether the holder's run made the node ready, and what it installed still stands. */
async function stillStands(journey: Journey, holder: TokenHolder): Promise<boolean> {
  return holder.run.state === 'ready' && isOnDisk(journey, holder);
}

/**
 * Whether what the holder's run installed is what the machine has: nobody has had the answer of a newer run. One that is armed, has expired or
 * was cancelled has touched no disk.
 */
export async function isOnDisk(journey: Journey, { node, run }: TokenHolder): Promise<boolean> {
  const latest = await journey.store.runs.latestOf(node.id);
  // The one under way may not be the newest by its time: the clock may have been set back.
  if (latest?.id !== run.id && latest?.data.claimedAt !== undefined) return false;
  const runs = await journey.store.runs.listOf(node.id);
  return runs.find(({ id, data }) => id === run.id || data.claimedAt !== undefined)?.id === run.id;
}

const fresh = (nodeId: string, runId: string, now: number): Watch => ({
  nodeId,
  runId,
  seenAt: now,
  verifiedAt: undefined,
  drift: {},
});

/** A node looks at itself every hour, and when packages change; what comes faster, it brings again when its timer comes again. */
const LOOK_EVERY_MS = 60_000;

/** A node that asks for its plan in a loop leaves a row in this time. */
const FETCHED_EVERY_MS = 60_000;

/** What is known of the node for this run; what was known for a former installation is another machine's past. */
async function watchOf(
  { watches }: Pick<Repositories, 'watches'>,
  { node, run }: TokenHolder,
  now: number,
): Promise<Watch> {
  const known = await watches.of(node.id);
  return known?.runId === run.id ? known : fresh(node.id, run.id, now);
}

const eventOf = ({ node, run }: TokenHolder, at: number, code: EventCode, data: Record<string, unknown>): NewEvent => ({
  at,
  mac: node.macs[0],
  nodeId: node.id,
  runId: run.id,
  code,
  data,
});

/** What can be in a plan: a module, or a step of one that has several. Anything else is an invention of the node's. */
export const isOurs = (name: string): boolean =>
  MODULES.some((module) => name === module.name || (module.split !== undefined && name.startsWith(`${module.name}-`)));

/**
 * Takes what the node saw, and tells it whether there is something to do: nothing, while a newer run may install it anew.
 * @throws IronwakeError `watch.too-often` (429): one look a minute
 */
export async function takeWatch(
  journey: Journey,
  caller: Caller,
  holder: TokenHolder,
  { verifications, packages = [] }: WatchReport,
): Promise<WatchReply> {
  const kept = await isKept(journey, holder);
  if (!kept && !(await stillStands(journey, holder)))
    return refuse(journey, 'run-ended', 'a look of the node', caller.address, holder);
  if (verifications !== undefined && !journey.throttle.passes(`look ${holder.node.id}`, LOOK_EVERY_MS))
    throw new IronwakeError({
      kind: 'limited',
      code: 'watch.too-often',
      message: 'one look of a node is taken a minute',
      remedy: 'Wait: the timer of the node comes again in some minutes.',
    });
  const now = journey.clock.now();
  const watch = await journey.store.transaction(async (repositories) => {
    const before = await watchOf(repositories, holder, now);
    if (verifications === undefined) {
      const seen = { ...before, seenAt: now };
      await repositories.watches.put(seen);
      return seen;
    }
    const {
      watch: after,
      began,
      ended,
    } = afterVerification(
      before,
      verifications.filter(({ module }) => isOurs(module)),
      packages,
      now,
    );
    await repositories.watches.put(after);
    await repositories.events.append([
      ...began.map((module) => {
        const found = after.drift[module];
        return eventOf(holder, now, 'drift.found', {
          module,
          detail: found?.detail ?? '',
          packages: found?.packages ?? [],
        });
      }),
      ...ended.map((module) => eventOf(holder, now, 'drift.gone', { module })),
    ]);
    return after;
  });
  // A node that only asks says nothing that others wait for.
  if (verifications !== undefined) journey.changes.notify();
  return { kind: 'watch', order: kept ? orderOf(watch, now) : 'none', pins: pinList(journey.identity.pins) };
}

/** A transaction of which those are told who follow events: the live stream, webhooks. */
async function told<T>(journey: Journey, work: (repositories: Repositories) => Promise<T>): Promise<T> {
  const result = await journey.store.transaction(work);
  journey.changes.notify();
  return result;
}

/** @throws IronwakeError `plan.not-confirmed` (409) where the profile wants a person at the screen before secrets go out, and none was there */
function demandConfirmed(node: Node, run: Run, { modules }: NodePlan): void {
  const waiting = modules.filter(({ withheld }) => withheld).map(({ name }) => name);
  if (run.data.confirmedAt !== undefined || waiting.length === 0) return;
  throw new IronwakeError({
    kind: 'conflict',
    code: 'plan.not-confirmed',
    message: `${node.fqdn} was never confirmed by its code, and the profile wants that before it gets the secrets of ${waiting.join(', ')}`,
    remedy: `Install it again and confirm it: npx ironwake node install ${node.fqdn}; or set install.release: auto in its profile.`,
  });
}

/**
 * Orders the plan as the profile wants it now. The node fetches it when it asks the next time, within some minutes.
 * @throws IronwakeError `plan.not-kept` (409) for a node that is not ready, `plan.not-confirmed` (409); as `planOfNode`
 */
export async function orderPlan(
  journey: Journey,
  node: Node,
  by: string,
  audit: AuditOf<{ readonly run: string }>,
): Promise<Watch> {
  // Whether it can be made at all is said to whoever orders it, and not to the node an hour later.
  const plan = await planOfNode(journey, node);
  const run = await journey.store.runs.latestOf(node.id);
  if (run === undefined || run.state !== 'ready')
    throw new IronwakeError({
      kind: 'conflict',
      code: 'plan.not-kept',
      message: `${node.fqdn} is not ready${run === undefined ? '' : ` (${run.state})`}, so nothing of ours listens there`,
      remedy: `Install it: npx ironwake node install ${node.fqdn}; or write the plan out: npx ironwake plan export --node ${node.fqdn}.`,
    });
  demandConfirmed(node, run, plan);
  const holder = { node, run };
  const now = journey.clock.now();
  return told(journey, async (repositories) => {
    const watch = await watchOf(repositories, holder, now);
    const ordered: Watch = { ...watch, application: { by, orderedAt: now } };
    await repositories.watches.put(ordered);
    await repositories.events.append([eventOf(holder, now, 'plan.ordered', { by })]);
    await repositories.audit.append(audit({ run: run.id }));
    return ordered;
  });
}

/**
 * Undefined when no plan was ordered for this node, when the order is too old, or when the node has begun with it.
 * @throws IronwakeError `plan.not-confirmed` (409), as the profile may have changed since the order; as `planOfNode`
 */
export async function fetchOrderedPlan(
  journey: Journey,
  caller: Caller,
  holder: TokenHolder,
): Promise<{ readonly kind: 'plan'; readonly script: string } | undefined> {
  const { node, run } = holder;
  if (!(await isKept(journey, holder))) return undefined;
  const now = journey.clock.now();
  const order = openOrder(await watchOf(journey.store, holder, now), now);
  if (order === undefined || hasBegun(order)) return undefined;
  const wanted = await planOfNode(journey, node);
  demandConfirmed(node, run, wanted);
  const { plan, profile } = wanted;
  await told(journey, async (repositories) => {
    const watch = await watchOf(repositories, holder, now);
    if (watch.application === undefined || hasBegun(watch.application)) return;
    const modules = plan.modules.map(({ module }) => module.name);
    await repositories.watches.put({
      ...watch,
      seenAt: now,
      application: {
        ...watch.application,
        fetchedAt: now,
        postInstall: profile.postInstall,
        profileVersion: profile.version,
        modules,
        reported: 0,
        results: {},
      },
    });
    if (watch.application.fetchedAt === undefined || journey.throttle.passes(`plan ${run.id}`, FETCHED_EVERY_MS))
      await repositories.events.append([eventOf(holder, now, 'plan.fetched', { modules })]);
  });
  const script = bundlePlan(plan, {
    baseUrl: caller.segment.httpsUrl,
    pins: journey.identity.pins,
    runId: run.id,
  });
  return { kind: 'plan', script };
}

/** Whether the node runs a plan that was ordered: what it needs for that is open to it once more. */
export async function runsOrderedPlan(journey: Journey, holder: TokenHolder): Promise<boolean> {
  if (!(await isKept(journey, holder))) return false;
  const now = journey.clock.now();
  return openOrder(await watchOf(journey.store, holder, now), now)?.fetchedAt !== undefined;
}

/**
 * Reports of a plan that was ordered. Undefined when none is under way: then the run itself has to say what it makes of them.
 * @throws IronwakeError `reports.too-many` (409); none of them is taken
 */
export async function takeOrderedReports(
  journey: Journey,
  holder: TokenHolder,
  reports: readonly StepReport[],
): Promise<{ readonly kind: 'taken' } | undefined> {
  if (!(await isKept(journey, holder))) return undefined;
  const now = journey.clock.now();
  return told(journey, async (repositories) => {
    let watch = await watchOf(repositories, holder, now);
    if (openOrder(watch, now)?.fetchedAt === undefined) return undefined;
    for (const report of [...reports].sort((a, b) => a.seq - b.seq)) {
      const last = Math.max(watch.lastReportSeq ?? 0, holder.run.data.lastReportSeq ?? 0);
      if (report.seq <= last) continue;
      const reported = (watch.application?.reported ?? 0) + 1;
      if (reported > MAX_REPORTS_OF_ORDER)
        throw new IronwakeError({
          kind: 'conflict',
          code: 'reports.too-many',
          message: 'no plan has so many reports',
          remedy: 'Look at the node: it is broken, or somebody else is root there.',
        });
      const { module, step, result, durationMs, detail } = report;
      const results = watch.application?.results ?? {};
      const ofModule = Object.hasOwn(results, module) ? results[module] : undefined;
      watch = {
        ...watch,
        seenAt: now,
        lastReportSeq: report.seq,
        application: {
          ...(watch.application ?? { by: '', orderedAt: now }),
          reported,
          results: { ...results, [module]: { ...ofModule, [step]: result } },
        },
      };
      await repositories.runs.saveReport(holder.run.id, report);
      await repositories.events.append([
        eventOf(holder, now, result === 'failed' ? 'plan.step-failed' : 'plan.step', {
          module,
          step,
          result,
          durationMs,
          detail,
        }),
      ]);
    }
    await repositories.watches.put(watch);
    return { kind: 'taken' } as const;
  });
}

/** The end of a plan that was ordered; undefined as above. It held when every module was verified and a second run changed nothing. */
export async function finishOrderedPlan(
  journey: Journey,
  holder: TokenHolder,
  said: 'ok' | 'failed',
): Promise<{ readonly kind: 'taken' } | undefined> {
  if (!(await isKept(journey, holder))) return undefined;
  const now = journey.clock.now();
  return told(journey, async (repositories) => {
    const { application, ...watch } = await watchOf(repositories, holder, now);
    if (application?.fetchedAt === undefined || openOrder({ application }, now) === undefined) return undefined;
    const { results = {}, modules = [], by, postInstall, profileVersion = '' } = application;
    const proven = (module: string) => results[module]?.verify === 'ok' && results[module]?.reapply === 'unchanged';
    const result = said === 'ok' && modules.every(proven) ? 'ok' : 'failed';
    // What was proved just now no longer drifts; the node looks again within the hour.
    const drift = Object.fromEntries(
      Object.entries(watch.drift).filter(([module]) => !proven(module) && modules.includes(module)),
    );
    await repositories.watches.put({
      ...watch,
      seenAt: now,
      drift,
      applied: { at: now, by, result, postInstall, profileVersion },
    });
    await repositories.events.append([
      eventOf(holder, now, result === 'ok' ? 'plan.applied' : 'plan.apply-failed', { by }),
    ]);
    return { kind: 'taken' } as const;
  });
}

export interface NodeWatch {
  readonly node: Node;
  readonly watch: Watch;
}

/** Watched nodes, by name. */
export async function watchedNodes(journey: Journey): Promise<readonly NodeWatch[]> {
  const nodes = await journey.store.nodes.list();
  const found = await journey.store.watches.ofEach(nodes.map(({ id }) => id));
  const watches = new Map(found.map((watch) => [watch.nodeId, watch]));
  return nodes.flatMap((node) => {
    const watch = watches.get(node.id);
    return watch === undefined ? [] : [{ node, watch }];
  });
}
