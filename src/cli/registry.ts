/** `ironwake node set`, `adopt`, `replace`, `archive` and their kin. */
import type { NodePatch } from '../api/registry.ts';
import type { NodeDetails } from '../api/schemas.ts';
import { invalid } from '../errors.ts';
import { formatBytes } from '../runs/words.ts';
import { policyOf, readValues } from './node.ts';
import { print, type Session } from './session.ts';
import { facts } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

type Args = readonly string[];
type Options = Readonly<Record<string, unknown>>;

export async function set(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const { fqdn, profile, tag, notes } = options;
  const change: NodePatch = {
    ...(typeof fqdn === 'string' && { fqdn }),
    ...(typeof profile === 'string' && { profile }),
    ...(Array.isArray(tag) && { tags: tag.map(String) }),
    ...(options.tags === false && { tags: [] }),
    ...(typeof options.values === 'string' && { values: await readValues(session, options.values) }),
    ...(typeof notes === 'string' && { notes }),
    ...policyOf(options),
  };
  if (Object.keys(change).length === 0) {
    throw invalid(
      'node.nothing-to-change',
      'options',
      'nothing is to be changed',
      'Give --fqdn, --profile, --tag, --no-tags, --values, --notes or --install-policy.',
    );
  }
  return said(session, await session.client.changeNode(args[0] ?? '', change), (name) => `changed ${name}\n`);
}

export async function protect(session: Session, args: Args, on: boolean): Promise<ExitStatus> {
  const node = await session.client.changeNode(args[0] ?? '', { protected: on });
  return said(session, node, (name) =>
    on
      ? `${name} is protected: arming is refused\n`
      : `${name} can be armed again: npx ironwake node install ${name}\n`,
  );
}

export async function adopt(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const values = typeof options.values === 'string' ? await readValues(session, options.values) : undefined;
  const node = await session.client.adopt(args[0] ?? '', {
    fqdn: String(options.fqdn),
    profile: String(options.profile),
    ...(Array.isArray(options.mac) && { macs: options.mac.map(String) }),
    ...(Array.isArray(options.tag) && { tags: options.tag.map(String) }),
    ...(values !== undefined && { values }),
    ...(typeof options.notes === 'string' && { notes: options.notes }),
    ...policyOf(options),
    ...(options.protect === true && { protected: true }),
  });
  return said(
    session,
    node,
    (name) =>
      `registered ${name} (${node.macs.join(', ')}), profile ${printable(node.profile)}\n` +
      `Next: npx ironwake node install ${name}, then restart it with network boot.\n`,
  );
}

export async function replace(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const macs = Array.isArray(options.mac) ? options.mac.map(String) : [];
  const seen = typeof options.with === 'string' ? [await seenMachine(session, options.with)] : [];
  if (macs.length + seen.length === 0) {
    throw invalid(
      'node.no-mac',
      '--mac',
      'the new machine is not named',
      'Give its ports with --mac, or one that was seen with --with (npx ironwake discovered).',
    );
  }
  const node = await session.client.replaceHardware(args[0] ?? '', [...seen, ...macs]);
  return said(
    session,
    node,
    (name) =>
      `${name} is the machine with ${node.macs.join(', ')} from now on\n` +
      `Next: npx ironwake node install ${name}, then power it on with network boot.\n`,
  );
}

/** @throws IronwakeError `discovered.unknown`: a slip in the MAC is found before the old machine is let go */
async function seenMachine({ client }: Session, mac: string): Promise<string> {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^0-9a-f]/g, '');
  const found = (await client.discovered()).find((machine) => plain(machine.mac) === plain(mac));
  if (found !== undefined) return found.mac;
  throw invalid(
    'discovered.unknown',
    '--with',
    `no machine with the port ${mac.slice(0, 40)} has asked for a boot file`,
    'See npx ironwake discovered, or name its ports with --mac.',
  );
}

export async function forget(session: Session, args: Args): Promise<ExitStatus> {
  const [mac = ''] = args;
  await session.client.forgetDiscovered(mac);
  print(session, { forgotten: mac }, () => `forgot ${printable(mac)}; its next packet lists it again\n`);
  return 0;
}

export async function archive(session: Session, args: Args): Promise<ExitStatus> {
  const node = await session.client.archive(args[0] ?? '');
  return said(
    session,
    node,
    (name) =>
      `archived ${name}; its name, ports and addresses are free\nTo bring it back: npx ironwake node unarchive ${node.id}\n`,
  );
}

export async function unarchive(session: Session, args: Args): Promise<ExitStatus> {
  const node = await session.client.unarchive(args[0] ?? '');
  return said(session, node, (name) => `${name} is back, with ${node.macs.join(', ')}\n`);
}

export async function addMac(session: Session, args: Args): Promise<ExitStatus> {
  const [node = '', mac = ''] = args;
  return portsOf(session, await session.client.addMac(node, mac));
}

export async function removeMac(session: Session, args: Args): Promise<ExitStatus> {
  const [node = '', mac = ''] = args;
  return portsOf(session, await session.client.removeMac(node, mac));
}

function portsOf(session: Session, node: NodeDetails): ExitStatus {
  return said(session, node, (name) => `${name} boots from ${node.macs.join(', ')}\n`);
}

function said(session: Session, node: NodeDetails, words: (name: string) => string): ExitStatus {
  print(session, node, () => words(printable(node.fqdn)));
  return 0;
}

export async function hardware(session: Session, args: Args): Promise<ExitStatus> {
  const [node = ''] = args;
  const view = await session.client.hardware(node);
  print(session, view, () => {
    if (view.heard.length === 0) return `${printable(node)} has said nothing of itself yet.\n`;
    return facts([
      ['model', [view.manufacturer, view.model].filter((part) => part !== null).join(' ') || undefined],
      ['serial', view.serial],
      ['asset tag', view.assetTag],
      ['UUID', view.uuid],
      ['same UUID', view.sameUuid.length === 0 ? undefined : view.sameUuid.join(', ')],
      ['processor', view.cpu],
      ['memory', view.memoryBytes === null ? undefined : formatBytes(view.memoryBytes)],
      ['boots', view.bootMode ?? view.arch],
      ['loader', view.loader],
      ['network chip', view.networkChip],
      ...view.disks.map(
        (disk) =>
          [
            'disk',
            [disk.device, disk.sizeBytes === null ? '' : formatBytes(disk.sizeBytes), disk.text].join(' '),
          ] as const,
      ),
      ...view.ports.map(
        (port) => ['port', `${port.name} ${port.mac ?? '?'}${port.known ? '' : ' (not a port of this node)'}`] as const,
      ),
      ...view.hostKeys.map((key) => ['host key', key] as const),
      ...view.heard.map((heard) => ['heard', `${heard.source} ${dayAndTime(heard.at)}`] as const),
    ]);
  });
  return 0;
}
