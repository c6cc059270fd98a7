/** What a profile may say below `postInstall.network`. The limits are Linux's, ifupdown2's and Proxmox VE's (pve-docs, pve-network). */
import { type Static, Type } from '@sinclair/typebox';

/** Longest interface name that leaves room for a VLAN tag behind it: IFNAMSIZ is 16 with its end, `.4094` takes five. */
const NAME = '^[a-z][a-z0-9_]{0,9}$';
const VLAN_NAME = '^[a-z][a-z0-9_]{0,9}(\\.[1-9][0-9]{0,3})?$';
const CIDR = '^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$';
const MAC = '[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}';
const PORT = `^([a-z][a-z0-9_]{0,14}|${MAC})$`;

const Mtu = Type.Integer({
  minimum: 1280,
  maximum: 65_520,
  description: 'Largest packet in bytes. Ports, bond and bridge of one path need the same, and so does the switch.',
});
const Addresses = Type.Array(Type.String({ pattern: CIDR }), {
  maxItems: 16,
  description: 'IPv4 addresses with prefix length: 192.0.2.11/24. Not the management address: that has its own key.',
});
const Ports = (description: string) => Type.Array(Type.String({ pattern: PORT }), { maxItems: 16, description });

export const BOND_MODES = [
  'active-backup',
  '802.3ad',
  'balance-rr',
  'balance-xor',
  'broadcast',
  'balance-tlb',
  'balance-alb',
] as const;

const Bond = Type.Object(
  {
    ports: Ports('Ports of the bond, by name (eno1) or by MAC: a MAC stays right when a kernel renames ports.'),
    mode: Type.Union(
      BOND_MODES.map((mode) => Type.Literal(mode)),
      {
        description:
          'active-backup needs nothing of the switch; 802.3ad needs LACP there; balance-rr reorders packets.',
      },
    ),
    hashPolicy: Type.Optional(
      Type.Union([Type.Literal('layer2'), Type.Literal('layer2+3'), Type.Literal('layer3+4')], {
        description: 'How connections are spread over the ports: 802.3ad and balance-xor only. layer2+3 unless told.',
      }),
    ),
    lacpRate: Type.Optional(
      Type.Union([Type.Literal('fast'), Type.Literal('slow')], {
        description: '802.3ad only. fast unless told: corosync does not survive the 90 s that slow needs to notice.',
      }),
    ),
    primary: Type.Optional(
      Type.String({ pattern: PORT, description: 'active-backup only: the port used while it is up.' }),
    ),
    mtu: Type.Optional(Mtu),
    addresses: Type.Optional(Addresses),
  },
  { additionalProperties: false },
);

const Bridge = Type.Object(
  {
    ports: Ports('Ports, bonds or VLAN interfaces on the bridge; an empty list makes an inner bridge.'),
    vlanAware: Type.Optional(Type.Boolean({ description: 'Whether guests may use VLAN tags on it. Off unless told.' })),
    vids: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?( [1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?)*$',
        maxLength: 200,
        description: 'Tags that pass a VLAN-aware bridge: 2-4094 unless told.',
      }),
    ),
    mtu: Type.Optional(Mtu),
    addresses: Type.Optional(Addresses),
  },
  { additionalProperties: false },
);

const Vlan = Type.Object(
  {
    parent: Type.Optional(
      Type.String({
        pattern: PORT,
        description: 'Port, bond or bridge below. Taken from a name like vmbr0.10 unless told.',
      }),
    ),
    id: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 4094, description: 'The tag. Taken from a name like vmbr0.10 unless told.' }),
    ),
    mtu: Type.Optional(Mtu),
    addresses: Type.Optional(Addresses),
  },
  { additionalProperties: false },
);

export const Parameters = Type.Object(
  {
    management: Type.String({
      default: 'vmbr0',
      pattern: VLAN_NAME,
      description:
        'The bridge, bond or VLAN interface that carries the node’s own address. The address itself stays what the installation gave: certificate, hosts file and cluster know it.',
    }),
    gateway: Type.String({
      default: 'keep',
      pattern: '^(keep|none|[0-9]{1,3}(\\.[0-9]{1,3}){3})$',
      description: 'Default gateway. keep: the one that the installation gave; none: no default route.',
    }),
    bonds: Type.Record(Type.String({ pattern: NAME }), Bond, {
      default: {},
      additionalProperties: false,
      description: 'Bonds by name (bond0): ports, mode, hashPolicy, lacpRate, primary, mtu, addresses.',
    }),
    bridges: Type.Record(Type.String({ pattern: NAME }), Bridge, {
      default: {},
      additionalProperties: false,
      description: 'Bridges by name (vmbr0): ports, vlanAware, vids, mtu, addresses.',
    }),
    vlans: Type.Record(Type.String({ pattern: VLAN_NAME }), Vlan, {
      default: {},
      additionalProperties: false,
      description: 'VLAN interfaces by name (vmbr0.10, or any name with parent and id): parent, id, mtu, addresses.',
    }),
    rollbackSeconds: Type.Integer({
      default: 180,
      minimum: 30,
      maximum: 3600,
      description:
        'After how many seconds the former network comes back unless the server has reached the node through the new one.',
    }),
  },
  { additionalProperties: false },
);

export type NetworkParameters = Static<typeof Parameters>;
