import fc from 'fast-check';
import t from 'tap';
import { normaliseFile } from '../../../src/tftp/file.ts';

t.test('names as firmware and loaders send them', async (t) => {
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    ['as it should be', 'ipxe-x86_64.efi', 'ipxe-x86_64.efi'],
    ['leading slash (GRUB)', '/grub/x86_64-efi/command.lst', 'grub/x86_64-efi/command.lst'],
    ['doubled slash (shim)', 'dir//grubx64.efi', 'dir/grubx64.efi'],
    ['many leading slashes', '///a//b', 'a/b'],
    ['backslashes (UEFI)', '\\EFI\\BOOT\\grubx64.efi', 'EFI/BOOT/grubx64.efi'],
    ['trailing 0xff (option 67 read with its end mark)', 'undionly.kpxe\xff', 'undionly.kpxe'],
    ['several of them, and NUL', 'undionly.kpxe\xff\xff\0', 'undionly.kpxe'],
    ['U+FFFD in UTF-8, where a DHCP server converted it', 'undionly.kpxe\xef\xbf\xbd', 'undionly.kpxe'],
    ['a dot segment', './a/./b', 'a/b'],
    ['trailing slash', 'a/', 'a'],
    ['case is kept', 'Boot/BCD', 'Boot/BCD'],
    ['dots in a name are no climb', 'a/..b/c..', 'a/..b/c..'],
    ['shim 15.8 with a boot entry text', 'grub/?Onboard', 'grub/?Onboard'],
  ];
  for (const [name, raw, file] of rows) t.same(normaliseFile(raw), { ok: true, file }, name);
});

t.test('names that are refused', async (t) => {
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    ['climbing out', '../etc/shadow', 'leaves-root'],
    ['climbing on the way', 'a/../../etc/shadow', 'leaves-root'],
    ['climbing with backslashes', '..\\..\\etc', 'leaves-root'],
    ['climbing at the end', 'a/..', 'leaves-root'],
    ['nothing left', '/', 'empty'],
    ['only end marks', '\xff\xff', 'empty'],
    ['a line break', 'a\nb', 'control-character'],
    ['an escape sequence', 'a\x1b[2J', 'control-character'],
    ['NUL in the middle', 'a\0b', 'control-character'],
    ['longer than a file name', 'a'.repeat(256), 'too-long'],
  ];
  for (const [name, raw, because] of rows) t.same(normaliseFile(raw), { ok: false, because }, name);
});

t.test('whatever comes: the result is relative, does not climb, and is its own normal form', async (t) => {
  const piece = fc.constantFrom('..', '.', '/', '\\', 'a', 'B', '\xff', '\0', '\n', '%2e', 'x.efi');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
        fc.string(),
      ),
      (raw) => {
        const result = normaliseFile(raw);
        if (!result.ok) return true;
        const again = normaliseFile(result.file);
        return (
          !result.file.startsWith('/') &&
          !result.file.split('/').includes('..') &&
          !result.file.includes('\\') &&
          again.ok &&
          again.file === result.file
        );
      },
    ),
    { numRuns: 2000 },
  );
  t.pass();
});
