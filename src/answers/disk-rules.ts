/** Rules over several keys of `[disk-setup]`. */
import { mayBePartitioned, meansEmmc } from './disk-devices.ts';
import { type Finding, finding, type Judge } from './findings.ts';
import { compareReleases } from './release.ts';
import type { View } from './view.ts';

/** Which table of options belongs to a file system. */
const OPTIONS: Readonly<Record<string, string>> = { ext4: 'lvm', xfs: 'lvm', zfs: 'zfs', btrfs: 'btrfs' };

export const MINIMUM_DISKS: Readonly<Record<string, number>> = {
  raid0: 1,
  raid1: 2,
  raid10: 4,
  'raidz-1': 3,
  'raidz-2': 4,
  'raidz-3': 5,
};

/** MiB. */
const SMALLEST_ARC_MIB = 64;

function filesystem(view: View): string | undefined {
  return view.text('disk-setup.filesystem');
}

/** The RAID level of the chosen file system in lower case, if it has one. */
export function raidLevel(view: View): string | undefined {
  const kind = filesystem(view);
  return kind === 'zfs' || kind === 'btrfs' ? view.text(`disk-setup.${kind}.raid`)?.toLowerCase() : undefined;
}

export function takesOneDisk(view: View): boolean {
  return OPTIONS[filesystem(view) ?? ''] === 'lvm';
}

/** The installer checks some things early only from 9.0 on; before, the machine finds out. */
function earlyFrom90(view: View): { by: Judge } {
  return { by: compareReleases(view.dialect.release, '9.0') >= 0 ? 'installer' : 'ironwake' };
}

