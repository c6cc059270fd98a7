/** A node: a machine that an administrator registered. */
import type { Fqdn } from '../net/fqdn.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

export interface Node {
  /** UUIDv7. */
  readonly id: string;
  readonly fqdn: Fqdn;
  readonly macs: readonly Mac[];
  /** Name of the profile file without its extension. */
  readonly profile: string;
  /** Labels of the administrator, in the order given; a file `tags/NAME.yaml` beside the profiles goes over the profile of every node that has it. */
  readonly tags: readonly string[];
  /** Values of this node that go over the profile's (same shape as a profile's body); a static address stands here. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly site: string;
  readonly revision: number;
  readonly createdAt: number;
}

/** A machine that was seen on the wire and that nobody registered. */
export interface DiscoveredMachine {
  readonly mac: Mac;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly packets: number;
  readonly arch: string | undefined;
  readonly uuid: string | undefined;
  readonly vendorClass: string | undefined;
  readonly hostName: string | undefined;
  readonly interfaceName: string;
  readonly address: Ipv4 | undefined;
}
