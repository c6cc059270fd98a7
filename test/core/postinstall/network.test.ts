/** The module `network`: from a profile's words to /etc/network/interfaces, and every contradiction before a node is touched. */
import { Value } from '@sinclair/typebox/value';
import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { layoutOf } from '../../../src/postinstall/modules/network/layout.ts';
import { network } from '../../../src/postinstall/modules/network/module.ts';
import { type NetworkParameters, Parameters } from '../../../src/postinstall/modules/network/parameters.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';

type Given = Partial<NetworkParameters>;

const complete = (given: Given) => Value.Default(Parameters, structuredClone(given)) as NetworkParameters;
const fileOf = (given: Given): string =>
  network.prepare(complete(given), { product: 'pve', release: '9.2' }).files.find(({ name }) => name === 'interfaces')
    ?.content ?? '';
/** The stanzas without the parts that every file has. */
const stanzas = (given: Given) => fileOf(given).split('\n\n').slice(1, -1).join('\n\n');

test('what stands in /etc/network/interfaces', (t) => {
  for (const { label, given, wanted } of [
    {
      label: 'one bridge on one port, as the installer makes it',
      given: { bridges: { vmbr0: { ports: ['eno1'] } } },
      wanted: `auto eno1
iface eno1 inet manual

auto vmbr0
iface vmbr0 inet static
@management@
    bridge-ports eno1
    bridge-stp off
    bridge-fd 0`,
    },
    {
      label: 'a port by MAC, a VLAN-aware bridge, the management on a tag',
      given: {
        management: 'vmbr0.10',
        bridges: { vmbr0: { ports: ['BC:24:11:00:00:01'], vlanAware: true } },
        vlans: { 'vmbr0.10': {} },
      },
      wanted: `auto @bc:24:11:00:00:01@
iface @bc:24:11:00:00:01@ inet manual

auto vmbr0
iface vmbr0 inet manual
    bridge-ports @bc:24:11:00:00:01@
    bridge-stp off
    bridge-fd 0
    bridge-vlan-aware yes
    bridge-vids 2-4094

auto vmbr0.10
iface vmbr0.10 inet static
@management@
    vlan-raw-device vmbr0
    vlan-id 10`,
    },
    {
      label: 'LACP under a bridge, jumbo frames down to the ports',
      given: {
        bonds: { bond0: { ports: ['eno1', 'eno2'], mode: '802.3ad', mtu: 9000 } },
        bridges: { vmbr0: { ports: ['bond0'], mtu: 9000 } },
      },
      wanted: `auto eno1
iface eno1 inet manual
    mtu 9000

auto eno2
iface eno2 inet manual
    mtu 9000

auto bond0
iface bond0 inet manual
    bond-slaves eno1 eno2
    bond-miimon 100
    bond-mode 802.3ad
    bond-xmit-hash-policy layer2+3
    bond-lacp-rate fast
    mtu 9000

auto vmbr0
iface vmbr0 inet static
@management@
    bridge-ports bond0
    bridge-stp off
    bridge-fd 0
    mtu 9000`,
    },
    {
      label: 'an inner bridge, a storage network on a tag with a name of its own, under a bridge that is written first',
      given: {
        bonds: { bond0: { ports: ['eno1', 'eno2'], mode: 'active-backup', primary: 'eno1' } },
        bridges: {
          vmbr1: { ports: ['storage'] },
          vmbr0: { ports: ['bond0'] },
          vmbr9: { ports: [], addresses: ['10.9.0.1/24'] },
        },
        vlans: { storage: { parent: 'eno3', id: 50 } },
      },
      wanted: `auto eno1
iface eno1 inet manual

auto eno2
iface eno2 inet manual

auto eno3
iface eno3 inet manual

auto bond0
iface bond0 inet manual
    bond-slaves eno1 eno2
    bond-miimon 100
    bond-mode active-backup
    bond-primary eno1

auto storage
iface storage inet manual
    vlan-raw-device eno3
    vlan-id 50

auto vmbr0
iface vmbr0 inet static
@management@
    bridge-ports bond0
    bridge-stp off
    bridge-fd 0

auto vmbr9
iface vmbr9 inet static
    address 10.9.0.1/24
    bridge-ports none
    bridge-stp off
    bridge-fd 0

auto vmbr1
iface vmbr1 inet manual
    bridge-ports storage
    bridge-stp off
    bridge-fd 0`,
    },
    {
      label: 'balance-rr and balance-xor, as the handbook and the field have them',
      given: {
        bonds: {
          bond0: { ports: ['eno1', 'eno2'], mode: 'balance-rr' },
          bond1: {
            ports: ['eno3'],
            mode: 'balance-xor',
            hashPolicy: 'layer3+4',
            addresses: ['10.1.0.1/24', '10.2.0.1/24'],
          },
        },
        bridges: { vmbr0: { ports: ['bond0'], vlanAware: true, vids: '10 20 100-200' } },
      },
      wanted: `auto eno1
iface eno1 inet manual

auto eno2
iface eno2 inet manual

auto eno3
iface eno3 inet manual

auto bond0
iface bond0 inet manual
    bond-slaves eno1 eno2
    bond-miimon 100
    bond-mode balance-rr

auto bond1
iface bond1 inet static
    address 10.1.0.1/24
    address 10.2.0.1/24
    bond-slaves eno3
    bond-miimon 100
    bond-mode balance-xor
    bond-xmit-hash-policy layer3+4

auto vmbr0
iface vmbr0 inet static
@management@
    bridge-ports bond0
    bridge-stp off
    bridge-fd 0
    bridge-vlan-aware yes
    bridge-vids 10 20 100-200`,
    },
  ] satisfies { label: string; given: Given; wanted: string }[]) {
    t.equal(stanzas(given), wanted, label);
  }
  const whole = fileOf({ bridges: { vmbr0: { ports: ['eno1'] } } });
  t.match(whole, /^# Written by Ironwake.*\nauto lo\niface lo inet loopback\n\n/);
  t.match(whole, /\n\nsource \/etc\/network\/interfaces\.d\/\*\n$/, 'what other packages put there stays');
  t.end();
});

test('a contradiction is refused with its key', (t) => {
  const vmbr0 = { vmbr0: { ports: ['eno1'] } };
  for (const { path, given } of [
    { path: 'bridges', given: {} },
    { path: 'management', given: { bridges: { vmbr1: { ports: ['eno1'] } } } },
    {
      path: 'management',
      given: {
        management: 'bond0',
        bonds: { bond0: { ports: ['eno1'], mode: 'active-backup' } },
        bridges: { vmbr0: { ports: ['bond0'] } },
      },
    },
    { path: 'gateway', given: { gateway: '192.0.2.300', bridges: vmbr0 } },
    { path: 'bridges.vmbr1.ports', given: { bridges: { ...vmbr0, vmbr1: { ports: ['eno1'] } } } },
    { path: 'bridges.vmbr1.ports', given: { bridges: { ...vmbr0, vmbr1: { ports: ['vmbr0'] } } } },
    { path: 'bridges.vmbr0.vids', given: { bridges: { vmbr0: { ports: ['eno1'], vids: '2-10' } } } },
    { path: 'bridges.vmbr0.vids', given: { bridges: { vmbr0: { ports: ['eno1'], vlanAware: true, vids: '10-2' } } } },
    { path: 'bridges.vmbr0.vids', given: { bridges: { vmbr0: { ports: ['eno1'], vlanAware: true, vids: '4095' } } } },
    {
      path: 'bridges.vmbr0.mtu',
      given: {
        bonds: { bond0: { ports: ['eno1'], mode: 'active-backup' } },
        bridges: { vmbr0: { ports: ['bond0'], mtu: 9000 } },
      },
    },
    { path: 'bonds.bond0.ports', given: { bridges: vmbr0, bonds: { bond0: { ports: [], mode: 'active-backup' } } } },
    {
      path: 'bonds.bond0.ports',
      given: { bridges: vmbr0, bonds: { bond0: { ports: ['vmbr0'], mode: 'active-backup' } } },
    },
    {
      path: 'bridges.vmbr0.ports',
      given: { bridges: vmbr0, bonds: { bond0: { ports: ['eno1'], mode: 'active-backup' } } },
    },
    {
      path: 'bonds.bond0.hashPolicy',
      given: { bridges: vmbr0, bonds: { bond0: { ports: ['eno2'], mode: 'active-backup', hashPolicy: 'layer2' } } },
    },
    {
      path: 'bonds.bond0.lacpRate',
      given: { bridges: vmbr0, bonds: { bond0: { ports: ['eno2'], mode: 'balance-rr', lacpRate: 'fast' } } },
    },
    {
      path: 'bonds.bond0.primary',
      given: { bridges: vmbr0, bonds: { bond0: { ports: ['eno2'], mode: 'active-backup', primary: 'eno3' } } },
    },
    {
      path: 'bonds.bond0.primary',
      given: { bridges: vmbr0, bonds: { bond0: { ports: ['eno2'], mode: '802.3ad', primary: 'eno2' } } },
    },
    {
      path: 'bridges.storage',
      given: {
        bridges: { ...vmbr0, storage: { ports: [] } },
        bonds: { storage: { ports: ['eno2'], mode: 'active-backup' } },
      },
    },
    { path: 'vlans.storage.parent', given: { bridges: vmbr0, vlans: { storage: { id: 50 } } } },
    { path: 'vlans.storage.id', given: { bridges: vmbr0, vlans: { storage: { parent: 'eno2' } } } },
    { path: 'vlans.vmbr0.10', given: { bridges: vmbr0, vlans: { 'vmbr0.10': { id: 11 } } } },
    { path: 'vlans.vmbr0.4095.id', given: { bridges: vmbr0, vlans: { 'vmbr0.4095': {} } } },
    { path: 'vlans.eno1.5.parent', given: { bridges: vmbr0, vlans: { 'eno1.5': {} } } },
    {
      path: 'vlans.storage',
      given: { bridges: vmbr0, vlans: { 'vmbr0.10': {}, storage: { parent: 'vmbr0', id: 10 } } },
    },
    {
      path: 'vlans.vmbr0.10.addresses',
      given: { bridges: vmbr0, vlans: { 'vmbr0.10': { addresses: ['10.0.0.256/24'] } } },
    },
    {
      path: 'vlans.vmbr0.10.addresses',
      given: { bridges: vmbr0, vlans: { 'vmbr0.10': { addresses: ['10.0.0.1/33'] } } },
    },
    {
      path: 'vlans.vmbr0.11.addresses',
      given: {
        bridges: vmbr0,
        vlans: { 'vmbr0.10': { addresses: ['10.0.0.1/24'] }, 'vmbr0.11': { addresses: ['10.0.0.2/16'] } },
      },
    },
    { path: 'bridges', given: { bridges: { ...vmbr0, vmbr1: { ports: ['vmbr1.5'] } }, vlans: { 'vmbr1.5': {} } } },
  ] satisfies { path: string; given: Given }[]) {
    const label = `${path}: ${JSON.stringify(given)}`;
    try {
      layoutOf(complete(given));
      t.fail(`was taken: ${label}`);
    } catch (error) {
      t.ok(error instanceof IronwakeError, label);
      t.match(error, { code: 'plan.parameter', field: `postInstall.network.${path}`, remedy: /\S/ }, label);
    }
  }
  t.end();
});

test('a value of the wrong shape is refused by the schema', (t) => {
  for (const value of [
    { bridges: { 'vmbr0\n': { ports: [] } } },
    { bridges: { vmbr0: { ports: ['eno1; reboot'] } } },
    { bridges: { vmbr0: { ports: ['eno1'], portz: [] } } },
    { bonds: { bond0: { ports: ['eno1'], mode: 'lacp' } } },
    { bridges: { vmbr0: { ports: [], addresses: ['fe80::1/64'] } } },
    { bridges: { vmbr0: { ports: [], mtu: 500 } } },
    { management: 'vmbr0 ' },
    { vlans: { 'a.0': {} } },
  ]) {
    t.throws(
      () => buildPlan({ postInstall: { network: value }, product: 'pve', release: '9.2', modules: [network] }),
      {
        code: 'plan.parameter',
      },
      JSON.stringify(value),
    );
  }
  t.end();
});
