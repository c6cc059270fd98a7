/**
 * From what a profile says to the stanzas of /etc/network/interfaces (ifupdown2; pve-docs, pve-network). ifupdown2 takes a misspelled attribute and an
 * incomplete stanza without a word, so every contradiction is found here, before a node is touched. Pure.
 */
import { invalid } from '../../../errors.ts';
import { inNetwork, isIpv4 } from '../../../net/ipv4.ts';
import type { NetworkParameters } from './parameters.ts';

export interface Stanza {
  readonly name: string;
  /** `keep` marks the one whose address and gateway the node itself fills in. */
  readonly method: 'manual' | 'static';
  readonly management: boolean;
  readonly lines: readonly string[];
}

export interface Layout {
  /** Ports first, then what stands on them: a file that reads from below to above. */
  readonly stanzas: readonly Stanza[];
  /** Everything of which the verification asks the kernel. */
  readonly bonds: readonly { readonly name: string; readonly mode: string; readonly ports: readonly string[] }[];
  readonly bridges: readonly {
    readonly name: string;
    readonly ports: readonly string[];
    readonly vlanAware: boolean;
  }[];
  readonly vlans: readonly { readonly name: string; readonly parent: string; readonly id: number }[];
}

type Bond = NetworkParameters['bonds'][string];
type Vlan = {
  readonly name: string;
  readonly parent: string;
  readonly id: number;
  readonly given: NetworkParameters['vlans'][string];
};

const FIELD = 'postInstall.network';
const refuse = (path: string, message: string, remedy: string) =>
  invalid('plan.parameter', `${FIELD}.${path}`, message, remedy);

const isMac = (port: string) => port.includes(':');
/** A port as it stands in the rendered file: a MAC between @ is replaced by the name that the node has for it. */
const written = (port: string) => (isMac(port) ? `@${port.toLowerCase()}@` : port);

/**
 * The interfaces of a node.
 * @throws IronwakeError `plan.parameter` naming the key whose value contradicts another
 */
export function layoutOf(params: NetworkParameters): Layout {
  const names = checkNames(params);
  const vlans = Object.entries(params.vlans).map(([name, given]) => vlanOf(name, given));
  const carried = new Map<string, string>();
  for (const [kind, group] of [
    ['bonds', params.bonds],
    ['bridges', params.bridges],
  ] as const) {
    for (const [name, { ports }] of Object.entries(group))
      for (const port of ports) takePort(carried, port.toLowerCase(), `${kind}.${name}`);
  }
  for (const [name, bond] of Object.entries(params.bonds)) checkBond(name, bond, names);
  for (const [name, bridge] of Object.entries(params.bridges)) {
    if (bridge.vids !== undefined && bridge.vlanAware !== true)
      throw refuse(
        `bridges.${name}.vids`,
        'only a VLAN-aware bridge has tags',
        'Add vlanAware: true, or leave vids out.',
      );
    checkTags(`bridges.${name}.vids`, bridge.vids ?? '');
    for (const port of bridge.ports)
      if (Object.hasOwn(params.bridges, port))
        throw refuse(`bridges.${name}.ports`, `${port} is a bridge itself`, 'Give ports, bonds or VLAN interfaces.');
  }
  for (const vlan of vlans) {
    if (Object.hasOwn(params.vlans, vlan.parent))
      throw refuse(
        `vlans.${vlan.name}.parent`,
        `${vlan.parent} is a VLAN interface itself`,
        'Give a port, a bond or a bridge.',
      );
    const on = carried.get(vlan.parent.toLowerCase());
    if (on !== undefined)
      throw refuse(
        `vlans.${vlan.name}.parent`,
        `${vlan.parent} belongs to ${on.split('.')[1]}`,
        `Put the VLAN interface on ${on.split('.')[1]}, which is VLAN-aware if need be.`,
      );
  }
  const twice = new Map<string, string>();
  for (const vlan of vlans) {
    const key = `${vlan.parent}.${vlan.id}`;
    if (twice.has(key))
      throw refuse(
        `vlans.${vlan.name}`,
        `${twice.get(key)} has the same tag on ${vlan.parent}`,
        'Keep one of the two.',
      );
    twice.set(key, vlan.name);
  }
  checkManagement(params, names, carried);
  checkAddresses(params);
  checkMtu(params, vlans);
  return { ...stanzasOf(params, vlans), ...factsOf(params, vlans) };
}

