import { test } from 'tap';
import { journey } from './journey.ts';

test('OVMF with its own PXE, release 8.4, xfs, confirmed by its code: from power-on to ready', (t) =>
  journey(t, {
    firmware: 'uefi',
    release: '8.4',
    mac: 'bc:24:11:00:00:02',
    ipv6: 'dhcp',
    root: 'xfs',
    secrets: 'confirm',
  }));
