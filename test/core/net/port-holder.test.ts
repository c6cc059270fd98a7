import { test } from 'tap';
import { bindError, inodesOf, nameOfProcess, remedyAgainst } from '../../../src/net/port-holder.ts';

const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  226: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0000000000000000 0
  227: 0100007F:0FAB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12346 2 0000000000000000 0
  228: 0100007F:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0000000000000000 0
`;
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 778 1 0000000000000000 20 4 30 10 -1
`;

test('sockets on a port in the tables of /proc/net', async (t) => {
  t.strictSame(inodesOf(UDP, 'udp', 67), ['12345']);
  t.strictSame(inodesOf(UDP, 'udp', 4011), ['12346']);
  t.strictSame(inodesOf(UDP, 'udp', 69), []);
  t.strictSame(inodesOf(TCP, 'tcp', 8080), ['777'], 'listening ones only');
  t.strictSame(inodesOf('', 'tcp', 8080), []);
});

test('the failure of a bind in words', async (t) => {
  const where = 'UDP port 67 on eno1';
  const failure = async (code: string) => {
    const error = await bindError('udp', 1, where, Object.assign(new Error(code), { code }));
    return `${error.code} ${error.line}`;
  };
  t.match(
    await failure('EADDRINUSE'),
    /^net\.port-in-use UDP port 67 on eno1 is taken by another process\. Find it with: sudo ss/,
  );
  t.match(await failure('EACCES'), /^net\.port-forbidden .*below 1024.*sudo/);
  t.match(await failure('EPERM'), /^net\.port-forbidden/);
  t.match(await failure('EADDRNOTAVAIL'), /^net\.bind-failed .*\(EADDRNOTAVAIL\)/);
});

test('a process is called what an administrator calls it', async (t) => {
  for (const [comm, argv, name] of [
    ['MainThread', ['/opt/iw/node', '--max-semi-space-size=2', '/opt/iw/src/cli/main.ts', 'serve'], 'ironwake serve'],
    ['MainThread', ['node', '/opt/iw/scripts/ironwake.js'], 'ironwake'],
    ['MainThread', ['/usr/bin/node', 'server.js', '--port', '69'], 'node server.js'],
    ['MainThread', ['/usr/bin/node', '-e', 'listen(69)'], 'node'],
    ['MainThread', ['nodejs'], 'nodejs'],
    ['dnsmasq\n', ['/usr/sbin/dnsmasq', '-k'], 'dnsmasq'],
    ['systemd', ['/sbin/init'], 'systemd'],
    ['a-very-long-nam', ['/usr/bin/a-very-long-name'], 'a-very-long-name'],
    ['kworker/0:1', [], 'kworker/0:1'],
    ['', [], '?'],
  ] as const)
    t.equal(
      nameOfProcess(comm, argv.map((argument) => `${argument}\0`).join('')),
      name,
      `${comm.trim()} ${argv.join(' ')}`,
    );
  t.match(remedyAgainst({ pid: 7, name: 'ironwake serve' }), /kill 7.*another Ironwake/);
  t.notMatch(remedyAgainst({ pid: 7, name: 'node server.js' }), /Ironwake/);
});
