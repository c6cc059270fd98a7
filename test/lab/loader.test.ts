/**
 * A BIOS machine whose boot ROM is no iPXE: it gets our loader by TFTP, the loader its script; and what breaks off on the way is tried again. The
 * ROM is played by an iPXE that says it is its forerunner, which is how the daemon tells a ROM that understands PXE and nothing else.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { PROFILE, Site, timelineText } from './site.ts';

const IPXE = '/usr/lib/ipxe/ipxe.lkrn';
const MAC = 'bc:24:11:00:03:01';

test('SeaBIOS, a ROM without iPXE: loader, script, kernel, and the image once more after it broke off', async (t) => {
  const site = await Site.start({ ipv6: 'router' });
  t.teardown(() => site.stop());
  const { lab } = site;
  const inServe = async (...argv: string[]): Promise<void> => {
    const done = await lab.serve.run(argv);
    if (done.code !== 0) throw new Error(`${argv.join(' ')}: ${done.stderr}`);
  };
  await site.must('POST', '/api/v1/media', { path: site.image });
  const node = { mac: MAC, fqdn: 'pve1.lab.test', profile: PROFILE };
  const { id } = (await site.must('POST', '/api/v1/nodes', node)) as { id: string };
  await site.must('POST', `/api/v1/nodes/${id}/install`, {});
  const script = join(lab.folder, 'rom.ipxe');
  writeFileSync(script, '#!ipxe\nset user-class gPXE\nautoboot net0\n');
  const machine = lab.machine({
    ...{ name: 'pve1', firmware: 'bios', mac: MAC, memoryMiB: 1536, networkRom: false },
    directBoot: { kernel: IPXE, initrd: script, append: '' },
  });
  machine.powerOn();
  await site.untilNode(id, ({ timeline }) => timeline.some(({ code }) => code === 'boot.image-started'), 300_000);
  await inServe(
    'nft',
    'add table ip cut { chain in { type filter hook input priority 0; tcp dport 8080 reject with tcp reset; }; }',
  );
  await machine.waitFor(/The image did not come .*Trying again in 5 seconds, attempt 1 of 10/, { timeoutMs: 120_000 });
  await inServe('nft', 'delete table ip cut');
  // The ROM's own network driver under the loader's is slow when a processor is emulated: that it comes is enough, all of it comes in the journeys.
  await machine.waitFor(/Fetching the kernel[\s\S]*Fetching initrd[\s\S]* [1-9]%/, { timeoutMs: 120_000 });
  await machine.powerOff();
  const view = await site.node(id);

  t.comment(timelineText(view));
  const boot = view.timeline.map(({ code }) => code).filter((code) => code.startsWith('boot.'));
  t.strictSame(
    boot.filter((code, index) => boot.indexOf(code) === index).slice(0, 5),
    ['boot.firmware-asked', 'boot.loader-fetched', 'boot.script-served', 'boot.kernel-sent', 'boot.image-started'],
    'firmware, loader, script, kernel, image',
  );
  t.equal(view.timeline.find(({ code }) => code === 'boot.loader-fetched')?.data.file, 'undionly.kpxe');
  t.ok(boot.filter((code) => code === 'boot.kernel-sent').length > 1, 'the timeline shows that it came again');
  t.equal(view.run?.ended, false, 'and the run goes on');
  t.match(
    await site.must('GET', `/api/v1/nodes/${id}/hardware`),
    {
      ...{ manufacturer: 'Ironwake', model: 'Lab', serial: 'LAB-pve1', uuid: machine.uuid, bootMode: 'bios' },
      ...{ memoryBytes: 1536 * 1024 * 1024, loader: /^iPXE 1\./, networkChip: /./ },
      ports: [{ name: 'net0', mac: MAC, known: true }],
    },
    'what the loader said of the machine',
  );
});
