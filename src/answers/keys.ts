/**
 * The one table of the answer file: every section and key that the official automated installer knows. Validator, serialiser (order of keys)
 * and documentation are made from it, so that a key is described in one place. Source: the contract of the automated installer,
 * `proxmox-auto-installer` 9.2.7 and its history.
 *
 * `since` is the product release whose first image has the key, not the version of the installer's package.
 */
import { soundsSecret } from '../profiles/secret-names.ts';
import type { FormatName } from './formats.ts';
import { compareReleases, type Product } from './release.ts';
import type { RuleName } from './rules.ts';

export const SECTIONS = ['global', 'network', 'disk-setup', 'post-installation-webhook', 'first-boot'] as const;
export type Section = (typeof SECTIONS)[number];

/** Sections without which no release accepts an answer. */
export const REQUIRED_SECTIONS: readonly Section[] = ['global', 'network', 'disk-setup'];

/**
 * `table`: keys of its own stand in this table with the prefix. `name-or-table`: either a string or such a table. `globs`: a free map from a
 * udev property to a glob. `mapping`: a free map from a MAC to an interface's name.
 */
export type ValueType =
  | 'string'
  | 'boolean'
  | 'integer'
  | 'number'
  | 'enum'
  | 'strings'
  | 'table'
  | 'name-or-table'
  | 'globs'
  | 'mapping';

export interface AnswerKey {
  readonly section: Section;
  /** Path inside the section, dots between tables: `zfs.raid`. */
  readonly key: string;
  readonly type: ValueType;
  readonly values?: readonly string[];
  /** What other programs call its values, for the right spelling. */
  readonly meant?: Readonly<Record<string, string>>;
  /** From this release on the installer takes the values in all upper case as well. */
  readonly upperCaseSince?: string;
  /** `name-or-table`: from this release on it may be a table. */
  readonly tableSince?: string;
  /** `true`, or the release from which the key has no default any more. */
  readonly required?: boolean | string;
  /** Required by the releases before this one. */
  readonly requiredBefore?: string;
  /** In JSON `null` is the same as leaving it out. */
  readonly nullable?: boolean;
  /** The products on which it has an effect; all when absent. */
  readonly products?: readonly Product[];
  /** What counts when it is left out, as text for people. */
  readonly default?: string;
  readonly since: string;
  /** First release that does not know it any more. */
  readonly removed?: string;
  /** The old spelling with underscores is an alias. True for every key with a hyphen unless said otherwise. */
  readonly underscoreAlias?: boolean;
  /** What sensible values are; the installer does not check these. */
  readonly range?: { readonly min?: number; readonly max?: number; readonly unit?: string };
  /** The rule that a value by itself must keep (formats.ts). */
  readonly format?: FormatName;
  /** Its value stands in no message, log or record. */
  readonly secret?: true;
  /** Rules over several keys that involve this one (rules.ts). */
  readonly rules?: readonly RuleName[];
  readonly text: string;
  /** What one would write, as TOML; most follow from type and format (examples.ts). */
  readonly example?: string;
}

export const KEYBOARDS =
  'de de-ch dk en-gb en-us es fi fr fr-be fr-ca fr-ch hu is it jp lt mk nl no pl pt pt-br se si tr'.split(' ');
const ZFS_RAID = ['raid0', 'raid1', 'raid10', 'raidz-1', 'raidz-2', 'raidz-3'];
const BTRFS_RAID = ['raid0', 'raid1', 'raid10'];
const KEYBOARD_MEANT = {
  us: 'en-us',
  gb: 'en-gb',
  uk: 'en-gb',
  'de-de': 'de',
  'fr-fr': 'fr',
  da: 'dk',
  sv: 'se',
  ja: 'jp',
};
const RAID_MEANT = {
  stripe: 'raid0',
  mirror: 'raid1',
  raid5: 'raidz-1',
  raid6: 'raidz-2',
  raidz: 'raidz-1',
  // btrfs has none of these, and raid1 is none of them.
  raidz1: 'raidz-1',
  raidz2: 'raidz-2',
  raidz3: 'raidz-3',
};

/** What keys are called elsewhere, or were called (`global.password` in the first images of 8.2). */
export const KEYS_MEANT: Readonly<Record<string, string>> = {
  password: 'root-password',
  'password-hashed': 'root-password-hashed',
  'ssh-keys': 'root-ssh-keys',
  hostname: 'fqdn',
  email: 'mailto',
  disks: 'disk-list',
  address: 'cidr',
  nameserver: 'dns',
};

const GIB = { min: 0, unit: 'GiB' };
const WHOLE_DISK_GIB = { min: 8, unit: 'GiB' };

