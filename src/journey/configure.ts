/**
 * Configure: the node's own first boot. It signs a nonce with the host key that the webhook named, gets a credential of its own, fetches its
 * plan, and reports each step.
 */
import { createHmac } from 'node:crypto';
import { bundlePlan } from '../postinstall/bundle.ts';
import { buildPlan } from '../postinstall/plan.ts';
import { withholdSecrets } from '../postinstall/release.ts';
import { ENDED_STATES, type RunState, type StepReport } from '../runs/run.ts';
import { hashApiToken } from '../trust/api-token.ts';
import { sameSecret } from '../trust/compare.ts';
import { makeProbeKey } from '../trust/probe-key.ts';
import { parseOpenSshPublicKey } from '../trust/ssh-key.ts';
import { verifySshSignature } from '../trust/ssh-signature.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';
import { type Refusal, refuse } from './refusal.ts';
import { secretsOf, withSecrets } from './secrets.ts';
import { profileOf } from './snapshot.ts';
import type { TokenHolder } from './tokens.ts';
import { type Caller, sourceOf } from './whereabouts.ts';

/** Long enough for a slow first boot, short enough that a recorded exchange is of no use later. */
const NONCE_LIFETIME_MS = 10 * 60_000;
const NAMESPACE = 'ironwake';
const FIRST_BOOT_STATES: ReadonlySet<RunState> = new Set(['installed', 'configuring']);

export type ChallengeReply = { readonly kind: 'nonce'; readonly nonce: string } | Refusal;

/** A nonce for the node to sign. Nothing is stored: the nonce carries its end and our own mark, so asking a thousand times changes nothing. */
export async function challenge(journey: Journey, caller: Caller, runId: string): Promise<ChallengeReply> {
  const what = 'a first-boot challenge';
  const holder = await ofFirstBoot(journey, runId);
  if (holder === undefined) return refuse(journey, 'not-in-this-state', what, caller.address);
  if ((await sourceOf(journey, caller, holder.node, holder.run, true)) === undefined) {
    return refuse(journey, 'wrong-mac', what, caller.address, holder);
  }
  if (ENDED_STATES.has(holder.run.state)) return refuse(journey, 'run-ended', what, caller.address, holder);
  return { kind: 'nonce', nonce: makeNonce(journey, runId, journey.clock.now() + NONCE_LIFETIME_MS) };
}

function makeNonce(journey: Journey, runId: string, expiresAt: number): string {
  const mark = createHmac('sha256', journey.keys.instance.subkey('nonce'))
    .update(`${runId}|${expiresAt}`)
    .digest('base64url');
  return `${runId}.${expiresAt}.${mark}`;
}

function isFreshNonce(journey: Journey, runId: string, nonce: string): boolean {
  const expiresAt = Number(nonce.split('.')[1]);
  return (
    Number.isSafeInteger(expiresAt) &&
    expiresAt > journey.clock.now() &&
    sameSecret(nonce, makeNonce(journey, runId, expiresAt))
  );
}

/** A run whose node may be asking: it waits for it, or has ended, which the node is told so that it stops asking. */
async function ofFirstBoot(journey: Journey, runId: string): Promise<TokenHolder | undefined> {
  const run = await journey.store.runs.byId(runId);
  if (run === undefined || !(FIRST_BOOT_STATES.has(run.state) || ENDED_STATES.has(run.state))) return undefined;
  const node = await journey.store.nodes.byId(run.nodeId);
  return node === undefined ? undefined : { node, run };
}

export interface Proof {
  readonly run: string;
  readonly nonce: string;
  /** Armored SSH signature (PROTOCOL.sshsig) over the nonce, namespace `ironwake`. */
  readonly signature: string;
}

export type CredentialReply = { readonly kind: 'credential'; readonly credential: string } | Refusal;

/** The node proves that it holds the private half of a host key that the webhook named, and gets its credential. */
export async function proveNode(journey: Journey, caller: Caller, proof: Proof): Promise<CredentialReply> {
  const what = 'a node credential';
  const holder = await ofFirstBoot(journey, proof.run);
  if (holder === undefined) return refuse(journey, 'not-in-this-state', what, caller.address);
  const { node, run } = holder;
  const source = await sourceOf(journey, caller, node, run, true);
  if (source === undefined) return refuse(journey, 'wrong-mac', what, caller.address, holder);
  if (ENDED_STATES.has(run.state)) return refuse(journey, 'run-ended', what, caller.address, holder);
  if (run.contested) return refuse(journey, 'contested', what, caller.address, holder);
  if (!isFreshNonce(journey, run.id, proof.nonce))
    return refuse(journey, 'bad-signature', what, caller.address, holder);
  const proved = Object.values(run.data.hostKeys ?? {})
    .filter((line) => line !== undefined)
    .map((line) => {
      const publicKey = parseOpenSshPublicKey(line);
      const verdict = verifySshSignature({
        armored: proof.signature,
        publicKey,
        namespace: NAMESPACE,
        message: proof.nonce,
      });
      return { publicKey, verdict };
    })
    .find(({ verdict }) => verdict.ok);
  if (proved === undefined || !proved.verdict.ok) return refuse(journey, 'bad-signature', what, caller.address, holder);
  const credential = `iwn_${run.id}_${Buffer.from(journey.keys.randomBytes(32)).toString('base64url')}`;
  const seen = await observe(journey, run.id, {
    kind: 'node-proved',
    keyType: proved.publicKey.type,
    fingerprint: proved.verdict.fingerprint,
    credentialHash: hashApiToken(credential),
    source,
  });
  if (seen.kind === 'refused') return refuse(journey, seen.reason, what, caller.address, holder);
  return { kind: 'credential', credential };
}