/** Every name that the profile defines. */
function checkNames(params: NetworkParameters): ReadonlySet<string> {
  const names = new Map<string, string>();
  for (const kind of ['bonds', 'bridges', 'vlans'] as const) {
    for (const name of Object.keys(params[kind])) {
      const other = names.get(name);
      if (other !== undefined)
        throw refuse(
          `${kind}.${name}`,
          `${name} is among the ${other} already`,
          'Give each interface a name of its own.',
        );
      if (name === 'lo') throw refuse(`${kind}.lo`, 'lo is the loopback interface', 'Choose another name.');
      names.set(name, kind);
    }
  }
  if (names.size === 0) {
    throw refuse(
      'bridges',
      'no interface is described',
      'Describe at least the one that carries the management address, for example `bridges: {vmbr0: {ports: [eno1]}}`.',
    );
  }
  return new Set(names.keys());
}

function takePort(carried: Map<string, string>, port: string, by: string): void {
  const other = carried.get(port);
  if (other !== undefined)
    throw refuse(
      `${by}.ports`,
      `${port} is a port of ${other.split('.')[1]} already`,
      'A port belongs to one bond or bridge.',
    );
  carried.set(port, by);
}

function checkBond(name: string, bond: Bond, names: ReadonlySet<string>): void {
  const at = (key: string) => `bonds.${name}.${key}`;
  if (bond.ports.length === 0) throw refuse(at('ports'), 'a bond needs ports', 'Give two or more, by name or by MAC.');
  for (const port of bond.ports)
    if (names.has(port)) throw refuse(at('ports'), `${port} is no port`, 'A bond is made of ports, by name or by MAC.');
  if (bond.hashPolicy !== undefined && bond.mode !== '802.3ad' && bond.mode !== 'balance-xor')
    throw refuse(at('hashPolicy'), `mode ${bond.mode} has no hash policy`, 'Leave it out, or choose mode 802.3ad.');
  if (bond.lacpRate !== undefined && bond.mode !== '802.3ad')
    throw refuse(at('lacpRate'), `mode ${bond.mode} does not speak LACP`, 'Leave it out, or choose mode 802.3ad.');
  if (bond.primary === undefined) return;
  if (bond.mode !== 'active-backup')
    throw refuse(at('primary'), `mode ${bond.mode} has no primary port`, 'Leave it out, or choose mode active-backup.');
  if (!bond.ports.map((port) => port.toLowerCase()).includes(bond.primary.toLowerCase()))
    throw refuse(at('primary'), `${bond.primary} is no port of ${name}`, `It has: ${bond.ports.join(', ')}.`);
}

function vlanOf(name: string, given: NetworkParameters['vlans'][string]): Vlan {
  const [base = '', tag] = name.split('.');
  const parent = given.parent ?? (tag === undefined ? undefined : base);
  const id = given.id ?? (tag === undefined ? undefined : Number(tag));
  if (parent === undefined || id === undefined) {
    const missing = parent === undefined ? 'parent' : 'id';
    throw refuse(
      `vlans.${name}.${missing}`,
      `${name} does not say its ${missing}`,
      'Add it, or name the interface PARENT.ID, for example vmbr0.10.',
    );
  }
  // The kernel and ifupdown2 read parent and tag from such a name, whatever else the file says.
  if (tag !== undefined && (parent !== base || id !== Number(tag)))
    throw refuse(
      `vlans.${name}`,
      `the name says tag ${tag} on ${base}, the keys say tag ${id} on ${parent}`,
      'Leave the keys out, or choose a name without a dot.',
    );
  if (id > 4094) throw refuse(`vlans.${name}.id`, `${id} is no VLAN tag`, 'Tags go from 1 to 4094.');
  return { name, parent, id, given };
}

