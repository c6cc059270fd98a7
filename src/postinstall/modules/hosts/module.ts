/** Host name and hosts file: the node's own name leads to its address, never to the loopback, and names that must work without DNS do. */
import { Type } from '@sinclair/typebox';
import { invalid } from '../../../errors.ts';
import { defineModule } from '../../module.ts';
import { Address, HostName } from '../addresses.ts';

const Parameters = Type.Object(
  {
    fqdn: Type.Optional(
      HostName({
        description:
          'Full name of the node: {{fqdn}}. Left out, it is the one that the installer wrote. The first label has to be the name that the node has: a Proxmox node cannot be renamed.',
      }),
    ),
    address: Type.Optional(
      Address({
        description:
          'Address that the name leads to, one that the node has. Left out, it is the one in the hosts file if the node has it, else the one that the node reaches this server from.',
      }),
    ),
    entries: Type.Record(Address(), Type.Array(HostName(), { minItems: 1, maxItems: 20, uniqueItems: true }), {
      additionalProperties: false,
      default: {},
      description:
        'Other hosts by address: {192.0.2.11: [pve2.example.org, pve2]}. The other nodes of a cluster belong here: it must find them without DNS.',
    }),
  },
  { additionalProperties: false },
);

export const hosts = defineModule({
  name: 'hosts',
  title: 'Host name and hosts file',
  why: 'Proxmox VE’s file system does not start on a node whose name leads to the loopback, and a cluster that needs DNS falls with it.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // The address that the name leads to may be one that the network brings.
  after: ['network'],
  scope: 'node',
  timeLimitSeconds: 60,
  proof: [{ test: 'container/modules/base', on: 'Debian 12 and 13 in containers, real resolver of libc' }],
  programs: ['hosts.pl', 'own.sh'],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    for (const [address, names] of Object.entries(params.entries)) {
      if (/^127\.|^::1$/.test(address))
        throw invalid(
          'plan.parameter',
          `postInstall.hosts.entries.${address}`,
          'names cannot lead to the loopback',
          'Take it out, or name the address of the host.',
        );
      const own = names.find((name) => name === params.fqdn || name === params.fqdn?.split('.')[0]);
      if (own !== undefined)
        throw invalid(
          'plan.parameter',
          `postInstall.hosts.entries.${address}`,
          `'${own}' is the node itself`,
          'Take it out: its line is made by itself.',
        );
    }
    return {
      parameters: {
        fqdn: params.fqdn ?? '',
        address: params.address ?? '',
        entries: Object.entries(params.entries)
          .map(([address, names]) => `${address} ${names.join(' ')}\n`)
          .join(''),
      },
      files: [],
    };
  },
});
