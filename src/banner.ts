/** What `ironwake serve` prints when it is ready: where it listens, how to know it, and what to type next. */
import type { Segment } from './net/segment.ts';
import { shellQuote } from './postinstall/quote.ts';

export interface BannerFacts {
  readonly segments: readonly Segment[];
  readonly url: string;
  readonly fingerprint: string;
  readonly adminTokenFile: string;
  /** Where a public key has to be put before anything can be armed. */
  readonly keyBelongsIn: string | undefined;
  /** The data directory, where commands do not find it by themselves. */
  readonly dataDir: string | undefined;
  readonly ports: { readonly dhcp: number; readonly pxe: number; readonly tftp: number };
}

export function banner(facts: BannerFacts): string {
  const networks = facts.segments.map(
    (segment) =>
      `  ${segment.interfaceName} ${segment.address}/${segment.prefixLength}: proxyDHCP on UDP ${facts.ports.dhcp} and ${facts.ports.pxe}, TFTP on ${facts.ports.tftp}, ` +
      `boot files ${segment.httpUrl}, API, installer and nodes ${segment.httpsUrl}`,
  );
  const told = facts.dataDir === undefined ? '' : ` --data-dir ${word(facts.dataDir)}`;
  return [
    '',
    'Ironwake is serving (IPv4):',
    ...networks,
    `  certificate SHA-256 ${facts.fingerprint}`,
    `  administrator's token in ${facts.adminTokenFile}`,
    '',
    'Machines that nobody registered get no reply. Next:',
    ...(facts.keyBelongsIn === undefined
      ? []
      : [`  first put your public key into ${facts.keyBelongsIn} (keys: ["ssh-ed25519 AAAA... you@laptop"])`]),
    `  npx ironwake media add proxmox-ve_9.2-1.iso${told}`,
    `  npx ironwake node add --mac bc:24:11:00:00:01 --fqdn pve1.lab.example --profile default${told}`,
    `  npx ironwake node install pve1.lab.example${told}`,
    '',
    '',
  ].join('\n');
}

/** For a command line that is copied: quoted only where that is needed. */
function word(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : shellQuote(path);
}
