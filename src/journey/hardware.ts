/** What is known of a node's hardware. Everything in it is what the machine said of itself: it is shown, and it never makes two machines one. */
import { describeDisk, type MachineDisk, parseMachineFacts } from '../answers/machine.ts';
import { parseSystemInformation } from '../answers/system-information.ts';
import type { ClientFacts } from '../boot/facts.ts';
import type { LoaderReport } from '../boot/loader-report.ts';
import { IronwakeError } from '../errors.ts';
import type { Mac } from '../net/mac.ts';
import type { DiscoveredMachine, Node } from '../nodes/node.ts';
import type { Journey } from './journey.ts';
import type { HardwareRecord, Repositories } from './ports.ts';

export interface Hardware {
  /** Hints: placeholders on many boards. */
  readonly uuid: string | undefined;
  readonly serial: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly assetTag: string | undefined;
  readonly cpu: string | undefined;
  /** Of the memory modules; the installer reports none. */
  readonly memoryBytes: number | undefined;
  readonly bootMode: string | undefined;
  readonly arch: string | undefined;
  readonly vendorClass: string | undefined;
  /** The network chip that it booted through, and the loader's version. */
  readonly networkChip: string | undefined;
  readonly loader: string | undefined;
  readonly disks: ReadonlyArray<{
    readonly device: string;
    readonly text: string;
    readonly sizeBytes: number | undefined;
  }>;
  readonly ports: ReadonlyArray<{ readonly name: string; readonly mac: Mac | undefined; readonly known: boolean }>;
  readonly hostKeys: readonly string[];
  /** When each source was heard last. Epoch milliseconds. */
  readonly heard: ReadonlyArray<{ readonly source: HardwareRecord['source']; readonly at: number }>;
  /** Other nodes whose hardware says the same UUID: perhaps two ports of one machine, perhaps a board with a placeholder. */
  readonly sameUuid: readonly string[];
}

type Table = Readonly<Record<string, unknown>>;

/** @returns undefined when it has told nothing yet */
export async function hardwareOf({ store }: Pick<Journey, 'store'>, node: Node): Promise<Hardware | undefined> {
  const records = await store.hardware.ofNode(node.id);
  if (records.length === 0) return undefined;
  const of = (source: HardwareRecord['source']): Table =>
    records.find((record) => record.source === source)?.data ?? {};
  const [dhcp, ipxe, told, report] = [of('dhcp'), of('ipxe'), of('system-information'), of('report')];
  const system = tableAt(tableAt(Object.keys(told).length > 0 ? told : report, 'dmi'), 'system');
  const facts = readFacts(report) ?? readFacts(told);
  const sizes = Array.isArray(report.disks) ? report.disks.map((disk) => tableOf(disk).size) : [];
  const uuid = uuidIn(told) ?? uuidIn(report) ?? textAt(ipxe, 'uuid') ?? textAt(dhcp, 'uuid');
  const version = textAt(ipxe, 'version');
  return {
    uuid,
    serial: textAt(system, 'serial') ?? textAt(ipxe, 'serial'),
    manufacturer: textAt(system, 'manufacturer') ?? textAt(system, 'vendor') ?? textAt(ipxe, 'manufacturer'),
    model: textAt(system, 'name') ?? textAt(system, 'product_name') ?? textAt(system, 'sku') ?? textAt(ipxe, 'product'),
    assetTag: textAt(ipxe, 'asset'),
    cpu: cpuOf(tableAt(report, 'cpu-info')) ?? textAt(ipxe, 'cpuModel') ?? textAt(ipxe, 'cpuVendor'),
    memoryBytes: typeof ipxe.memoryMiB === 'number' ? ipxe.memoryMiB * 1024 * 1024 : undefined,
    bootMode: facts?.bootMode ?? BOOT_MODES.get(textAt(ipxe, 'platform') ?? ''),
    arch: textAt(dhcp, 'arch'),
    vendorClass: textAt(dhcp, 'vendorClass'),
    networkChip: textAt(ipxe, 'chip'),
    loader: version === undefined ? undefined : `iPXE ${version}`,
    disks: (facts?.disks ?? []).map((disk, i) => ({
      device: disk.device,
      text: diskText(disk),
      sizeBytes: typeof sizes[i] === 'number' ? sizes[i] : undefined,
    })),
    ports: (facts?.ports ?? portsOfLoader(ipxe)).map(({ name, mac }) => ({
      name,
      mac,
      known: mac !== undefined && node.macs.includes(mac),
    })),
    hostKeys: Object.values(tableAt(report, 'ssh-public-host-keys')).filter((key) => typeof key === 'string'),
    heard: records.map(({ source, at }) => ({ source, at })),
    sameUuid: uuid === undefined ? [] : await othersWith(store, uuid, node),
  };
}

/** In the installer's words. */
const BOOT_MODES: ReadonlyMap<string, string> = new Map([
  ['pcbios', 'bios'],
  ['efi', 'efi'],
]);

/** In iPXE's names of them. */
function portsOfLoader({ ports }: Table): ReadonlyArray<{ readonly name: string; readonly mac: Mac }> {
  return Array.isArray(ports) ? ports.map((mac: Mac, i) => ({ name: `net${i}`, mac })) : [];
}

