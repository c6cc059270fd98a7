/** The resolver: which DNS servers the node asks, tried before anything is changed. */
import { Type } from '@sinclair/typebox';
import { defineModule, renderFile } from '../../module.ts';
import { Address, HostName } from '../addresses.ts';

const Parameters = Type.Object(
  {
    servers: Type.Array(Address(), {
      minItems: 1,
      maxItems: 3,
      uniqueItems: true,
      description:
        'Addresses of the DNS servers, in the order in which they are asked: one to three, libc takes no more.',
    }),
    search: Type.Optional(
      Type.Array(HostName(), {
        maxItems: 6,
        uniqueItems: true,
        description:
          'Domains that are tried behind a short name; the first one gets into the certificates of Proxmox VE. Left out, they stay as they are.',
      }),
    ),
    timeoutSeconds: Type.Integer({
      default: 2,
      minimum: 1,
      maximum: 30,
      description: 'After how many seconds without an answer the next server is asked.',
    }),
    attempts: Type.Integer({
      default: 2,
      minimum: 1,
      maximum: 5,
      description: 'How many times the list is gone through.',
    }),
  },
  { additionalProperties: false },
);

export const dns = defineModule({
  name: 'dns',
  title: 'DNS resolver',
  why: 'The installer takes one server only: when it is away, no update, no certificate and no backup target is found.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // A resolver may be there only for whoever has come through the new VLAN.
  after: ['network'],
  scope: 'node',
  timeLimitSeconds: 120,
  proof: [
    {
      test: 'container/modules/base',
      on: 'Debian 12 and 13 in containers, dnsmasq as the server, real resolver of libc',
    },
  ],
  programs: ['ask.pl', 'resolv.sh'],
  folder: new URL('.', import.meta.url),
  prepare: (params) => ({
    parameters: {
      servers: params.servers.map((server) => `${server}\n`).join(''),
      search: params.search?.join(' ') ?? '',
      'keep-search': params.search === undefined ? 'yes' : 'no',
    },
    files: [
      {
        name: 'resolv.conf',
        content: renderFile(new URL('.', import.meta.url), 'resolv.conf', {
          servers: params.servers,
          options: `timeout:${params.timeoutSeconds} attempts:${params.attempts}`,
        }),
      },
    ],
  }),
});
