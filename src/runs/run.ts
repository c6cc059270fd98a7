/** A run: one installation of one node, from arming to ready. The state machine is in transition.ts. */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

export const RUN_STATES = [
  'armed',
  'booting',
  'loading',
  'live',
  'claimed',
  'installing',
  'installed',
  'configuring',
  'ready',
  'failed',
  'expired',
  'cancelled',
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** States that no observation leaves. */
export const ENDED_STATES: ReadonlySet<RunState> = new Set(['ready', 'failed', 'expired', 'cancelled']);

/** The steps that a token of a run opens (design: Trust). */
export type TokenStep = 'image' | 'answer' | 'hook' | 'webhook';

/** What a module's verification says is not as the plan wants it. No secrets. */
export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** One line of the node's own report about its plan. */
export interface StepReport {
  /** Rises by one with each report of a run; the same number again is a repetition and changes nothing. */
  readonly seq: number;
  readonly module: string;
  /** `restart`: the node restarts because the module asked for it, and the plan goes on afterwards. */
  readonly step: 'apply' | 'verify' | 'reapply' | 'rollback' | 'restart';
  readonly result: 'changed' | 'unchanged' | 'ok' | 'failed' | 'skipped';
  /** Epoch milliseconds by the node's clock. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** The end of what the step printed, at most 16 KiB, secrets never in it. */
  readonly output: string;
  /** One line that says what the result means: why it failed, what changed. */
  readonly detail: string;
  /** Of a verification that failed. */
  readonly differences?: readonly Difference[];
}

export interface HostKeys {
  readonly ed25519?: string | undefined;
  readonly ecdsa?: string | undefined;
  readonly rsa?: string | undefined;
}

/** What a run knows. Everything that is not looked up by is in `data`, one JSON column. */
export interface Run {
  /** UUIDv7. */
  readonly id: string;
  readonly nodeId: string;
  readonly state: RunState;
  /** Why it ended, for `failed`: a code of the event catalogue. */
  readonly failure: string | undefined;
  readonly contested: boolean;
  /** Raised by one to make all tokens of this run worthless. */
  readonly generation: number;
  readonly mediaId: string;
  readonly armedAt: number;
  readonly stateSince: number;
  /** When the present state's budget ends: then `stalled` (or `expired` while only armed). Undefined once ended. */
  readonly deadlineAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly revision: number;
  readonly data: RunData;
}

/** The last sign of a machine that netboots, in the order in which they come: a later one is not undone by an earlier one that is repeated. */
export const BOOT_SIGNALS = ['discover', 'boot-server', 'loader', 'ipxe', 'script'] as const;
export type BootSignal = (typeof BOOT_SIGNALS)[number];

export interface RunData {
  /** SHA-256 of the resolved profile that was in force when the run was armed; the answer and the plan come from this snapshot. */
  readonly profileVersion: string;
  readonly profileName: string;
  /** The resolved profile itself (secrets by reference only). */
  readonly profile: Readonly<Record<string, unknown>>;
  /** Random root password of this run, sealed, until it was read; absent when nobody may read it. */
  readonly sealedRootPassword?: string | undefined;
  /** What the answer holds. */
  readonly rootPasswordHash: string;
  readonly rootPasswordReadAt?: number | undefined;
  /** Who wanted it, where that was no person: a rule that registered the machine, or the node's install policy. */
  readonly armedBy?: 'rule' | 'policy' | undefined;
  /** Until when the machine must have asked for its answer. Epoch milliseconds. */
  readonly expiresAt: number;
  /** The stage of the last DHCP request that was written down: a repetition is not another event. */
  readonly lastStage?: string | undefined;
  /** How far it has come on its way to the script; kept while it is repeated. */
  readonly bootSignal?: BootSignal | undefined;
  /** The firmware's request came through a DHCP relay: this machine lives behind a router, where no MAC can be checked. */
  readonly relayed?: boolean | undefined;
  /** Where the installer really runs: bound from the first image byte on. */
  readonly boundAddress?: Ipv4 | undefined;
  readonly boundMac?: Mac | undefined;
  readonly boundInterface?: string | undefined;
  /** 'neighbour' where the MAC behind the address was checked, 'unbound' through a relay or router. */
  readonly binding?: 'neighbour' | 'unbound' | undefined;
  readonly arch?: string | undefined;
  readonly imageBytes?: number | undefined;
  readonly imageTotalBytes?: number | undefined;
  readonly imageDeliveredAt?: number | undefined;
  readonly claimedAt?: number | undefined;
  /** The exact answer that was served (it holds no secret but the hash, which is masked where it is shown). */
  readonly answer?: string | undefined;
  readonly hookFetchedAt?: number | undefined;
  /** SHA-256 of the webhook's body: an equal one is accepted again, another is a contest. */
  readonly webhookDigest?: string | undefined;
  readonly webhook?: Readonly<Record<string, unknown>> | undefined;
  readonly hostKeys?: HostKeys | undefined;
  /** Webhooks that came while the run was contested, first come first: `trust` takes the one of the bound machine, `cancel` drops all. */
  readonly heldWebhooks?: ReadonlyArray<Readonly<Record<string, unknown>>> | undefined;
  /** Address of the installed node: where the daemon connects to. */
  readonly nodeAddress?: Ipv4 | undefined;
  /** SHA-256 of the node credential that was issued, hex. */
  readonly credentialHash?: string | undefined;
  /** The host key that the node proved: `SHA256:...`. */
  readonly provedFingerprint?: string | undefined;
  readonly credentialIssuedAt?: number | undefined;
  /** When an administrator revoked the credential that was valid until then; a new one may have been issued since. */
  readonly credentialRevokedAt?: number | undefined;
  /** SHA-256 of the certificate that this run's installer was told to demand. */
  readonly installerFingerprint?: string | undefined;
  /** The key pins that the node was told by its installer, in this order: part of the confirmation code. */
  readonly toldPins?: readonly string[] | undefined;
  /** The key pins that the node holds now: a plan brings newer ones. */
  readonly knownPins?: readonly string[] | undefined;
  /** Modules that wait until a person has confirmed the node; empty or absent when none does. */
  readonly withheld?: readonly string[] | undefined;
  /** Since when the node has nothing left to do but to wait for that. */
  readonly waitingForCodeSince?: number | undefined;
  readonly confirmedAt?: number | undefined;
  /** Wrong codes that were entered since the last right one or the last pause. */
  readonly codeFailures?: number | undefined;
  readonly codeFailedAt?: number | undefined;
  /** Probe key of this run: public half in OpenSSH form, private half sealed. */
  readonly probePublicKey?: string | undefined;
  readonly sealedProbeKey?: string | undefined;
  readonly planModules?: readonly string[] | undefined;
  readonly lastReportSeq?: number | undefined;
  /** Result of the last report of each step, by module: what `ready` rests on. */
  readonly results?:
    | Readonly<Record<string, Readonly<Partial<Record<StepReport['step'], StepReport['result']>>>>>
    | undefined;
  readonly stalledSince?: number | undefined;
}

/** From one moment to another; a small step of the clock back between them makes no negative length. Milliseconds. */
export function lengthOf(since: number, until: number): number {
  return Math.max(0, until - since);
}

/** States before the answer was handed out: only these expire. */
const BEFORE_CLAIM: ReadonlySet<RunState> = new Set(['armed', 'booting', 'loading', 'live']);

/** Whether the time is over in which the machine had to ask for its answer. */
export function hasExpired(run: Run, now: number): boolean {
  return BEFORE_CLAIM.has(run.state) && now >= run.data.expiresAt;
}
