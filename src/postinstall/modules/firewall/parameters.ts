/** What a profile may say below `postInstall.firewall` (pve-docs, pve-firewall; nft(8) for the products without a firewall of their own). */
import { type Static, Type } from '@sinclair/typebox';

const NETWORK = '^[0-9]{1,3}(\\.[0-9]{1,3}){3}(/[0-9]{1,2})?$';
/** As pve-firewall takes it for sets; one that starts with a letter is a name for nftables too. */
const SET = '[A-Za-z][A-Za-z0-9_-]{1,31}';

const Networks = (description: string) => Type.Array(Type.String({ pattern: NETWORK }), { maxItems: 256, description });

const Rule = Type.Object(
  {
    action: Type.Union([Type.Literal('accept'), Type.Literal('drop'), Type.Literal('reject')], {
      default: 'accept',
      description: 'accept, drop (silently) or reject (with an answer).',
    }),
    protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')], { default: 'tcp', description: 'tcp or udp.' }),
    ports: Type.String({
      pattern: '^[1-9][0-9]{0,4}(:[1-9][0-9]{0,4})?(,[1-9][0-9]{0,4}(:[1-9][0-9]{0,4})?)*$',
      maxLength: 120,
      description: 'Ports of the node: 9100, a list 80,443 or a range 8000:8010.',
    }),
    from: Type.Optional(
      Type.String({
        pattern: `^(\\+${SET}|${NETWORK.slice(1, -1)})$`,
        description: 'Where from: an address, a network or a set as +NAME. Anywhere unless told.',
      }),
    ),
    log: Type.Optional(
      Type.Union([Type.Literal('nolog'), Type.Literal('info'), Type.Literal('warning')], {
        description: 'Whether hits are logged, and how loud. nolog unless told.',
      }),
    ),
    comment: Type.Optional(
      // One line; nft takes up to 128 bytes of a comment, and none with a quote.
      Type.String({
        pattern: '^[A-Za-z0-9 .,:;/()_+-]{1,100}$',
        description: 'What the rule is for: letters, digits and plain signs.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const Parameters = Type.Object(
  {
    management: Networks(
      'Addresses and networks that may reach SSH, the web interface and consoles. The Ironwake server’s own address is added by itself.',
    ),
    localNetwork: Type.String({
      default: 'node',
      pattern: `^node$|${NETWORK}`,
      description:
        'Proxmox VE lets this network in beside the management set. node: the node’s own address alone, so nobody else; in a cluster the network of its nodes.',
    }),
    ping: Type.Boolean({ default: true, description: 'Whether the node answers to ping.' }),
    policyIn: Type.Union([Type.Literal('DROP'), Type.Literal('REJECT')], {
      default: 'DROP',
      description: 'What happens to everything that no rule lets in: DROP or REJECT.',
    }),
    sets: Type.Record(Type.String({ pattern: `^${SET}$` }), Networks('Addresses and networks.'), {
      default: {},
      additionalProperties: false,
      description: 'Named sets of addresses, for rules: `monitoring: [192.0.2.9]` is used as `from: +monitoring`.',
    }),
    rules: Type.Array(Rule, {
      default: [],
      maxItems: 200,
      description: 'What else is let in or kept out, first match wins: action, protocol, ports, from, log, comment.',
    }),
    logDropped: Type.Union([Type.Literal('nolog'), Type.Literal('info'), Type.Literal('warning')], {
      default: 'nolog',
      description: 'Whether what is dropped is logged: nolog, info or warning.',
    }),
    rollbackSeconds: Type.Integer({
      default: 180,
      minimum: 30,
      maximum: 3600,
      description:
        'After how many seconds everything is let in again unless the server has reached the node through the firewall.',
    }),
  },
  { additionalProperties: false },
);

export type FirewallParameters = Static<typeof Parameters>;
export type FirewallRule = FirewallParameters['rules'][number];
