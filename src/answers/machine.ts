/**
 * What a machine has told about itself: its disks and network ports with their udev properties. From the installer's webhook (everything), from its
 * request for an answer (names and MACs of ports only), or from `proxmox-auto-install-assistant device-info`.
 */
import { invalid } from '../errors.ts';
import type { Mac } from '../net/mac.ts';
import { listAt, macAt, readJsonObject, tableAt, textAt } from './machine-report.ts';
import { isTable, type Table } from './view.ts';

export type Properties = Readonly<Record<string, string>>;

/** In place of the path of a disk whose properties do not tell it. */
export const UNKNOWN_DEVICE = '?';

export interface MachineDisk {
  /** The installer's number of the disk; it sorts them as text. */
  readonly index: string;
  /** `/dev/nvme0n1` */
  readonly device: string;
  readonly properties: Properties;
}

export interface MachinePort {
  /** The kernel's name in the live system: `eno1`. */
  readonly name: string;
  readonly mac: Mac | undefined;
  /** Undefined where the machine told only name and MAC. */
  readonly properties: Properties | undefined;
}

/** Where facts are from: the words for it, since they decide what can be known. */
export type MachineDocument = 'system information' | 'webhook document' | 'device-info';

export interface MachineFacts {
  readonly document: MachineDocument;
  /** Undefined where nothing is known of disks: a system information of any release names ports only. */
  readonly disks: readonly MachineDisk[] | undefined;
  /** Empty where nothing is known of ports; a machine without any cannot be installed over the network. */
  readonly ports: readonly MachinePort[];
  readonly bootMode: 'bios' | 'efi' | undefined;
}

/**
 * @param body a saved system information, webhook document or device-info, JSON
 * @throws IronwakeError `machine.malformed` when it is none of these
 */
export function parseMachineFacts(body: string | Uint8Array): MachineFacts {
  const report = readJsonObject(body, 'machine.malformed', 'description of the machine');
  if (Array.isArray(report.network_interfaces)) {
    const ports = listAt(report, 'network_interfaces').map(
      (entry): MachinePort => ({
        name: textAt(entry, 'link') ?? '?',
        mac: macAt(entry, 'mac'),
        properties: undefined,
      }),
    );
    return { document: 'system information', disks: undefined, ports, bootMode: undefined };
  }
  if (Array.isArray(report['network-interfaces']) || Array.isArray(report.disks)) return webhookFacts(report);
  if (isTable(report.nics) || isTable(report.disks)) return deviceInfoFacts(report);
  throw invalid(
    'machine.malformed',
    'machine',
    'This is neither a webhook document, nor a device-info, nor a system information',
    'Save what the installer sent: GET /api/v1/nodes/NODE, or proxmox-auto-install-assistant system-info.',
  );
}

function webhookFacts(report: Table): MachineFacts {
  const disks = listAt(report, 'disks').map((entry, i) => disk(String(i), tableAt(entry, 'udev-properties')));
  const ports = listAt(report, 'network-interfaces').map((entry): MachinePort => {
    const properties = texts(tableAt(entry, 'udev-properties'));
    // `name` may be the pinned one of the installed node.
    return { name: properties.INTERFACE ?? textAt(entry, 'name') ?? '?', mac: macAt(entry, 'mac'), properties };
  });
  const mode = textAt(tableAt(report, 'boot-info'), 'mode');
  return {
    document: 'webhook document',
    disks: disks.length === 0 ? undefined : disks,
    ports,
    bootMode: mode === 'bios' || mode === 'efi' ? mode : undefined,
  };
}

function deviceInfoFacts(report: Table): MachineFacts {
  const disks = Object.entries(tableAt(report, 'disks')).map(([index, entry]) => disk(index, entry));
  const ports = Object.entries(tableAt(report, 'nics')).map(([name, entry]): MachinePort => {
    const properties = texts(entry);
    const hex = /^enx([0-9a-f]{12})$/.exec(properties.ID_NET_NAME_MAC ?? '')?.[1];
    const mac = hex === undefined ? undefined : macAt({ mac: hex.replaceAll(/..(?=.)/g, '$&:') }, 'mac');
    return { name, mac, properties };
  });
  return { document: 'device-info', disks: disks.length === 0 ? undefined : disks, ports, bootMode: undefined };
}

function disk(index: string, entry: unknown): MachineDisk {
  const properties = texts(entry);
  const last = properties.DEVPATH?.split('/').at(-1);
  return {
    index,
    device: properties.DEVNAME ?? (last === undefined ? UNKNOWN_DEVICE : `/dev/${last.replaceAll('!', '/')}`),
    properties,
  };
}

function texts(table: unknown): Properties {
  if (!isTable(table)) return {};
  return Object.fromEntries(
    Object.entries(table).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Disks in the order in which the installer tries them. */
export function inInstallersOrder(disks: readonly MachineDisk[]): readonly MachineDisk[] {
  return [...disks].sort((a, b) => (a.index < b.index ? -1 : a.index > b.index ? 1 : 0));
}

/** Words for people: device and what tells it from others. */
export function describeDisk({ device, properties }: MachineDisk): string {
  const serial = properties.ID_SERIAL ?? properties.ID_SERIAL_SHORT;
  return serial === undefined ? device : `${device} (${serial})`;
}

export function describePort({ name, mac }: MachinePort): string {
  return mac === undefined ? name : `${name} (${mac})`;
}
