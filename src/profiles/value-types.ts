/** What a value of a profile can be declared to be, and whether it is. */
import { isIpv4 } from '../net/ipv4.ts';
import { isMap, type Plain, type PlainMap } from './merge.ts';

export const VALUE_TYPES = ['text', 'integer', 'boolean', 'address', 'cidr', 'host-name', 'mac', 'list'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];

/** An entry of `types:`; its shape was checked when the file was read. */
interface Declaration {
  readonly type: ValueType;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly choices?: readonly Plain[];
  readonly example?: Plain;
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`, 'i');
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

/** What each type takes, and what a value that is not known yet is replaced by while a profile is checked without a node. */
const RULES: Readonly<Record<ValueType, { readonly what: string; readonly sample: Plain; is(value: Plain): boolean }>> =
  {
    text: { what: 'text', sample: 'example', is: (value) => typeof value === 'string' },
    integer: { what: 'a whole number', sample: 1, is: (value) => Number.isSafeInteger(value) },
    boolean: { what: 'true or false', sample: true, is: (value) => typeof value === 'boolean' },
    address: {
      what: 'an IPv4 address',
      sample: '192.0.2.10',
      is: (value) => typeof value === 'string' && isIpv4(value),
    },
    cidr: { what: 'an IPv4 address with prefix length', sample: '192.0.2.10/24', is: isCidr },
    'host-name': {
      what: 'a host name',
      sample: 'host.example.test',
      is: (value) => typeof value === 'string' && HOST_NAME.test(value),
    },
    mac: {
      what: 'a MAC address with colons',
      sample: '00:00:5e:00:53:01',
      is: (value) => typeof value === 'string' && MAC.test(value),
    },
    list: { what: 'a list', sample: [], is: (value) => Array.isArray(value) },
  };

function isCidr(value: Plain): boolean {
  const [, address, prefix] = typeof value === 'string' ? (/^([0-9.]+)\/(\d{1,2})$/.exec(value) ?? []) : [];
  return address !== undefined && isIpv4(address) && Number(prefix) <= 32;
}

export interface ValueFault {
  readonly kind: 'wrong' | 'missing';
  readonly name: string;
  readonly message: string;
  readonly remedy: string;
}

/** Values that are not what `types` says, and declared ones that are not there. The value itself is never repeated. */
export function faultsOf(types: PlainMap, values: PlainMap): ValueFault[] {
  return declarations(types).flatMap(([name, declared]): ValueFault[] => {
    const wanted = words(declared);
    const value = values[name];
    if (value === undefined) {
      return [
        {
          kind: 'missing',
          name,
          message: `The value '${name}' is missing (${wanted})`,
          remedy: `Give it with the node: values: { ${name}: ... } in the file of --values.`,
        },
      ];
    }
    if (fits(declared, value)) return [];
    return [{ kind: 'wrong', name, message: `The value '${name}' is not ${wanted}`, remedy: `Write ${wanted}.` }];
  });
}

/** The values, and stand-ins for those that are declared and not there: its example, else something of its type. */
export function withStandIns(types: PlainMap, values: PlainMap): PlainMap {
  const standIns = declarations(types).map(([name, { type, choices, minimum, example }]): [string, Plain] => [
    name,
    example ?? choices?.[0] ?? (type === 'integer' && minimum !== undefined ? minimum : RULES[type].sample),
  ]);
  return { ...Object.fromEntries(standIns), ...values };
}

function declarations(types: PlainMap): ReadonlyArray<readonly [string, Declaration]> {
  return Object.entries(types).filter((entry): entry is [string, PlainMap & Declaration] => isMap(entry[1]));
}

function fits({ type, minimum, maximum, choices }: Declaration, value: Plain): boolean {
  if (!RULES[type].is(value)) return false;
  if (
    typeof value === 'number' &&
    ((minimum !== undefined && value < minimum) || (maximum !== undefined && value > maximum))
  )
    return false;
  return choices === undefined || choices.includes(value);
}

function words({ type, minimum, maximum, choices }: Declaration): string {
  if (choices !== undefined) return `one of ${choices.join(', ')}`;
  const { what } = RULES[type];
  if (minimum !== undefined && maximum !== undefined) return `${what} from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${what} from ${minimum} on`;
  return maximum === undefined ? what : `${what} up to ${maximum}`;
}
