/**
 * An answer against one machine: what its filters and lists choose there, as the installer would, and what it would die of. What the document that
 * tells of the machine does not say is not checked, and a finding says so.
 */

import { canBePartitioned, isEmmc } from './disk-devices.ts';
import { MINIMUM_DISKS, raidLevel, takesOneDisk } from './disk-rules.ts';
import { type Finding, finding } from './findings.ts';
import { globProblem, matchesGlob } from './globs.ts';
import {
  describeDisk,
  describePort,
  inInstallersOrder,
  type MachineDisk,
  type MachineDocument,
  type MachineFacts,
  type MachinePort,
  type Properties,
  UNKNOWN_DEVICE,
} from './machine.ts';
import type { View } from './view.ts';

/** What a filter or list chooses, in words. */
export interface Selection {
  readonly path: string;
  readonly devices: readonly string[];
}

export interface MachineCheck {
  readonly findings: readonly Finding[];
  readonly selections: readonly Selection[];
}

type Entries = ReadonlyArray<readonly [string, string]>;

export function checkMachine(view: View, machine: MachineFacts): MachineCheck {
  const checks = [
    checkPorts(view, machine),
    checkDisks(view, machine),
    checkPinning(view, machine),
    checkProduct(view),
  ];
  return {
    findings: checks.flatMap((check) => check.findings),
    selections: checks.flatMap((check) => check.selections),
  };
}

const nothing: MachineCheck = { findings: [], selections: [] };

function problem(...findings: readonly Finding[]): MachineCheck {
  return { findings, selections: [] };
}

const FULLER: Readonly<Record<MachineDocument, string>> = {
  'system information':
    'Give the webhook document of an earlier installation, or the output of proxmox-auto-install-assistant device-info.',
  'webhook document': 'Give the output of proxmox-auto-install-assistant device-info.',
  'device-info': 'Give the output of proxmox-auto-install-assistant device-info -t all.',
};

/** Silence would be taken for a check that was passed. */
function notChecked(path: string, { document }: MachineFacts, why: string, what: string): MachineCheck {
  return problem(
    finding('answer.machine-unknown', path, `Not checked: ${why}, so ${what} cannot be told`, FULLER[document]),
  );
}

/** What this document does not tell, with the reason where it lies in its kind. */
function tellsNothingOf(devices: 'disks' | 'ports', { document }: MachineFacts): string {
  if (document === 'system information' && devices === 'disks')
    return 'a system information names the ports of a machine, never its disks';
  return `this ${document} names no ${devices}`;
}

function matchesAny(entries: Entries, properties: Properties): boolean {
  return entries.some(([key, glob]) => {
    const value = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return value !== undefined && matchesGlob(glob, value);
  });
}

/** A property that a disk lacks contradicts nothing. */
function contradictsNone(entries: Entries, properties: Properties): boolean {
  return entries.every(([key, glob]) => {
    const value = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return value === undefined || matchesGlob(glob, value);
  });
}

/** On the machine a glob that does not compile ends the installation. */
function brokenGlob(path: string, entries: Entries): Finding | undefined {
  const broken = entries.find(([, glob]) => globProblem(glob) !== undefined);
  if (broken === undefined) return undefined;
  return finding(
    'answer.machine-filter',
    `${path}.${broken[0]}`,
    `On the machine the installer stops at the glob '${broken[1]}'`,
    'Use *, ?, [abc] or [!a].',
  );
}

const KNOWN_BY_NAME_AND_MAC: ReadonlySet<string> = new Set(['ID_NET_NAME_MAC', 'INTERFACE']);

/** What is known of a port: all of udev's properties, or what follows from its MAC for most drivers. */
function propertiesOf(port: MachinePort): Properties {
  if (port.properties !== undefined) return port.properties;
  return port.mac === undefined ? {} : { ID_NET_NAME_MAC: `enx${port.mac.replaceAll(':', '')}`, INTERFACE: port.name };
}

function checkPorts(view: View, machine: MachineFacts): MachineCheck {
  const { ports } = machine;
  const path = 'network.filter';
  const entries = view.entries(path);
  if (entries === undefined || view.text('network.source') !== 'from-answer' || entries.length === 0) return nothing;
  const broken = brokenGlob(path, entries);
  if (broken !== undefined) return problem(broken);
  if (ports.length === 0)
    return notChecked(path, machine, tellsNothingOf('ports', machine), 'which interface it selects');
  const byName = [...ports].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const port of byName) {
    if (matchesAny(entries, propertiesOf(port)))
      return { findings: [], selections: [{ path, devices: [describePort(port)] }] };
    // It may match by a property that is not known here, and would then go before the ports behind it.
    const open = port.properties === undefined ? entries.find(([key]) => !KNOWN_BY_NAME_AND_MAC.has(key)) : undefined;
    if (open === undefined) continue;
    const why = `this ${machine.document} tells the name and the MAC of ${describePort(port)}, not its ${open[0]}`;
    return notChecked(path, machine, why, 'which interface it selects');
  }
  return problem(
    finding(
      'answer.machine-filter',
      path,
      `It matches none of the ports of this machine: ${ports.map(describePort).join(', ')}`,
      'Correct the glob.',
    ),
  );
}