function checkTags(path: string, vids: string): void {
  for (const range of vids.split(' ').filter(Boolean)) {
    const [first = 0, last = first] = range.split('-').map(Number);
    if (last > 4094 || first > last)
      throw refuse(path, `${range} is no range of VLAN tags`, 'Tags go from 1 to 4094, the smaller one first: 2-4094.');
  }
}

function checkManagement(
  params: NetworkParameters,
  names: ReadonlySet<string>,
  carried: ReadonlyMap<string, string>,
): void {
  const { management, gateway } = params;
  if (!names.has(management))
    throw refuse(
      'management',
      `${management} is not described`,
      `Describe it, or name one of: ${[...names].join(', ')}.`,
    );
  const on = carried.get(management);
  if (on !== undefined)
    throw refuse(
      'management',
      `${management} belongs to ${on.split('.')[1]} and cannot carry an address`,
      `Name ${on.split('.')[1]}, or a VLAN interface on it.`,
    );
  if (gateway !== 'keep' && gateway !== 'none' && !isIpv4(gateway))
    throw refuse('gateway', `${gateway} is not an IPv4 address`, 'Write keep, none, or four numbers from 0 to 255.');
}

function checkAddresses(params: NetworkParameters): void {
  const seen: { readonly address: string; readonly prefix: number; readonly path: string }[] = [];
  for (const kind of ['bonds', 'bridges', 'vlans'] as const) {
    for (const [name, { addresses }] of Object.entries(params[kind])) {
      const path = `${kind}.${name}.addresses`;
      for (const text of addresses ?? []) {
        const [address = '', length = ''] = text.split('/');
        const prefix = Number(length);
        if (!isIpv4(address) || prefix < 1 || prefix > 32)
          throw refuse(path, `${text} is not an address with prefix length`, 'Write it like 192.0.2.11/24.');
        const same = seen.find(
          (other) => isIpv4(other.address) && inNetwork(address, other.address, Math.min(prefix, other.prefix)),
        );
        // Two interfaces in one network: Linux answers ARP for both on either, and replies leave by the first.
        if (same !== undefined && same.path !== path)
          throw refuse(
            path,
            `${text} lies in the network of ${same.address}/${same.prefix} (${same.path})`,
            'Give each interface a network of its own.',
          );
        seen.push({ address, prefix, path });
      }
    }
  }
}

/** What stands on an interface cannot send longer packets than it. */
function checkMtu(params: NetworkParameters, vlans: readonly Vlan[]): void {
  const mtuOf = (name: string) => (params.bonds[name] ?? params.bridges[name])?.mtu ?? params.vlans[name]?.mtu;
  const pairs = [
    ...vlans.map(({ name, parent }) => [`vlans.${name}`, name, parent] as const),
    ...Object.entries(params.bridges).flatMap(([name, { ports }]) =>
      ports.map((port) => [`bridges.${name}`, name, port] as const),
    ),
  ];
  for (const [path, upper, lower] of pairs) {
    const above = mtuOf(upper);
    const below =
      mtuOf(lower) ?? (Object.hasOwn(params.bonds, lower) || Object.hasOwn(params.bridges, lower) ? 1500 : undefined);
    if (above !== undefined && below !== undefined && above > below)
      throw refuse(
        `${path}.mtu`,
        `${upper} sends up to ${above} bytes, ${lower} below it only ${below}`,
        `Give ${lower} mtu: ${above} too.`,
      );
  }
}

