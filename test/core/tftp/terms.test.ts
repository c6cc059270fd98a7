import fc from 'fast-check';
import t from 'tap';
import { maxBlksizeOf } from '../../../src/tftp/route.ts';
import { negotiate } from '../../../src/tftp/terms.ts';

const ETHERNET = { maxBlksize: maxBlksizeOf(1500), maxWindowsize: 16 };

t.test('terms by what was asked for', async (t) => {
  type Row = readonly [string, Record<string, string>, Record<string, string> | undefined, number, number, number];
  const rows: readonly Row[] = [
    // name, asked, confirmed, blksize, windowsize, timeout in ms
    ['nothing', {}, undefined, 512, 1, 1000],
    [
      'edk2',
      { tsize: '0', blksize: '1468', windowsize: '4' },
      { blksize: '1468', tsize: '70000', windowsize: '4' },
      1468,
      4,
      1000,
    ],
    ['iPXE', { blksize: '1432', tsize: '0' }, { blksize: '1432', tsize: '70000' }, 1432, 1, 1000],
    ['a block longer than the route', { blksize: '8192' }, { blksize: '1468' }, 1468, 1, 1000],
    ['a block longer than RFC 2348 allows', { blksize: '99999' }, { blksize: '1468' }, 1468, 1, 1000],
    ['a small block', { blksize: '8' }, { blksize: '8' }, 8, 1, 1000],
    ['too small a block: passed over', { blksize: '7' }, undefined, 512, 1, 1000],
    ['not a number', { blksize: 'large', windowsize: '-1' }, undefined, 512, 1, 1000],
    ['a window above ours', { windowsize: '64' }, { windowsize: '16' }, 512, 16, 1000],
    ['a window of nothing: passed over', { windowsize: '0' }, undefined, 512, 1, 1000],
    ['a timeout', { timeout: '5' }, { timeout: '5' }, 512, 1, 5000],
    ['too long a timeout: passed over, never changed', { timeout: '255' }, undefined, 512, 1, 1000],
    ['unknown options', { multicast: '', 'x-foo': '1' }, undefined, 512, 1, 1000],
  ];
  for (const [name, asked, confirmed, blksize, windowsize, timeoutMs] of rows) {
    const terms = negotiate(new Map(Object.entries(asked)), 70000, ETHERNET);
    t.same(terms.oack === undefined ? undefined : Object.fromEntries(terms.oack), confirmed, name);
    t.match(terms, { blksize, windowsize, timeoutMs }, name);
  }
});

t.test('only what was asked for is confirmed, never above it', async (t) => {
  const value = fc.oneof(fc.nat(70000).map(String), fc.string({ maxLength: 6 }));
  const asked = fc.dictionary(fc.constantFrom('blksize', 'tsize', 'timeout', 'windowsize', 'other'), value);
  fc.assert(
    fc.property(
      asked,
      fc.integer({ min: 512, max: 65464 }),
      fc.integer({ min: 1, max: 64 }),
      (wish, maxBlksize, maxWindowsize) => {
        const terms = negotiate(new Map(Object.entries(wish)), 5, { maxBlksize, maxWindowsize });
        for (const [name, answer] of terms.oack ?? []) {
          if (!(name in wish)) return false;
          if (name !== 'tsize' && Number(answer) > Number(wish[name])) return false;
        }
        return (
          terms.blksize <= maxBlksize &&
          terms.windowsize <= maxWindowsize &&
          terms.blksize >= 8 &&
          terms.windowsize >= 1
        );
      },
    ),
  );
  t.pass();
});

t.test('the block that fits a route', async (t) => {
  for (const [mtu, blksize] of [
    [1500, 1468],
    [9000, 8968],
    [1280, 1248],
    [65536, 65464],
    [400, 512],
  ] as const)
    t.equal(maxBlksizeOf(mtu), blksize, `MTU ${mtu}`);
});
