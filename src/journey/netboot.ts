/** Netboot: what DHCP, TFTP and plain HTTP ask. From the first DISCOVER to the last byte of the image. */

import { dialectFor } from '../answers/dialect.ts';
import { MODE_FILE_NAME, renderModeFile } from '../answers/mode-file.ts';
import { type BootDecision, decideBoot, describeReason, mayInstall } from '../boot/decision.ts';
import { type ClientFacts, isDoctor } from '../boot/facts.ts';
import { kernelArguments, renderInstallScript, renderLocalDiskScript } from '../boot/scripts.ts';
import { IronwakeError, messageOf } from '../errors.ts';
import type { ByteSource } from '../media/source.ts';
import { type Ipv4, inNetwork } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Segment } from '../net/segment.ts';
import type { Node } from '../nodes/node.ts';
import type { Observation } from '../runs/observation.ts';
import { hasExpired, type Run } from '../runs/run.ts';
import { formatBytes } from '../runs/words.ts';
import { contestAndRefuse } from './contest.ts';
import type { Journey } from './journey.ts';
import { keepLoaderReport } from './loader-report.ts';
import { appendEvent, observe } from './observe.ts';
import type { MediaRecord } from './ports.ts';
import { rearm } from './rearm.ts';
import { makeReference, type Refusal, refuse } from './refusal.ts';
import { registerByRule } from './register-by-rule.ts';
import { holderOf, type TokenHolder, tokenOf } from './tokens.ts';
import { type Caller, sourceOf } from './whereabouts.ts';

/** A machine that goes to its disk at every boot leaves one row in this time, not one per packet. */
const LOCAL_DISK_EVERY_MS = 60_000;
/** What a node's packets say of its hardware hardly changes. */
const SEEN_EVERY_MS = 60_000;

/** Answers one DHCP packet: the decision, after what it says has been written down. */
export async function decideDhcp(journey: Journey, facts: ClientFacts, segment: Segment): Promise<BootDecision> {
  if (isDoctor(facts)) return lookedAt(journey, facts, segment);
  const node = (await journey.store.nodes.byMac(facts.mac)) ?? (await registerByRule(journey, facts, segment));
  if (node === undefined) {
    if (facts.kind !== 'other' && facts.kind !== 'installer') journey.discovered.note(facts, segment);
    return decideBoot(facts, { registered: false, run: undefined }, segment);
  }
  const netboots = facts.kind !== 'other' && facts.kind !== 'installer';
  if (netboots && journey.throttle.passes(`seen ${node.id} ${facts.kind}`, SEEN_EVERY_MS))
    journey.discovered.noteNode(node.id, facts, segment);
  const active = await activeRun(journey, node);
  // Through a relay the packet may be anybody's who has a route to us: it must not have disks erased that nobody armed.
  const begins = netboots && facts.port === 67 && facts.message === 'discover' && facts.relay === undefined;
  const run = active ?? (begins ? await rearm(journey, node) : undefined);
  const decision = decideBoot(facts, { registered: true, run }, segment);
  if (run !== undefined && facts.kind === 'installer') await observe(journey, run.id, { kind: 'installer-seen' });
  if (
    run !== undefined &&
    (decision.kind === 'loader' || decision.kind === 'http-loader' || decision.kind === 'script') &&
    mayInstall({ registered: true, run }).yes
  ) {
    await observe(journey, run.id, {
      kind: 'firmware-asked',
      arch: facts.arch?.name ?? '?',
      stage: STAGES[facts.kind],
      interfaceName: segment.interfaceName,
      signal: facts.kind === 'ipxe' ? 'ipxe' : facts.port === 4011 ? 'boot-server' : 'discover',
      relayed: facts.relay !== undefined && !isServed(journey, facts.relay),
    });
  }
  if (decision.kind === 'local-disk') await noteLocalDisk(journey, node, run, describeReason(decision.because));
  return decision;
}

/** What a packet of `ironwake doctor` gets: the answer to a machine that is not armed, if the MAC is registered. Reads, and does nothing else. */
async function lookedAt(journey: Journey, facts: ClientFacts, segment: Segment): Promise<BootDecision> {
  const registered = (await journey.store.nodes.byMac(facts.mac)) !== undefined;
  return decideBoot(facts, { registered, run: undefined }, segment);
}

/** The run under way. One whose time is over ends here and now: the sweep may be a minute behind after a jump of the clock. */
async function activeRun(journey: Journey, node: Node): Promise<Run | undefined> {
  await journey.timekeeping.follow();
  const run = await journey.store.runs.activeOf(node.id);
  if (run === undefined || !hasExpired(run, journey.clock.now())) return run;
  await observe(journey, run.id, { kind: 'deadline' });
  return undefined;
}

/** A relay has no business on a network that we serve ourselves: there the neighbour check holds, and a forged giaddr must not undo it. */
function isServed(journey: Journey, address: Ipv4): boolean {
  return journey.segments().some((segment) => inNetwork(address, segment.address, segment.prefixLength));
}

