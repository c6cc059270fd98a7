/** The registry against a store: what is looked at and what is done belong together. */
import t from 'tap';
import { addToken, removeToken, rotateToken } from '../../src/journey/api-tokens.ts';
import { armNode, cancelRun, retryNode, trustRun } from '../../src/journey/arm.ts';
import { addImage, removeImage } from '../../src/journey/images.ts';
import { observe } from '../../src/journey/observe.ts';
import { addNode } from '../../src/journey/registry.ts';
import { removeNode } from '../../src/journey/retire.ts';
import { rotateCertificate } from '../../src/journey/rotation.ts';
import { putSecret, removeSecret } from '../../src/journey/secrets.ts';
import { statusOf } from '../../src/journey/status.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { MEDIA, NODE_MAC, startParts } from '../support/parts.ts';

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

t.test('every change stands in the audit log, or is not made', async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey } = parts;
  const { store } = journey;
  const node = await addNode(journey, INPUT);
  const other = { ...MEDIA, id: 'cd'.repeat(32), name: 'proxmox-ve_9.1-1' };
  const unwritable = () => ({ ...ENTRY, data: { loop: 1n } });
  const by = 'admin';
  const active = () => store.runs.activeOf(node.id);
  const contest = { kind: 'contest', reason: 'second-claim', address: '127.0.0.3' as Ipv4 } as const;
  const names = async () => [...(await store.tokens.list())].map(({ name, hash }) => `${name} ${hash}`);
  let removedFiles = 0;
  const removeFile = async () => {
    removedFiles += 1;
  };

  /** In this order: what each needs, the change itself with an entry for the log, and what must be the same when that cannot be written. */
  const CHANGES: ReadonlyArray<
    readonly [name: string, change: (audit: () => typeof ENTRY) => Promise<unknown>, look: () => Promise<unknown>]
  > = [
    ['arm', (audit) => armNode(journey, node, { by, audit }), active],
    ['cancel', (audit) => cancelRun(journey, node, by, audit), active],
    ['retry', (audit) => retryNode(journey, node, { by, audit }), active],
    ['trust', (audit) => trustRun(journey, node, by, audit), active],
    ['token add', (audit) => addToken(journey, { name: 'ci', role: 'viewer' }, audit), names],
    ['token rotate', (audit) => rotateToken(journey, 'ci', 0, audit), names],
    ['token rm', (audit) => removeToken(journey, 'ci', audit), names],
    ['secret set', (audit) => putSecret(journey, 'key', 'x', audit), () => store.secrets.list()],
    ['secret rm', (audit) => removeSecret(journey, 'key', audit), () => store.secrets.list()],
    ['media add', (audit) => addImage(journey, other, audit), () => store.media.list()],
    [
      'media rm',
      (audit) => removeImage(journey, other.id, removeFile, audit),
      async () => [removedFiles, await store.media.list()],
    ],
    [
      'certificate',
      (audit) => rotateCertificate(journey, true, audit),
      async () => journey.certificates.current.fingerprint,
    ],
  ];
  for (const [name, change, look] of CHANGES) {
    if (name === 'trust') await observe(journey, (await active())?.id ?? '', contest);
    const before = await look();
    const rows = (await store.audit.list(100)).length;
    await t.rejects(change(unwritable as never), TypeError, `${name} fails`);
    t.same(await look(), before, `${name}: nothing has changed`);
    await change(() => ENTRY);
    t.notSame(await look(), before, `${name}: now it has`);
    t.equal((await store.audit.list(100)).length, rows + 1, `${name}: one line more`);
  }
});

t.test("a run whose time is over stands in nobody's way, whether or not the sweep has been by", async (t) => {
  const parts = await startParts();
  t.teardown(() => parts.close());
  const { journey, clock } = parts;
  const node = await addNode(journey, INPUT);
  const first = await armNode(journey, node, { by: 'admin' });
  await t.rejects(armNode(journey, node, { by: 'admin' }), { code: 'run.active' });
  clock.advance(61 * 60_000);
  const second = await armNode(journey, node, { by: 'admin' });
  clock.advance(61 * 60_000);
  const third = await retryNode(journey, node, { by: 'admin' });
  clock.advance(61 * 60_000);
  for (const { id } of [first, second]) t.equal((await journey.store.runs.byId(id))?.state, 'expired');
  t.equal((await journey.store.runs.byId(third.id))?.state, 'armed');
  await removeNode(journey, node);
  t.equal(await journey.store.nodes.byId(node.id), undefined);
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
