/** A node: a machine that is registered, by an administrator or by a rule. */
import { invalid } from '../errors.ts';
import { type Fqdn, parseFqdn, splitFqdn } from '../net/fqdn.ts';
import { type Ipv4, isIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/**
 * `once`: an installation is armed by hand or by a rule, one at a time. `always`: after each installation that came to `ready`, the next netboot
 * arms another (`rearm.ts` has the limits). `never`: it cannot be armed.
 */
export const INSTALL_POLICIES = ['once', 'always', 'never'] as const;
export type InstallPolicy = (typeof INSTALL_POLICIES)[number];

/** `/nodes/import` is a route of its own: whoever calls a node by its host name must not mean that. */
const RESERVED_HOST_NAMES: readonly string[] = ['import'];

/**
 * The full name of a node.
 * @throws IronwakeError `fqdn.malformed`, `fqdn.reserved`
 */
export function parseNodeName(text: string): Fqdn {
  const fqdn = parseFqdn(text);
  const { host } = splitFqdn(fqdn);
  if (!RESERVED_HOST_NAMES.includes(host)) return fqdn;
  throw invalid(
    'fqdn.reserved',
    'fqdn',
    `'${host}' is no host name for a node, as /nodes/${host} means something else`,
    'Choose another host name.',
  );
}

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
  /** Free text of the administrator. */
  readonly notes: string;
  readonly installPolicy: InstallPolicy;
  /** Arming is refused until somebody takes the protection away. */
  readonly protected: boolean;
  /** Since when it is out of the lists: it keeps its history, and has neither its name nor MACs nor addresses of pools any more. */
  readonly archivedAt: number | undefined;
  /** The MACs that an archived node had. */
  readonly formerMacs: readonly Mac[];
  /** Id of the rule that registered it. */
  readonly ruleId: string | undefined;
  readonly site: string;
  readonly revision: number;
  readonly createdAt: number;
}

/** What an administrator need not say of a new node. */
export const PLAIN_NODE = {
  notes: '',
  installPolicy: 'once',
  protected: false,
  archivedAt: undefined,
  formerMacs: [],
  ruleId: undefined,
} as const satisfies Partial<Node>;

/** A port more than any server has; what a machine reports is bounded by it too. */
export const MACS_OF_A_NODE = 64;

/** The static address in a node's values: `network.cidr`, else `answer.network.cidr`. Undefined where none is written, or none that can be read. */
export function fixedAddressOf({ values }: Pick<Node, 'values'>): Ipv4 | undefined {
  const cidr = cidrIn(values.network) ?? cidrIn(tableOf(values.answer).network);
  const address = cidr?.split('/')[0];
  return address !== undefined && isIpv4(address) ? address : undefined;
}

function cidrIn(network: unknown): string | undefined {
  const { cidr } = tableOf(network);
  return typeof cidr === 'string' ? cidr : undefined;
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** A machine that was seen on the wire and that nobody registered. Everything but the times is what it says of itself. */
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
