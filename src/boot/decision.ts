/**
 * What a machine boots, and why. Pure: facts and situation in, a value out; nothing here sends, stores or reads a clock. DHCP turns the
 * value into a packet, HTTP into a script, `explain` into a sentence.
 */
import type { Segment } from '../net/segment.ts';
import type { RunState } from '../runs/run.ts';
import type { ClientFacts } from './facts.ts';
import { loaderFor } from './loaders.ts';

/** Why a decision was taken. Data only; `describeReason` has the words. */
export type BootReason =
  | { readonly code: 'not-a-netboot-client' }
  | { readonly code: 'not-registered' }
  | { readonly code: 'no-armed-run' }
  | { readonly code: 'answer-already-claimed'; readonly state: RunState }
  | { readonly code: 'run-contested' }
  | { readonly code: 'armed'; readonly runId: string }
  | { readonly code: 'no-loader-for-architecture'; readonly archNumber: number | undefined }
  | { readonly code: 'request-for-the-dhcp-server' };

export type BootDecision =
  /** No reply at all. */
  | { readonly kind: 'silent'; readonly because: BootReason }
  /** Leave netboot at once and boot the local disk. */
  | { readonly kind: 'local-disk'; readonly because: BootReason }
  /** A loader by TFTP: the file's name under tftproot. */
  | { readonly kind: 'loader'; readonly file: string; readonly because: BootReason }
  /** A loader by the firmware's own HTTP client. */
  | { readonly kind: 'http-loader'; readonly url: string; readonly because: BootReason }
  /** An iPXE that gets its script by this URL. */
  | { readonly kind: 'script'; readonly url: string; readonly because: BootReason };

/** What is known of the machine at this moment. */
export interface BootSituation {
  readonly registered: boolean;
  /** The machine's active run (not ended), if there is one. */
  readonly run: { readonly id: string; readonly state: RunState; readonly contested: boolean } | undefined;
}

/** States in which the machine may load the installer; from `claimed` on it boots its disk, whatever happens. */
const INSTALLER_STATES: ReadonlySet<RunState> = new Set(['armed', 'booting', 'loading', 'live']);

/** Whether this situation lets the machine have the installer, and why (not). */
export function mayInstall(situation: BootSituation): { readonly yes: boolean; readonly because: BootReason } {
  if (!situation.registered) return { yes: false, because: { code: 'not-registered' } };
  const { run } = situation;
  if (run === undefined) return { yes: false, because: { code: 'no-armed-run' } };
  if (run.contested) return { yes: false, because: { code: 'run-contested' } };
  if (!INSTALLER_STATES.has(run.state))
    return { yes: false, because: { code: 'answer-already-claimed', state: run.state } };
  return { yes: true, because: { code: 'armed', runId: run.id } };
}

/**
 * Decides the reply to one DHCP packet of a client.
 *
 * A machine that nobody registered gets silence, so that an office network notices nothing. A registered one that is not to be
 * installed is sent to its disk at once (edk2 leaves PXE after 4 s instead of 60; netboot.md section 5). REQUESTs on port 67 belong to the DHCP
 * server and are never answered (section 2.2).
 */
export function decideBoot(facts: ClientFacts, situation: BootSituation, segment: Segment): BootDecision {
  if (facts.kind === 'other' || facts.kind === 'installer')
    return { kind: 'silent', because: { code: 'not-a-netboot-client' } };
  if (facts.port === 67 && facts.message !== 'discover')
    return { kind: 'silent', because: { code: 'request-for-the-dhcp-server' } };
  const { yes, because } = mayInstall(situation);
  if (!situation.registered) return { kind: 'silent', because };
  // The MAC stands in the URL for routed clients; on our own networks the neighbour table decides who is asking.
  const scriptUrl = `${segment.httpUrl}/boot/script/${facts.mac.replaceAll(':', '-')}`;
  // iPXE shows the script's words on the machine's screen, so it always gets one: it sends the machine to its disk itself.
  if (facts.kind === 'ipxe') return { kind: 'script', url: scriptUrl, because };
  if (!yes) return { kind: 'local-disk', because };
  const file = facts.arch === undefined ? undefined : loaderFor(facts.arch);
  if (file === undefined)
    return { kind: 'silent', because: { code: 'no-loader-for-architecture', archNumber: facts.archNumber } };
  if (facts.kind === 'http-boot')
    return { kind: 'http-loader', url: `${segment.httpUrl}/boot/loaders/${file}`, because };
  return { kind: 'loader', file, because };
}

const REASONS: { readonly [C in BootReason['code']]: (reason: Extract<BootReason, { code: C }>) => string } = {
  'not-a-netboot-client': () => 'this packet does not come from firmware or a boot loader that asks for a boot file',
  'not-registered': () => 'nobody registered this machine (npx ironwake node add)',
  'no-armed-run': () => 'the machine is registered, and no installation is armed (npx ironwake node install)',
  'answer-already-claimed': (r) =>
    `its installation has passed the point of booting the installer (state ${r.state}), so it boots its disk`,
  'run-contested': () =>
    'its installation is contested: somebody else used its tokens, and nothing more is released until an administrator decides',
  armed: () => 'an installation is armed for this machine',
  'no-loader-for-architecture': (r) =>
    `there is no loader for its architecture (DHCP option 93 = ${r.archNumber ?? 'absent'})`,
  'request-for-the-dhcp-server': () => 'this request is for the DHCP server of the network, not for a boot server',
};

/** The reason in words, for `explain`, the log and the timeline. */
export function describeReason(reason: BootReason): string {
  const describe = REASONS[reason.code] as (reason: BootReason) => string;
  return describe(reason);
}
