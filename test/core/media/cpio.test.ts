import fc from 'fast-check';
import { test } from 'tap';
import { wrapInitrd } from '../../../src/media/cpio.ts';
import { readExactly } from '../../../src/media/reading.ts';
import { sourceOf, wholeOf } from './images.ts';

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly links: number;
  readonly content: Buffer;
}

/** Unpacks as the kernel does (init/initramfs.c): headers at multiples of 4 of the whole buffer, zeros between archives passed over. */
function unpack(bytes: Buffer, from: number): Member[] {
  const members: Member[] = [];
  let at = from;
  while (at < bytes.byteLength) {
    if (bytes[at] === 0) {
      at++;
      continue;
    }
    if (at % 4 !== 0 || bytes.toString('latin1', at, at + 6) !== '070701') throw new Error(`no header at ${at}`);
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameBytes = field(11);
    const name = bytes.toString('latin1', at + 110, at + 110 + nameBytes - 1);
    const data = Math.ceil((at + 110 + nameBytes) / 4) * 4;
    const size = field(6);
    if (name !== 'TRAILER!!!') {
      members.push({ name, mode: field(1), links: field(4), content: bytes.subarray(data, data + size) });
    }
    at = Math.ceil((data + size) / 4) * 4;
  }
  return members;
}

test('initrd first and unchanged, then one member proxmox.iso', async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(bytes, bytes, async (initrd, image) => {
      const source = wrapInitrd(sourceOf(initrd), sourceOf(image));
      const whole = await wholeOf(source);
      if (whole.byteLength !== source.sizeBytes || whole.byteLength % 4 !== 0) return false;
      if (!whole.subarray(0, initrd.byteLength).equals(initrd)) return false;
      const [member, ...others] = unpack(whole, Math.ceil(initrd.byteLength / 4) * 4);
      return (
        others.length === 0 &&
        member?.name === 'proxmox.iso' &&
        member.mode === 0o100644 &&
        member.links === 1 &&
        member.content.equals(image)
      );
    }),
  );
});

test('up to 4 GiB the size is exact, from there on it is refused', async (t) => {
  const big = (sizeBytes: number) => ({ sizeBytes, read: () => new Uint8Array(1) });
  const source = wrapInitrd(sourceOf(Buffer.alloc(5)), big(0xffff_ffff));
  // 5 + 3, header 110 + 12 + 2, image and 1, trailer 110 + 11 + 3
  t.equal(source.sizeBytes, 8 + 124 + 0xffff_ffff + 1 + 124);
  t.equal(Buffer.from(await readExactly(source, 8 + 54, 8)).toString(), 'ffffffff');
  t.throws(() => wrapInitrd(sourceOf(Buffer.alloc(5)), big(0x1_0000_0000)), { code: 'media.too-big' });
});
