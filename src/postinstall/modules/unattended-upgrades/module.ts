/** Security updates of Debian by themselves; what the virtualisation consists of is left to a person. */
import { Type } from '@sinclair/typebox';
import { defineModule, renderFile } from '../../module.ts';

const Parameters = Type.Object(
  {
    from: Type.Array(Type.Union([Type.Literal('security'), Type.Literal('stable'), Type.Literal('proxmox')]), {
      default: ['security'],
      minItems: 1,
      maxItems: 3,
      uniqueItems: true,
      description:
        'Where packages are taken from without asking: security (Debian’s security archive), stable (Debian’s point releases), proxmox (a single node that may be rebuilt).',
    }),
    never: Type.Array(Type.String({ pattern: '^[A-Za-z0-9.^$*+()|\\[\\]-]{1,100}$' }), {
      default: [
        ...['proxmox-', 'pve-', 'pmg-', 'qemu-server', 'libpve-', 'librados', 'ceph', 'corosync', 'libcorosync'],
        ...['zfs', 'libzfs', 'lxc', 'linux-image', 'ifupdown2'],
      ],
      maxItems: 100,
      uniqueItems: true,
      description:
        'Packages that are never upgraded by themselves: beginnings of their names, as Python’s regular expressions. A cluster must not restart its corosync on all nodes in the same night.',
    }),
    mail: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._%+-]{1,64}(@[A-Za-z0-9.-]{1,190})?$',
        description: 'Who is told when something was upgraded or failed: root goes into Proxmox’ notifications.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** By origin and label as the archives sign them; `apt-cache policy` prints them. Of Proxmox the label differs by product and release. */
const ORIGINS: Readonly<Record<string, string>> = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: unattended-upgrades fills that in
  security: 'origin=Debian,codename=${distro_codename}-security,label=Debian-Security',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: unattended-upgrades fills that in
  stable: 'origin=Debian,codename=${distro_codename},label=Debian',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: unattended-upgrades fills that in
  proxmox: 'origin=Proxmox,codename=${distro_codename}',
};

export const unattendedUpgrades = defineModule({
  name: 'unattended-upgrades',
  title: 'Security updates by themselves',
  why: 'Between two maintenance windows lie weeks, and a hole is used within days. The node never restarts by itself.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: ['repositories', 'upgrade'],
  scope: 'node',
  timeLimitSeconds: 900,
  proof: [
    {
      test: 'container/modules/upgrade',
      on: 'Debian 12 and 13 in containers, real unattended-upgrades with archives of several origins',
    },
  ],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    const folder = new URL('.', import.meta.url);
    const origins = params.from.map((name) => ORIGINS[name] ?? '');
    return {
      parameters: {
        origins: origins.map((origin) => `${origin}\n`).join(''),
        never: params.never.map((name) => `${name}\n`).join(''),
      },
      files: [
        {
          name: '99ironwake-unattended-upgrades',
          content: renderFile(folder, '99ironwake-unattended-upgrades', {
            origins,
            never: params.never,
            mail: params.mail ?? '',
          }),
        },
      ],
    };
  },
});
