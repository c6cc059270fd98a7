/**
 * What every use case of the journey has in its hands, made once by the composition root. The use cases follow one shape:
 * observation -> load -> transition -> one transaction -> reply.
 */

import type { Severities } from '../answers/severities.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Neighbours } from '../net/neighbours.ts';
import type { Segment } from '../net/segment.ts';
import type { ProfileProblem } from '../profiles/library.ts';
import type { LoadedTag } from '../profiles/load.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import type { Budgets } from '../runs/budgets.ts';
import type { CertificateKeeper } from '../trust/certificate-keeper.ts';
import type { InstanceKey } from '../trust/instance-key.ts';
import type { Changes } from './changes.ts';
import type { DiscoveredMachines } from './discovered.ts';
import type { Leases } from './leases.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { ImageSources, Reach, SshProber, Store } from './ports.ts';
import type { RuleBook } from './rule-book.ts';
import type { Throttle } from './throttle.ts';
import type { Timekeeping } from './timekeeping.ts';

export interface Profiles {
  /** The last good version. @throws IronwakeError `profile.unknown` */
  require(name: string): ResolvedProfile;
  /** The last good version of a tag's file, if the tag has one. */
  tag(name: string): LoadedTag | undefined;
  list(): ReadonlyArray<{ readonly name: string; readonly description?: string | undefined }>;
  problems(): readonly ProfileProblem[];
}

export interface Keys {
  /** Makes and checks step tokens and nonces. */
  readonly instance: InstanceKey;
  /** Seals and opens secrets at rest; `purpose` is bound to the text (associated data). */
  seal(purpose: string, plain: string): string;
  unseal(purpose: string, sealed: string): string;
  randomBytes(size: number): Uint8Array;
}

/** What a client must see to know our TLS server. */
export interface ServerIdentity {
  /** SHA-256 of the certificate, `AA:BB:..`: what the official installer pins. */
  readonly fingerprint: string;
  /** SHA-256 of the public keys, base64: what our own hook and runner pin. The present key first. */
  readonly pins: readonly string[];
}

/** What is given out of the keeper's certificates. */
export function identityOf({ certificates }: { readonly certificates: CertificateKeeper }): ServerIdentity {
  return {
    get fingerprint() {
      return certificates.current.fingerprint;
    },
    get pins() {
      const { current, next } = certificates;
      return next === undefined ? [current.publicKeyPin] : [current.publicKeyPin, next.publicKeyPin];
    },
  };
}

export interface JourneySettings {
  readonly site: string;
  /** How findings about answers weigh. */
  readonly severities?: Severities | undefined;
}

export interface Journey {
  readonly store: Store;
  readonly clock: Clock;
  readonly timekeeping: Timekeeping;
  readonly log: Log;
  readonly keys: Keys;
  /** As it is at this moment: read it anew for every use. */
  readonly identity: ServerIdentity;
  readonly certificates: CertificateKeeper;
  readonly images: ImageSources;
  readonly profiles: Profiles;
  readonly neighbours: Neighbours;
  readonly prober: SshProber;
  readonly reach: Reach;
  readonly segments: () => readonly Segment[];
  readonly budgets: Budgets;
  readonly settings: JourneySettings;
  readonly discovered: DiscoveredMachines;
  readonly changes: Changes;
  readonly throttle: Throttle;
  readonly metrics: Metrics;
  readonly limits: Limits;
  readonly leases: Leases;
  readonly rules: RuleBook;
}
