import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import {
  changeOf,
  chooseInterfaces,
  defaultRoutesOf,
  type HostInterface,
  type HostNetwork,
  segmentOf,
} from '../../../src/net/interfaces.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';

let nextIndex = 1;
function nic(name: string, address?: string, more: Partial<HostInterface> = {}): HostInterface {
  return {
    name,
    index: nextIndex++,
    ethernet: true,
    loopback: false,
    bridge: undefined,
    addresses: address === undefined ? [] : [{ address: address as Ipv4, prefixLength: 24 }],
    ...more,
  };
}
const lo = nic('lo', '127.0.0.1', { loopback: true });
const eno1 = nic('eno1', '10.0.0.2');
const eno2 = nic('eno2', '10.0.1.2');
const bare = nic('eno3');
const port = nic('eno4', undefined, { bridge: 'vmbr0' });
const vmbr0 = nic('vmbr0', '10.0.2.2');
const tunnel = nic('wg0', '10.9.0.1', { ethernet: false });

function chosen(
  requested: readonly string[],
  interfaces: readonly HostInterface[],
  ...defaultRoutes: readonly string[]
): string {
  const host: HostNetwork = { interfaces, defaultRoutes };
  try {
    return chooseInterfaces(requested, host)
      .map((i) => i.name)
      .join(' ');
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    return `${error.code}: ${error.line}`;
  }
}

test('which interfaces are served', async (t) => {
  const rows: ReadonlyArray<readonly [string, string, string | RegExp]> = [
    ['the default route', chosen([], [lo, eno1, eno2], 'eno2'), 'eno2'],
    ['the only one', chosen([], [lo, bare, eno1]), 'eno1'],
    ['the bridge, not its port', chosen([], [lo, port, vmbr0], 'vmbr0'), 'vmbr0'],
    ['default route through a tunnel: the only Ethernet one', chosen([], [lo, eno1, tunnel], 'wg0'), 'eno1'],
    [
      'several, no route',
      chosen([], [lo, eno1, eno2]),
      /^net\.interface-ambiguous: .*there is no default route, .*eno1 \(10\.0\.0\.2\), eno2 \(10\.0\.1\.2\).*--interface eno1/,
    ],
    [
      'several, route through a tunnel',
      chosen([], [eno1, eno2, tunnel], 'wg0'),
      /^net\.interface-ambiguous: .*the default route goes over wg0, which cannot be served, .*: eno1 \(10\.0\.0\.2\), eno2 \(/,
    ],
    [
      'two routes of the same metric',
      chosen([], [eno1, eno2, vmbr0], 'vmbr0', 'eno2'),
      /^net\.interface-ambiguous: .*default routes of the same metric go over vmbr0 and eno2, .*--interface eno2/,
    ],
    ['two of the same metric, one through a tunnel', chosen([], [eno1, eno2, tunnel], 'wg0', 'eno2'), 'eno2'],
    ['a route through a tunnel alone', chosen([], [lo, tunnel], 'wg0'), /^net\.no-interface/],
    ['none', chosen([], [lo, bare]), /^net\.no-interface: .*ip address add/],
    ['named', chosen(['eno2', 'eno1'], [lo, eno1, eno2], 'eno1'), 'eno2 eno1'],
    ['named twice', chosen(['eno1', 'eno1'], [eno1]), 'eno1'],
    ['loopback by name', chosen(['lo'], [lo, eno1]), 'lo'],
    ['missing', chosen(['eth7'], [lo, eno1]), /^net\.interface-missing: .*'eth7'.*eno1 \(10\.0\.0\.2\)/],
    ['bridge port', chosen(['eno4'], [port, vmbr0]), /^net\.bridge-port: .*bridge vmbr0.*--interface vmbr0/],
    ['without an address', chosen(['eno3'], [bare]), /^net\.no-address: .*eno3 has no IPv4 address/],
    ['a tunnel', chosen(['wg0'], [tunnel]), /^net\.not-ethernet/],
  ];
  for (const [name, actual, expected] of rows) t.match(actual, expected, name);
});

test('the default route in /proc/net/route', async (t) => {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
  const route = (name: string, destination: string, mask: string, metric: number, flags = '0003') =>
    `${name}\t${destination}\t0102000A\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;
  const rows: ReadonlyArray<readonly [string, string, readonly string[]]> = [
    ['one', head + route('eno1', '00000000', '00000000', 0), ['eno1']],
    [
      'lowest metric',
      head + route('wlan0', '00000000', '00000000', 600) + route('eno1', '00000000', '00000000', 100),
      ['eno1'],
    ],
    [
      'the same metric twice, behind a higher one',
      head +
        route('wlan0', '00000000', '00000000', 600) +
        route('eno2', '00000000', '00000000', 100) +
        route('eno1', '00000000', '00000000', 100),
      ['eno2', 'eno1'],
    ],
    [
      'two routes over one interface',
      head + route('eno1', '00000000', '00000000', 0) + route('eno1', '00000000', '00000000', 0),
      ['eno1'],
    ],
    ['none', head + route('eno1', '0000000A', '00FFFFFF', 0), []],
    ['half of everything is not everything', head + route('tun0', '00000000', '00000080', 0), []],
    ['a route that is down', head + route('eno1', '00000000', '00000000', 0, '0002'), []],
    ['empty', '', []],
  ];
  for (const [name, table, expected] of rows) t.strictSame(defaultRoutesOf(table), expected, name);
});

test('a segment and its URLs', async (t) => {
  const addresses = [
    { address: '169.254.7.7' as Ipv4, prefixLength: 16 },
    { address: '10.0.0.2' as Ipv4, prefixLength: 23 },
  ];
  t.strictSame(segmentOf(nic('eno1', undefined, { addresses }), { http: 8080, https: 8443 }), {
    interfaceName: 'eno1',
    address: '10.0.0.2',
    prefixLength: 23,
    httpUrl: 'http://10.0.0.2:8080',
    httpsUrl: 'https://10.0.0.2:8443',
  });
});

test('what became of an interface', async (t) => {
  const segment = segmentOf(eno1, { http: 80, https: 8443 });
  const now = (...interfaces: HostInterface[]) => changeOf(segment, eno1.index, { interfaces, defaultRoutes: [] });
  t.strictSame(now(eno1), { kind: 'same' });
  t.strictSame(now(eno2), { kind: 'gone', because: 'interface' });
  t.strictSame(now(nic('eno1')), { kind: 'gone', because: 'address' });
  t.match(now({ ...eno1, index: 99 }), { kind: 'changed', index: 99, segment }, 'made again');
  t.match(
    now({ ...eno1, addresses: [{ address: '10.0.0.7' as Ipv4, prefixLength: 24 }] }),
    {
      kind: 'changed',
      segment: { address: '10.0.0.7', httpUrl: 'http://10.0.0.7:80', httpsUrl: 'https://10.0.0.7:8443' },
    },
    'another address',
  );
  const both = [...eno1.addresses, { address: '10.0.0.7' as Ipv4, prefixLength: 24 }];
  t.strictSame(now({ ...eno1, addresses: both.reverse() }), { kind: 'same' }, 'one more address changes nothing');
});
