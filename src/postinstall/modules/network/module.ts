/** The node's network as the profile describes it: bridges, bonds, VLAN interfaces. Kept only when the daemon has reached the node through it. */
import { defineModule, renderFile } from '../../module.ts';
import { layoutOf } from './layout.ts';
import { Parameters } from './parameters.ts';

/** A table that a script reads line by line: fields between tabs, an end to every row, also the last. */
const rows = (table: readonly (readonly (string | number)[])[]) => table.map((row) => `${row.join('\t')}\n`).join('');

export const network = defineModule({
  name: 'network',
  title: 'Bridges, bonds and VLANs',
  why: 'Guests need VLANs, and a node should survive a dead cable. The daemon reaches the node through the new network before it is kept.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // The daemon's way in stands before the network moves below it. What asks servers of the site (dns, time, upgrade) comes after.
  after: ['repositories', 'ssh'],
  scope: 'node',
  timeLimitSeconds: 4500,
  proof: [
    {
      test: 'container/modules/network',
      on: 'Debian 12 and 13 in containers, real ifupdown2: bridges, lock-out and rollback',
    },
    {
      test: 'lab/plan-trixie',
      on: 'virtual machines with Debian 13 and, in plan-bookworm, 12: bond with each leg down, VLANs apart on bridge and cable, a power cut while nobody could reach it',
    },
  ],
  programs: ['settle.pl'],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    const layout = layoutOf(params);
    return {
      parameters: {
        management: params.management,
        gateway: params.gateway,
        bonds: rows(layout.bonds.map(({ name, mode, ports }) => [name, mode, ports.join(' ')])),
        bridges: rows(
          layout.bridges.map(({ name, ports, vlanAware }) => [name, vlanAware ? 'yes' : 'no', ports.join(' ')]),
        ),
        vlans: rows(layout.vlans.map(({ name, parent, id }) => [name, id, parent])),
        'rollback-seconds': String(params.rollbackSeconds),
      },
      files: [
        {
          name: 'interfaces',
          content: renderFile(new URL('.', import.meta.url), 'interfaces', { stanzas: layout.stanzas }),
        },
      ],
    };
  },
});
