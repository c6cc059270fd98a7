/**
 * What is legal but unwise. Each warning cites the section of the handbook "Einrichtung und Verwaltung einer sicheren Proxmox VE Testumgebung"
 * that gives the reason. Kept apart from the rules: these are opinions, and each can be raised or switched off by its code.
 */
import { type Finding, finding } from './findings.ts';
import { ANSWER_KEYS, answerKey } from './keys.ts';
import { PRODUCT_NAMES } from './release.ts';
import type { View } from './view.ts';

/** `selected`: how many disks a filter chooses, where the machine is known. */
type Advice = (view: View, selected: number | undefined) => Finding | undefined;

/** 4 TB as GiB: from there on the rebuild of a RAIDZ1 takes so long that a second failure becomes likely. */
const LARGE_DISK_GIB = 3725;

function level(view: View): string | undefined {
  return view.text('disk-setup.filesystem') === 'zfs' ? view.text('disk-setup.zfs.raid')?.toLowerCase() : undefined;
}

/** How many disks are chosen; undefined where only the machine knows. */
function chosenDisks(view: View, selected: number | undefined): number | undefined {
  const listed = view.strings('disk-setup.disk-list').length;
  return listed > 0 || !view.has('disk-setup.filter') ? listed : selected;
}

const singleDisk: Advice = (view, selected) =>
  level(view) === 'raid0' && chosenDisks(view, selected) === 1
    ? finding(
        'answer.unwise-single-disk',
        'disk-setup.zfs.raid',
        'ZFS on a single disk finds damage and cannot repair it; when the disk fails all is lost (handbook 3.7, 1)',
        'Use two disks and raid1.',
      )
    : undefined;

const raid0: Advice = (view, selected) => {
  const btrfs =
    view.text('disk-setup.filesystem') === 'btrfs' && view.text('disk-setup.btrfs.raid')?.toLowerCase() === 'raid0';
  const disks = chosenDisks(view, selected);
  if ((disks !== undefined && disks < 2) || !(btrfs || level(view) === 'raid0')) return undefined;
  return finding(
    'answer.unwise-raid0',
    `disk-setup.${btrfs ? 'btrfs' : 'zfs'}.raid`,
    disks === undefined
      ? 'With raid0 the failure of any one disk loses everything, whether the filter selects one or several (handbook 3.7, 1)'
      : 'With raid0 the failure of any one disk loses everything (handbook 3.7, 1)',
    'Use raid1 or raid10.',
  );
};

const raidz1: Advice = (view) => {
  const size = view.number('disk-setup.zfs.hdsize');
  if (level(view) !== 'raidz-1' || (size !== undefined && size < LARGE_DISK_GIB)) return undefined;
  return finding(
    'answer.unwise-raidz1',
    'disk-setup.zfs.raid',
    size === undefined
      ? 'raidz-1 is risky on disks of 4 TB and more: a second one may fail while the first is rebuilt (handbook 3.3.1)'
      : 'raidz-1 is risky on disks this large: a second one may fail while the first is rebuilt (handbook 3.3.1)',
    'Use raidz-2 or raid1, or set zfs.hdsize if the disks are small.',
  );
};

const dhcp: Advice = (view) => {
  const source = view.text('network.source') ?? (view.dialect.requiresNetworkSource ? undefined : 'from-dhcp');
  if (source !== 'from-dhcp') return undefined;
  return finding(
    'answer.unwise-dhcp',
    'network.source',
    'A hypervisor should have a fixed address; the lease of the installation becomes one, but nobody reserved it (handbook 1.3.2 and 2.5, 4)',
    'Use from-answer with cidr, gateway, dns and filter, or reserve the address in the DHCP server.',
  );
};

const shortPassword: Advice = (view) => {
  const password = view.text('global.root-password');
  if (password === undefined || [...password].length >= 12) return undefined;
  return finding(
    'answer.unwise-password',
    'global.root-password',
    'The password of root is shorter than 12 characters (handbook 2.2, 4)',
    'Take 12 or more, of letters, digits and symbols.',
  );
};

const clearPassword: Advice = (view) =>
  view.has('global.root-password') && view.dialect.takesHyphens
    ? finding(
        'answer.unwise-clear-password',
        'global.root-password',
        'Whoever reads this file or hears it travel knows the password of root (handbook 2.2, 4)',
        "Use root-password-hashed with the output of 'mkpasswd -m yescrypt'.",
      )
    : undefined;

const localMail: Advice = (view) =>
  view.text('global.mailto')?.endsWith('@localhost')
    ? finding(
        'answer.unwise-local-mail',
        'global.mailto',
        'Failed backups and failing disks are reported by mail, and nobody reads the mail of localhost (handbook 2.2, 4)',
        'Write an address that somebody reads.',
      )
    : undefined;

const firstBootProduct: Advice = (view) =>
  view.product === 'pdm' && view.has('first-boot') && (view.text('first-boot.ordering') ?? 'fully-up') === 'fully-up'
    ? finding(
        'answer.first-boot-product',
        'first-boot.ordering',
        'On Datacenter Manager fully-up does not wait for its API',
        'Let the executable wait for what it needs.',
      )
    : undefined;

const ADVICE: readonly Advice[] = [
  singleDisk,
  raid0,
  raidz1,
  dhcp,
  shortPassword,
  clearPassword,
  localMail,
  firstBootProduct,
];

/** Keys that this product does not look at; file systems have a rule of their own. */
function ignored(view: View): Finding[] {
  return ANSWER_KEYS.filter(
    ({ section, key, products }) =>
      products !== undefined &&
      !products.includes(view.product) &&
      answerKey(`${section}.${key}`)?.rules === undefined &&
      !key.startsWith('btrfs') &&
      view.has(`${section}.${key}`),
  ).map(({ section, key, products = [] }) =>
    finding(
      'answer.product-ignores',
      `${section}.${key}`,
      `${PRODUCT_NAMES[view.product]} does nothing with it; it is for ${products.map((one) => PRODUCT_NAMES[one]).join(', ')}`,
      'Remove it.',
    ),
  );
}

/**
 * Warnings only, in the order of the answer.
 * @param selected how many disks its filter chooses, where the machine is known
 */
export function adviseAnswer(view: View, selected?: number): Finding[] {
  return [...ADVICE.map((advice) => advice(view, selected)).filter((found) => found !== undefined), ...ignored(view)];
}
