import fc from 'fast-check';
import { test } from 'tap';
import { parseMachineFacts } from '../../../src/answers/machine.ts';
import { parseSystemInformation } from '../../../src/answers/system-information.ts';
import { IronwakeError } from '../../../src/errors.ts';

/** As 9.2.7 sends it: MACs in upper case, schema, maps in alphabetical order. */
const FROM_92 =
  '{"$schema":{"version":"1.0"},"product":{"fullname":"Proxmox VE","product":"pve","enable_btrfs":true},"iso":{"release":"9.2","isorelease":"1"},"dmi":{"baseboard":{"asset_tag":"Default string","serial":"B1","name":"X570"},"chassis":{"serial":"C1"},"system":{"serial":"S1","sku":"K1","uuid":"00112233-4455-6677-8899-aabbccddeeff","name":"Server"}},"network_interfaces":[{"link":"eno1","mac":"BC:24:11:00:00:01"},{"link":"eno2","mac":"BC:24:11:00:00:02"}]}';

/** As 8.4 sends it: lower case, system first. */
const FROM_84 =
  '{"$schema":{"version":"1.0"},"product":{"fullname":"Proxmox VE","product":"pve","enable_btrfs":true},"iso":{"release":"8.4","isorelease":"1"},"dmi":{"system":{},"baseboard":{},"chassis":{}},"network_interfaces":[{"link":"ens18","mac":"bc:24:11:00:00:01"}]}';

test('a request of 9.2', (t) => {
  t.strictSame(parseSystemInformation(FROM_92), {
    release: '9.2',
    isoRelease: '1',
    product: 'pve',
    macs: ['bc:24:11:00:00:01', 'bc:24:11:00:00:02'],
    interfaces: [
      { name: 'eno1', mac: 'bc:24:11:00:00:01' },
      { name: 'eno2', mac: 'bc:24:11:00:00:02' },
    ],
    dmi: {
      system: { serial: 'S1', sku: 'K1', uuid: '00112233-4455-6677-8899-aabbccddeeff', name: 'Server' },
      baseboard: { asset_tag: 'Default string', serial: 'B1', name: 'X570' },
      chassis: { serial: 'C1' },
    },
  });
  t.end();
});

test('a request of 8.4, as bytes', (t) => {
  t.match(parseSystemInformation(Buffer.from(FROM_84)), {
    release: '8.4',
    macs: ['bc:24:11:00:00:01'],
    dmi: { system: {} },
  });
  t.end();
});

/** What each released installer puts into its request beside the facts: the document had no version before package 8.2.7, and for one package another name. */
const SCHEMAS: ReadonlyArray<readonly [release: string, packages: string, schema: Readonly<Record<string, unknown>>]> =
  [
    ['8.2', '8.2.0 to 8.2.6', {}],
    ['8.2', '8.2.7', { '$format-info': { version: '1.0' } }],
    ['8.3', '8.2.8 to 8.3', { $schema: { version: '1.0' } }],
    ['8.4', '8.4', { $schema: { version: '1.0' } }],
    ['9.0', '9.0', { $schema: { version: '1.0' } }],
    ['9.1', '9.1', { $schema: { version: '1.0' } }],
    ['9.2', '9.2', { $schema: { version: '1.0' } }],
  ];

test('the document of each released schema, here and as the facts of a machine', (t) => {
  for (const [release, packages, schema] of SCHEMAS) {
    const inUpperCase = release === '9.2';
    const mac = 'bc:24:11:00:00:01';
    const dmi = { system: { uuid: '00112233-4455-6677-8899-aabbccddeeff' }, baseboard: {}, chassis: {} };
    const facts = {
      product: { fullname: 'Proxmox VE', product: 'pve', enable_btrfs: true },
      iso: { release, isorelease: '1' },
      // From 9.2 on in alphabetical order.
      dmi: inUpperCase ? Object.fromEntries(Object.entries(dmi).sort()) : dmi,
      network_interfaces: [{ link: 'eno1', mac: inUpperCase ? mac.toUpperCase() : mac }],
    };
    const body = JSON.stringify({ ...schema, ...facts });
    t.match(
      parseSystemInformation(body),
      { release, isoRelease: '1', product: 'pve', macs: [mac], interfaces: [{ name: 'eno1', mac }], dmi },
      packages,
    );
    t.same(
      parseMachineFacts(body),
      {
        document: 'system information',
        disks: undefined,
        ports: [{ name: 'eno1', mac, properties: undefined }],
        bootMode: undefined,
      },
      `${packages}: --machine`,
    );
  }
  t.end();
});