/** The node behind a credential (`Authorization: Bearer iwn_...`), or undefined. */
export async function nodeOf(journey: Journey, credential: string): Promise<TokenHolder | undefined> {
  const [prefix, runId] = credential.split('_');
  if (prefix !== 'iwn' || runId === undefined) return undefined;
  const run = await journey.store.runs.byId(runId);
  if (run?.data.credentialHash === undefined || !sameSecret(hashApiToken(credential), run.data.credentialHash))
    return undefined;
  const node = await journey.store.nodes.byId(run.nodeId);
  return node === undefined ? undefined : { node, run };
}

export type PlanReply = { readonly kind: 'plan'; readonly script: string } | Refusal;

/**
 * The plan of this node as one script. Fetched again after a reboot it is the same. Where the profile wants a person to confirm the node,
 * it is without the modules that carry secrets until then.
 */
export async function fetchPlan(journey: Journey, caller: Caller, holder: TokenHolder): Promise<PlanReply> {
  const { run } = holder;
  const media = await journey.store.media.byId(run.mediaId);
  const { postInstall, install } = profileOf(run);
  const whole = buildPlan({
    postInstall: withSecrets(postInstall, await secretsOf(journey)),
    product: media?.product ?? 'pve',
    release: media?.release ?? '',
  });
  const confirmed = install.release !== 'confirm' || run.data.confirmedAt !== undefined;
  const { plan, withheld } = confirmed ? { plan: whole, withheld: [] } : withholdSecrets(whole, postInstall);
  const probe = makeProbeKey(journey.keys.randomBytes);
  const seen = await observe(journey, run.id, {
    kind: 'plan-fetched',
    modules: plan.modules.map(({ module }) => module.name),
    withheld,
    get pins() {
      return journey.identity.pins;
    },
    probePublicKey: probe.publicLine,
    sealedProbeKey: journey.keys.seal(`probe-key ${run.id}`, probe.privateKey),
  });
  if (seen.kind === 'refused') return refuse(journey, seen.reason, 'the plan', caller.address, holder);
  const pins = seen.run.data.knownPins ?? journey.identity.pins;
  return {
    kind: 'plan',
    script: bundlePlan(plan, { baseUrl: caller.segment.httpsUrl, pins, runId: run.id, withheld }),
  };
}

export type ReleaseReply = { readonly kind: 'release'; readonly release: 'now' | 'wait' } | Refusal;

/** The node has done what it was given and asks whether it may fetch the rest. */
export async function askRelease(journey: Journey, caller: Caller, holder: TokenHolder): Promise<ReleaseReply> {
  const seen = await observe(journey, holder.run.id, { kind: 'code-awaited' });
  if (seen.kind === 'refused') return refuse(journey, seen.reason, 'the rest of the plan', caller.address, holder);
  return { kind: 'release', release: seen.run.data.confirmedAt === undefined ? 'wait' : 'now' };
}

/** The public half of this run's probe key, for the SSH module to let it in for the time of the probe. */
export function probeKeyOf(holder: TokenHolder): string | undefined {
  return holder.run.data.probePublicKey;
}

/** Takes a batch of reports, in order; repeated ones change nothing, so the node may send again what it is not sure of. */
export async function takeReports(
  journey: Journey,
  caller: Caller,
  holder: TokenHolder,
  reports: readonly StepReport[],
): Promise<{ readonly kind: 'taken' } | Refusal> {
  for (const report of [...reports].sort((a, b) => a.seq - b.seq)) {
    const seen = await observe(journey, holder.run.id, { kind: 'step-reported', report }, async (repositories) => {
      await repositories.runs.saveReport(holder.run.id, report);
    });
    if (seen.kind === 'refused') return refuse(journey, seen.reason, 'a report', caller.address, holder);
  }
  return { kind: 'taken' };
}

export async function finishPlan(
  journey: Journey,
  caller: Caller,
  holder: TokenHolder,
  result: 'ok' | 'failed',
): Promise<{ readonly kind: 'taken' } | Refusal> {
  const seen = await observe(journey, holder.run.id, { kind: 'plan-finished', result });
  return seen.kind === 'refused'
    ? refuse(journey, seen.reason, 'the end of the plan', caller.address, holder)
    : { kind: 'taken' };
}
