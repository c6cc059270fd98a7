/** An answer that no validator can see through before the machine is there: it asks for a disk that this one does not have. */
import { test } from 'tap';
import { must } from './namespaces.ts';
import { NODE_VALUES, PROFILE, Site, timelineText } from './site.ts';

const MAC = 'bc:24:11:00:04:01';
const OTHER_DISK = 'other-disk';

test('SeaBIOS: a mistake ends in the shell of the installer, not in success', async (t) => {
  const profiles = () => ({
    [OTHER_DISK]: { extends: PROFILE, answer: { 'disk-setup': { 'disk-list': ['vdz'] } } },
  });
  const site = await Site.start({ ipv6: 'router', profiles });
  t.teardown(() => site.stop());
  await site.must('POST', '/api/v1/media', { path: site.image });
  const node = { mac: MAC, fqdn: 'pve1.lab.test', profile: OTHER_DISK, values: NODE_VALUES };
  const { id } = (await site.must('POST', '/api/v1/nodes', node)) as { id: string };
  await site.must('POST', `/api/v1/nodes/${id}/install`, {});
  const machine = site.lab.machine({ name: 'pve1', firmware: 'bios', mac: MAC, keyboard: true });
  machine.powerOn();
  await machine.waitFor(/Installation aborted - unable to continue/, { timeoutMs: 600_000 });
  t.match(machine.serial(), /ERROR: .*disk in 'disk-selection' not found/, 'it says why, as the official one does', {
    console: machine.tail(20),
  });
  // It stays there, and somebody who walks to it can look around.
  await machine.type('echo "the shell says $((6 * 7))"');
  await machine.waitFor(/the shell says 42/, { timeoutMs: 60_000 });
  t.ok(machine.on);

  const view = await site.node(id);
  t.comment(timelineText(view));
  const codes = view.timeline.map(({ code }) => code);
  t.ok(codes.includes('installer.answer-served'), 'the answer was served');
  t.notOk(codes.includes('installer.installed'), 'and nothing was installed');
  t.equal(view.run?.state, 'installing');
  t.match(
    view.waiting,
    { for: /./, until: /^\d{4}-/, do: /./ },
    'the view says what is waited for, until when, and what to do',
  );
  await machine.powerOff();
  const [disk = ''] = machine.disks;
  t.match(
    must('qemu-io', '-f', 'qcow2', '-r', '-c', 'read -P 0 0 64M', disk),
    /^read 67108864/m,
    'the disk is as empty as it was',
  );
});