const change = (over: Record<string, unknown>): string => JSON.stringify({ ...JSON.parse(FROM_92), ...over });

test('lenient where nothing depends on it', (t) => {
  const rows: ReadonlyArray<readonly [name: string, over: Record<string, unknown>, wanted: object]> = [
    ['no schema, no DMI', { $schema: undefined, dmi: undefined }, { dmi: { system: {}, baseboard: {}, chassis: {} } }],
    ['no isorelease', { iso: { release: '9.2' } }, { isoRelease: undefined }],
    ['unknown keys', { future: [1, 2] }, { release: '9.2' }],
    [
      'DMI of wrong types',
      { dmi: { system: { serial: 7, name: 'x\u0000y' }, chassis: [] } },
      { dmi: { system: { name: 'xy' } } },
    ],
    [
      'what is not Ethernet is skipped, what is there twice counts once',
      {
        network_interfaces: [
          { link: 'ib0', mac: '80:00:02:08:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1' },
          { link: 'tun0', mac: '' },
          { link: 'sit0', mac: '00:00:00:00:00:00' },
          { link: 'x' },
          'text',
          null,
          { link: 'eno1', mac: 'BC:24:11:00:00:01' },
          { link: 'vlan7', mac: 'bc:24:11:00:00:01' },
        ],
      },
      { macs: ['bc:24:11:00:00:01'] },
    ],
  ];
  for (const [name, over, wanted] of rows) t.match(parseSystemInformation(change(over)), wanted, name);
  t.end();
});

test('typed errors where everything depends on it', (t) => {
  const rows: ReadonlyArray<readonly [body: string | Uint8Array, code: string]> = [
    ['', 'system-information.malformed'],
    ['null', 'system-information.malformed'],
    ['[]', 'system-information.malformed'],
    ['{"product"', 'system-information.malformed'],
    [Uint8Array.of(0x7b, 0xff, 0x7d), 'system-information.malformed'],
    ['{}', 'system-information.product'],
    [change({ product: { product: 'esxi' } }), 'system-information.product'],
    [change({ product: 'pve' }), 'system-information.product'],
    [change({ iso: {} }), 'system-information.release'],
    [change({ iso: { release: '9.2; rm' } }), 'system-information.release'],
    [change({ network_interfaces: [] }), 'system-information.no-interface'],
    [change({ network_interfaces: { mac: 'x' } }), 'system-information.no-interface'],
  ];
  for (const [body, code] of rows) t.throws(() => parseSystemInformation(body), { code, status: 400 }, code);
  t.end();
});

test('fuzz: any bytes and any JSON give a value or a typed error', (t) => {
  const survives = (body: string | Uint8Array): void => {
    try {
      const read = parseSystemInformation(body);
      for (const mac of read.macs) t.match(mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      t.notMatch(JSON.stringify(read.dmi), /\\u00[01]/);
    } catch (error) {
      if (!(error instanceof IronwakeError)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives));
  fc.assert(fc.property(fc.json(), survives));
  const keys = fc.constantFrom('product', 'iso', 'dmi', 'network_interfaces', '__proto__');
  fc.assert(
    fc.property(fc.dictionary(keys, fc.jsonValue()), (over) => survives(change(over))),
    { numRuns: 300 },
  );
  // One byte of a real request changed.
  fc.assert(
    fc.property(fc.nat(FROM_92.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(FROM_92);
      bytes[at] = byte;
      survives(bytes);
    }),
    { numRuns: 500 },
  );
  t.equal(({} as { polluted?: unknown }).polluted, undefined);
  t.end();
});
