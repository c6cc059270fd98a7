/** Install: the three moments at which the official installer talks to us (answer, first-boot executable, webhook), all under its pin. */
import { createHash } from 'node:crypto';
import { buildAnswer } from '../answers/build.ts';
import { dialectFor } from '../answers/dialect.ts';
import type { MachineFacts } from '../answers/machine.ts';
import { serialiseAnswerAsJson } from '../answers/serialise.ts';
import { parseSystemInformation } from '../answers/system-information.ts';
import { type InstallReport, parseWebhook } from '../answers/webhook.ts';
import { IronwakeError } from '../errors.ts';
import { inNetwork } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Segment } from '../net/segment.ts';
import type { Node } from '../nodes/node.ts';
import { renderFirstBoot } from '../postinstall/hook.ts';
import type { Run } from '../runs/run.ts';
import { contestAndRefuse } from './contest.ts';
import { keepDocument } from './hardware.ts';
import type { Journey } from './journey.ts';
import { machineFactsOf } from './machine-facts.ts';
import { observe } from './observe.ts';
import type { MediaRecord } from './ports.ts';
import { type Refusal, refuse } from './refusal.ts';
import { profileOf } from './snapshot.ts';
import { keepStrangersReport } from './stranger-report.ts';
import { holderOf, type TokenHolder, tokenOf } from './tokens.ts';
import { type Caller, sourceOf } from './whereabouts.ts';

/** The one line that an installer shows on the machine's screen (9.2 prints the body of a failure). */
export interface Unusable {
  readonly kind: 'unusable';
  readonly text: string;
}

export type AnswerFormat = 'toml' | 'json';

export type AnswerReply =
  | { readonly kind: 'answer'; readonly format: AnswerFormat; readonly text: string }
  | Refusal
  | Unusable;

/** What the installer sends with its request for an answer. */
export interface AnswerQuestion {
  /** From the URL, or from the Authorization header (9.2); where both are there they must be the same. */
  readonly token: string;
  /** The system information. */
  readonly body: string;
  /** JSON or TOML, by the Accept header. Only releases that take JSON get it. */
  readonly prefers: AnswerFormat;
}

/** POST of the system information: the answer of this machine, once. */
export async function claimAnswer(
  journey: Journey,
  caller: Caller,
  { token, body, prefers }: AnswerQuestion,
): Promise<AnswerReply> {
  const what = 'the answer';
  const holder = await holderOf(journey, token, 'answer');
  if (holder === undefined) {
    if (token !== '') return refuse(journey, 'bad-token', what, caller.address);
    await keepStrangersReport(journey, caller, body);
    return refuse(journey, 'no-token', what, caller.address, await awaitedAt(journey, caller));
  }
  const { node, run } = holder;
  const source = await sourceOf(journey, caller, node, run);
  if (source === undefined) return contestAndRefuse(journey, holder, what, caller.address);
  // Before the body is looked at: a second claim is a contest whatever it says.
  const asked = await observe(journey, run.id, { kind: 'answer-requested', source });
  if (asked.kind === 'refused') return refuse(journey, asked.reason, what, caller.address, holder);
  let information: ReturnType<typeof parseSystemInformation>;
  try {
    information = parseSystemInformation(body);
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    await observe(journey, run.id, { kind: 'answer-unusable', source, message: error.message });
    return { kind: 'unusable', text: `${error.line}\n` };
  }
  if (!information.macs.some((mac: Mac) => node.macs.includes(mac))) {
    return refuse(journey, 'other-machine', what, caller.address, holder);
  }
  const { release, product } = information;
  let answer: Pick<Extract<AnswerReply, { kind: 'answer' }>, 'format' | 'text'>;
  try {
    const machine = await machineFactsOf(journey, node, body);
    const subject = { node, run, release, product, segment: caller.segment, bootMac: source.mac, machine };
    answer = answerOf(journey, subject, prefers);
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    // Only the image of this run can show that its profile is wrong: whatever else claims a release is not this run's installer.
    const media = await journey.store.media.byId(run.mediaId);
    if (error.code !== 'answer.invalid' || media?.release !== release || media.product !== product) {
      await observe(journey, run.id, { kind: 'answer-unusable', source, message: error.message });
      return { kind: 'unusable', text: `${error.line}\n` };
    }
    await observe(journey, run.id, { kind: 'answer-invalid', message: error.message, remedy: error.remedy });
    return { kind: 'unusable', text: `${error.line}\n` };
  }
  const seen = await observe(
    journey,
    run.id,
    { kind: 'answer-claimed', source, answer: answer.text, product, release },
    (repositories, { id }) => keepDocument(journey, repositories, node, id, 'system-information', documentOf(body)),
  );
  if (seen.kind === 'refused') return refuse(journey, seen.reason, what, caller.address, holder);
  return { kind: 'answer', ...answer };
}

/**
 * The run that waits for the machine at this address, so that its timeline says why it waits in vain: an image whose installer is older than its
 * release says sends no header.
 */
async function awaitedAt(journey: Journey, { address, segment }: Caller): Promise<TokenHolder | undefined> {
  if (!inNetwork(address, segment.address, segment.prefixLength)) return undefined;
  const mac = await journey.neighbours.macOf(address, segment.interfaceName);
  const node = mac === undefined ? undefined : await journey.store.nodes.byMac(mac);
  const run = node === undefined ? undefined : await journey.store.runs.activeOf(node.id);
  return node === undefined || run === undefined ? undefined : { node, run };
}

