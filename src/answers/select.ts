/**
 * Selectors: what a profile may say instead of names that only one machine has. They are resolved before the answer is checked, from what the
 * machine has told about itself, and become exact disk names and the `ID_NET_NAME_MAC` of one port; the installer never sees them.
 *
 *     disk-setup: { disks: { count: 2, equal: true, type: nvme } }
 *     network: { port: booted }
 *     network: { interface-name-pinning: { enabled: true, mapping: { booted: lan0 } } }
 */
import { IronwakeError } from '../errors.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { nearest } from '../profiles/nearest.ts';
import { canBePartitioned } from './disk-devices.ts';
import { type Finding, finding } from './findings.ts';
import { globProblem, matchesGlob } from './globs.ts';
import { describeDisk, describePort, inInstallersOrder, type MachineDisk, type MachineFacts } from './machine.ts';
import { isTable, type Table } from './view.ts';

export interface SelectionSources {
  /** What is known of the machine; undefined when it has told nothing yet. */
  readonly machine: MachineFacts | undefined;
  /** The port that the machine booted from. */
  readonly bootMac: Mac | undefined;
  /** No machine yet: check the selectors as far as possible and let stand-ins take the place of what they choose. */
  readonly anyMachine?: boolean | undefined;
}

export interface Selected {
  readonly answer: Table;
  readonly findings: readonly Finding[];
}

const DISK_TYPES = ['nvme', 'ssd', 'hdd'] as const;
type DiskType = (typeof DISK_TYPES)[number];

interface DiskSelector {
  readonly count: number | undefined;
  readonly equal: boolean;
  readonly type: DiskType | undefined;
  readonly model: string | undefined;
  readonly serial: string | undefined;
}

const SELECTOR_KEYS = ['count', 'equal', 'type', 'model', 'serial'] as const;

/** The answer with exact names in place of its selectors, and why a selector could not be resolved. */
export function resolveSelectors(answer: Table, sources: SelectionSources): Selected {
  const findings: Finding[] = [];
  const { network, 'disk-setup': disks, ...others } = answer;
  return {
    answer: {
      ...others,
      ...(network === undefined
        ? {}
        : { network: isTable(network) ? resolvePort(network, sources, findings) : network }),
      ...(disks === undefined ? {} : { 'disk-setup': isTable(disks) ? resolveDisks(disks, sources, findings) : disks }),
    },
    findings,
  };
}

function problem(
  code: 'answer.select-disks' | 'answer.select-port',
  path: string,
  message: string,
  remedy: string,
): Finding {
  return finding(code, path, message, remedy);
}

// --- ports ---

function resolvePort(network: Table, sources: SelectionSources, findings: Finding[]): Table {
  const { port, ...others } = network;
  const pinned = resolvePinning(others, sources, findings);
  if (port === undefined || port === null) return pinned;
  const path = 'network.port';
  if (pinned.filter !== undefined) {
    findings.push(
      problem('answer.select-port', path, 'port and filter both choose the interface', 'Keep one of the two.'),
    );
    return pinned;
  }
  const mac = macOfPort(port, path, sources, findings);
  if (mac === undefined) return pinned;
  return { ...pinned, filter: { ID_NET_NAME_MAC: `*${mac.replaceAll(':', '')}` } };
}

/** RFC 7042 documentation value. */
const STAND_IN_MAC = '00:00:5e:00:53:01' as Mac;

function macOfPort(port: unknown, path: string, sources: SelectionSources, findings: Finding[]): Mac | undefined {
  const { machine, bootMac, anyMachine } = sources;
  if (port === 'booted') {
    if (bootMac !== undefined) return bootMac;
    if (anyMachine === true) return STAND_IN_MAC;
    findings.push(
      problem('answer.select-port', path, 'Nothing is known of the port that the machine booted from', 'Name its MAC.'),
    );
    return undefined;
  }
  if (typeof port !== 'string') {
    findings.push(
      problem(
        'answer.select-port',
        path,
        'This must be a text',
        'Write booted, a MAC, or the name of a port such as eno1.',
      ),
    );
    return undefined;
  }
  const mac = macOf(port);
  const ports = machine?.ports ?? [];
  if (mac !== undefined) {
    if (ports.length === 0 || ports.some((each) => each.mac === mac)) return mac;
    findings.push(
      problem(
        'answer.select-port',
        path,
        `The machine has no port ${mac}; it has ${ports.map(describePort).join(', ')}`,
        'Correct the MAC.',
      ),
    );
    return undefined;
  }
  const named = ports.find(({ name }) => name === port);
  if (named?.mac !== undefined) return named.mac;
  if (anyMachine === true) return STAND_IN_MAC;
  findings.push(
    ports.length === 0
      ? problem(
          'answer.select-port',
          path,
          `Nothing is known of this machine's ports, so '${port}' cannot be found`,
          'Write booted, or the MAC of the port.',
        )
      : problem(
          'answer.select-port',
          path,
          `The machine has no port '${port}'; it has ${ports.map(describePort).join(', ')}`,
          'Write booted, a MAC, or one of these names.',
        ),
  );
  return undefined;
}

