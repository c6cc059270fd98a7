/** Services that nobody uses do not run and do not listen. */
import { Type } from '@sinclair/typebox';
import { invalid } from '../../../errors.ts';
import { defineModule } from '../../module.ts';

const Parameters = Type.Object(
  {
    off: Type.Array(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,120}\\.(service|socket|timer|path)$' }), {
      default: ['rpcbind.socket', 'rpcbind.service'],
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description:
        'Units of systemd that are stopped and do not start again. Those that are not installed are passed over. rpcbind is needed for NFS version 3 only. What a Proxmox host cannot do without is refused here.',
    }),
    mask: Type.Boolean({
      default: true,
      description:
        'Whether they are masked, so that no other unit and no package update starts them. false: only disabled.',
    }),
  },
  { additionalProperties: false },
);

/** Without these there is no node, no way to it, or no Ironwake on it. */
const NEEDED =
  /^(pve-cluster|pvedaemon|pveproxy|pvestatd|pvescheduler|pve-firewall|proxmox-firewall|proxmox-backup(-proxy)?|pmg[a-z-]*|proxmox-datacenter-[a-z-]*|corosync|ssh|sshd|networking|chrony|cron|dbus|postfix(@-)?|lvm2-[a-z]+|zfs-[a-z@]+|ironwake-[a-z-]+|systemd-(?!timesyncd|networkd|resolved)[a-z0-9-]+|user@[0-9]+|getty@tty1)\.(service|socket|timer|path)$/;

export const services = defineModule({
  name: 'services',
  title: 'Unused services off',
  why: 'What does not run cannot be attacked, and what does not listen cannot be found.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // Its kernel and packages may bring more of what this is about.
  after: ['upgrade'],
  scope: 'node',
  timeLimitSeconds: 300,
  proof: [{ test: 'container/modules/hardening', on: 'Debian 12 and 13 in containers, real systemd' }],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    for (const [i, unit] of params.off.entries()) {
      if (NEEDED.test(unit))
        throw invalid(
          'plan.parameter',
          `postInstall.services.off.${i}`,
          `a node does not work without ${unit}`,
          'Take it out of the list.',
        );
    }
    return {
      parameters: { off: params.off.map((unit) => `${unit}\n`).join(''), mask: params.mask ? 'yes' : 'no' },
      files: [],
    };
  },
});
