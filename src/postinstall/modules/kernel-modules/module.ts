/** Kernel modules that a host of guests never needs cannot be loaded; others are loaded at boot. */
import { Type } from '@sinclair/typebox';
import { invalid } from '../../../errors.ts';
import { defineModule, renderFile } from '../../module.ts';

const Name = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' });

const Parameters = Type.Object(
  {
    blocked: Type.Array(Name, {
      default: [
        ...['cramfs', 'freevxfs', 'hfs', 'hfsplus', 'jffs2', 'udf'],
        ...['dccp', 'rds', 'tipc', 'ax25', 'netrom', 'rose', 'can', 'firewire-core'],
      ],
      maxItems: 200,
      uniqueItems: true,
      description:
        'Modules that cannot be loaded: file systems and protocols that only an attacker asks for. What Proxmox, its storages and its guests need is refused here.',
    }),
    loaded: Type.Array(Name, {
      default: [],
      maxItems: 50,
      uniqueItems: true,
      description: 'Modules that are loaded now and at every boot: [nfnetlink_queue].',
    }),
  },
  { additionalProperties: false },
);

/** Whoever blocks one of these has a node without guests, storages, network, firewall or fencing. */
const NEEDED =
  /^(kvm|vhost|virtio|tun$|tap$|macvtap|vfio|bridge$|br_netfilter$|8021q$|bonding$|veth$|vxlan$|openvswitch$|fuse$|overlay$|squashfs$|loop$|nbd$|rbd$|ceph$|libceph$|nfs|sunrpc$|lockd$|cifs$|dm_|raid|md_mod$|zfs$|spl$|btrfs$|ext4$|xfs$|vfat$|fat$|isofs$|ip_set|nf_|nft_|nfnetlink|ip6?_?tables?|ip6?table_|ebt|xt_|x_tables$|softdog$|iscsi|libiscsi|scsi_|sd_mod$|sr_mod$|ahci$|libata$|nvme|sctp$|ipmi_|usbcore$|usbhid$|xhci|ehci|e1000|igb$|ixgbe$|i40e$|ice$|bnx2|bnxt|mlx|tg3$|r8169$)/;

const same = (name: string) => name.replaceAll('-', '_');

function refuse(index: number, name: string, because: string): never {
  throw invalid(
    'plan.parameter',
    `postInstall.kernel-modules.blocked.${index}`,
    because,
    `Take ${name} out of the list.`,
  );
}

export const kernelModules = defineModule({
  name: 'kernel-modules',
  title: 'Kernel modules that cannot be loaded',
  why: 'A module that nobody needs is code that a guest’s packet or an odd disk can still reach: most holes of the last years lay in such ones.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // Its kernel and packages may bring more of what this is about.
  after: ['upgrade'],
  scope: 'node',
  // Making the initial RAM disks anew takes minutes where there are several kernels.
  timeLimitSeconds: 1800,
  proof: [
    { test: 'container/modules/hardening', on: 'Debian 12 and 13 in containers, real kmod; no module is loaded there' },
    {
      test: 'lab/plan-trixie',
      on: 'virtual machines with Debian 13 and, in plan-bookworm, 12: unloaded, refused by name and by protocol, still so after a restart',
    },
  ],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    for (const [i, name] of params.blocked.entries()) {
      if (NEEDED.test(same(name))) refuse(i, name, `Proxmox, its storages or its guests need the module ${name}`);
      if (params.loaded.some((other) => same(other) === same(name)))
        refuse(i, name, `${name} cannot be blocked and loaded at once`);
    }
    const folder = new URL('.', import.meta.url);
    return {
      parameters: {
        blocked: params.blocked.map((name) => `${name}\n`).join(''),
        loaded: params.loaded.map((name) => `${name}\n`).join(''),
      },
      files: [
        { name: 'modprobe.conf', content: renderFile(folder, 'modprobe.conf', { names: params.blocked }) },
        { name: 'modules-load.conf', content: renderFile(folder, 'modules-load.conf', { names: params.loaded }) },
      ],
    };
  },
});
