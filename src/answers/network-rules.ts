/** Rules over several keys of `[network]`. */
import { IronwakeError } from '../errors.ts';
import { parseMac } from '../net/mac.ts';
import { bitsOf, type Cidr, contains, isLinkLocal, readAddress, readCidr } from './addresses.ts';
import { type Finding, finding } from './findings.ts';
import type { View } from './view.ts';

/** The source that the installer takes: written, or its default where the dialect has one. */
function addressSource(view: View): string | undefined {
  return view.text('network.source') ?? (view.dialect.requiresNetworkSource ? undefined : 'from-dhcp');
}

/** 9.0 and 9.1 take an empty filter for none; before and after, that it stands there is what counts. */
function emptyFilterIsNone(view: View): boolean {
  const { release } = view.dialect;
  return view.isEmptyMap('network.filter') && (release === '9.0' || release === '9.1');
}

export function addressSourceRule(view: View): Finding[] {
  const source = addressSource(view);
  const keys = ['cidr', 'dns', 'gateway', 'filter'] as const;
  if (source === 'from-dhcp') {
    return keys
      .filter((key) => view.has(`network.${key}`))
      .map((key) =>
        finding(
          'answer.address-unused',
          `network.${key}`,
          `${key} cannot stand beside source from-dhcp`,
          'Remove it, or set network.source to from-answer.',
          key === 'filter' && emptyFilterIsNone(view) ? { by: 'ironwake' } : {},
        ),
      );
  }
  if (source !== 'from-answer') return [];
  return keys
    .filter((key) => !view.has(`network.${key}`))
    .map((key) =>
      finding(
        'answer.address-missing',
        `network.${key}`,
        `${key} is needed for source from-answer`,
        key === 'filter'
          ? 'Choose the interface, for example filter.ID_NET_NAME_MAC = "*bc2411000001".'
          : 'Give the node network.cidr, network.gateway and network.dns.',
        // From 9.2 a missing filter passes the parser and fails on the machine.
        { by: key === 'filter' && view.dialect.requiresNetworkSource ? 'ironwake' : 'installer' },
      ),
    );
}

/** The address of the node as the installer of this release takes it: without a prefix length it is alone in its network. */
function nodeAddress(view: View): Cidr | undefined {
  const text = view.text('network.cidr') ?? '';
  const bare = view.dialect.takesBareAddress ? readAddress(text) : undefined;
  return bare === undefined ? readCidr(text) : { ...bare, prefix: bitsOf(bare.family) };
}

export function addressFamilyRule(view: View): Finding[] {
  const cidr = nodeAddress(view);
  if (cidr === undefined) return [];
  return (['gateway', 'dns'] as const)
    .filter((key) => {
      const address = readAddress(view.text(`network.${key}`) ?? '');
      return address !== undefined && address.family !== cidr.family;
    })
    .map((key) =>
      finding(
        'answer.address-family',
        `network.${key}`,
        `The ${key === 'dns' ? 'DNS server' : 'gateway'} is not of the node's address family (IPv${cidr.family})`,
        `Write an IPv${cidr.family} address.`,
      ),
    );
}

export function gatewayReachableRule(view: View): Finding[] {
  const cidr = nodeAddress(view);
  const gateway = readAddress(view.text('network.gateway') ?? '');
  if (cidr === undefined || gateway === undefined || cidr.family !== gateway.family) return [];
  const remedy = 'Correct the gateway, or the prefix length of network.cidr.';
  if (gateway.value === cidr.value) {
    return [
      finding('answer.gateway-outside', 'network.gateway', 'The gateway is the address of the node itself', remedy),
    ];
  }
  if (contains(cidr, gateway) || isLinkLocal(gateway)) return [];
  const written = view.text('network.cidr') ?? '';
  return [
    finding(
      'answer.gateway-outside',
      'network.gateway',
      `The gateway lies outside ${written.includes('/') ? written : `${written}/${cidr.prefix}`}`,
      remedy,
    ),
  ];
}

