/** How a node's root can lie on its disks: what its profile says of it, and what must be true on the installed node. */

export interface Root {
  /** So many disks has the machine. */
  readonly disks: number;
  /** The profile's `answer.disk-setup`. */
  readonly diskSetup: Readonly<Record<string, unknown>>;
  readonly onNode: ReadonlyArray<{ readonly what: string; readonly command: string; readonly shows: RegExp }>;
}

const mounted = (filesystem: string, options: RegExp): Root['onNode'] => [
  { what: 'file system', command: 'findmnt -no FSTYPE /', shows: new RegExp(`^${filesystem}$`) },
  { what: 'mount options', command: 'findmnt -no OPTIONS /', shows: options },
];

const btrfs = (level: string, members: readonly string[]): Root['onNode'] => [
  ...mounted('btrfs', /(^|,)compress=zstd:3(,|$)/),
  ...['Data', 'Metadata', 'System'].map((kind) => ({
    what: `${kind.toLowerCase()} is ${level}, and nothing is left of another level`,
    command: `btrfs filesystem df / | grep '^${kind}'`,
    shows: new RegExp(`^${kind}, ${level}: [^\\n]*$`),
  })),
  {
    what: 'its members',
    command: "btrfs filesystem show / | sed -n 's/.* path //p' | sort | xargs",
    shows: new RegExp(`^${members.join(' ')}$`),
  },
  { what: 'no member has had an error', command: 'btrfs device stats -c / > /dev/null; echo $?', shows: /^0$/ },
];

export const ROOTS = {
  ext4: {
    disks: 1,
    diskSetup: { filesystem: 'ext4', 'disk-list': ['vda'] },
    onNode: mounted('ext4', /(^|,)errors=remount-ro(,|$)/),
  },
  xfs: {
    disks: 1,
    diskSetup: { filesystem: 'xfs', 'disk-list': ['vda'] },
    onNode: mounted('xfs', /^rw,/),
  },
  /** What the answer calls raid0 of one disk. */
  'btrfs-single': {
    disks: 1,
    diskSetup: { filesystem: 'btrfs', 'disk-list': ['vda'], btrfs: { raid: 'raid0', compress: 'zstd' } },
    onNode: btrfs('RAID0', ['/dev/vda3']),
  },
  'btrfs-mirror': {
    disks: 2,
    diskSetup: { filesystem: 'btrfs', 'disk-list': ['vda', 'vdb'], btrfs: { raid: 'raid1', compress: 'zstd' } },
    onNode: [
      ...btrfs('RAID1', ['/dev/vda3', '/dev/vdb3']),
      {
        what: 'each disk has a boot loader for BIOS and for UEFI',
        command:
          '{ for disk in vda vdb; do head -c 512 /dev/$disk | grep -ac GRUB; done; lsblk -no FSTYPE /dev/vda2 /dev/vdb2; } | xargs',
        shows: /^1 1 vfat vfat$/,
      },
    ],
  },
} satisfies Readonly<Record<string, Root>>;

export type RootName = keyof typeof ROOTS;
