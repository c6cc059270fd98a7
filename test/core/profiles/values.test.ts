/** Declared values, and pools as a profile writes them. */
import { test } from 'tap';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Plain, PlainMap } from '../../../src/profiles/merge.ts';
import { addressNumberOf, addressToNumber, numberToAddress, readPools } from '../../../src/profiles/pools.ts';
import { faultsOf, withStandIns } from '../../../src/profiles/value-types.ts';

const TYPES: ReadonlyArray<readonly [declaration: PlainMap, good: readonly Plain[], bad: readonly Plain[]]> = [
  [{ type: 'text' }, ['', 'x', '5'], [5, true, ['x']]],
  [{ type: 'text', choices: ['a', 'b'] }, ['a', 'b'], ['c', 'A']],
  [{ type: 'integer' }, [0, -1, 4094], ['5', 1.5, true, [1]]],
  [{ type: 'integer', minimum: 1, maximum: 4094 }, [1, 4094], [0, 4095]],
  [{ type: 'integer', minimum: 1 }, [1], [0]],
  [{ type: 'integer', maximum: 1 }, [1], [2]],
  [{ type: 'boolean' }, [true, false], ['true', 1]],
  [
    { type: 'address' },
    ['192.0.2.1', '0.0.0.0'],
    ['192.0.2', '192.0.2.256', '192.0.2.1/24', '2001:db8::1', '01.2.3.4', 1],
  ],
  [{ type: 'cidr' }, ['192.0.2.1/24', '10.0.0.1/32'], ['192.0.2.1', '192.0.2.1/33', '192.0.2.256/24', '/24', 24]],
  [{ type: 'host-name' }, ['a', 'pve1.lab.example', 'A-b'], ['-a', 'a.', 'a..b', 'a_b', '', 'x'.repeat(64), 1]],
  [
    { type: 'mac' },
    ['bc:24:11:00:00:01', 'BC:24:11:00:00:01'],
    ['bc-24-11-00-00-01', 'bc:24:11:00:00', 'gg:24:11:00:00:01', 1],
  ],
  [{ type: 'list' }, [[], ['a', 1]], ['a', 1]],
];

test('typed values', (t) => {
  for (const [declaration, good, bad] of TYPES) {
    const name = JSON.stringify(declaration);
    for (const value of good)
      t.same(faultsOf({ x: declaration }, { x: value }), [], `${name} takes ${JSON.stringify(value)}`);
    for (const value of bad) {
      const [fault, ...more] = faultsOf({ x: declaration }, { x: value });
      t.match(
        fault,
        { kind: 'wrong', name: 'x', message: /^The value 'x' is not / },
        `${name} refuses ${JSON.stringify(value)}`,
      );
      t.equal(more.length, 0);
    }
    t.match(faultsOf({ x: declaration }, {}), [{ kind: 'missing', name: 'x', remedy: /values: \{ x/ }], name);
    t.same(faultsOf({ x: declaration }, withStandIns({ x: declaration }, {})), [], `${name}: its stand-in is one`);
  }
  t.end();
});

test('the words of a refusal say what is wanted, and not what was given', (t) => {
  const message = (declaration: PlainMap): string | undefined =>
    faultsOf({ x: declaration }, { x: { hunter2: 1 } })[0]?.message;
  t.equal(message({ type: 'integer', minimum: 1, maximum: 9 }), "The value 'x' is not a whole number from 1 to 9");
  t.equal(message({ type: 'integer', minimum: 1 }), "The value 'x' is not a whole number from 1 on");
  t.equal(message({ type: 'integer', maximum: 9 }), "The value 'x' is not a whole number up to 9");
  t.equal(message({ type: 'text', choices: ['a', 'b'] }), "The value 'x' is not one of a, b");
  t.end();
});

test('stand-ins: example, first choice, minimum, then the type', (t) => {
  const standIn = (declaration: PlainMap): unknown => withStandIns({ x: declaration }, {}).x;
  t.equal(standIn({ type: 'text', example: 'at', choices: ['de'] }), 'at');
  t.equal(standIn({ type: 'text', choices: ['de', 'at'] }), 'de');
  t.equal(standIn({ type: 'integer', minimum: 7 }), 7);
  t.equal(standIn({ type: 'integer' }), 1);
  t.equal(withStandIns({ x: { type: 'text', example: 'a' } }, { x: 'given' }).x, 'given');
  t.same(withStandIns({ gone: null }, { y: 1 }), { y: 1 });
  t.end();
});

const RANGES: ReadonlyArray<readonly [range: string, from: string, to: string]> = [
  ['192.0.2.20-192.0.2.99', '192.0.2.20', '192.0.2.99'],
  ['192.0.2.20 - 192.0.2.20', '192.0.2.20', '192.0.2.20'],
  ['192.0.2.0/24', '192.0.2.1', '192.0.2.254'],
  ['192.0.2.4/30', '192.0.2.5', '192.0.2.6'],
  ['10.0.0.0/8', '10.0.0.1', '10.255.255.254'],
  ['255.255.255.250-255.255.255.254', '255.255.255.250', '255.255.255.254'],
];
const NO_RANGES = [
  '',
  'x',
  '192.0.2.1',
  '192.0.2.9-192.0.2.1',
  '192.0.2.1-x',
  '192.0.2.1-192.0.2.2-192.0.2.3',
  '192.0.2.1/24',
  '192.0.2.0/31',
  '0.0.0.0/0',
  '2001:db8::/64',
  '192.0.2.0/x',
];

test('ranges of pools', (t) => {
  for (const [range, from, to] of RANGES) {
    const { pools, faults } = readPools({ lan: { range } }, {});
    t.same(faults, [], range);
    t.match(pools, [{ kind: 'pool', name: 'lan', scope: 'address' }]);
    t.same([pools[0]?.print(pools[0].from), pools[0]?.print(pools[0].to)], [from, to], range);
  }
  for (const range of NO_RANGES) {
    const { pools, faults } = readPools({ lan: { range } }, {});
    t.match(faults, [{ path: ['pools', 'lan', 'range'] }], range);
    t.same([...pools], [], range);
  }
  t.match(readPools({ lan: { range: '192.0.2.0/24', except: ['192.0.2.1', 'x'] } }, {}).faults, [
    { path: ['pools', 'lan', 'except', '1'] },
  ]);
  t.same(readPools({ lan: { range: '192.0.2.0/24', except: ['192.0.2.1'] } }, {}).pools[0]?.except, [
    addressToNumber('192.0.2.1' as Ipv4),
  ]);
  t.end();
});

test('counters', (t) => {
  const read = (counter: PlainMap) => readPools({}, { pve: counter });
  t.match(read({}).pools, [{ kind: 'counter', name: 'pve', scope: 'counter pve', from: 1, to: 9999 }]);
  t.equal(read({}).pools[0]?.print(7), '7');
  t.equal(read({ from: 0, to: 99, width: 2 }).pools[0]?.print(7), '07');
  t.match(read({ from: 5, to: 4 }).faults, [{ path: ['counters', 'pve', 'to'] }]);
  t.end();
});

test('addresses as numbers', (t) => {
  for (const address of ['0.0.0.0', '192.0.2.1', '255.255.255.255', '128.0.0.1']) {
    t.equal(numberToAddress(addressToNumber(address as Ipv4)), address);
  }
  t.equal(addressNumberOf('192.0.2.1/24'), addressToNumber('192.0.2.1' as Ipv4));
  t.equal(addressNumberOf('{{pool.lan}}/24'), undefined);
  t.equal(addressNumberOf(undefined), undefined);
  t.end();
});