// biome-ignore format: one key a line reads as the table that it is
export const ANSWER_KEYS: readonly AnswerKey[] = [
  { section: 'global', key: 'keyboard', type: 'enum', values: KEYBOARDS, meant: KEYBOARD_MEANT, required: true, since: '8.2', text: 'Keyboard layout of the console.' },
  { section: 'global', key: 'country', type: 'string', format: 'country', required: true, since: '8.2', text: 'ISO 3166-1 code of the country, two lower-case letters.' },
  { section: 'global', key: 'fqdn', type: 'name-or-table', tableSince: '8.4', format: 'fqdn', required: true, since: '8.2', text: 'Full host name of the node, or the table that takes it from DHCP.' },
  { section: 'global', key: 'fqdn.source', type: 'enum', values: ['from-dhcp'], default: 'from-dhcp', since: '8.4', text: 'Take the host name from the DHCP lease (option 12).' },
  { section: 'global', key: 'fqdn.domain', type: 'string', nullable: true, format: 'domain', since: '8.4', text: 'Domain of a host name that comes from DHCP; goes before the one of the lease.' },
  { section: 'global', key: 'mailto', type: 'string', format: 'email', required: true, since: '8.2', text: 'Address that gets the mail of the system.' },
  { section: 'global', key: 'timezone', type: 'string', format: 'timezone', required: true, since: '8.2', text: 'Time zone as in the tz database, or UTC.' },
  { section: 'global', key: 'root-password', type: 'string', nullable: true, secret: true, requiredBefore: '8.3', format: 'password', rules: ['one-password'], since: '8.2', text: 'Password of root in clear text.' },
  { section: 'global', key: 'root-password-hashed', type: 'string', nullable: true, secret: true, format: 'password-hash', rules: ['one-password'], since: '8.3', text: 'Password of root as a crypt(3) hash.' },
  { section: 'global', key: 'root-ssh-keys', type: 'strings', format: 'ssh-key', default: '[]', since: '8.2', text: "Public keys for root's authorized_keys." },
  { section: 'global', key: 'reboot-on-error', type: 'boolean', default: 'false', since: '8.2', text: 'Reboot instead of standing at a shell when the installation fails.' },
  { section: 'global', key: 'reboot-mode', type: 'enum', values: ['reboot', 'power-off'], default: 'reboot', since: '8.4', text: 'What the machine does when the installer is done.' },
  { section: 'global', key: 'subscription-key', type: 'string', nullable: true, secret: true, format: 'subscription-key', products: ['pve', 'pbs', 'pmg'], rules: ['subscription-product'], since: '9.2', text: 'Subscription key that is activated on the first boot.' },

  { section: 'network', key: 'source', type: 'enum', values: ['from-dhcp', 'from-answer'], required: '9.2', default: 'from-dhcp', rules: ['address-source'], since: '8.2', text: 'Where the address of the node comes from. It is written statically either way.' },
  { section: 'network', key: 'cidr', type: 'string', format: 'cidr', rules: ['address-source', 'address-family', 'gateway-reachable'], since: '8.2', text: 'Address of the node with its prefix length.' },
  { section: 'network', key: 'dns', type: 'string', format: 'address', rules: ['address-source', 'address-family'], since: '8.2', text: 'One DNS server.' },
  { section: 'network', key: 'gateway', type: 'string', format: 'address', rules: ['address-source', 'address-family', 'gateway-reachable'], since: '8.2', text: 'Default gateway.' },
  { section: 'network', key: 'filter', type: 'globs', format: 'glob', rules: ['address-source', 'interface-filter'], since: '8.2', text: 'Chooses the management interface: one udev property and a glob for its value.' },
  { section: 'network', key: 'interface-name-pinning', type: 'table', nullable: true, underscoreAlias: false, since: '9.1', text: 'Gives interfaces names that stay.' },
  { section: 'network', key: 'interface-name-pinning.enabled', type: 'boolean', required: true, rules: ['pinning'], since: '9.1', text: 'Pin names at all.' },
  { section: 'network', key: 'interface-name-pinning.mapping', type: 'mapping', rules: ['pinning'], since: '9.1', text: 'MAC in lower case to the name that this interface gets.' },

  { section: 'disk-setup', key: 'filesystem', type: 'enum', values: ['ext4', 'xfs', 'zfs', 'btrfs'], required: true, rules: ['filesystem-options', 'filesystem-product'], since: '8.2', text: 'File system of the root disk.' },
  { section: 'disk-setup', key: 'disk-list', type: 'strings', format: 'disk-name', rules: ['disk-selection', 'disk-count', 'disk-names'], since: '8.2', text: 'Kernel names of the disks to install on.' },
  { section: 'disk-setup', key: 'filter', type: 'globs', format: 'glob', rules: ['disk-selection', 'disk-filter'], since: '8.2', text: 'Chooses disks by a udev property and a glob for its value.' },
  { section: 'disk-setup', key: 'filter-match', type: 'enum', nullable: true, values: ['any', 'all'], default: 'any', rules: ['disk-filter'], since: '8.2', text: 'Whether any or all entries of the filter must match (zfs and btrfs).' },
  { section: 'disk-setup', key: 'zfs', type: 'table', nullable: true, rules: ['filesystem-options'], since: '8.2', text: 'Options of zfs.' },
  { section: 'disk-setup', key: 'zfs.raid', type: 'enum', nullable: true, values: ZFS_RAID, meant: RAID_MEANT, upperCaseSince: '8.3', rules: ['raid-level', 'disk-count'], since: '8.2', text: 'RAID level of the pool; required for zfs.' },
  { section: 'disk-setup', key: 'zfs.ashift', type: 'integer', nullable: true, range: { min: 9, max: 16 }, default: '12', since: '8.2', text: 'Sector size of the pool as a power of two.' },
  { section: 'disk-setup', key: 'zfs.arc-max', type: 'integer', nullable: true, range: { min: 0, unit: 'MiB' }, default: 'a tenth of the memory, at most 16 GiB', rules: ['arc-max'], since: '8.2', text: 'Upper limit of the ZFS cache; 0 is the default of ZFS, less than 64 becomes 64.' },
  { section: 'disk-setup', key: 'zfs.checksum', type: 'enum', nullable: true, values: ['on', 'fletcher4', 'sha256'], default: 'on', since: '8.2', text: 'Checksum of the pool.' },
  { section: 'disk-setup', key: 'zfs.compress', type: 'enum', nullable: true, values: ['on', 'off', 'lzjb', 'lz4', 'zle', 'gzip', 'zstd'], default: 'on', since: '8.2', text: 'Compression of the pool.' },
  { section: 'disk-setup', key: 'zfs.copies', type: 'integer', nullable: true, range: { min: 1, max: 3 }, default: '1', since: '8.2', text: 'Copies of every block.' },
  { section: 'disk-setup', key: 'zfs.hdsize', type: 'number', nullable: true, range: WHOLE_DISK_GIB, default: 'the whole first disk', since: '8.2', text: 'How much of each disk is used.' },
  { section: 'disk-setup', key: 'lvm', type: 'table', nullable: true, rules: ['filesystem-options'], since: '8.2', text: 'Options of ext4 and xfs.' },
  { section: 'disk-setup', key: 'lvm.hdsize', type: 'number', nullable: true, range: WHOLE_DISK_GIB, default: 'the whole disk', rules: ['swap-size'], since: '8.2', text: 'How much of the disk is used.' },
  { section: 'disk-setup', key: 'lvm.swapsize', type: 'number', nullable: true, range: GIB, rules: ['swap-size'], since: '8.2', text: 'Size of the swap volume.' },
  { section: 'disk-setup', key: 'lvm.maxroot', type: 'number', nullable: true, range: GIB, since: '8.2', text: 'Largest size of the root volume.' },
  { section: 'disk-setup', key: 'lvm.maxvz', type: 'number', nullable: true, range: GIB, products: ['pve'], since: '8.2', text: 'Largest size of the data volume; 0 makes none.' },
  { section: 'disk-setup', key: 'lvm.minfree', type: 'number', nullable: true, range: GIB, since: '8.2', text: 'Space that stays free in the volume group.' },
  { section: 'disk-setup', key: 'btrfs', type: 'table', nullable: true, products: ['pve'], rules: ['filesystem-options'], since: '8.2', text: 'Options of btrfs.' },
  { section: 'disk-setup', key: 'btrfs.raid', type: 'enum', nullable: true, products: ['pve'], values: BTRFS_RAID, meant: RAID_MEANT, upperCaseSince: '8.3', rules: ['raid-level', 'disk-count'], since: '8.2', text: 'RAID level; required for btrfs.' },
  { section: 'disk-setup', key: 'btrfs.hdsize', type: 'number', nullable: true, products: ['pve'], range: WHOLE_DISK_GIB, default: 'the whole first disk', since: '8.2', text: 'How much of each disk is used.' },
  { section: 'disk-setup', key: 'btrfs.compress', type: 'enum', nullable: true, products: ['pve'], values: ['on', 'off', 'zlib', 'lzo', 'zstd'], default: 'off', since: '8.3', text: 'Compression.' },

  { section: 'post-installation-webhook', key: 'url', type: 'string', format: 'url', required: true, rules: ['pinned-url'], since: '8.3', text: 'Where the installer reports that it is done.' },
  { section: 'post-installation-webhook', key: 'cert-fingerprint', type: 'string', nullable: true, format: 'fingerprint', rules: ['pinned-url'], since: '8.3', text: 'SHA-256 of the certificate that is expected there.' },
  { section: 'post-installation-webhook', key: 'auth-token', type: 'string', nullable: true, secret: true, since: '9.2', text: 'Token that is repeated in the report.' },

  { section: 'first-boot', key: 'source', type: 'enum', values: ['from-url', 'from-iso'], required: true, rules: ['first-boot-source'], since: '8.3', text: 'Where the first-boot executable comes from.' },
  { section: 'first-boot', key: 'ordering', type: 'enum', values: ['before-network', 'network-online', 'fully-up'], default: 'fully-up', since: '8.3', text: 'When it runs.' },
  { section: 'first-boot', key: 'url', type: 'string', nullable: true, format: 'url', rules: ['first-boot-source', 'pinned-url'], since: '8.3', text: 'Where to download it.' },
  { section: 'first-boot', key: 'cert-fingerprint', type: 'string', nullable: true, format: 'fingerprint', rules: ['pinned-url'], since: '8.3', text: 'SHA-256 of the certificate that is expected there.' },
];