function macOf(text: string): Mac | undefined {
  try {
    return parseMac(text);
  } catch (error) {
    if (error instanceof IronwakeError) return undefined;
    throw error;
  }
}

/** `booted` and names of ports in place of MACs. */
function resolvePinning(network: Table, sources: SelectionSources, findings: Finding[]): Table {
  const pinning = network['interface-name-pinning'];
  if (!isTable(pinning) || !isTable(pinning.mapping)) return network;
  const mapping = Object.entries(pinning.mapping).flatMap(([key, name]) => {
    if (/[:-]/.test(key)) return [[key, name] as const];
    const mac = macOfPort(key, `network.interface-name-pinning.mapping.${key}`, sources, findings);
    return mac === undefined ? [] : [[mac, name] as const];
  });
  return { ...network, 'interface-name-pinning': { ...pinning, mapping: Object.fromEntries(mapping) } };
}

// --- disks ---

function resolveDisks(setup: Table, sources: SelectionSources, findings: Finding[]): Table {
  const { disks, ...others } = setup;
  if (disks === undefined || disks === null) return others;
  const path = 'disk-setup.disks';
  const selector = readSelector(disks, path, findings);
  if (others['disk-list'] !== undefined || others.filter !== undefined) {
    findings.push(
      problem('answer.select-disks', path, 'disks cannot stand beside disk-list or filter', 'Keep one of them.'),
    );
    return others;
  }
  if (selector === undefined) return others;
  const known = sources.machine?.disks;
  if (known === undefined) {
    if (sources.anyMachine === true) return { ...others, 'disk-list': standIns(selector) };
    findings.push(
      problem(
        'answer.select-disks',
        path,
        "Nothing is known of this machine's disks: they are told by the report of an installation",
        'Install it once with disk-list or filter, or give those.',
      ),
    );
    return others;
  }
  const chosen = choose(known, selector);
  if (typeof chosen !== 'string') return { ...others, 'disk-list': chosen.map(nameOf) };
  findings.push(
    problem(
      'answer.select-disks',
      path,
      `${chosen}; the machine has ${known.map(describeDisk).join(', ')}`,
      'Change the selector, or name the disks.',
    ),
  );
  return others;
}

function standIns({ count = 1, type }: DiskSelector): readonly string[] {
  return Array.from({ length: count }, (_, i) =>
    type === 'nvme' ? `nvme${i}n1` : i < 26 ? `sd${String.fromCharCode(97 + i)}` : `sda${String.fromCharCode(71 + i)}`,
  );
}

