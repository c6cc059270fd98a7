/** Time by chrony: which servers, who may ask this node, and how a wrong clock is set right. */
import { Type } from '@sinclair/typebox';
import { defineModule, renderFile } from '../../module.ts';
import { HostOrAddress, Network } from '../addresses.ts';

const Parameters = Type.Object(
  {
    servers: Type.Array(HostOrAddress(), {
      default: [],
      maxItems: 16,
      uniqueItems: true,
      description:
        'Time servers, names or addresses: three or more, so that a wrong one is outvoted. With servers or pools, nothing else is asked: not Debian’s pool and not what DHCP names. Without any, Debian’s pool stays.',
    }),
    pools: Type.Array(HostOrAddress(), {
      default: [],
      maxItems: 8,
      uniqueItems: true,
      description: 'Names that stand for several time servers each: [de.pool.ntp.org].',
    }),
    nts: Type.Boolean({
      default: false,
      description:
        'Whether the servers must prove themselves (Network Time Security, RFC 8915): all of them have to know it, and TCP port 4460 has to be open to them.',
    }),
    allow: Type.Array(Network(), {
      default: [],
      maxItems: 50,
      uniqueItems: true,
      description: 'Networks whose machines may ask this node for the time. Without any, it does not listen.',
    }),
    makestep: Type.Object(
      {
        thresholdSeconds: Type.Number({
          default: 1,
          minimum: 0.001,
          maximum: 86_400,
          description: 'By how many seconds the clock has to be wrong to be set at once.',
        }),
        limit: Type.Integer({
          default: 3,
          minimum: -1,
          maximum: 1000,
          description: 'In how many updates after a start that may happen; -1: in all.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description:
          'A clock that is wrong by more than thresholdSeconds is set at once in the first `limit` updates after a start (-1: always), and slowly adjusted later. Steps under a running cluster or database do harm.',
      },
    ),
    waitSeconds: Type.Integer({
      default: 180,
      minimum: 0,
      maximum: 1800,
      description:
        'How long the clock may take to be right; what comes after (certificates, clusters, one-time passwords) needs it. 0: it is not waited for, and a clock without a server is no fault.',
    }),
  },
  { additionalProperties: false },
);

export const time = defineModule({
  name: 'time',
  title: 'Time by chrony',
  why: 'With a wrong clock certificates are refused, clusters fall apart and one-time passwords do not fit; and whoever may say what time it is can make all of that happen.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // Names need a resolver, time servers may be in another VLAN, and chrony may have to be installed.
  after: ['network', 'dns', 'repositories'],
  scope: 'node',
  timeLimitSeconds: 2700,
  proof: [
    {
      test: 'container/modules/base',
      on: 'Debian 12 and 13 in containers, real chrony with a real NTP server; it does not set the machine’s clock there',
    },
  ],
  programs: ['sources.sh', 'switch-off.pl'],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    const folder = new URL('.', import.meta.url);
    const options = params.nts ? 'iburst nts' : 'iburst';
    const sources = [
      ...params.servers.map((host) => `server ${host} ${options}`),
      ...params.pools.map((host) => `pool ${host} ${options}`),
    ];
    const makestep = `makestep ${params.makestep.thresholdSeconds} ${params.makestep.limit}`;
    return {
      parameters: {
        sources: [...params.servers, ...params.pools].map((host) => `${host}\n`).join(''),
        allow: params.allow.map((network) => `${network}\n`).join(''),
        makestep,
        'wait-seconds': String(params.waitSeconds),
      },
      files: [
        {
          name: 'ironwake.conf',
          content: renderFile(folder, 'ironwake.conf', {
            lines: [makestep, ...params.allow.map((network) => `allow ${network}`)],
          }),
        },
        ...(sources.length === 0
          ? []
          : [{ name: 'ironwake.sources', content: renderFile(folder, 'ironwake.conf', { lines: sources }) }]),
      ],
    };
  },
});
