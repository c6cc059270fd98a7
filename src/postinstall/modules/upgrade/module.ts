/** Every package of the node brought up to date, and a restart where a new kernel waits for one. */
import { Type } from '@sinclair/typebox';
import { defineModule } from '../../module.ts';

const Parameters = Type.Object(
  {
    restart: Type.Union([Type.Literal('when-needed'), Type.Literal('never')], {
      default: 'when-needed',
      description:
        'when-needed: the node restarts when a newer kernel than the running one is installed or a package asks for it, and the plan goes on afterwards. never: it is said only. A node with running guests is not restarted.',
    }),
    stayCurrent: Type.Boolean({
      default: false,
      description:
        'Whether a package that could be upgraded later counts as drift. false: only what the upgrade itself left undone does.',
    }),
    autoremove: Type.Boolean({
      default: false,
      description: 'Whether packages that nothing needs any more go, former kernels among them.',
    }),
  },
  { additionalProperties: false },
);

export const upgrade = defineModule({
  name: 'upgrade',
  title: 'Full upgrade, with a restart where needed',
  why: 'An image is as old as its release: everything that was mended since then is missing on a node that was installed today.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  // Without its repositories there is nothing to upgrade from, and a wrong clock refuses their signatures.
  requires: ['repositories'],
  after: ['dns', 'time'],
  scope: 'node',
  timeLimitSeconds: 7200,
  proof: [
    {
      test: 'container/modules/upgrade',
      on: 'Debian 12 and 13 in containers with real packages, conffiles, held locks, a kernel package and a restart',
    },
    {
      test: 'lab/plan-trixie',
      on: 'virtual machines with Debian 13 and, in plan-bookworm, 12: a kernel comes, and the node restarts into it',
    },
  ],
  programs: ['newer-kernel.sh', 'pending.sh'],
  folder: new URL('.', import.meta.url),
  prepare: (params) => ({
    parameters: {
      restart: params.restart,
      'stay-current': params.stayCurrent ? 'yes' : 'no',
      autoremove: params.autoremove ? 'yes' : 'no',
    },
    files: [],
  }),
});