const BY_PATH: ReadonlyMap<string, AnswerKey> = new Map(
  ANSWER_KEYS.map((entry) => [`${entry.section}.${entry.key}`, entry]),
);

/** Paths of the keys whose values are secret. */
export const SECRET_KEYS: readonly string[] = ANSWER_KEYS.filter(({ secret }) => secret).map(
  ({ section, key }) => `${section}.${key}`,
);

const SECRET_NAMES: ReadonlySet<string> = new Set(SECRET_KEYS.map((path) => path.slice(path.lastIndexOf('.') + 1)));

/** Whether a path as it stands in a file leads to something secret, or into it; whatever the section, and for names that are only nearly right. */
export function isSecretPath(path: string): boolean {
  return soundsSecret(path) || path.split(/[.[\]]/).some((name) => SECRET_NAMES.has(name.replaceAll('_', '-')));
}

/** The row of a key, by its path with hyphens: `disk-setup.zfs.raid`. */
export function answerKey(path: string): AnswerKey | undefined {
  return BY_PATH.get(path);
}

/** The row of what stands in a file below a section and `prefix` (empty, or a table with its dot: `zfs.`). A quoted name with a dot in it is no path. */
export function keyIn(section: string, prefix: string, name: string): AnswerKey | undefined {
  return name.includes('.') ? undefined : answerKey(`${section}.${prefix}${name}`);
}

