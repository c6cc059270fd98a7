/**
 * Where webhooks may go. An administrator names the target, the daemon's host sends: so what only this host can reach (its own services, the
 * metadata service of a cloud) is no target, or only when that was said. The address is judged again when the name has been looked up.
 */
import { BlockList, isIP } from 'node:net';
import { invalid } from '../errors.ts';

export interface TargetRights {
  readonly allowHttp: boolean;
  readonly allowLoopback: boolean;
}

const MOST = 2000;

/**
 * The URL as it is kept.
 * @throws IronwakeError `webhook.url`; what is refused is not repeated where it may hold a password
 */
export function parseTarget(text: string, rights: TargetRights): URL {
  const refuse = (message: string, remedy: string) => invalid('webhook.url', 'url', message, remedy);
  const example = 'For example https://hooks.example.net/ironwake.';
  // What a header or a log line could break at is refused before the parser drops it in silence.
  if (text.length > MOST || /[^\x21-\x7e]/.test(text))
    throw refuse(`it must be at most ${MOST} characters of ASCII without spaces`, example);
  if (!URL.canParse(text)) throw refuse('it is no URL', example);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('only https: and http: are spoken', example);
  if (url.username !== '' || url.password !== '')
    throw refuse('a name or password in a URL ends up in logs', 'Leave it out: the signature says who sends.');
  if (url.hash !== '') throw refuse('a fragment is never sent', 'Leave out # and what follows.');
  if (url.protocol === 'http:' && !rights.allowHttp)
    throw refuse(
      'plain HTTP shows every event to whoever is on the way',
      'Use https:, or say that you mean it: allowHttp (--allow-http).',
    );
  const host = hostOf(url);
  const because = isIP(host) === 0 ? refusedName(host, rights) : refusedAddress(host, rights);
  if (because === 'loopback')
    throw refuse('it leads to this host itself', 'If that is meant: allowLoopback (--allow-loopback).');
  if (because !== undefined) throw refuse(`it leads to ${WORDS[because]}`, 'Name the address of a receiver.');
  return url;
}

/** Without the brackets of IPv6. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** What may stand in a log: paths and queries of webhooks are often secrets of the receiver. */
export const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : '?');

export type RefusedAddress = 'loopback' | 'link-local' | 'nobody';

export const WORDS: Readonly<Record<RefusedAddress, string>> = {
  loopback: 'this host itself',
  'link-local': 'a link-local address, where clouds keep their metadata service',
  nobody: 'an address that is no single host',
};

const lists = (entries: ReadonlyArray<readonly [address: string, prefix: number]>): BlockList => {
  const list = new BlockList();
  for (const [address, prefix] of entries) list.addSubnet(address, prefix, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return list;
};

/** RFC 6890 and the registries of IANA. The addresses of metadata services that are not link-local stand with them. */
const REFUSED: ReadonlyArray<readonly [RefusedAddress, BlockList]> = [
  [
    'loopback',
    lists([
      ['127.0.0.0', 8],
      ['::1', 128],
    ]),
  ],
  [
    'link-local',
    lists([
      ['169.254.0.0', 16],
      ['fe80::', 10],
      ['fd00:ec2::254', 128],
      ['100.100.100.200', 32],
      ['168.63.129.16', 32],
    ]),
  ],
  [
    'nobody',
    lists([
      ['0.0.0.0', 8],
      ['224.0.0.0', 3],
      ['::', 128],
      ['ff00::', 8],
    ]),
  ],
];

/** Why an IP address is no target; undefined: it is one. @param address IPv4 or IPv6, as text */
export function refusedAddress(address: string, { allowLoopback }: TargetRights): RefusedAddress | undefined {
  const plain = embeddedIpv4(address) ?? address;
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
  const found = REFUSED.find(([, list]) => list.check(plain, family))?.[0];
  return found === 'loopback' && allowLoopback ? undefined : found;
}

/** An IPv4 address that hides in an IPv6 one: mapped, compatible, NAT64, 6to4. */
function embeddedIpv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const words = wordsOf(address);
  const ipv4 = (high = 0, low = 0): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const zero = (from: number, to: number): boolean => words.slice(from, to).every((word) => word === 0);
  if (words[0] === 0x2002) return ipv4(words[1], words[2]);
  const nat64 = words[0] === 0x64 && words[1] === 0xff9b && zero(2, 6);
  const mapped = zero(0, 5) && (words[5] === 0xffff || words[5] === 0);
  // `::` and `::1` are addresses of their own.
  const compatible = words[5] !== 0 || words[6] !== 0 || (words[7] ?? 0) > 1;
  return nat64 || (mapped && compatible) ? ipv4(words[6], words[7]) : undefined;
}

/** The eight words of an IPv6 address; the URL parser writes it without an IPv4 tail. */
function wordsOf(address: string): readonly number[] {
  const plain = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const parse = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [front, back] = [parse(head), parse(tail ?? '')];
  return tail === undefined ? front : [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

function refusedName(host: string, { allowLoopback }: TargetRights): RefusedAddress | undefined {
  const name = host.replace(/\.$/, '');
  const local = name === 'localhost' || name.endsWith('.localhost');
  return local && !allowLoopback ? 'loopback' : undefined;
}
