/**
 * What the DHCP servers of a segment answer to a PXE client that nobody registered, and what firmware makes of it. Pure: offers in, findings
 * out. How edk2, iPXE, shim and GRUB sort offers is netboot.md 2.4 to 2.6. Our own daemon does not answer a made-up machine; where one does all the same, it is told
 * apart from other programs on this host.
 */
import { OPTION, readIpv4, readText } from '../dhcp/options.ts';
import { type DhcpPacket, NO_ADDRESS } from '../dhcp/packet.ts';
import { PXE_SUB, parseSubOptions } from '../dhcp/pxe.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { isIpv4 } from '../net/ipv4.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** One OFFER as it came in. */
export interface Offer {
  /** The client that we imitated: `BIOS`, `UEFI`. */
  readonly client: string;
  /** The packet's source address. */
  readonly source: Ipv4;
  readonly packet: DhcpPacket;
}

/** What an offer says about booting. */
export interface BootFields {
  /** True for a proxyDHCP offer: no address is leased. */
  readonly proxy: boolean;
  /** Header field, or undefined when it is 0.0.0.0. */
  readonly siaddr: Ipv4 | undefined;
  /** Header field `file`. */
  readonly file: string;
  /** Option 43: what kind of sub-options it holds. */
  readonly option43: 'pxe' | 'other' | undefined;
  readonly option60: string | undefined;
  readonly option66: string | undefined;
  readonly option67: string | undefined;
}

/** The network as the judgement needs it. */
export interface Segments {
  readonly interfaceName: string;
  /** Addresses of this host. */
  readonly ownAddresses: readonly Ipv4[];
  /** The address that machines of this segment reach us by. */
  readonly address: Ipv4;
  /** Loader files that we serve. */
  readonly loaders: readonly string[];
  /** Our daemon holds the port of proxyDHCP here. */
  readonly served: boolean;
  /** False when a packet filter of this host keeps answers (UDP 68) from us. */
  readonly canHear: boolean;
}

/** The server that made an offer: option 54, else siaddr, else where it came from. */
export function serverOf({ packet, source }: Offer): Ipv4 {
  return readIpv4(packet.options, OPTION.serverId) ?? (packet.siaddr === NO_ADDRESS ? source : packet.siaddr);
}

export function bootFieldsOf({ file, options, siaddr, yiaddr }: DhcpPacket): BootFields {
  const vendor = options.get(OPTION.vendorSpecific);
  return {
    proxy: yiaddr === NO_ADDRESS,
    siaddr: siaddr === NO_ADDRESS ? undefined : siaddr,
    file: file.replace(/[^\x20-\x7e]/g, '?'),
    option43: vendor === undefined ? undefined : holdsPxe(vendor) ? 'pxe' : 'other',
    option60: readText(options, OPTION.vendorClass),
    option66: readText(options, OPTION.tftpServerName),
    option67: readText(options, OPTION.bootFile),
  };
}

/** edk2 counts an option 43 as PXE when any of the sub-options 6 to 10 is in it. */
function holdsPxe(vendor: Uint8Array): boolean {
  const subs = parseSubOptions(vendor);
  return [...subs.keys()].some((code) => code >= PXE_SUB.discoveryControl && code <= PXE_SUB.menuPrompt);
}

