/**
 * The body of the installer's one request for its answer: what the machine claims to be. Read as every release sends it: 8.2 without a
 * version, package 8.2.7 with `$format-info`, from 8.3 on with `$schema` 1.0; the facts are the same. From 9.2 on MACs come in upper case, which is folded here. Everything in it is a claim: the run is known by its token.
 */
import { invalid } from '../errors.ts';
import type { Mac } from '../net/mac.ts';
import { distinct, listAt, macAt, readJsonObject, tableAt, textAt } from './machine-report.ts';
import { isProduct, PRODUCTS, type Product } from './release.ts';

export interface ReportedInterface {
  /** The kernel's name in the live system. */
  readonly name: string | undefined;
  readonly mac: Mac;
}

/** Hints only: serial numbers and UUIDs are placeholders on many boards. Missing files of the kernel are missing keys. */
export interface Dmi {
  readonly system: Readonly<Record<string, string>>;
  readonly baseboard: Readonly<Record<string, string>>;
  readonly chassis: Readonly<Record<string, string>>;
}

export interface SystemInformation {
  /** `9.2` */
  readonly release: string;
  /** `1`; some images have none. */
  readonly isoRelease: string | undefined;
  readonly product: Product;
  /** Ethernet addresses of all interfaces, also those that are down, in kernel order. Compare as a set. */
  readonly macs: readonly Mac[];
  readonly interfaces: readonly ReportedInterface[];
  readonly dmi: Dmi;
}

/**
 * @throws IronwakeError `system-information.malformed`, `system-information.product`, `system-information.release`,
 *   `system-information.no-interface`
 */
export function parseSystemInformation(body: string | Uint8Array): SystemInformation {
  const report = readJsonObject(body, 'system-information.malformed', 'system information');
  const product = textAt(tableAt(report, 'product'), 'product');
  if (!isProduct(product)) {
    throw invalid(
      'system-information.product',
      'product.product',
      `The product '${(product ?? '').slice(0, 20)}' is not known`,
      `Boot an installer of one of: ${PRODUCTS.join(', ')}.`,
    );
  }
  const iso = tableAt(report, 'iso');
  const release = textAt(iso, 'release');
  if (release === undefined || !/^\d{1,3}(\.\d{1,3}){0,2}$/.test(release)) {
    throw invalid(
      'system-information.release',
      'iso.release',
      'The release is missing',
      'Boot an official installer image.',
    );
  }
  const interfaces = listAt(report, 'network_interfaces').flatMap((entry): ReportedInterface[] => {
    const mac = macAt(entry, 'mac');
    return mac === undefined ? [] : [{ name: textAt(entry, 'link'), mac }];
  });
  if (interfaces.length === 0) {
    throw invalid(
      'system-information.no-interface',
      'network_interfaces',
      'No Ethernet interface is named',
      "Check that the installer's kernel has a driver for the network card.",
    );
  }
  const dmi = tableAt(report, 'dmi');
  return {
    release,
    isoRelease: textAt(iso, 'isorelease'),
    product,
    macs: distinct(interfaces.map((entry) => entry.mac)),
    interfaces,
    dmi: { system: texts(dmi, 'system'), baseboard: texts(dmi, 'baseboard'), chassis: texts(dmi, 'chassis') },
  };
}

function texts(dmi: Readonly<Record<string, unknown>>, part: string): Readonly<Record<string, string>> {
  const table = tableAt(dmi, part);
  const known = Object.keys(table)
    .filter((key) => /^[\w.-]{1,64}$/.test(key))
    .slice(0, 32);
  return Object.fromEntries(
    known.flatMap((key) => {
      const text = textAt(table, key);
      return text === undefined ? [] : [[key, text]];
    }),
  );
}