function nameOf({ device }: MachineDisk): string {
  return device.replace(/^\/dev\//, '');
}

function readSelector(value: unknown, path: string, findings: Finding[]): DiskSelector | undefined {
  const before = findings.length;
  const wrong = (key: string, message: string, remedy: string) =>
    findings.push(problem('answer.select-disks', key === '' ? path : `${path}.${key}`, message, remedy));
  if (!isTable(value)) {
    wrong('', 'This must be a table', 'Write it like { count: 2, equal: true, type: nvme }.');
    return undefined;
  }
  for (const key of Object.keys(value)) {
    if (SELECTOR_KEYS.some((known) => known === key)) continue;
    const close = nearest(key, SELECTOR_KEYS);
    wrong(
      key,
      `There is no key '${key}'`,
      close === undefined ? `Known here: ${SELECTOR_KEYS.join(', ')}.` : `Did you mean ${close}?`,
    );
  }
  const { count, equal, type, model, serial } = value;
  const isCount = typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= 32;
  if (count !== undefined && !isCount)
    wrong('count', 'This must be a whole number from 1 to 32', 'Write how many disks.');
  if (equal !== undefined && typeof equal !== 'boolean')
    wrong('equal', 'This must be true or false', 'Write true for disks of one model.');
  const kind = DISK_TYPES.find((known) => known === type);
  if (type !== undefined && kind === undefined)
    wrong('type', 'There is no such type of disk', `Write one of: ${DISK_TYPES.join(', ')}.`);
  for (const [key, glob] of [
    ['model', model],
    ['serial', serial],
  ] as const) {
    if (glob === undefined) continue;
    const why = typeof glob !== 'string' ? 'is no text' : globProblem(glob);
    if (why !== undefined) wrong(key, `The glob ${why}`, 'Use *, ?, [abc] or [!a].');
  }
  if (findings.length > before) return undefined;
  return {
    count: isCount ? count : undefined,
    equal: equal === true,
    type: kind,
    model: typeof model === 'string' ? model : undefined,
    serial: typeof serial === 'string' ? serial : undefined,
  };
}

/** The disks, or why there is no clear choice. */
function choose(disks: readonly MachineDisk[], selector: DiskSelector): readonly MachineDisk[] | string {
  const { count, equal } = selector;
  const fitting = inInstallersOrder(disks).filter((disk) => fits(disk, selector));
  if (fitting.length === 0) return 'No disk fits';
  if (!equal) {
    if (count === undefined || fitting.length === count) return fitting;
    return `${fitting.length} ${fitting.length === 1 ? 'disk fits' : 'disks fit'}, not ${count}`;
  }
  const byModel = new Map<string, MachineDisk[]>();
  for (const disk of fitting) {
    const model = disk.properties.ID_MODEL ?? `unknown ${disk.index}`;
    byModel.set(model, [...(byModel.get(model) ?? []), disk]);
  }
  const groups = [...byModel.values()].filter((group) =>
    count === undefined ? group.length > 1 : group.length === count,
  );
  const [only] = groups;
  const wanted = count === undefined ? 'several' : `exactly ${count}`;
  if (only === undefined) return `There are not ${wanted} equal disks that fit`;
  return groups.length === 1 ? only : `There is more than one set of ${wanted} equal disks`;
}

function fits({ device, properties }: MachineDisk, { type, model, serial }: DiskSelector): boolean {
  // The installer cannot partition eMMC and its like, and a stick may be what somebody forgot.
  if (!canBePartitioned(device) || properties.ID_BUS === 'usb') return false;
  const nvme = /\/nvme\d+n\d+$/.test(device);
  const rate = properties.ID_ATA_ROTATION_RATE_RPM;
  const ofType =
    type === undefined ||
    (type === 'nvme' ? nvme : !nvme && rate !== undefined && (type === 'ssd' ? rate === '0' : rate !== '0'));
  return (
    ofType &&
    (model === undefined || matchesGlob(model, properties.ID_MODEL ?? '')) &&
    (serial === undefined ||
      [properties.ID_SERIAL, properties.ID_SERIAL_SHORT].some(
        (each) => each !== undefined && matchesGlob(serial, each),
      ))
  );
}

/** JSON Schemas of the selectors, by section: profiles may hold them beside the installer's own keys. */
export const SELECTOR_SCHEMAS: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>> = {
  network: {
    port: {
      type: 'string',
      description: 'The management port: booted, a MAC, or a name such as eno1. Not with filter.',
    },
  },
  'disk-setup': {
    disks: {
      type: 'object',
      description:
        'Disks by what they are; the machine must have reported an installation before. Not with disk-list or filter.',
      additionalProperties: false,
      properties: {
        count: { type: 'integer', minimum: 1, maximum: 32, description: 'Exactly so many.' },
        equal: { type: 'boolean', description: 'All of one model.' },
        type: { type: 'string', enum: [...DISK_TYPES] },
        model: { type: 'string', description: 'A glob for ID_MODEL.' },
        serial: { type: 'string', description: 'A glob for ID_SERIAL or ID_SERIAL_SHORT.' },
      },
    },
  },
};