export function interfaceFilterRule(view: View): Finding[] {
  const entries = view.entries('network.filter');
  if (entries === undefined || addressSource(view) !== 'from-answer') return [];
  const path = 'network.filter';
  if (view.isEmptyMap(path)) {
    return [
      finding(
        'answer.filter-empty',
        path,
        'The filter chooses nothing',
        'Name one udev property, best ID_NET_NAME_MAC.',
        emptyFilterIsNone(view) ? { by: 'installer' } : {},
      ),
    ];
  }
  const found: Finding[] = [];
  if (entries.length > 1) {
    found.push(
      finding(
        'answer.nic-filter-keys',
        path,
        'The first interface that matches any one of these keys wins; they are never combined',
        'Keep exactly one key, best ID_NET_NAME_MAC.',
      ),
    );
  }
  for (const [key, glob] of entries) {
    if (key !== 'ID_NET_NAME_MAC') continue;
    if (/[A-Z]/.test(glob) || (!/[*?[]/.test(glob) && !/^enx[0-9a-f]{12}$/.test(glob))) {
      found.push(
        finding(
          'answer.nic-filter-mac',
          `${path}.${key}`,
          `'${glob}' never matches: the value is enx and twelve lower-case hex digits`,
          'Write it like *bc2411000001.',
        ),
      );
    }
  }
  return found;
}

/** Passes in every release; some take more. */
const PINNED_NAME = /^[a-z][a-z0-9_]{1,14}$/;

export function pinningRule(view: View): Finding[] {
  const path = 'network.interface-name-pinning';
  const found: Finding[] = [];
  if (view.get(`${path}.enabled`) === false && view.dialect.requiresNetworkSource) {
    found.push(
      finding(
        'answer.pinning-disabled',
        `${path}.enabled`,
        'From 9.2 this pins every interface all the same and drops the mapping',
        'Leave the whole table interface-name-pinning out.',
      ),
    );
  }
  const enabled = view.get(`${path}.enabled`) === true;
  const names = new Map<string, string>();
  const macs = new Set<string>();
  for (const [mac, name] of view.entries(`${path}.mapping`) ?? []) {
    const at = `${path}.mapping.${mac}`;
    found.push(...mappedMac(mac, at, macs));
    if (!PINNED_NAME.test(name)) {
      found.push(
        finding(
          'answer.pinning-name',
          at,
          `'${name}' does not work as a name in every release`,
          'Write 2 to 15 lower-case letters, digits and underscores, a letter first, for example lan0.',
          { by: enabled && !installerTakesName(name, view) ? 'installer' : 'ironwake' },
        ),
      );
    }
    const other = names.get(name);
    // From 9.2 on MACs are folded first, and of two equal ones the last counts.
    const sameMac = view.dialect.requiresNetworkSource && other?.toLowerCase() === mac.toLowerCase();
    if (other !== undefined && !sameMac) {
      found.push(
        finding(
          'answer.pinning-duplicate',
          at,
          `The name '${name}' is given to ${other} as well`,
          'Give each interface its own name.',
          { by: enabled ? 'installer' : 'ironwake' },
        ),
      );
    }
    names.set(name, mac);
  }
  return found;
}

/** The rule of the installer itself: 9.1.1 by its own words, from 9.1.3 on the pattern of `pve-iface` without regard to case. */
function installerTakesName(name: string, view: View): boolean {
  const bytes = Buffer.byteLength(name);
  if (bytes < 2 || bytes > 15) return false;
  return view.dialect.release === '9.1'
    ? /^[A-Za-z][A-Za-z0-9_]*$/.test(name)
    : /^[a-z][a-z0-9_]{1,20}(?:[:.]\p{Nd}+)?$/iu.test(name);
}

function mappedMac(mac: string, path: string, seen: Set<string>): Finding[] {
  try {
    const parsed = parseMac(mac);
    if (seen.has(parsed)) {
      return [
        finding('answer.pinning-duplicate', path, `The MAC ${parsed} stands here twice`, 'Keep one of the two lines.', {
          by: 'ironwake',
        }),
      ];
    }
    seen.add(parsed);
    return parsed === mac
      ? []
      : [
          finding(
            'answer.pinning-mac',
            path,
            `'${mac}' is not in lower case with colons and may have no effect`,
            `Write ${parsed}.`,
          ),
        ];
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    return [finding('answer.pinning-mac', path, error.message, error.remedy)];
  }
}
