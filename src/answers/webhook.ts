/**
 * The installer's report after a successful installation (`$schema` 1.1 and 1.2, installers 8.4 to 9.2). Everything is optional: a part that
 * the installer could not read is "unknown", 0 or empty from 9.2.5 on, and a report that helps a little must not leave the machine standing.
 */
import { isIP } from 'node:net';
import { IronwakeError } from '../errors.ts';
import { type Fqdn, parseFqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import { isSshPublicKey } from './formats.ts';
import { distinct, listAt, macAt, readJsonObject, tableAt, textAt } from './machine-report.ts';
import { isProduct, type Product } from './release.ts';
import type { Table } from './view.ts';

export interface InstalledInterface {
  /** The name that it has on the node. */
  readonly name: string | undefined;
  readonly mac: Mac;
  /** Without prefix length. Only the management interface has one. */
  readonly address: string | undefined;
  readonly isManagement: boolean;
}

export interface InstallReport {
  readonly fqdn: Fqdn | undefined;
  readonly product: Product | undefined;
  /** Version of the product's package: `9.2.1`. */
  readonly productVersion: string | undefined;
  /** Release of the image: `9.2`. */
  readonly release: string | undefined;
  readonly isoRelease: string | undefined;
  /** `TYPE BASE64` without comment. */
  readonly hostKeys: {
    readonly ed25519: string | undefined;
    readonly ecdsa: string | undefined;
    readonly rsa: string | undefined;
  };
  readonly macs: readonly Mac[];
  readonly interfaces: readonly InstalledInterface[];
  /** Undefined with a static address and pinned names: no installer up to 9.2.7 names it then. Find the port by its MAC. */
  readonly management: InstalledInterface | undefined;
  readonly machineId: string | undefined;
  /** `ext4`, `zfs (RAID1)` */
  readonly filesystem: string | undefined;
  readonly kernelRelease: string | undefined;
  readonly bootMode: 'bios' | 'efi' | undefined;
  readonly secureBoot: boolean;
}

/** @throws IronwakeError `webhook.malformed` when it is not a JSON object */
export function parseWebhook(body: string | Uint8Array): InstallReport {
  const report = readJsonObject(body, 'webhook.malformed', 'report of the installer');
  const product = tableAt(report, 'product');
  const short = knownText(product, 'short');
  const iso = tableAt(report, 'iso');
  const boot = tableAt(report, 'boot-info');
  const mode = textAt(boot, 'mode');
  const interfaces = listAt(report, 'network-interfaces').flatMap(installedInterface);
  const keys = tableAt(report, 'ssh-public-host-keys');
  return {
    fqdn: fqdnOf(knownText(report, 'fqdn')),
    product: isProduct(short) ? short : undefined,
    productVersion: knownText(product, 'version'),
    release: knownText(iso, 'release'),
    isoRelease: knownText(iso, 'isorelease'),
    hostKeys: {
      ed25519: hostKey(keys, 'ed25519', 'ssh-ed25519'),
      ecdsa: hostKey(keys, 'ecdsa', 'ecdsa-sha2-'),
      rsa: hostKey(keys, 'rsa', 'ssh-rsa'),
    },
    macs: distinct(interfaces.map((entry) => entry.mac)),
    interfaces,
    management: interfaces.find((entry) => entry.isManagement),
    machineId: /^[0-9a-f]{32}$/.exec(textAt(report, 'machine-id') ?? '')?.[0],
    filesystem: knownText(report, 'filesystem'),
    kernelRelease: knownText(tableAt(report, 'kernel-version'), 'release'),
    bootMode: mode === 'bios' || mode === 'efi' ? mode : undefined,
    secureBoot: boot.secureboot === true,
  };
}

function knownText(table: Table, key: string): string | undefined {
  const text = textAt(table, key);
  return text === 'unknown' ? undefined : text;
}

function installedInterface(entry: Table): InstalledInterface[] {
  const mac = macAt(entry, 'mac');
  if (mac === undefined) return [];
  const address = textAt(entry, 'address')?.split('/')[0] ?? '';
  return [
    {
      name: textAt(entry, 'name') ?? textAt(tableAt(entry, 'udev-properties'), 'INTERFACE'),
      mac,
      address: isIP(address) === 0 ? undefined : address,
      // False booleans are left out of the document.
      isManagement: entry['is-management'] === true,
    },
  ];
}

function fqdnOf(text: string | undefined): Fqdn | undefined {
  if (text === undefined) return undefined;
  try {
    return parseFqdn(text);
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    return undefined;
  }
}

/** An RSA key of 4096 bits has 716 characters; the cut of other texts at 256 would break it. */
function hostKey(keys: Table, name: string, type: string): string | undefined {
  const value = Object.hasOwn(keys, name) ? keys[name] : undefined;
  if (typeof value !== 'string' || value.length > 8192) return undefined;
  const line = value.trim();
  if (!line.startsWith(type) || !isSshPublicKey(line)) return undefined;
  return line.split(' ', 2).join(' ');
}
