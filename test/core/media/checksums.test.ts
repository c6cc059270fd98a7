import { test } from 'tap';
import { parseSha256, parseSha256Sums } from '../../../src/media/checksums.ts';

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);

for (const [name, text, expected] of [
  ['coreutils, text', `${b}  other.iso\n${a}  image.iso\n`, a],
  ['coreutils, binary', `${a} *image.iso`, a],
  ['upper case and CRLF', `${a.toUpperCase()}  image.iso\r\n`, a],
  ['with a folder', `${a}  ./iso/image.iso\n`, a],
  ['BSD', `SHA256 (image.iso) = ${a}\n`, a],
  ['listed twice alike', `${a}  image.iso\n${a}  image.iso\n`, a],
  ['not listed', `${a}  image.iso.sig\n${b}  my-image.iso\n`, undefined],
  ['another kind of sum', `${'a'.repeat(128)}  image.iso\n${'a'.repeat(40)}  image.iso\n`, undefined],
  ['empty', '', undefined],
] as const) {
  test(`SHA256SUMS: ${name}`, (t) => {
    t.equal(parseSha256Sums(text, '/some/where/image.iso'), expected);
    t.end();
  });
}

test('two sums for one name are not guessed between', (t) => {
  t.throws(() => parseSha256Sums(`${a}  image.iso\n${b}  image.iso\n`, 'image.iso'), {
    code: 'media.checksum-ambiguous',
  });
  t.end();
});

test('a checksum as it is typed', (t) => {
  t.equal(parseSha256(` ${a.toUpperCase()}\n`), a);
  for (const bad of ['', 'abc', `${a}0`, 'g'.repeat(64)]) {
    t.throws(() => parseSha256(bad), { code: 'media.bad-checksum', field: 'sha256' }, bad);
  }
  t.end();
});
