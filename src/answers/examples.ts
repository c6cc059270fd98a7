/** One example for every key, as TOML. From the table where it says so, else from type and format. */
import { type AnswerKey, nameIn } from './keys.ts';

const BY_FORMAT: Readonly<Partial<Record<NonNullable<AnswerKey['format']>, string>>> = {
  country: '"at"',
  timezone: '"Europe/Vienna"',
  email: '"admin@example.org"',
  fqdn: '"pve1.lab.example"',
  domain: '"lab.example"',
  password: '"correct horse battery staple"',
  'password-hash': '"$y$j9T$..."',
  'ssh-key': '["ssh-ed25519 AAAA... admin@example.org"]',
  'subscription-key': '"pve2c-0123456789"',
  cidr: '"192.0.2.10/24"',
  address: '"192.0.2.1"',
  'disk-name': '["nvme0n1", "nvme1n1"]',
  url: '"https://192.0.2.2:8443/report"',
  fingerprint: '"AB:CD:...:EF"',
};

/** The value that one would write, without the key. */
export function exampleValue(entry: AnswerKey): string {
  if (entry.example !== undefined) return entry.example;
  const byFormat = entry.format === undefined ? undefined : BY_FORMAT[entry.format];
  if (byFormat !== undefined) return byFormat;
  switch (entry.type) {
    case 'enum':
      return `"${entry.values?.[0] ?? ''}"`;
    case 'boolean':
      return 'true';
    case 'integer':
      return entry.default !== undefined && /^\d+$/.test(entry.default) ? entry.default : '4096';
    case 'number':
      return '32';
    case 'globs':
      return entry.section === 'network'
        ? '{ ID_NET_NAME_MAC = "*bc2411000001" }'
        : '{ ID_SERIAL = "Samsung_SSD_990_*" }';
    case 'mapping':
      return '{ "bc:24:11:00:00:01" = "lan0" }';
    case 'table':
    case 'name-or-table':
      return '{ ... }';
    case 'strings':
      return '["..."]';
    case 'string':
      return '"..."';
  }
}

/** `zfs.raid = "raid1"`, as it is written below the section's header. */
export function exampleLine(entry: AnswerKey, release: string): string {
  const tables = entry.key.split('.').slice(0, -1);
  return `${[...tables, nameIn(entry, release)].join('.')} = ${exampleValue(entry)}`;
}