/** The fields in one line, as an administrator finds them in a server's configuration. */
export function describeFields(fields: BootFields): string {
  const parts = [
    fields.siaddr === undefined ? undefined : `next-server ${fields.siaddr}`,
    fields.file === '' ? undefined : `boot file '${fields.file}'`,
    fields.option43 === undefined ? undefined : `option 43${fields.option43 === 'pxe' ? ' (PXE)' : ''}`,
    fields.option60 === undefined ? undefined : `option 60 '${fields.option60}'`,
    fields.option66 === undefined ? undefined : `option 66 '${fields.option66}'`,
    fields.option67 === undefined ? undefined : `option 67 '${fields.option67}'`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'no boot options' : parts.join(', ');
}

/** Everything that the offers of one segment tell. Repeated DISCOVERs and equal answers to several clients are one finding. */
export function judgeOffers(offers: readonly Offer[], segment: Segments): Finding[] {
  const groups = new Map<
    string,
    { readonly server: Ipv4; readonly fields: BootFields; readonly clients: Set<string> }
  >();
  const foreign = offers.filter((offer) => !isOurs(offer, segment));
  for (const offer of foreign) {
    const server = serverOf(offer);
    const fields = bootFieldsOf(offer.packet);
    const key = JSON.stringify([server, fields]);
    const group = groups.get(key) ?? { server, fields, clients: new Set<string>() };
    group.clients.add(offer.client);
    groups.set(key, group);
  }
  const findings = [...groups.values()].map(({ server, fields, clients }) => {
    const asked = clients.size === 1 ? `, asked as ${[...clients].join()}` : '';
    return judgeServer(server, fields, segment, asked);
  });
  if (foreign.length < offers.length) findings.push(ownOffer(segment));
  if ([...groups.values()].some(({ fields }) => !fields.proxy)) return findings;
  return [nobody(segment), ...findings];
}

/** As reply.ts makes them. Its `sname` tells them from those of a dnsmasq that serves PXE on this host beside us. */
function isOurs(offer: Offer, { address, served }: Segments): boolean {
  const { siaddr, sname, yiaddr } = offer.packet;
  return served && yiaddr === NO_ADDRESS && siaddr === address && sname === address && serverOf(offer) === address;
}

function ownOffer({ interfaceName }: Segments): Finding {
  return warning(
    'dhcp',
    'dhcp.own-offer',
    `our own daemon made an offer on ${interfaceName} to the machine that this check makes up: it does not know the check, as an older release does not`,
    'Restart the daemon. If a rule has taken that machine in (npx ironwake node list), remove it: npx ironwake node rm NODE.',
  );
}

function nobody({ canHear, interfaceName }: Segments): Finding {
  if (!canHear)
    return warning(
      'dhcp',
      'dhcp.deaf',
      `whether a DHCP server answers on ${interfaceName} is unknown: a packet filter of this host drops its answers (UDP 68)`,
      'Accept UDP 68 for this check, or trust what the machines show.',
    );
  return problem(
    'dhcp',
    'dhcp.no-server',
    `no DHCP server offers an address on ${interfaceName}: firmware gives up after a minute (PXE-E16, PXE-E51)`,
    'Check that it runs, has free addresses and serves this network (VLAN); one that answers known machines only cannot be seen from here.',
  );
}

function judgeServer(server: Ipv4, fields: BootFields, segment: Segments, asked: string): Finding {
  const own = segment.ownAddresses.includes(server);
  const who = own ? `${server} (another program on this host)` : server;
  const sends = `${describeFields(fields)}${asked}`;
  return fields.proxy ? judgeProxy(who, fields, sends) : judgeLease(server, who, fields, segment, sends);
}

function judgeProxy(who: string, fields: BootFields, sends: string): Finding {
  if (fields.option60?.startsWith('PXEClient') !== true)
    return ok(
      'dhcp',
      'dhcp.harmless-proxy',
      `${who} makes offers that firmware drops (no address, no PXEClient): ${sends}`,
    );
  return problem(
    'dhcp',
    'dhcp.other-proxy',
    `${who} is another proxyDHCP server: ${sends}. UEFI takes the first offer, iPXE the last: chance decides who boots a machine`,
    'Switch off its PXE service (dnsmasq: pxe-service and dhcp-range=...,proxy; WDS, FOG, MAAS: their PXE service) on this network.',
  );
}

function judgeLease(server: Ipv4, who: string, fields: BootFields, segment: Segments, sends: string): Finding {
  const us = segment.address;
  const toUs = fields.siaddr !== undefined && segment.ownAddresses.includes(fields.siaddr);
  const rows: ReadonlyArray<readonly [boolean, () => Finding]> = [
    [
      fields.option60?.startsWith('PXEClient') === true && !toUs,
      () =>
        problem(
          'dhcp',
          'dhcp.option-60',
          `the DHCP server ${who} sends ${sends}. With its option 60 UEFI never uses our offer, asks ${fields.siaddr ?? server} on port 4011 and ends with PXE-E16`,
          `Remove option 60 (PXEClient, often left over from WDS) on ${server}, or set its next-server to ${us}.`,
        ),
    ],
    [
      fields.option60?.startsWith('PXEClient') === true && fields.option43 === 'pxe',
      () =>
        warning(
          'dhcp',
          'dhcp.option-43',
          `the DHCP server ${who} sends ${sends}. Its own PXE offer goes before ours: machines load that file from us, whatever is armed`,
          `Remove the options 43 and 60 on ${server}.`,
        ),
    ],
    [
      fields.option60?.startsWith('PXEClient') === true,
      () =>
        ok('dhcp', 'dhcp.points-to-us', `the DHCP server ${who} sends ${sends}: its PXE clients ask us on port 4011`),
    ],
    [
      fields.file !== '' && toUs && segment.loaders.includes(fields.file),
      () => ok('dhcp', 'dhcp.points-to-us', `the DHCP server ${who} sends ${sends}: our own loader`),
    ],
    [
      fields.file !== '',
      () =>
        problem(
          'dhcp',
          'dhcp.boot-file',
          `the DHCP server ${who} sends ${sends}. UEFI uses our offer, but iPXE may take that file, and shim and GRUB follow that server`,
          `Remove the boot file on ${server} (dnsmasq: dhcp-boot, ISC: filename, Windows: 067, Kea: boot-file-name).`,
        ),
    ],
    [
      fields.option67 !== undefined,
      () =>
        warning(
          'dhcp',
          'dhcp.option-67',
          `the DHCP server ${who} sends ${sends}. UEFI uses our offer; iPXE may take that file instead of its script`,
          `Remove option 67 on ${server}.`,
        ),
    ],
    [
      namesAnother(fields, server, segment.ownAddresses),
      () =>
        warning(
          'dhcp',
          'dhcp.next-server',
          `the DHCP server ${who} sends ${sends}: without a boot file only GRUB 2.06 would ask that machine`,
          `Remove next-server and option 66 on ${server}, or set them to ${us}.`,
        ),
    ],
  ];
  for (const [matches, finding] of rows) if (matches) return finding();
  return ok('dhcp', 'dhcp.lease-server', `the DHCP server ${who} offers addresses: ${sends}; our offers are used`);
}

/** A server that names itself (dnsmasq and many routers do) or us is harmless. */
function namesAnother({ option66, siaddr }: BootFields, server: Ipv4, own: readonly Ipv4[]): boolean {
  const harmless = (name: string) => name === server || own.some((address) => address === name);
  if (siaddr !== undefined && !harmless(siaddr)) return true;
  return option66 !== undefined && !(isIpv4(option66) && harmless(option66));
}
