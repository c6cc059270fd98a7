/** Address pools and counters as a profile declares them, and as numbers that can be held. */
import { type Ipv4, ipv4ToBytes, isIpv4 } from '../net/ipv4.ts';
import { isMap, type PlainMap } from './merge.ts';

export interface Pool {
  readonly kind: 'pool' | 'counter';
  readonly name: string;
  /** Within it a number is held once: every address pool shares one, so that pools may overlap; each counter has its own. */
  readonly scope: string;
  readonly from: number;
  readonly to: number;
  readonly except: readonly number[];
  /** A number as templates print it. */
  print(number: number): string;
}

export interface PoolFault {
  readonly path: readonly string[];
  readonly message: string;
  readonly remedy: string;
}

/** The scope of all address pools. */
export const ADDRESS_SCOPE = 'address';

export function addressToNumber(address: Ipv4): number {
  return ipv4ToBytes(address).reduce((number, byte) => number * 256 + byte, 0);
}

export function numberToAddress(number: number): Ipv4 {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.') as Ipv4;
}

/** `192.0.2.10` and `192.0.2.10/24` as a number, or undefined. */
export function addressNumberOf(text: unknown): number | undefined {
  const address = typeof text === 'string' ? text.split('/')[0] : undefined;
  return address !== undefined && isIpv4(address) ? addressToNumber(address) : undefined;
}

/**
 * @param pools `pools` of a resolved profile
 * @param counters `counters` of it; the shapes were checked when the files were read
 */
export function readPools(
  pools: PlainMap,
  counters: PlainMap,
): { readonly pools: readonly Pool[]; readonly faults: readonly PoolFault[] } {
  const read = [
    ...Object.entries(pools).flatMap(([name, pool]) => (isMap(pool) ? [addressPool(name, pool)] : [])),
    ...Object.entries(counters).flatMap(([name, counter]) => (isMap(counter) ? [counterPool(name, counter)] : [])),
  ];
  return {
    pools: read.filter((item) => 'scope' in item),
    faults: read.filter((item) => 'message' in item),
  };
}

function addressPool(name: string, pool: PlainMap): Pool | PoolFault {
  const range = rangeOf(String(pool.range));
  if (range === undefined) {
    return {
      path: ['pools', name, 'range'],
      message: `The range of pool '${name}' is none`,
      remedy: 'Write the first and the last address, 192.0.2.20-192.0.2.99, or a network, 192.0.2.0/24.',
    };
  }
  const except: number[] = [];
  for (const [i, text] of (Array.isArray(pool.except) ? pool.except : []).entries()) {
    const number = typeof text === 'string' && isIpv4(text) ? addressToNumber(text) : undefined;
    if (number === undefined) {
      return {
        path: ['pools', name, 'except', String(i)],
        message: `What pool '${name}' leaves out is not an IPv4 address`,
        remedy: 'Write single addresses, for example except: [192.0.2.53].',
      };
    }
    except.push(number);
  }
  return { kind: 'pool', name, scope: ADDRESS_SCOPE, ...range, except, print: numberToAddress };
}

/** A network without its own and its broadcast address. */
function rangeOf(text: string): { readonly from: number; readonly to: number } | undefined {
  const [, network, prefix] = /^([0-9.]+)\/(\d{1,2})$/.exec(text) ?? [];
  if (network !== undefined && isIpv4(network)) {
    const size = 2 ** (32 - Number(prefix));
    const from = addressToNumber(network);
    return Number(prefix) < 8 || Number(prefix) > 30 || from % size !== 0
      ? undefined
      : { from: from + 1, to: from + size - 2 };
  }
  const [first, last, ...more] = text.split('-').map((part) => part.trim());
  if (first === undefined || last === undefined || more.length > 0 || !isIpv4(first) || !isIpv4(last)) return undefined;
  const [from, to] = [addressToNumber(first), addressToNumber(last)];
  return from <= to ? { from, to } : undefined;
}

function counterPool(name: string, counter: PlainMap): Pool | PoolFault {
  const { from = 1, to = 9999, width = 1 } = counter;
  if (typeof from !== 'number' || typeof to !== 'number' || typeof width !== 'number' || from > to) {
    return {
      path: ['counters', name, counter.to === undefined ? 'from' : 'to'],
      message: `Counter '${name}' ends before it begins`,
      remedy: 'Write from and to, for example { from: 1, to: 99, width: 2 }.',
    };
  }
  const print = (number: number): string => String(number).padStart(width, '0');
  return { kind: 'counter', name, scope: `counter ${name}`, from, to, except: [], print };
}