function stanzasOf(params: NetworkParameters, vlans: readonly Vlan[]): Pick<Layout, 'stanzas'> {
  const defined = new Set([
    ...Object.keys(params.bonds),
    ...Object.keys(params.bridges),
    ...vlans.map(({ name }) => name),
  ]);
  /** Port to the MTU that what stands on it needs. */
  const ports = new Map<string, number | undefined>();
  const use = (port: string, mtu: number | undefined) => {
    if (defined.has(port)) return;
    const key = isMac(port) ? port.toLowerCase() : port;
    ports.set(key, Math.max(ports.get(key) ?? 0, mtu ?? 0) || undefined);
  };
  for (const { ports: list, mtu } of [...Object.values(params.bonds), ...Object.values(params.bridges)])
    for (const port of list) use(port, mtu);
  for (const { parent, given } of vlans) use(parent, given.mtu);

  const stanza = (
    name: string,
    addresses: readonly string[] | undefined,
    mtu: number | undefined,
    lines: readonly string[],
  ): Stanza => {
    const management = name === params.management;
    const all = [
      ...(addresses ?? []).map((address) => `address ${address}`),
      ...lines,
      ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ];
    return { name, management, method: management || (addresses ?? []).length > 0 ? 'static' : 'manual', lines: all };
  };
  const stanzas = [
    ...[...ports].map(([port, mtu]) => stanza(written(port), undefined, mtu, [])),
    ...Object.entries(params.bonds).map(([name, bond]) => stanza(name, bond.addresses, bond.mtu, bondLines(bond))),
    ...inOrder([
      ...vlans.map(({ name, parent, id, given }) => ({
        needs: [parent],
        stanza: stanza(name, given.addresses, given.mtu, [`vlan-raw-device ${written(parent)}`, `vlan-id ${id}`]),
      })),
      ...Object.entries(params.bridges).map(([name, bridge]) => ({
        needs: bridge.ports,
        stanza: stanza(name, bridge.addresses, bridge.mtu, [
          `bridge-ports ${bridge.ports.length === 0 ? 'none' : bridge.ports.map(written).join(' ')}`,
          'bridge-stp off',
          'bridge-fd 0',
          ...(bridge.vlanAware === true ? ['bridge-vlan-aware yes', `bridge-vids ${bridge.vids ?? '2-4094'}`] : []),
        ]),
      })),
    ]),
  ];
  return { stanzas };
}

/** The upper after the lower, so that the file reads well; ifupdown2 itself finds the order. A ring is refused. */
function inOrder(all: readonly { readonly needs: readonly string[]; readonly stanza: Stanza }[]): readonly Stanza[] {
  const done: Stanza[] = [];
  let left = all;
  while (left.length > 0) {
    const waiting = new Set(left.map(({ stanza }) => stanza.name));
    const ready = left.filter(({ needs }) => !needs.some((name) => waiting.has(name)));
    if (ready.length === 0) {
      throw refuse(
        'bridges',
        `${[...waiting].join(' and ')} stand on each other`,
        'Take one of them out of the other’s ports.',
      );
    }
    done.push(...ready.map(({ stanza }) => stanza));
    left = left.filter((one) => !ready.includes(one));
  }
  return done;
}

function bondLines(bond: Bond): readonly string[] {
  const hashed = bond.mode === '802.3ad' || bond.mode === 'balance-xor';
  return [
    `bond-slaves ${bond.ports.map(written).join(' ')}`,
    'bond-miimon 100',
    `bond-mode ${bond.mode}`,
    ...(hashed ? [`bond-xmit-hash-policy ${bond.hashPolicy ?? 'layer2+3'}`] : []),
    ...(bond.mode === '802.3ad' ? [`bond-lacp-rate ${bond.lacpRate ?? 'fast'}`] : []),
    ...(bond.primary === undefined ? [] : [`bond-primary ${written(bond.primary)}`]),
  ];
}

function factsOf(params: NetworkParameters, vlans: readonly Vlan[]): Pick<Layout, 'bonds' | 'bridges' | 'vlans'> {
  return {
    bonds: Object.entries(params.bonds).map(([name, { mode, ports }]) => ({ name, mode, ports: ports.map(written) })),
    bridges: Object.entries(params.bridges).map(([name, { ports, vlanAware }]) => ({
      name,
      ports: ports.map(written),
      vlanAware: vlanAware === true,
    })),
    vlans: vlans.map(({ name, parent, id }) => ({ name, parent: written(parent), id })),
  };
}
