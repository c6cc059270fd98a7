/** The plan of a node as it would run now: shown, compared with the last one, written out to be run by hand. */
import { randomUUID } from 'node:crypto';
import { NEWEST_RELEASES } from '../answers/release.ts';
import type { Node } from '../nodes/node.ts';
import { bundlePlan } from '../postinstall/bundle.ts';
import { changesBetween, type DescribedModule, describePlan, type PlanChange } from '../postinstall/describe.ts';
import type { Product } from '../postinstall/module.ts';
import { buildPlan, type Plan } from '../postinstall/plan.ts';
import { withholdSecrets } from '../postinstall/release.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { Journey } from './journey.ts';
import { nodeProfileOf } from './node-profile.ts';
import { fittingMedia, installedRunOf } from './preview.ts';
import { secretsOf, withSecrets } from './secrets.ts';
import { profileOf } from './snapshot.ts';

export interface NodePlan {
  readonly profile: ResolvedProfile;
  readonly product: Product;
  readonly release: string;
  readonly plan: Plan;
  readonly modules: readonly DescribedModule[];
}

/**
 * Nothing is taken or written.
 * @throws as `nodeProfileOf`, `buildPlan`, and `secret.unknown`
 */
export async function planOfNode(journey: Journey, node: Node): Promise<NodePlan> {
  const { profile } = await nodeProfileOf(journey, journey.store, node, 'look');
  const { product, release } = await productOf(journey, node, profile);
  const { postInstall } = profile;
  const plan = buildPlan({ postInstall: withSecrets(postInstall, await secretsOf(journey)), product, release });
  const withheld = profile.install.release === 'confirm' ? withholdSecrets(plan, postInstall).withheld : [];
  return { profile, product, release, plan, modules: describePlan(plan, postInstall, profile.origins, withheld) };
}

/** What the node was installed with; before that, what it would be installed with. */
async function productOf(journey: Journey, node: Node, profile: ResolvedProfile) {
  const run = await installedRunOf(journey, node);
  const installed = run === undefined ? undefined : await journey.store.media.byId(run.mediaId);
  const media = installed ?? (await fittingMedia(journey, profile));
  const product: Product = media?.product ?? profile.product ?? 'pve';
  return { product, release: media?.release ?? profile.release ?? NEWEST_RELEASES[product] };
}

export interface NodePlanDiff {
  /** The plan that ran last: its profile version, and when it was applied or its run was armed; undefined when none has run yet. */
  readonly last: { readonly profileVersion: string; readonly at: number } | undefined;
  readonly profileVersion: string;
  readonly changes: readonly PlanChange[];
}

/** The plan as it would run now, against the one that ran last. */
export async function planDiffOf(journey: Journey, node: Node): Promise<NodePlanDiff> {
  const { profile } = await nodeProfileOf(journey, journey.store, node, 'look');
  const run = await installedRunOf(journey, node);
  const watch = await journey.store.watches.of(node.id);
  // Applied since: the snapshot of the run is history then.
  const applied = run !== undefined && watch?.runId === run.id ? watch.applied : undefined;
  const last =
    applied ?? (run === undefined ? undefined : { profileVersion: run.data.profileVersion, at: run.armedAt });
  const before = applied?.postInstall ?? (run === undefined ? {} : profileOf(run).postInstall);
  return {
    last: last === undefined ? undefined : { profileVersion: last.profileVersion, at: last.at },
    profileVersion: profile.version,
    changes: changesBetween(before, profile.postInstall, profile.origins),
  };
}

export interface PlanImpact {
  readonly node: Node;
  readonly changes: readonly PlanChange[];
}

/** Installed nodes whose profile has come to want another plan than the one that they ran. */
export async function planImpact(journey: Journey): Promise<readonly PlanImpact[]> {
  const impacts: PlanImpact[] = [];
  for (const node of await journey.store.nodes.list()) {
    if ((await installedRunOf(journey, node)) === undefined) continue;
    const { changes } = await planDiffOf(journey, node);
    if (changes.length > 0) impacts.push({ node, changes });
  }
  return impacts;
}

export interface ExportedPlan {
  readonly script: string;
  /** Modules that are not in it because they carry secrets. */
  readonly left: readonly string[];
}

/**
 * The plan as a script that runs by hand, on any host and without this daemon: no reports, no credential, no address in it.
 * @param secrets whether modules that carry secrets are in it, with their values
 */
export async function exportPlan(journey: Journey, node: Node, secrets: boolean): Promise<ExportedPlan> {
  const { plan: whole, profile } = await planOfNode(journey, node);
  const { plan, withheld } = secrets ? { plan: whole, withheld: [] } : withholdSecrets(whole, profile.postInstall);
  return { script: bundlePlan(plan, { baseUrl: '', pins: [], runId: randomUUID() }), left: withheld };
}