/** The rows directly below a section (`prefix` empty) or a table inside it (`zfs`). */
export function keysBelow(section: Section, prefix: string): readonly AnswerKey[] {
  const start = prefix === '' ? '' : `${prefix}.`;
  return ANSWER_KEYS.filter(
    (entry) => entry.section === section && entry.key.startsWith(start) && !entry.key.slice(start.length).includes('.'),
  );
}

/** The last part of the key: what is written in the file. */
export function ownName(entry: AnswerKey): string {
  return entry.key.slice(entry.key.lastIndexOf('.') + 1);
}

/** The first release that knows anything of a section. */
export function sectionSince(section: Section): string {
  return ANSWER_KEYS.filter((entry) => entry.section === section)
    .map((entry) => entry.since)
    .reduce((oldest, since) => (compareReleases(since, oldest) < 0 ? since : oldest));
}

/** The release that brought the hyphens; until then keys are spelled with underscores only. */
export const HYPHENS_SINCE = '8.4';

/** How a key was spelled before the hyphens came, if it is that old. `[first-boot]` has had them from its beginning. */
export function formerName(entry: AnswerKey): string | undefined {
  if (!hasUnderscoreAlias(entry) || entry.section === 'first-boot') return undefined;
  return compareReleases(entry.since, HYPHENS_SINCE) < 0 ? ownName(entry).replaceAll('-', '_') : undefined;
}

/** How a key is spelled in the file of a release. */
export function nameIn(entry: AnswerKey, release: string): string {
  const former = compareReleases(release, HYPHENS_SINCE) < 0 ? formerName(entry) : undefined;
  return former ?? ownName(entry);
}

export function isInRelease(entry: AnswerKey, release: string): boolean {
  return (
    compareReleases(release, entry.since) >= 0 &&
    (entry.removed === undefined || compareReleases(release, entry.removed) < 0)
  );
}

export function isRequiredIn(entry: AnswerKey, release: string): boolean {
  if (entry.requiredBefore !== undefined) return compareReleases(release, entry.requiredBefore) < 0;
  return typeof entry.required === 'string' ? compareReleases(release, entry.required) >= 0 : entry.required === true;
}

export function hasUnderscoreAlias(entry: AnswerKey): boolean {
  return ownName(entry).includes('-') && entry.underscoreAlias !== false;
}
