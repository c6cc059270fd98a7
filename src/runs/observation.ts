/** What can be observed of a run. Each observation is one arrow of the journey; transition.ts says what it does in each state. */
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { BootSignal, HostKeys, StepReport } from './run.ts';

/** Where a request came from, as far as the network tells. */
export interface Source {
  readonly address: Ipv4;
  readonly interfaceName: string;
  /** The MAC behind the address, checked to be one of the node's; undefined through a router or relay ("unbound"). */
  readonly mac: Mac | undefined;
}

export type ContestReason = 'second-claim' | 'another-source' | 'out-of-order' | 'other-webhook';

export type Observation =
  /** Firmware or iPXE asked by DHCP and was offered something. */
  | {
      readonly kind: 'firmware-asked';
      readonly arch: string;
      readonly stage: string;
      readonly interfaceName: string;
      /** By which question: a DISCOVER, a request to the boot server's port 4011, or as iPXE. */
      readonly signal: Extract<BootSignal, 'discover' | 'boot-server' | 'ipxe'>;
      readonly relayed?: boolean;
    }
  | { readonly kind: 'loader-fetched'; readonly file: string; readonly via: 'TFTP' | 'HTTP'; readonly bytes: number }
  | { readonly kind: 'script-served'; readonly source: Source }
  | { readonly kind: 'kernel-requested'; readonly source: Source }
  /** The first byte of the wrapped initrd is about to go out: binds the run to this source. */
  | {
      readonly kind: 'image-requested';
      readonly source: Source;
      readonly totalBytes: number;
      /** Of the certificate that the mode file in this image demands. */
      readonly fingerprint?: string | undefined;
    }
  | { readonly kind: 'image-progress'; readonly bytes: number }
  | { readonly kind: 'image-delivered'; readonly bytes: number; readonly durationMs: number }
  | { readonly kind: 'image-cut'; readonly bytes: number; readonly because: 'client' | 'shutdown' | 'withdrawn' }
  /** The live system's own DHCP request (no PXE class, asks for 250 and 251). */
  | { readonly kind: 'installer-seen' }
  | {
      readonly kind: 'answer-claimed';
      readonly source: Source;
      readonly answer: string;
      readonly product: string;
      readonly release: string;
    }
  /** The answer is asked for; before the request is read. */
  | { readonly kind: 'answer-requested'; readonly source: Source }
  /** The request was no system information of this machine; it gets no answer. */
  | { readonly kind: 'answer-unusable'; readonly source: Source; readonly message: string }
  | { readonly kind: 'answer-invalid'; readonly message: string; readonly remedy: string }
  /** `pins`: what the node is told with it, unless it was told before. */
  | { readonly kind: 'hook-fetched'; readonly source: Source; readonly pins?: readonly string[] | undefined }
  | {
      readonly kind: 'webhook';
      readonly source: Source;
      /** SHA-256 of the body, hex. */
      readonly digest: string;
      /** False for a body that is not the report that the installer sends. */
      readonly readable: boolean;
      readonly document: Readonly<Record<string, unknown>>;
      readonly hostKeys: HostKeys;
      readonly fqdn: string;
      readonly product: string;
      readonly version: string;
    }
  | {
      readonly kind: 'node-proved';
      readonly keyType: string;
      readonly fingerprint: string;
      readonly credentialHash: string;
      readonly source: Source;
    }
  | {
      readonly kind: 'plan-fetched';
      readonly modules: readonly string[];
      /** Modules that are not in it because they carry secrets, or come after one that does, and nobody has confirmed the node. */
      readonly withheld?: readonly string[] | undefined;
      readonly pins?: readonly string[] | undefined;
      readonly probePublicKey: string;
      readonly sealedProbeKey: string;
    }
  | { readonly kind: 'step-reported'; readonly report: StepReport }
  | {
      readonly kind: 'probe';
      readonly result: 'ok' | 'failed';
      readonly detail: string;
      /** Where the node was reached, when that is another address than before: its plan has changed the network. */
      readonly address?: Ipv4;
    }
  | { readonly kind: 'plan-finished'; readonly result: 'ok' | 'failed' }
  | { readonly kind: 'contest'; readonly reason: ContestReason; readonly address: Ipv4 }
  /** The node has done what it was given and asks whether the rest is released. */
  | { readonly kind: 'code-awaited' }
  /** A person entered a confirmation code. */
  | { readonly kind: 'code-entered'; readonly right: boolean; readonly by: string }
  | { readonly kind: 'credential-revoked'; readonly by: string }
  /** An administrator reads the root password, the one time that he can. */
  | { readonly kind: 'password-read'; readonly by: string }
  | { readonly kind: 'trust'; readonly by: string }
  | { readonly kind: 'cancel'; readonly by: string }
  /** The clock of this server was set, forward or (negative) back: deadlines move along, for the machine has no more and no less time. */
  | { readonly kind: 'clock-jumped'; readonly byMs: number }
  /** The deadline of the present state has passed. */
  | { readonly kind: 'deadline' };
