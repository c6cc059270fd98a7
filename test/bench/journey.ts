/**
 * From power-on to ready: one machine for each firmware in the lab, one after the other, and when each mark appears on its timeline. Software
 * emulation on the machine that also serves: the figures are for comparing, a real machine is faster everywhere but in its firmware.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Measurement } from '../../scripts/bench.ts';
import type { NodeView } from '../../src/api/schemas.ts';
import type { MachineFirmware } from '../lab/machine.ts';
import { PROFILE, Site, timelineText } from '../lab/site.ts';

const FIRMWARES = [
  { firmware: 'bios', mac: 'bc:24:11:00:00:01' },
  { firmware: 'uefi', mac: 'bc:24:11:00:00:02' },
] as const;
const PATIENCE_MS = 20 * 60_000;

/** Event of the timeline and what a reader calls it, in the order of a journey without mishaps. */
const MARKS = [
  ['boot.firmware-asked', 'firmware asks (DHCP)'],
  ['boot.loader-fetched', 'boot loader fetched'],
  ['boot.script-served', 'script served'],
  ['boot.image-started', 'image begins'],
  ['boot.image-delivered', 'image delivered'],
  ['installer.seen', 'installer up'],
  ['installer.answer-served', 'answer served'],
  ['installer.hook-fetched', 'hook fetched'],
  ['installer.installed', 'installed'],
  ['node.proved', 'node proved who it is'],
  ['plan.fetched', 'plan fetched'],
  ['run.ready', 'ready'],
] as const;

/** @throws when root or a program is missing, or when a machine does not come to ready, with its timeline */
export async function run(): Promise<Measurement> {
  const columns = new Map<string, ReadonlyMap<string, number>>();
  for (const { firmware, mac } of FIRMWARES) columns.set(firmware, await walk(firmware, mac));
  const cell = (firmware: string, code: string): string => columns.get(firmware)?.get(code)?.toFixed(1) ?? '-';
  return {
    title: 'From power-on, in seconds',
    rows: MARKS.map(([code, mark]) => ({
      mark,
      ...Object.fromEntries(FIRMWARES.map(({ firmware }) => [firmware, cell(firmware, code)])),
    })),
  };
}

/** Seconds from power-on to the first event of each code. */
async function walk(firmware: MachineFirmware, mac: string): Promise<ReadonlyMap<string, number>> {
  const site = await Site.start({ release: '9.2' });
  try {
    const machine = site.lab.machine({ name: 'pve1', firmware, mac });
    await site.must('POST', '/api/v1/media', { path: site.image });
    const node = { mac, fqdn: 'pve1.lab.test', profile: PROFILE };
    const { id } = (await site.must('POST', '/api/v1/nodes', node)) as { id: string };
    await site.must('POST', `/api/v1/nodes/${id}/install`, {});
    machine.powerOn();
    const poweredOnAt = Date.now();
    const view = await untilEnded(site, id, poweredOnAt + PATIENCE_MS);
    if (view.run?.state !== 'ready')
      throw new Error(`${firmware}: not ready\n${timelineText(view)}\n${machine.tail()}`);
    const marks = new Map<string, number>();
    for (const { code, at } of view.timeline) {
      if (!marks.has(code)) marks.set(code, (Date.parse(at) - poweredOnAt) / 1000);
    }
    // Minutes of work: what is known is told, should the next machine fail.
    process.stderr.write(`${firmware}: ${[...marks].map(([code, at]) => `${code} ${at.toFixed(1)}`).join(', ')}\n`);
    return marks;
  } finally {
    await site.stop();
  }
}

/** Asks seldom: asking is work for the processors that the machine is emulated on. */
async function untilEnded(site: Site, id: string, deadline: number): Promise<NodeView> {
  for (;;) {
    const view = await site.node(id);
    if (view.run?.ended === true || view.run?.stalledSince !== null || Date.now() > deadline) return view;
    await pause(3000);
  }
}