const STAGES: Readonly<Record<ClientFacts['kind'], string>> = {
  pxe: 'firmware (PXE)',
  'http-boot': 'firmware (HTTP boot)',
  ipxe: 'iPXE',
  installer: 'installer',
  other: 'client',
};

async function noteLocalDisk(
  journey: Journey,
  node: Node,
  run: Run | undefined,
  because: string,
  reference?: string,
): Promise<void> {
  if (!journey.throttle.passes(`local-disk ${node.id}`, LOCAL_DISK_EVERY_MS)) return;
  const data = { because, ...(reference === undefined ? {} : { reference }) };
  await appendEvent(journey, { code: 'boot.local-disk', data }, node, run);
}

/** The loader was fetched: by TFTP (the MAC from the neighbour table) or by HTTP. */
export async function loaderFetched(
  journey: Journey,
  caller: Caller,
  file: string,
  via: 'TFTP' | 'HTTP',
  bytes: number,
): Promise<void> {
  const mac = await journey.neighbours.macOf(caller.address, caller.segment.interfaceName);
  const node = mac === undefined ? undefined : await journey.store.nodes.byMac(mac);
  const run = node === undefined ? undefined : await activeRun(journey, node);
  if (run !== undefined) await observe(journey, run.id, { kind: 'loader-fetched', file, via, bytes });
}

export type ScriptReply = { readonly kind: 'script'; readonly text: string } | Refusal;

/**
 * The boot script of the machine behind the caller's address. On our own networks the neighbour table says which machine that is, and the
 * MAC in the URL must be one of the same node: a stranger who writes another machine's MAC into the URL is refused.
 *
 * A machine that has nothing to install is not refused but sent to its disk, by one script for all reasons: it must boot something, and who
 * reads over its shoulder learns a reference, no more.
 * @param look true for a HEAD request: answered alike, and nothing is observed
 */
export async function bootScript(journey: Journey, caller: Caller, urlMac: Mac, look = false): Promise<ScriptReply> {
  const what = 'the boot script';
  const named = await journey.store.nodes.byMac(urlMac);
  if (named === undefined) return refuse(journey, 'unknown-machine', what, caller.address);
  const run = await activeRun(journey, named);
  const source = await sourceOf(journey, caller, named, run);
  if (source === undefined) return refuse(journey, 'wrong-mac', what, caller.address, { node: named, run });
  const allowed = mayInstall({ registered: true, run });
  if (run === undefined || !allowed.yes) {
    const reference = makeReference(journey);
    if (!look) await noteLocalDisk(journey, named, run, describeReason(allowed.because), reference);
    const machineUrl = `${caller.segment.httpUrl}/boot/machine/${urlMac}`;
    return { kind: 'script', text: renderLocalDiskScript({ reference, machineUrl }) };
  }
  const media = await journey.store.media.byId(run.mediaId);
  if (media === undefined) return refuse(journey, 'not-armed', what, caller.address, { node: named, run });
  if (!look) {
    const seen = await observe(journey, run.id, { kind: 'script-served', source });
    if (seen.kind === 'refused') return refuse(journey, seen.reason, what, caller.address, { node: named, run });
  }
  const base = `${caller.segment.httpUrl}/boot/${tokenOf(journey, run, 'image')}`;
  const text = renderInstallScript({
    fqdn: named.fqdn,
    media: media.name,
    kernelUrl: `${base}/linux26`,
    initrdUrl: `${base}/initrd.img`,
    kernelArguments: kernelArguments(extraKernelArguments(run)),
    imageSize: formatBytes(media.sizeBytes),
  });
  return { kind: 'script', text };
}

function extraKernelArguments(run: Run): readonly string[] {
  const install = run.data.profile.install as { readonly kernelArgs?: readonly string[] } | undefined;
  return install?.kernelArgs ?? [];
}

export type ImageReply =
  | {
      readonly kind: 'source';
      readonly source: ByteSource;
      readonly etag: string;
      /** To be called as bytes go out, and once at the end. */
      readonly progress: TransferProgress | undefined;
    }
  | Refusal;

export interface TransferProgress {
  /** Aborted when the run ends or is contested while bytes are on their way: nothing more is released. */
  readonly withdrawn: AbortSignal;
  sent(bytes: number): void;
  finished(bytes: number, durationMs: number): Promise<void>;
  cut(bytes: number, because: CutReason): Promise<void>;
}

export type CutReason = 'client' | 'shutdown' | 'withdrawn';

/**
 * The kernel, or the initrd in which image and mode file of this run are wrapped. Opened before it is observed: what cannot be read was not sent.
 * @param options `look`: a HEAD request: answered alike, and nothing is observed. `query`: of the URL: what the loader says of the machine
 * @throws IronwakeError `media.gone` and its kin, after the timeline has been told
 */
