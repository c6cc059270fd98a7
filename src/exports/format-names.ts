/** Names of the formats alone: contract and command line need no more. */
export const EXPORT_NAMES = [
  'ansible',
  'ansible-list',
  'known-hosts',
  'ssh-config',
  'prometheus',
  'hosts',
  'dnsmasq',
  'kea',
  'opnsense-kea',
  'opnsense-dnsmasq',
] as const;
export type ExportFormat = (typeof EXPORT_NAMES)[number];
