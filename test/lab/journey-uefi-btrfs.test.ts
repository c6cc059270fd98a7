import { test } from 'tap';
import { toReady } from './journey.ts';

test('OVMF with its own PXE, release 9.2, btrfs on one disk', async (t) => {
  await toReady(t, {
    firmware: 'uefi',
    release: '9.2',
    mac: 'bc:24:11:00:00:04',
    ipv6: 'dhcp',
    root: 'btrfs-single',
    secrets: 'auto',
  });
});