function checkPinning(view: View, machine: MachineFacts): MachineCheck {
  const path = 'network.interface-name-pinning.mapping';
  const mapping = view.entries(path) ?? [];
  if (mapping.length > 0 && machine.ports.length === 0)
    return notChecked(path, machine, tellsNothingOf('ports', machine), 'whether it has these MACs');
  return problem(
    ...mapping
      .filter(([mac]) => !machine.ports.some((port) => port.mac === mac.toLowerCase()))
      .map(([mac]) =>
        finding(
          'answer.machine-interface',
          `${path}.${mac}`,
          `This machine has no port with the MAC ${mac}`,
          'Correct the MAC, or remove the line.',
        ),
      ),
  );
}

function checkProduct(view: View): MachineCheck {
  if (view.text('disk-setup.filesystem') !== 'btrfs' || view.product === 'pve') return nothing;
  return problem(
    finding(
      'answer.machine-filter',
      'disk-setup.filesystem',
      'The installer of this product stops at btrfs',
      'Choose ext4, xfs or zfs.',
    ),
  );
}

function checkDisks(view: View, machine: MachineFacts): MachineCheck {
  const { disks } = machine;
  const listed = view.strings('disk-setup.disk-list');
  const entries = view.entries('disk-setup.filter') ?? [];
  if (listed.length === 0 && entries.length === 0) return nothing;
  if (disks === undefined) {
    const [path, what] =
      listed.length > 0
        ? ['disk-setup.disk-list', 'whether the machine has these disks']
        : ['disk-setup.filter', 'which disks it selects'];
    const level = raidLevel(view);
    const enough = level === undefined || listed.length > 0 ? '' : ` and whether they are enough for ${level}`;
    return notChecked(path, machine, tellsNothingOf('disks', machine), `${what}${enough}`);
  }
  return listed.length > 0 ? checkList(view, disks, listed) : checkFilter(view, disks, entries);
}

function named(disks: readonly MachineDisk[]): string {
  return disks.map(describeDisk).join(', ') || 'it has none';
}

function checkList(view: View, disks: readonly MachineDisk[], listed: readonly string[]): MachineCheck {
  const path = 'disk-setup.disk-list';
  const found = listed.map((name) => disks.find(({ device }) => device.endsWith(name)));
  const chosen = [...new Set(found.filter((disk) => disk !== undefined))];
  const missing = listed.flatMap((name, i) => (found[i] === undefined ? [{ name, i }] : []));
  // ext4 and xfs, or nothing at all: the installer stops. Otherwise it goes on without a word.
  const stops = takesOneDisk(view) || chosen.length === 0;
  return {
    findings: [
      ...missing.map(({ name, i }) =>
        finding(
          'answer.machine-disk',
          `${path}[${i}]`,
          `This machine has no disk '${name}'${stops ? '' : ', and the installer would go on without it'}; it has ${named(disks)}`,
          'Correct the name.',
          { by: stops ? 'installer' : 'ironwake' },
        ),
      ),
      // Two names of one disk choose one disk, which no check before the machine sees.
      ...countProblem(view, path, chosen.length),
      ...unusable(path, chosen),
    ],
    selections: [{ path, devices: chosen.map(describeDisk) }],
  };
}

function checkFilter(view: View, disks: readonly MachineDisk[], entries: Entries): MachineCheck {
  const path = 'disk-setup.filter';
  const broken = brokenGlob(path, entries);
  if (broken !== undefined) return problem(broken);
  const ordered = inInstallersOrder(disks);
  const all = view.text('disk-setup.filter-match') === 'all' && !takesOneDisk(view);
  const matching = ordered.filter(({ properties }) =>
    all ? contradictsNone(entries, properties) : matchesAny(entries, properties),
  );
  const chosen = takesOneDisk(view) ? matching.slice(0, 1) : matching;
  if (chosen.length === 0) {
    return problem(
      finding(
        'answer.machine-filter',
        path,
        `It matches none of the disks of this machine: ${named(disks)}`,
        'Correct the glob.',
      ),
    );
  }
  return {
    findings: [...countProblem(view, path, chosen.length), ...unusable(path, chosen)],
    selections: [{ path, devices: chosen.map(describeDisk) }],
  };
}

/** The low-level installer cannot name the partitions of these. It finds out when it has wiped the disk. */
function unusable(path: string, chosen: readonly MachineDisk[]): Finding[] {
  return chosen
    .filter(({ device }) => device !== UNKNOWN_DEVICE && !canBePartitioned(device))
    .map((disk) =>
      finding(
        'answer.machine-disk',
        path,
        `The installer chooses ${describeDisk(disk)} and cannot partition ${isEmmc(disk.device) ? 'eMMC' : 'it'}`,
        'Choose another disk.',
        { by: 'installer' },
      ),
    );
}

/** The count is checked by the low-level installer only, which stops at it. */
function countProblem(view: View, path: string, count: number): Finding[] {
  const level = raidLevel(view);
  const minimum = level === undefined ? undefined : MINIMUM_DISKS[level];
  if (level === undefined || minimum === undefined) return [];
  const odd = level === 'raid10' && count % 2 === 1;
  if (count >= minimum && !odd) return [];
  const message =
    count < minimum
      ? `${level} needs at least ${minimum} disks, and ${count} of this machine ${count === 1 ? 'is' : 'are'} chosen`
      : `${level} needs pairs, and ${count} disks of this machine are chosen`;
  return [
    finding('answer.machine-disk-count', path, message, 'Choose more disks or another level.', {
      // Of btrfs with an odd number only we think badly.
      by: count < minimum || view.text('disk-setup.filesystem') === 'zfs' ? 'installer' : 'ironwake',
    }),
  ];
}
