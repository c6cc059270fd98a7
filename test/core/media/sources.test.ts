import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { concatenate, paddingTo, zeros } from '../../../src/media/concatenation.ts';
import { readFileSource } from '../../../src/media/file.ts';
import { mappedFile } from '../../../src/media/mapped.ts';
import { readExactly } from '../../../src/media/reading.ts';
import { windowOf } from '../../../src/media/window.ts';
import { slowly, sourceOf, wholeOf } from './images.ts';

test('any range of a concatenation is that slice of the whole, however the parts answer', async () => {
  const parts = fc.array(
    fc.record({ bytes: fc.uint8Array({ maxLength: 40 }), partBytes: fc.integer({ min: 1, max: 9 }) }),
    {
      maxLength: 12,
    },
  );
  await fc.assert(
    fc.asyncProperty(parts, fc.nat(), fc.nat(), async (list, from, length) => {
      const whole = Buffer.concat(list.map((part) => part.bytes));
      const source = concatenate(list.map((part) => slowly(sourceOf(part.bytes), part.partBytes)));
      const start = whole.byteLength === 0 ? 0 : from % whole.byteLength;
      const size = Math.min(length, whole.byteLength - start);
      const got = await readExactly(source, start, size);
      return source.sizeBytes === whole.byteLength && whole.subarray(start, start + size).equals(got);
    }),
  );
});

test('any range of a window is that slice of its source', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.nat(),
      fc.nat(),
      async (bytes, from, length) => {
        const start = from % bytes.byteLength;
        const size = length % (bytes.byteLength - start + 1);
        const window = windowOf(sourceOf(bytes), start, size);
        return window.sizeBytes === size && (await wholeOf(window)).equals(bytes.subarray(start, start + size));
      },
    ),
  );
});

test('parts in memory answer at once, without a promise and without a copy', (t) => {
  const bytes = Buffer.from('abcdef');
  const answer = concatenate([sourceOf(Buffer.from('xy')), windowOf(sourceOf(bytes), 1, 4)]).read(2, 100);
  t.ok(answer instanceof Uint8Array);
  t.equal(answer instanceof Uint8Array ? answer.buffer : undefined, bytes.buffer);
  t.end();
});

test('zeros and padding', async (t) => {
  for (const sizeBytes of [0, 1, 2048, 65_536, 200_001]) {
    const bytes = await wholeOf(zeros(sizeBytes));
    t.equal(bytes.byteLength, sizeBytes);
    t.ok(bytes.every((byte) => byte === 0));
  }
  t.same(
    [0, 1, 3, 4, 5].map((size) => paddingTo(4, size)),
    [0, 3, 1, 0, 3],
  );
});

test('what lies outside is refused, not invented', async (t) => {
  const source = sourceOf(Buffer.from('abc'));
  t.throws(() => windowOf(source, 2, 2), RangeError);
  t.throws(() => windowOf(source, -1, 1), RangeError);
  t.throws(() => concatenate([source]).read(3, 1), RangeError);
  await t.rejects(readExactly(source, 1, 3), RangeError);
  // A source that promises more than it has, as a file that was cut.
  await t.rejects(readExactly({ sizeBytes: 10, read: () => new Uint8Array(0) }, 0, 5), RangeError);
});

test('a mapped file and a read file are the same bytes', async (t) => {
  const bytes = Buffer.alloc(
    1_300_001,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  );
  const path = join(t.testdir(), 'file');
  writeFileSync(path, bytes);
  const mapped = await mappedFile(path);
  const read = await readFileSource(path);
  t.teardown(() => read.close());
  for (const source of [mapped, read]) {
    t.equal(source.sizeBytes, bytes.byteLength);
    t.ok((await wholeOf(source)).equals(bytes));
    for (const [offset, length] of [
      [0, 1],
      [4095, 2],
      [1_300_000, 1],
      [524_287, 600_000],
    ] as const) {
      t.ok(
        bytes.subarray(offset, offset + length).equals(await readExactly(source, offset, length)),
        `${offset}+${length}`,
      );
    }
  }
  t.ok(mapped.read(0, 1000) instanceof Uint8Array, 'a page in memory answers at once');
  t.equal((await read.read(0, 10_000_000)).byteLength, 512 * 1024, 'one read of the pool is 512 KiB at most');
});

test('an empty file, and one that is not there', async (t) => {
  const folder = t.testdir({ empty: '' });
  t.equal((await mappedFile(join(folder, 'empty'))).sizeBytes, 0);
  await t.rejects(mappedFile(join(folder, 'missing')), { code: 'ENOENT' });
  await t.rejects(readFileSource(join(folder, 'missing')), { code: 'ENOENT' });
});

test('more readers than the pool takes at once all get their bytes', async (t) => {
  const folder = t.testdir({ file: 'abcdefghij'.repeat(100) });
  const source = await readFileSource(join(folder, 'file'));
  t.teardown(() => source.close());
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => readExactly(source, index * 10, 10)));
  t.ok(answers.every((bytes) => Buffer.from(bytes).toString() === 'abcdefghij'));
});
