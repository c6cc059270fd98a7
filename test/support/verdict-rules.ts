/**
 * The rules of the answer file, by id: what the table of verdicts (verdicts.ts) must have rows of. Most ids follow from the key table and from the
 * rules over several keys; written down here is only what a value must be beyond its type.
 *
 * `SECTION.KEY` what it takes; `.../since` the releases that know it; `.../required`; `.../alias` its spelling with underscores;
 * `SECTION.KEY#WORD` a rule of the value; `rule/NAME` one over several keys; `document/WORD` one of the whole file.
 */
import { ANSWER_KEYS, hasUnderscoreAlias } from '../../src/answers/keys.ts';
import { RULES } from '../../src/answers/rules.ts';

/** What no installer refuses that knows the key: there is no row that could be. It is for our own findings, or for the machine. */
const NEVER_REFUSED = [
  'global.fqdn.domain#content',
  'global.root-password#line-break',
  'global.root-password-hashed#content',
  'global.root-ssh-keys#content',
  'global.subscription-key#content',
  'network.cidr#host',
  'network.gateway#place',
  'network.filter#keys',
  'network.filter#glob',
  'network.interface-name-pinning.enabled#disabled',
  'network.interface-name-pinning.mapping#mac',
  'disk-setup.disk-list#name',
  'disk-setup.filter#glob',
  'disk-setup.filter#device',
  'disk-setup.filter-match#filesystem',
  'rule/arc-max',
  'disk-setup.zfs.ashift#range',
  'disk-setup.zfs.copies#range',
  'disk-setup.lvm.hdsize#range',
  'post-installation-webhook.url#content',
  'post-installation-webhook.cert-fingerprint#content',
  'first-boot.url#content',
  'first-boot.cert-fingerprint#content',
  // Ours alone.
  'rule/address-family',
  'rule/gateway-reachable',
  'rule/subscription-product',
  'rule/pinned-url',
  // btrfs on another product is found on the machine; this table is of Proxmox VE.
  'rule/filesystem-product',
] as const;

const VALUES = [
  'global.keyboard#case',
  'global.country#case',
  'global.country#listed',
  'global.fqdn#labels',
  'global.fqdn#length',
  'global.fqdn#label-length',
  'global.fqdn#characters',
  'global.fqdn#hyphens',
  'global.fqdn#digits',
  'global.fqdn#table',
  'global.mailto#pattern',
  'global.mailto#default',
  'global.timezone#listed',
  'global.timezone#utc',
  'global.root-password#length',
  'network.cidr#prefix',
  'network.cidr#prefix-range',
  'network.cidr#prefix-digits',
  'network.cidr#address',
  'network.gateway#zone',
  'network.dns#one',
  'network.interface-name-pinning.mapping#length',
  'network.interface-name-pinning.mapping#characters',
  'network.interface-name-pinning.mapping#suffix',
  'network.interface-name-pinning.mapping#case',
  'network.interface-name-pinning.mapping#twice',
  'disk-setup.filesystem#case',
  'disk-setup.zfs.raid#case',
  'disk-setup.btrfs.raid#case',
  'disk-setup.zfs.ashift#width',
  'disk-setup.zfs.arc-max#width',
  'disk-setup.lvm.swapsize#nan',
] as const;

const DOCUMENT = [
  'document/unknown-section',
  'document/unknown-key',
  'document/missing-section',
  'document/section-names',
  'document/spelling',
  'document/toml',
  'document/toml-numbers',
  'document/twice',
  'document/json',
  'document/json-numbers',
  'document/null',
] as const;

const byKey = ANSWER_KEYS.flatMap((entry) => {
  const path = `${entry.section}.${entry.key}`;
  return [
    path,
    ...(entry.since === '8.2' ? [] : [`${path}/since`]),
    ...(entry.required === undefined && entry.requiredBefore === undefined ? [] : [`${path}/required`]),
    ...(hasUnderscoreAlias(entry) ? [`${path}/alias`] : []),
  ];
});

export const VERDICT_RULES: ReadonlySet<string> = new Set([
  ...byKey,
  ...VALUES,
  ...NEVER_REFUSED,
  ...Object.keys(RULES).map((name) => `rule/${name}`),
  ...DOCUMENT,
]);

export const NEVER_REFUSED_RULES: ReadonlySet<string> = new Set(NEVER_REFUSED);

/** The key that a rule is about; undefined for those of several keys and of the document. */
export function keyOfRule(rule: string): string | undefined {
  return /^(?:rule|document)\//.test(rule) ? undefined : rule.replace(/[#/].*$/, '');
}
