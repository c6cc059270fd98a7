/**
 * Addresses of pools on a real switch: one that answers ARP belongs to somebody, and no node gets it; one that lies among those that the network's own
 * DHCP server gives is told.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { NodeProfileView, NodeView } from '../../src/api/schemas.ts';
import { Namespaces, plainLeases } from '../support/netns.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** No measure of anything: only the end of a wait for what never comes. */
const PATIENCE_MS = 60_000;
const STRANGER_MAC = '02:00:00:00:66:66';

const profile = (range: string): string => `answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: admin@lab.example }
  network: { source: from-answer, cidr: "{{pool.lan}}/24", gateway: 10.97.0.1, dns: 10.97.0.1, filter: { ID_NET_NAME: "e*" } }
  disk-setup: { filesystem: ext4, filter: { DEVNAME: /dev/vda } }
postInstall: { ssh: {} }
pools: { lan: { range: ${range} } }
`;

t.test('a pool on a network with neighbours', async (t) => {
  const spaces = new Namespaces('iwpl');
  const folder = mkdtempSync(join(tmpdir(), 'ironwake-pool-'));
  t.teardown(async () => {
    await spaces.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const lan = spaces.add('switch');
  spaces.ip(lan, 'link add br0 type bridge');
  spaces.ip(lan, 'link set br0 up');
  const plug = (name: string, address?: string): string => {
    const ns = spaces.add(name);
    spaces.veth(
      { ns, name: 'eth0', ...(address !== undefined && { address: `${address}/24` }) },
      { ns: lan, name: `to-${name}` },
    );
    spaces.ip(lan, `link set to-${name} master br0`);
    return ns;
  };
  const server = plug('server', '10.97.0.2');
  const leases = plug('leases', '10.97.0.1');
  const stranger = plug('stranger', '10.97.0.20');
  const client = plug('client');
  spaces.ip(stranger, `link set eth0 address ${STRANGER_MAC}`);
  // A second address of the same stranger: it has a port that answers for both.
  spaces.ip(stranger, 'address add 10.97.0.21/24 dev eth0');

  const answers = join(folder, 'answers');
  mkdirSync(answers);
  writeFileSync(join(answers, 'inhabited.yaml'), profile('10.97.0.20-10.97.0.23'));
  writeFileSync(join(answers, 'full.yaml'), profile('10.97.0.20-10.97.0.21'));
  writeFileSync(join(answers, 'leased.yaml'), profile('10.97.0.31-10.97.0.32'));
  writeFileSync(join(answers, 'beyond.yaml'), profile('10.97.0.40-10.97.0.41'));

  const said = async (child: ReturnType<Namespaces['spawn']>, words: RegExp): Promise<void> => {
    let text = '';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`never said ${words}:\n${text}`)), PATIENCE_MS);
      const listen = (chunk: Buffer): void => {
        text += chunk;
        if (!words.test(text)) return;
        clearTimeout(timer);
        resolve();
      };
      child.stdout?.on('data', listen);
      child.stderr?.on('data', listen);
      child.once('exit', () => reject(new Error(text)));
    });
  };
  const data = join(folder, 'data');
  const serve = ['serve', '--data-dir', data, '--answers', answers, '--log-format', 'json'];
  await said(spaces.spawn(server, process.execPath, [MAIN, ...serve]), /Ironwake is serving/);
  const dnsmasq = plainLeases('eth0', '10.97.0.30,10.97.0.60', ['--dhcp-sequential-ip']);
  await said(spaces.spawn(leases, 'dnsmasq', dnsmasq), /DHCP, IP range/);

  const ironwake = (...words: readonly string[]): string =>
    spaces.run(server, process.execPath, [MAIN, ...words, '--data-dir', data, '--json']);
  let count = 0;
  const add = (profileName: string) => {
    count += 1;
    const fqdn = `pve${count}.lab.example`;
    ironwake('node', 'add', '--mac', `02:00:00:00:00:0${count}`, '--fqdn', fqdn, '--profile', profileName);
    const { holdings } = JSON.parse(ironwake('profile', 'show', '--node', fqdn)) as NodeProfileView;
    const { timeline } = JSON.parse(ironwake('node', 'show', fqdn)) as NodeView;
    return {
      held: holdings.map(({ value }) => value),
      warnings: timeline
        .filter(({ code }) => code.startsWith('pool.'))
        .map(({ code, data: about }) => [code, about] as const),
    };
  };

  const answering = (address: string) => ['pool.address-answers', { address, mac: STRANGER_MAC }] as const;
  t.same(add('inhabited'), {
    held: ['10.97.0.22'],
    warnings: [answering('10.97.0.20'), answering('10.97.0.21')],
  });
  t.throws(() => add('full'), /has no free address.*2 that no node holds are in use on the network/s);
  spaces.ip(stranger, 'address del 10.97.0.21/24 dev eth0');
  spaces.ip(server, 'neigh flush dev eth0');
  t.same(add('full').held, ['10.97.0.21'], 'the stranger has left it');

  t.same(add('leased'), { held: ['10.97.0.31'], warnings: [] }, 'of the DHCP server nothing is known yet');
  for (let n = 1; n <= 4; n += 1) {
    spaces.ip(client, `link set eth0 address 02:00:00:00:cc:0${n}`);
    execFileSync(
      'ip',
      ['netns', 'exec', client, 'busybox', 'udhcpc', ...'-i eth0 -f -q -n -t 20 -T 1 -s /bin/true'.split(' ')],
      {
        stdio: 'ignore',
      },
    );
  }
  const told = add('leased');
  t.same(told.held, ['10.97.0.32']);
  t.match(told.warnings, [['pool.address-in-dhcp-range', { address: '10.97.0.32', pool: 'lan', server: '10.97.0.1' }]]);
  t.same(add('beyond'), { held: ['10.97.0.40'], warnings: [] }, 'beyond what it was seen to give');
});
