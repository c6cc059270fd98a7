/** The time zone, also for the daemons that run already. */
import { Type } from '@sinclair/typebox';
import { defineModule } from '../../module.ts';

const Parameters = Type.Object(
  {
    zone: Type.String({
      pattern: '^[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}$',
      description: 'Zone of the tz database: Europe/Berlin, Etc/UTC.',
    }),
  },
  { additionalProperties: false },
);

export const timezone = defineModule({
  name: 'timezone',
  title: 'Time zone',
  why: 'Backups and other jobs start by the clock on the wall: a daemon that still lives in the former zone starts them hours off.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: [],
  scope: 'node',
  timeLimitSeconds: 300,
  proof: [{ test: 'container/modules/base', on: 'Debian 12 and 13 in containers; daemons of Proxmox by their names' }],
  programs: ['old-zone.sh'],
  folder: new URL('.', import.meta.url),
  prepare: (params) => ({ parameters: { zone: params.zone }, files: [] }),
});
