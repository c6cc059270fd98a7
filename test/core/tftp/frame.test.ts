import fc from 'fast-check';
import t from 'tap';
import { type ByteSource, bytesSource } from '../../../src/media/source.ts';
import { buildFrame, frameBytes, strideOf, windowOf } from '../../../src/tftp/frame.ts';
import { Frames } from '../../../src/tftp/frames.ts';
import { decodePacket } from '../../../src/tftp/packet.ts';

/** Answers in pieces of at most `piece` bytes, every other time by a promise: all that a source may do. */
function fitful(bytes: Uint8Array, piece: number): ByteSource {
  let turn = 0;
  return {
    sizeBytes: bytes.byteLength,
    read(offset, maxBytes) {
      const part = bytes.subarray(offset, offset + Math.min(piece, maxBytes));
      return turn++ % 2 === 0 ? part : Promise.resolve(part);
    },
  };
}

t.test('the packets of a frame carry the file, numbered', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 3000 }),
      fc.integer({ min: 8, max: 600 }),
      fc.integer({ min: 1, max: 700 }),
      async (bytes, blksize, piece) => {
        const frame = await buildFrame(fitful(bytes, piece), blksize);
        const blocks = Math.floor(bytes.length / blksize) + 1;
        t.equal(frame.bytes.length, frameBytes(bytes.length, blksize));
        const data: Uint8Array[] = [];
        for (let block = 1; block <= blocks; block++) {
          const decoded = decodePacket(windowOf(frame, block, 1));
          if (!decoded.ok || decoded.packet.kind !== 'data') return t.fail('not a DATA packet');
          t.equal(decoded.packet.block, block);
          t.equal(decoded.packet.data.byteLength === blksize, block < blocks);
          data.push(decoded.packet.data);
        }
        t.ok(Buffer.concat(data).equals(bytes));
        return t.equal(windowOf(frame, 1, blocks).length, frame.bytes.length);
      },
    ),
    { numRuns: 60 },
  );
});

t.test('block numbers wrap in the frame', async (t) => {
  const frame = await buildFrame(bytesSource(new Uint8Array(65_540 * 8)), 8);
  const numbers = [65_534, 65_535, 65_536, 65_537].map((block) => windowOf(frame, block, 1).readUInt16BE(2));
  t.same(numbers, [65_534, 65_535, 0, 1]);
  t.equal(strideOf(frame), 12);
});

t.test('a source that ends early is an error, not a short file', async (t) => {
  const liar: ByteSource = { sizeBytes: 100, read: (offset) => new Uint8Array(offset === 0 ? 40 : 0) };
  await t.rejects(buildFrame(liar, 512), RangeError);
});

t.test('frames are shared while in use and kept as far as there is room', async (t) => {
  const frames = new Frames({ totalBytes: 3000, keptBytes: 1500 });
  const source = bytesSource(new Uint8Array(1000));
  const one = await frames.lease(source, undefined, 512);
  const two = await frames.lease(source, undefined, 512);
  t.ok(one !== undefined && one.frame === two?.frame, 'the same source: one frame');
  const keyed = await frames.lease(bytesSource(new Uint8Array(1000)), 'sha', 512);
  const again = await frames.lease(bytesSource(new Uint8Array(1000)), 'sha', 512);
  t.ok(keyed !== undefined && keyed.frame === again?.frame, 'the same key: one frame');
  t.equal(
    await frames.lease(bytesSource(new Uint8Array(1000)), 'other', 512),
    undefined,
    'no room beside those in use',
  );
  const held = frames.bytes;
  one?.release();
  one?.release();
  t.equal(frames.bytes, held, 'a second user still holds it, however often the first lets go');
  two?.release();
  t.equal(frames.bytes, held, 'kept');
  keyed?.release();
  again?.release();
  t.ok(frames.bytes <= 1500 && frames.bytes > 0, 'only so much is kept');
  const next = await frames.lease(bytesSource(new Uint8Array(2500)), 'big', 512);
  t.ok(next !== undefined, 'what is only kept makes way');
  next?.release();
  frames.clear();
  t.equal(frames.bytes, 0);
});

t.test('a source that failed is asked again', async (t) => {
  const frames = new Frames({ totalBytes: 3000, keptBytes: 1500 });
  let broken = true;
  const source: ByteSource = {
    sizeBytes: 10,
    read: () => (broken ? Promise.reject(new Error('disk')) : new Uint8Array(10)),
  };
  await t.rejects(frames.lease(source, 'k', 512), /disk/);
  t.equal(frames.bytes, 0);
  broken = false;
  t.ok(await frames.lease(source, 'k', 512));
});