async function othersWith(store: Journey['store'], uuid: string, node: Node): Promise<string[]> {
  const ids = (await store.hardware.nodesWithUuid(uuid)).filter((id) => id !== node.id);
  const others = await Promise.all(ids.map((id) => store.nodes.byId(id)));
  return others.flatMap((other) => (other === undefined || other.archivedAt !== undefined ? [] : [other.fqdn]));
}

function readFacts(document: Table) {
  if (Object.keys(document).length === 0) return undefined;
  try {
    return parseMachineFacts(JSON.stringify(document));
  } catch (error) {
    if (error instanceof IronwakeError) return undefined;
    throw error;
  }
}

/** Without the device's name: it stands beside. */
function diskText(disk: MachineDisk): string {
  const model = disk.properties.ID_MODEL;
  return [model, describeDisk(disk).slice(disk.device.length).trim()].filter((part) => part).join(' ');
}

function cpuOf(cpu: Table): string | undefined {
  const model = textAt(cpu, 'model');
  const { sockets, cores, cpus } = cpu;
  if (model === undefined || typeof cores !== 'number') return model;
  return `${typeof sockets === 'number' && sockets > 1 ? `${sockets} x ` : ''}${model}, ${cores} cores, ${typeof cpus === 'number' ? cpus : cores} threads`;
}

function tableOf(value: unknown): Table {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function tableAt(table: Table, key: string): Table {
  return Object.hasOwn(table, key) ? tableOf(table[key]) : {};
}

/** Placeholders of boards whose maker wrote nothing say nothing. */
const PLACEHOLDER =
  /^(default string|to be filled.*|not specified|none|unknown|0+|f+|[0-]+|[f-]+|system serial number|\.+)$/i;
const MAX_TEXT = 256;

function textAt(table: Table, key: string): string | undefined {
  const value = Object.hasOwn(table, key) ? table[key] : undefined;
  if (typeof value !== 'string' || value.trim() === '' || PLACEHOLDER.test(value.trim())) return undefined;
  return value.trim().slice(0, MAX_TEXT);
}

/** The SMBIOS UUID in a system information or report, lower case. */
export function uuidIn(document: Table): string | undefined {
  const uuid = textAt(tableAt(tableAt(document, 'dmi'), 'system'), 'uuid')?.toLowerCase();
  return uuid !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) ? uuid : undefined;
}

/** The serial number of the system, in a system information. */
export function serialIn(document: Table): string | undefined {
  return textAt(tableAt(tableAt(document, 'dmi'), 'system'), 'serial');
}

/** What DHCP said, as it is kept with a node. */
export function sightingOf(nodeId: string, seen: Sighting): HardwareRecord {
  const { mac, arch, uuid, vendorClass, hostName, interfaceName, address, lastSeenAt } = seen;
  const data = { mac, arch, uuid, vendorClass, hostName, interfaceName, address };
  return { nodeId, source: 'dhcp', at: lastSeenAt, runId: undefined, uuid, data };
}

export type Sighting = Omit<DiscoveredMachine, 'firstSeenAt' | 'packets'>;

export function sightingOfFacts(facts: ClientFacts, interfaceName: string, at: number): Sighting {
  const { mac, arch, uuid, vendorClass, hostName, address } = facts;
  return { mac, arch: arch?.name, uuid, vendorClass, hostName, address, interfaceName, lastSeenAt: at };
}

/** A document of the installer, as large as it may be; a larger one is not kept. */
const DOCUMENT_CHARACTERS = 256 * 1024;

/** Keeps what the installer sent within a run. */
export async function keepDocument(
  { clock }: Pick<Journey, 'clock'>,
  { hardware }: Pick<Repositories, 'hardware'>,
  node: Node,
  runId: string,
  source: HardwareRecord['source'],
  data: Table,
): Promise<void> {
  // The token of the run is a way in as long as the run lives; nobody needs it here.
  const { token: _, ...kept } = data;
  if (JSON.stringify(kept).length > DOCUMENT_CHARACTERS) return;
  await hardware.put({ nodeId: node.id, source, at: clock.now(), runId, uuid: uuidIn(kept), data: kept });
}

/**
 * As rules see it (`/boot/arch`, `/boot/vendorClass`, `/boot/ipxe/memoryMiB`, ...).
 * @param seen a sighting, or what `sightingOf` made of it
 * @param ipxe what its loader said
 */
export function bootFactsOf(
  seen: Sighting | HardwareRecord['data'],
  ipxe?: LoaderReport | HardwareRecord['data'],
): Table {
  const { arch, uuid, vendorClass, hostName, interfaceName, address }: Table = seen;
  const said = { arch, uuid, vendorClass, hostName, interface: interfaceName, address, ipxe };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

/** MACs of a system information; none where it cannot be read. */
export function portsIn(document: Table): readonly Mac[] {
  try {
    return parseSystemInformation(JSON.stringify(document)).macs;
  } catch (error) {
    if (error instanceof IronwakeError) return [];
    throw error;
  }
}
