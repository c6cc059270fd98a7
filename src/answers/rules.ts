/** Rules over several keys of an answer, by name. The key table says which keys each one concerns; every rule runs once. */
import {
  arcMaxRule,
  diskCountRule,
  diskFilterRule,
  diskNamesRule,
  diskSelectionRule,
  filesystemOptionsRule,
  filesystemProductRule,
  raidLevelRule,
  swapSizeRule,
} from './disk-rules.ts';
import { type Finding, finding } from './findings.ts';
import {
  addressFamilyRule,
  addressSourceRule,
  gatewayReachableRule,
  interfaceFilterRule,
  pinningRule,
} from './network-rules.ts';
import { compareReleases, PRODUCT_NAMES } from './release.ts';
import type { View } from './view.ts';

type Rule = (view: View) => Finding[];

function onePasswordRule(view: View): Finding[] {
  // 8.2 knows the password in clear text only.
  const knowsHash = compareReleases(view.dialect.release, '8.3') >= 0;
  const clear = view.has('global.root-password');
  const hashed = view.has('global.root-password-hashed');
  if (clear && hashed && knowsHash) {
    return [
      finding(
        'answer.password-twice',
        'global.root-password',
        'root-password and root-password-hashed cannot stand together',
        'Keep root-password-hashed.',
      ),
    ];
  }
  if (clear || hashed) return [];
  return [
    finding(
      'answer.password-missing',
      'global',
      'root has no password',
      knowsHash ? 'Set root-password-hashed to a crypt(3) hash.' : 'Set root-password; hashes came with 8.3.',
    ),
  ];
}

function firstBootSourceRule(view: View): Finding[] {
  if (view.text('first-boot.source') !== 'from-url' || view.has('first-boot.url')) return [];
  // Checked since installer 8.3.5. That of 8.3 (8.3.3) looks for the URL on the machine only, when it wants to download.
  const early = compareReleases(view.dialect.release, '8.4') >= 0;
  return [
    finding(
      'answer.first-boot-url',
      'first-boot.url',
      early
        ? 'source is from-url and there is no url'
        : 'source is from-url and there is no url; the installer stops on the machine, where it wants to download',
      'Set first-boot.url.',
      { by: early ? 'installer' : 'ironwake' },
    ),
  ];
}

function pinnedUrlRule(view: View): Finding[] {
  return ['post-installation-webhook', 'first-boot']
    .filter((section) => section !== 'first-boot' || view.text('first-boot.source') === 'from-url')
    .filter((section) => view.text(`${section}.url`)?.startsWith('https:') && !view.has(`${section}.cert-fingerprint`))
    .map((section) =>
      finding(
        'answer.fingerprint-missing',
        `${section}.cert-fingerprint`,
        'Without a fingerprint only a certificate of a public authority is trusted; fingerprints are not inherited',
        'Set cert-fingerprint in this section as well.',
      ),
    );
}

/** A key is for one product, and begins with its name. Datacenter Manager has none. */
function subscriptionProductRule(view: View): Finding[] {
  const key = view.text('global.subscription-key');
  if (key === undefined || key.startsWith(view.product) || !/^(?:pve|pbs|pmg)/.test(key)) return [];
  return [
    finding(
      'answer.subscription-product',
      'global.subscription-key',
      view.product === 'pdm'
        ? 'Datacenter Manager has no subscription keys'
        : `This key is not one for ${PRODUCT_NAMES[view.product]}`,
      view.product === 'pdm' ? 'Remove it.' : `Write the key that begins with ${view.product}.`,
    ),
  ];
}

export const RULES = {
  'one-password': onePasswordRule,
  'address-source': addressSourceRule,
  'address-family': addressFamilyRule,
  'gateway-reachable': gatewayReachableRule,
  'interface-filter': interfaceFilterRule,
  pinning: pinningRule,
  'disk-selection': diskSelectionRule,
  'raid-level': raidLevelRule,
  'filesystem-options': filesystemOptionsRule,
  'filesystem-product': filesystemProductRule,
  'disk-count': diskCountRule,
  'disk-names': diskNamesRule,
  'disk-filter': diskFilterRule,
  'arc-max': arcMaxRule,
  'swap-size': swapSizeRule,
  'subscription-product': subscriptionProductRule,
  'first-boot-source': firstBootSourceRule,
  'pinned-url': pinnedUrlRule,
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;