export async function bootImage(
  journey: Journey,
  caller: Caller,
  token: string,
  file: 'linux26' | 'initrd.img',
  { look = false, query = '' }: { readonly look?: boolean; readonly query?: string } = {},
): Promise<ImageReply> {
  const what = file === 'linux26' ? 'the kernel' : 'the installer image';
  const holder = await holderOf(journey, token, 'image');
  if (holder === undefined) return refuse(journey, 'bad-token', what, caller.address);
  const { node, run } = holder;
  const media = await journey.store.media.byId(run.mediaId);
  if (media === undefined) return refuse(journey, 'run-ended', what, caller.address, holder);
  const source = await sourceOf(journey, caller, node, run);
  if (source === undefined) return contestAndRefuse(journey, holder, what, caller.address);
  const fingerprint = run.data.installerFingerprint ?? journey.identity.fingerprint;
  const wrap = (pinned: string) => wrappedInitrd(journey, run, media, caller.segment, pinned);
  let bytes = await opened(journey, holder, () =>
    file === 'linux26' ? journey.images.file(media, media.kernelPath) : wrap(fingerprint),
  );
  const etag = file === 'linux26' ? `"${media.id}-kernel"` : `"${run.id}-${run.generation}"`;
  if (look) return { kind: 'source', source: bytes, etag, progress: undefined };
  const observation: Observation =
    file === 'linux26'
      ? { kind: 'kernel-requested', source }
      : {
          kind: 'image-requested',
          source,
          totalBytes: bytes.sizeBytes,
          // Read within the transaction: the certificate changes within one too (rotation.ts).
          get fingerprint() {
            return journey.identity.fingerprint;
          },
        };
  const seen = await observe(journey, run.id, observation);
  if (seen.kind === 'refused') return refuse(journey, seen.reason, what, caller.address, holder);
  if (query !== '') await keepLoaderReport(journey, node, query);
  // Another request of this machine was first, or the certificate changed in between: the run has one image only.
  const settled = seen.run.data.installerFingerprint ?? fingerprint;
  if (file === 'initrd.img' && settled !== fingerprint) bytes = await wrap(settled);
  return {
    kind: 'source',
    source: bytes,
    etag,
    progress: file === 'linux26' ? undefined : progressOf(journey, run.id),
  };
}

/**
 * What a loader on its way to the local disk says of its machine. Believed of nobody but the machine itself, by the neighbour table as for its script.
 * @param query of the URL
 */
export async function machineSaid(
  journey: Journey,
  caller: Caller,
  urlMac: Mac,
  query: string,
): Promise<'kept' | Refusal> {
  const what = 'what a loader says of its machine';
  const node = await journey.store.nodes.byMac(urlMac);
  if (node === undefined) return refuse(journey, 'unknown-machine', what, caller.address);
  const run = await activeRun(journey, node);
  const source = await sourceOf(journey, caller, node, run);
  if (source === undefined) return refuse(journey, 'wrong-mac', what, caller.address, { node, run });
  await keepLoaderReport(journey, node, query);
  return 'kept';
}

/** Opens a part of the image, or tells the timeline why it cannot be had. */
async function opened(journey: Journey, holder: TokenHolder, open: () => Promise<ByteSource>): Promise<ByteSource> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof IronwakeError && journey.throttle.passes(`image ${holder.run.id}`, LOCAL_DISK_EVERY_MS)) {
      const data = { message: error.message, remedy: error.remedy };
      await appendEvent(journey, { code: 'boot.image-missing', data }, holder.node, holder.run);
    }
    throw error;
  }
}

/** The image as this run sees it: with the mode file that leads its installer to this run's answer. */
function wrappedInitrd(
  journey: Journey,
  run: Run,
  media: MediaRecord,
  segment: Segment,
  fingerprint: string,
): Promise<ByteSource> {
  const modeFile = renderModeFile(
    { baseUrl: segment.httpsUrl, certFingerprint: fingerprint, token: tokenOf(journey, run, 'answer') },
    dialectFor(media.release, media.product),
  );
  return journey.images.wrappedInitrd(media, [{ name: MODE_FILE_NAME, content: Buffer.from(modeFile, 'utf8') }]);
}

/** Progress is a counter: it is written at most once a second. */
function progressOf(journey: Journey, runId: string): TransferProgress {
  const every = 1000;
  let written = journey.clock.now();
  const withdraw = new AbortController();
  return {
    withdrawn: withdraw.signal,
    sent(bytes) {
      const now = journey.clock.now();
      if (now - written < every) return;
      written = now;
      observe(journey, runId, { kind: 'image-progress', bytes }).then(
        (seen) => {
          if (seen.kind === 'refused') withdraw.abort();
        },
        (error: unknown) => {
          journey.log.warn({ run: runId, err: messageOf(error) }, 'progress could not be written');
        },
      );
    },
    async finished(bytes, durationMs) {
      await observe(journey, runId, { kind: 'image-delivered', bytes, durationMs });
    },
    async cut(bytes, because) {
      await observe(journey, runId, { kind: 'image-cut', bytes, because });
    },
  };
}
