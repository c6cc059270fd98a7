/** What a loader says of its machine: who is believed, where it is shown, and that rules see it. The real loaders say it in test/lab. */
import t from 'tap';
import { tryRule } from '../../src/journey/rules.ts';
import { armed, MAC_IN_URL } from '../support/machine.ts';
import { NODE_AT, STRANGER_AT, startParts } from '../support/parts.ts';

const hex = (text: string): string => Buffer.from(text, 'utf8').toString('hex');
const SAID =
  `version=${hex('1.21.1+git20250501')}&buildarch=x86_64&platform=pcbios&uuid=4c4c4544-0042-3510-8052-b4c04f4d3132&memsize=` +
  `&manufacturer=${hex('Dell Inc.')}&product=${hex('PowerEdge R640')}&serial=${hex('AB12')}&asset=${hex('No Asset Tag')}` +
  `&cpuvendor=${hex('GenuineIntel')}&cpumodel=${hex('Xeon Gold 6130')}&chip=${hex('undionly')}&memory=.0040.0040..&ports=.bc2411000001.021122334456.`;

t.test('an armed machine says it with its request for the kernel', async (t) => {
  const { parts, admin } = await armed(t);
  const { call, segment, journey } = parts;
  const hardware = async () =>
    JSON.parse((await call(`${segment.httpsUrl}/api/v1/nodes/pve1/hardware`, { token: admin })).text);
  const script = await call(`${segment.httpUrl}/boot/script/${MAC_IN_URL}`, { from: NODE_AT });
  const kernel = /^kernel (\S+)\?\$\{said\} /m.exec(script.text)?.[1];
  t.ok(kernel);
  await call(`${kernel}?${SAID}`, { from: STRANGER_AT });
  t.match(await hardware(), { memoryBytes: null, heard: [] }, 'a stranger with the token of the run is not believed');
  t.equal((await call(`${segment.httpsUrl}/api/v1/nodes/pve1/trust`, { token: admin, method: 'POST' })).status, 200);
  const again = await call(`${segment.httpUrl}/boot/script/${MAC_IN_URL}`, { from: NODE_AT });
  const url = /^kernel (\S+)\?\$\{said\} /m.exec(again.text)?.[1];
  t.equal((await call(`${url}?${SAID}`, { from: NODE_AT, method: 'HEAD' })).status, 200);
  t.match(await hardware(), { heard: [] }, 'a HEAD request says nothing');
  t.equal((await call(`${url}?${SAID}`, { from: NODE_AT })).status, 200);
  const view = await hardware();
  t.match(view, {
    manufacturer: 'Dell Inc.',
    model: 'PowerEdge R640',
    serial: 'AB12',
    uuid: '4c4c4544-0042-3510-8052-b4c04f4d3132',
    assetTag: 'No Asset Tag',
    cpu: 'Xeon Gold 6130',
    memoryBytes: 32768 * 1024 * 1024,
    bootMode: 'bios',
    networkChip: 'undionly',
    loader: 'iPXE 1.21.1+git20250501',
    ports: [
      { name: 'net0', mac: 'bc:24:11:00:00:01', known: true },
      { name: 'net1', mac: '02:11:22:33:44:56', known: false },
    ],
    heard: [{ source: 'ipxe' }],
  });
  t.equal((await journey.store.nodes.list()).length, 1);
  t.same((await journey.store.nodes.list())[0]?.macs, ['bc:24:11:00:00:01'], 'and no port joins the node by it');
  await call(`${url}?${SAID.replace(hex('AB12'), hex('CD34'))}`, { from: NODE_AT });
  t.match(await hardware(), { serial: 'AB12' }, 'written once a minute at most');

  const gives = { fqdn: 'x-{{mac}}.lab.example', profile: 'default' };
  const rule = (when: string) => ({ name: 'large', when: [when], gives });
  for (const [when, holds] of [
    ['/boot/ipxe/product=PowerEdge*', true],
    ['/boot/ipxe/memoryMiB=32768', true],
    ['/boot/ipxe/ports/*=02:11:22:33:44:56', true],
    ['/boot/ipxe/serial=CD34', false],
  ] as const) {
    const tried = await tryRule(journey, rule(when));
    t.same(
      tried.map(({ verdict }) => verdict.conditions.map((condition) => condition.holds)),
      [[holds]],
      when,
    );
  }
});

t.test('a machine on its way to its disk says it with a request of its own', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { call, segment } = parts;
  const token = await parts.token('admin');
  const api = `${segment.httpsUrl}/api/v1/nodes`;
  await call(api, { token, json: { mac: MAC_IN_URL, fqdn: 'pve1.lab.example', profile: 'default' } });
  const script = await call(`${segment.httpUrl}/boot/script/${MAC_IN_URL}`, { from: NODE_AT });
  const url = /^imgfetch --name said --timeout 5000 (\S+)\?\$\{said\} && imgfree said \|\|$/m.exec(script.text)?.[1];
  t.equal(url, `${segment.httpUrl}/boot/machine/bc:24:11:00:00:01`);
  const heard = async () => JSON.parse((await call(`${api}/pve1/hardware`, { token })).text).heard.length;
  for (const [name, at, from, status, count] of [
    ['a stranger', `${url}?${SAID}`, STRANGER_AT, 403, 0],
    ['another machine', `${segment.httpUrl}/boot/machine/02-00-00-00-00-09?${SAID}`, NODE_AT, 403, 0],
    ['no MAC', `${segment.httpUrl}/boot/machine/x?${SAID}`, NODE_AT, 400, 0],
    ['nothing', `${url}`, NODE_AT, 200, 0],
    ['nothing that could be read', `${url}?serial=%zz&=&&a`, NODE_AT, 200, 0],
    ['too much', `${url}?${SAID}&x=${'y'.repeat(8000)}`, NODE_AT, 200, 0],
    ['the machine', `${url}?${SAID}`, NODE_AT, 200, 1],
  ] as const) {
    t.equal((await call(at, { from })).status, status, name);
    t.equal(await heard(), count, name);
  }
});
