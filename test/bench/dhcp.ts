/**
 * DISCOVER to OFFER: our DHCP server next to dnsmasq as a proxy, in the same run, each on a link of its own (veth, no default route), asked by the same
 * load program in turns. Our server decides without a store here: this measures sockets and codec; the daemon adds its look-ups.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../../scripts/bench.ts';
import { Namespaces } from '../support/netns.ts';

const ROUNDS = 5;
const LOADS = [
  { name: 'one after another', clients: 2000, outstanding: 1 },
  { name: '64 at a time', clients: 5000, outstanding: 64 },
  { name: '500 at once', clients: 500, outstanding: 500 },
] as const;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** @throws when root or a program is missing, saying which */
export async function run(): Promise<Measurement> {
  const lab = new Namespaces('iwtd');
  try {
    const client = lab.add('client');
    const ours = lab.add('ours');
    const theirs = lab.add('theirs');
    lab.veth(
      { ns: ours, name: 'seg', address: '10.94.1.2/24' },
      { ns: client, name: 'to-ours', address: '10.94.1.9/24' },
    );
    lab.veth(
      { ns: theirs, name: 'seg', address: '10.94.2.2/24' },
      { ns: client, name: 'to-dnsmasq', address: '10.94.2.9/24' },
    );
    await ready(lab.spawn(ours, process.execPath, [file('peers/dhcp-server.ts'), 'seg']));
    const dnsmasq = lab.spawn(theirs, 'dnsmasq', [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--port=0',
      '--pid-file=',
      '--interface=seg',
      '--bind-interfaces',
      '--dhcp-range=10.94.2.0,proxy',
      '--pxe-service=x86-64_EFI,Install,ipxe.efi,10.94.2.2',
      '--quiet-dhcp',
    ]);
    dnsmasq.stdout?.resume();
    dnsmasq.stderr?.resume();
    const servers = [
      { name: 'ironwake', device: 'to-ours' },
      { name: 'dnsmasq (proxy)', device: 'to-dnsmasq' },
    ];
    for (const { device } of servers) await answering(lab, client, device);

    const rows: Array<Measurement['rows'][number]> = [];
    for (const load of LOADS) {
      const results = servers.map(() => [] as Result[]);
      for (let round = 0; round < ROUNDS; round++)
        servers.forEach(({ device }, index) => {
          results[index]?.push(ask(lab, client, device, load));
        });
      servers.forEach(({ name }, index) => {
        const all = results[index] ?? [];
        const ofAll = (share: number) => median(all.map(({ msToOffer }) => quantile(msToOffer, share))).toFixed(2);
        rows.push({
          load: load.name,
          server: name,
          'answered at first try': `${median(all.map(({ answered }) => answered))} of ${load.clients}`,
          'p50 ms': ofAll(0.5),
          'p99 ms': ofAll(0.99),
        });
      });
    }
    return { title: 'DHCP, DISCOVER to OFFER (medians over rounds)', rows };
  } finally {
    await lab.remove();
  }
}

interface Result {
  readonly answered: number;
  readonly msToOffer: readonly number[];
}

function ask(
  lab: Namespaces,
  client: string,
  device: string,
  load: { readonly clients: number; readonly outstanding: number },
): Result {
  const order = JSON.stringify({ device, clients: load.clients, outstanding: load.outstanding });
  return JSON.parse(lab.run(client, process.execPath, [file('peers/dhcp-load.ts'), order])) as Result;
}

async function answering(lab: Namespaces, client: string, device: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    if (ask(lab, client, device, { clients: 1, outstanding: 1 }).answered === 1) return;
    await pause(100);
  }
  throw new Error(`nobody answers on ${device}`);
}

/** Waits for the first line of a child, or fails with what it said. */
async function ready(child: ChildProcess): Promise<void> {
  let errors = '';
  child.stderr?.on('data', (data) => {
    errors += String(data);
  });
  if (child.stdout === null) throw new Error('no output of the server');
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the DHCP server ended at its start: ${errors}`);
    }),
  ]);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
