/**
 * A machine that is not to be installed boots its own disk, whatever its BIOS boot ROM understands. The disk holds nothing but a boot sector that
 * says so on the serial port. What UEFI does stands in the journey of OVMF.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { DAEMON_ADDRESS } from './lab.ts';
import type { MachineOptions } from './machine.ts';
import { must } from './namespaces.ts';
import { PROFILE, Site } from './site.ts';

const IPXE = '/usr/lib/ipxe/ipxe.lkrn';
const DAEMON_OFF = 'the daemon is off: nobody offers a boot file';
const SAYS = 'This is the local disk.';

/** 16-bit code at 7c00h: cld; ds = 0; si = 7c16h; print the text behind it by int 10h, ah = 0eh, up to its zero; halt for ever. */
const PRINT = 'fc31c08ed8be167cac84c07406b40ecd10ebf5f4ebfd';

function bootSector(): Buffer {
  const sector = Buffer.alloc(512);
  sector.write(PRINT, 'hex');
  sector.write(`\r\n${SAYS}\r\n\0`, PRINT.length / 2, 'latin1');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

interface Row {
  readonly name: string;
  readonly mac: string;
  /** The machine's boot ROM, played by an iPXE that is started directly: the card has none then. */
  readonly rom?: string;
  /** What the console shows on the way. */
  readonly shows: RegExp;
}

const ROWS: readonly Row[] = [
  {
    name: 'a card with an iPXE ROM: by our script',
    mac: 'bc:24:11:00:02:01',
    shows: /nothing to install here[\s\S]*Booting from SAN device 0x80/,
  },
  {
    // iPXE follows PXE menus as PXE 2.1 has them. With the user class of its forerunner it counts as a ROM that knows nothing else, and gets one.
    name: 'a ROM that knows PXE menus only: by a menu whose one item is the local disk',
    mac: 'bc:24:11:00:02:02',
    rom: 'set user-class gPXE\nautoboot net0 && echo The ROM ends || echo The ROM fails\nexit',
    shows: /Booting from PXE menu[\s\S]*The ROM ends/,
  },
  {
    name: 'an iPXE that was started before somebody cancelled the installation: by our script',
    mac: 'bc:24:11:00:02:03',
    rom: `dhcp net0\nchain http://${DAEMON_ADDRESS}:8080/boot/script/bc-24-11-00-02-03 || echo The script fails`,
    shows: /nothing to install here[\s\S]*Booting from SAN device 0x80/,
  },
  {
    name: DAEMON_OFF,
    mac: 'bc:24:11:00:02:04',
    shows: /Nothing to boot|No more network devices/,
  },
];

test('SeaBIOS: a registered machine without an armed installation', async (t) => {
  const site = await Site.start({ ipv6: 'router' });
  t.teardown(() => site.stop());
  const { lab } = site;
  const sector = join(lab.folder, 'boot-sector');
  writeFileSync(sector, bootSector());
  for (const [index, { name, mac, rom, shows }] of ROWS.entries()) {
    await t.test(name, async (t) => {
      const host = `rom${index}`;
      const { id } = (await site.must('POST', '/api/v1/nodes', {
        mac,
        fqdn: `${host}.lab.test`,
        profile: PROFILE,
      })) as {
        id: string;
      };
      const played = rom === undefined ? {} : playedBy(rom, join(lab.folder, `${host}.ipxe`));
      const machine = lab.machine({ name: host, firmware: 'bios', mac, memoryMiB: 256, diskGiB: 1, ...played });
      must('qemu-io', '-f', 'qcow2', '-c', `write -q -s ${sector} 0 512`, machine.disks[0] ?? '');
      if (name === DAEMON_OFF) await lab.stopDaemon();
      machine.powerOn();
      await machine.waitFor(new RegExp(SAYS), { timeoutMs: 300_000 });
      t.match(machine.serial(), shows, 'by the way that is meant for it', { console: machine.tail(40) });
      t.notMatch(machine.serial(), /The (ROM|script) fails/, 'nothing failed on it');
      if (shows.source.startsWith('nothing to install'))
        t.match(
          await site.must('GET', `/api/v1/nodes/${id}/hardware`),
          { serial: `LAB-${host}`, memoryBytes: 256 * 1024 * 1024, loader: /^iPXE / },
          'and said on its way what it is',
        );
      await machine.powerOff();
    });
  }
});

function playedBy(rom: string, script: string): Pick<MachineOptions, 'networkRom' | 'directBoot'> {
  writeFileSync(script, `#!ipxe\n${rom}\n`);
  return { networkRom: false, directBoot: { kernel: IPXE, initrd: script, append: '' } };
}
