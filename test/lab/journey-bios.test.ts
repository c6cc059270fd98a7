import { test } from 'tap';
import { journey } from './journey.ts';

test('SeaBIOS with an iPXE ROM, release 9.2, ext4: from power-on to ready', (t) =>
  journey(t, {
    firmware: 'bios',
    release: '9.2',
    mac: 'bc:24:11:00:00:01',
    ipv6: 'router',
    root: 'ext4',
    secrets: 'auto',
  }));