export interface AnswerSubject {
  readonly node: Node;
  readonly run: Pick<Run, 'id' | 'generation' | 'data'>;
  readonly release: string;
  readonly product: MediaRecord['product'];
  readonly segment: Segment;
  readonly bootMac: Mac | undefined;
  /** What the machine has told about itself, for selectors in the profile. */
  readonly machine?: MachineFacts | undefined;
}

/**
 * The answer as text. Made from the profile as it was when the run was armed; also called at arming, so that a profile that cannot work is
 * found before a machine depends on it.
 * @throws IronwakeError `answer.invalid` with the first finding
 */
export function answerOf(
  journey: Journey,
  subject: AnswerSubject,
  prefers: AnswerFormat = 'toml',
): { readonly format: AnswerFormat; readonly text: string } {
  const { node, run, segment } = subject;
  const profile = profileOf(run);
  const url = (step: 'hook' | 'webhook', path: string): string =>
    `${segment.httpsUrl}/installer/${tokenOf(journey, run, step)}/${path}`;
  const { fingerprint } = journey.identity;
  const dialect = dialectFor(subject.release, subject.product);
  const { toml, answer } = buildAnswer({
    answer: profile.answer,
    origins: profile.origins,
    node: { fqdn: node.fqdn, macs: node.macs },
    // The node's own values went over the profile when the run was armed.
    values: {},
    rootPasswordHash: run.data.rootPasswordHash,
    bootMac: subject.bootMac,
    machine: subject.machine,
    severities: journey.settings.severities,
    webhook: { url: url('webhook', 'webhook'), certFingerprint: fingerprint },
    firstBoot: { url: url('hook', 'first-boot'), certFingerprint: fingerprint, ordering: 'fully-up' },
    dialect,
    allowSecretsInAnswer: profile.install.allowSecretsInAnswer,
    product: subject.product,
  });
  return prefers === 'json' && dialect.supportsJsonAnswer
    ? { format: 'json', text: serialiseAnswerAsJson(answer) }
    : { format: 'toml', text: toml };
}

export type HookReply = { readonly kind: 'hook'; readonly script: string } | Refusal;

/** GET of the first-boot executable: small; it fetches the plan on first boot, after the node has proved its host key. */
export async function fetchHook(journey: Journey, caller: Caller, token: string): Promise<HookReply> {
  const what = 'the first-boot executable';
  const holder = await holderOf(journey, token, 'hook');
  if (holder === undefined) return refuse(journey, 'bad-token', what, caller.address);
  const source = await sourceOf(journey, caller, holder.node, holder.run);
  if (source === undefined) return contestAndRefuse(journey, holder, what, caller.address);
  const seen = await observe(journey, holder.run.id, {
    kind: 'hook-fetched',
    source,
    get pins() {
      return journey.identity.pins;
    },
  });
  if (seen.kind === 'refused') return refuse(journey, seen.reason, what, caller.address, holder);
  // Asked for twice it says the same, whatever was rotated in between: the pins are part of the confirmation code.
  const pins = seen.run.data.toldPins ?? journey.identity.pins;
  return {
    kind: 'hook',
    script: renderFirstBoot({ baseUrl: caller.segment.httpsUrl, pins, runId: holder.run.id }),
  };
}

export type WebhookReply = { readonly kind: 'stored' } | Refusal;

/**
 * POST of the post-installation report. A refusal would leave an installed machine at a shell, so everything that carries the token of this
 * run is stored and answered 200: also a repetition, and also a body that cannot be read (the run then waits for the node's own proof in vain, and
 * the timeline says why).
 */
export async function takeWebhook(
  journey: Journey,
  caller: Caller,
  token: string,
  body: string,
): Promise<WebhookReply> {
  const what = 'the post-installation report';
  const holder = await holderOf(journey, token, 'webhook');
  if (holder === undefined) return refuse(journey, 'bad-token', what, caller.address);
  const { node, run } = holder;
  const source = await sourceOf(journey, caller, node, run);
  if (source === undefined) return contestAndRefuse(journey, holder, what, caller.address);
  const report = readReport(body);
  const document = documentOf(body);
  const observation = {
    kind: 'webhook',
    source,
    digest: createHash('sha256').update(body).digest('hex'),
    readable: report !== undefined,
    document,
    hostKeys: report?.hostKeys ?? {},
    fqdn: report?.fqdn ?? node.fqdn,
    product: report?.product ?? '?',
    version: report?.productVersion ?? '?',
  } as const;
  // While the run is contested the report is held, and says nothing of the node yet.
  const seen = await observe(journey, run.id, observation, async (repositories, { id, contested }) => {
    if (!contested && report !== undefined) await keepDocument(journey, repositories, node, id, 'report', document);
  });
  if (seen.kind === 'refused') return refuse(journey, seen.reason, what, caller.address, holder);
  return { kind: 'stored' };
}

function readReport(body: string): InstallReport | undefined {
  try {
    return parseWebhook(body);
  } catch (error) {
    if (error instanceof IronwakeError) return undefined;
    throw error;
  }
}

/** The report as it came, for later questions; what is no JSON object is kept as text. */
function documentOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Kept as text below.
  }
  return { unreadable: body.slice(0, 4096) };
}