function baseName(disk: string): string {
  return disk.replace(/^\/dev\//, '');
}

/** From 9.0 on an empty filter is no filter. */
function emptyFilterIsNone(view: View): boolean {
  return view.isEmptyMap('disk-setup.filter') && compareReleases(view.dialect.release, '9.0') >= 0;
}

export function diskSelectionRule(view: View): Finding[] {
  const listed = view.strings('disk-setup.disk-list').length > 0;
  const filtered = view.has('disk-setup.filter');
  if (listed && filtered && !emptyFilterIsNone(view)) {
    return [
      finding(
        'answer.disk-selection-twice',
        'disk-setup.filter',
        'disk-list and filter cannot stand together',
        'Remove one of the two.',
      ),
    ];
  }
  if (listed || filtered) return [];
  return [
    finding(
      'answer.disk-selection-missing',
      'disk-setup',
      'Nothing says which disks to install on',
      'Set disk-list (for example [sda]) or filter (for example ID_SERIAL).',
    ),
  ];
}

export function raidLevelRule(view: View): Finding[] {
  const kind = filesystem(view);
  if ((kind !== 'zfs' && kind !== 'btrfs') || view.has(`disk-setup.${kind}.raid`)) return [];
  const path = `disk-setup.${kind}.raid`;
  return [
    finding('answer.raid-missing', path, `${kind} needs a RAID level`, `Set ${kind}.raid; one disk alone is raid0.`),
  ];
}

export function filesystemOptionsRule(view: View): Finding[] {
  const own = OPTIONS[filesystem(view) ?? ''];
  if (own === undefined) return [];
  return ['lvm', 'zfs', 'btrfs']
    .filter((table) => table !== own && view.has(`disk-setup.${table}`))
    .map((table) =>
      finding(
        'answer.foreign-options',
        `disk-setup.${table}`,
        `Options of ${table} cannot stand beside filesystem ${filesystem(view)}`,
        `Remove ${table}; only ${own} options count here.`,
      ),
    );
}

export function filesystemProductRule(view: View): Finding[] {
  if (filesystem(view) !== 'btrfs' || view.product === 'pve') return [];
  return [
    finding(
      'answer.filesystem-product',
      'disk-setup.filesystem',
      'Only Proxmox VE installs on btrfs',
      'Choose ext4, xfs or zfs.',
    ),
  ];
}

export function diskCountRule(view: View): Finding[] {
  const disks = view.strings('disk-setup.disk-list');
  if (disks.length === 0) return [];
  const path = 'disk-setup.disk-list';
  if (takesOneDisk(view)) {
    return disks.length === 1
      ? []
      : [
          finding(
            'answer.disk-count',
            path,
            `${filesystem(view)} takes exactly one disk, not ${disks.length}`,
            'Keep one disk, or choose zfs.',
          ),
        ];
  }
  const level = raidLevel(view);
  const minimum = level === undefined ? undefined : MINIMUM_DISKS[level];
  if (level === undefined || minimum === undefined) return [];
  if (disks.length < minimum) {
    const message = `${level} needs at least ${minimum} disks, and ${disks.length} ${disks.length === 1 ? 'is' : 'are'} listed`;
    return [finding('answer.disk-count', path, message, 'List more disks or choose another level.', earlyFrom90(view))];
  }
  if (level === 'raid10' && disks.length % 2 === 1) {
    return [
      finding(
        'answer.disk-count-odd',
        path,
        `raid10 needs pairs, and ${disks.length} disks are listed`,
        'List an even number.',
      ),
    ];
  }
  return [];
}

export function diskNamesRule(view: View): Finding[] {
  const seen = new Map<string, string>();
  const found: Finding[] = [];
  for (const disk of view.strings('disk-setup.disk-list')) {
    const other = seen.get(baseName(disk));
    if (other !== undefined) {
      const differently = other === disk ? earlyFrom90(view) : {};
      const message = other === disk ? `'${disk}' is listed twice` : `'${disk}' and '${other}' are one disk`;
      found.push(
        finding('answer.disk-duplicate', 'disk-setup.disk-list', message, 'List each disk once.', differently),
      );
    }
    seen.set(baseName(disk), disk);
  }
  return found;
}

export function diskFilterRule(view: View): Finding[] {
  const entries = view.entries('disk-setup.filter');
  if (entries === undefined) return [];
  const path = 'disk-setup.filter';
  if (view.isEmptyMap(path)) {
    return [
      finding(
        'answer.filter-empty',
        path,
        'The filter chooses nothing',
        'Name a udev property, for example ID_SERIAL.',
        { by: emptyFilterIsNone(view) && view.strings('disk-setup.disk-list').length === 0 ? 'installer' : 'ironwake' },
      ),
    ];
  }
  const match = view.text('disk-setup.filter-match');
  const found = entries
    .filter(([key]) => key === 'DEVNAME')
    .flatMap(([key, glob]) => deviceProblem(`${path}.${key}`, glob));
  if (takesOneDisk(view) && match !== undefined) {
    found.push(
      finding(
        'answer.disk-filter-match',
        'disk-setup.filter-match',
        `It has no effect with ${filesystem(view)}: the first disk where any key matches is taken`,
        'Remove it and keep one key in the filter.',
      ),
    );
  }
  if (!takesOneDisk(view) && match === 'all') {
    if (!entries.some(([key]) => key === 'DEVNAME' || key === 'DEVPATH')) {
      found.push(
        finding(
          'answer.disk-filter-all',
          path,
          'With filter-match all, a disk that lacks a property counts as matching, and so every disk may be taken',
          'Add a key that every disk has, for example DEVNAME = "/dev/sd*".',
        ),
      );
    }
  } else if (entries.length > 1) {
    found.push(
      finding(
        'answer.disk-filter-keys',
        path,
        'Any one of these keys is enough for a disk to be taken',
        'Keep the one key that you mean.',
      ),
    );
  }
  return found;
}

/** DEVNAME is the whole path. What is no disk that can be partitioned either matches nothing or stops the installer. */
function deviceProblem(path: string, glob: string): Finding[] {
  if (mayBePartitioned(glob)) return [];
  return [
    meansEmmc(glob)
      ? finding('answer.disk-name', path, 'The installer cannot partition eMMC', 'Choose another disk.')
      : finding(
          'answer.disk-name',
          path,
          `'${glob}' matches no disk that the installer can partition`,
          'Write the whole path of a disk, for example /dev/sda or /dev/nvme*n1, or choose by ID_SERIAL.',
        ),
  ];
}

/** What ZFS would ignore is raised. 0 is its own default. */
export function arcMaxRule(view: View): Finding[] {
  const size = view.number('disk-setup.zfs.arc-max');
  if (size === undefined || size <= 0 || size >= SMALLEST_ARC_MIB) return [];
  return [
    finding(
      'answer.arc-max',
      'disk-setup.zfs.arc-max',
      `The installer makes ${SMALLEST_ARC_MIB} MiB of ${size}`,
      `Write ${SMALLEST_ARC_MIB} or more, or 0 for the default of ZFS.`,
    ),
  ];
}

export function swapSizeRule(view: View): Finding[] {
  const swap = view.number('disk-setup.lvm.swapsize');
  const size = view.number('disk-setup.lvm.hdsize');
  if (swap === undefined || size === undefined || swap <= size / 2) return [];
  return [
    finding(
      'answer.swap-size',
      'disk-setup.lvm.swapsize',
      `${swap} GiB of swap is more than half of hdsize (${size} GiB)`,
      `Write at most ${size / 2}.`,
      earlyFrom90(view),
    ),
  ];
}
