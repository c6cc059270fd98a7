import { test } from 'tap';
import { toReady } from './journey.ts';

test('SeaBIOS with an iPXE ROM, release 8.4, a btrfs mirror of two disks, confirmed by its code', async (t) => {
  await toReady(t, {
    firmware: 'bios',
    release: '8.4',
    mac: 'bc:24:11:00:00:03',
    ipv6: 'none',
    root: 'btrfs-mirror',
    secrets: 'confirm',
  });
});
