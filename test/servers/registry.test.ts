/** The registry against a store: what is looked at and what is done belong together. */
import t from 'tap';
import { armNode } from '../../src/journey/arm.ts';
import { addNode, removeNode } from '../../src/journey/registry.ts';
import { statusOf } from '../../src/journey/status.ts';
import { NODE_MAC, startParts } from '../support/parts.ts';

const INPUT = { macs: [NODE_MAC], fqdn: 'pve1.lab.example', profile: 'default' };
const ENTRY = { at: 1, actor: 'a', from: 'f', action: 'node.removed', target: 'pve1', data: {} };

t.test('a node is never removed under an installation, whoever is first', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const parts = await startParts();
    const { journey } = parts;
    const node = await addNode(journey, INPUT);
    const arm = () => armNode(journey, node, { by: 'admin' });
    const remove = () => removeNode(journey, node, ENTRY);
    // In every order of what they wait for: arming takes several turns, so removing starts after a few of them.
    const armed = arm();
    for (let turn = 0; turn < round; turn += 1) await new Promise(setImmediate);
    const [run, removed] = await Promise.allSettled([armed, remove()]);
    const left = await journey.store.runs.active();
    if (run.status === 'fulfilled') {
      t.equal(left.length, 1, 'what was armed is there');
      t.match(removed, { status: 'rejected', reason: { code: 'node.busy' } });
    } else {
      t.equal(removed.status, 'fulfilled');
      t.equal(await journey.store.nodes.byId(node.id), undefined);
    }
    t.equal((await journey.store.audit.list(5)).length, removed.status === 'fulfilled' ? 1 : 0);
    await parts.close();
  }
});

t.test('an image whose file is gone is a problem of the status', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey } = parts;
  t.same((await statusOf(journey, [])).problems, []);
  const images = { ...journey.images, present: async () => false };
  t.match((await statusOf({ ...journey, images }, [])).problems, [/proxmox-ve_9\.2-1 .*gone.*media add/]);
});

t.test('what cannot be written down is not done', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey } = parts;
  const unwritable = { ...ENTRY, data: { loop: 1n } };
  await t.rejects(addNode(journey, INPUT, () => unwritable));
  t.same(await journey.store.nodes.list(), []);
  const node = await addNode(journey, INPUT, () => ENTRY);
  await t.rejects(removeNode(journey, node, unwritable));
  t.equal((await journey.store.nodes.list()).length, 1);
  t.equal((await journey.store.audit.list(5)).length, 1);
});
