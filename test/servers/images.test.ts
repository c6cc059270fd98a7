/** Removing images, and what arming says when a name or a key is missing. */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { banner } from '../../src/banner.ts';
import { armed } from '../support/machine.ts';
import { MEDIA, startParts } from '../support/parts.ts';

test('an image goes when no installation under way needs it', async (t) => {
  const { parts, admin } = await armed(t);
  const remove = (image: string) =>
    parts.call(`${parts.segment.httpsUrl}/api/v1/media/${image}`, { method: 'DELETE', token: admin });
  const busy = await remove(MEDIA.name);
  t.equal(busy.status, 409);
  t.match(JSON.parse(busy.text), { code: 'media.in-use', remedy: /npx ironwake node cancel pve1\.lab\.example/ });
  await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/pve1/cancel`, { method: 'POST', token: admin });

  await parts.journey.store.media.insert({ ...MEDIA, id: 'cd'.repeat(32) });
  const two = await remove(MEDIA.name);
  t.equal(two.status, 409);
  t.match(JSON.parse(two.text), {
    code: 'media.ambiguous',
    detail: /abababababab.*cdcdcdcdcdcd|cdcdcdcdcdcd.*abababababab/,
  });
  t.equal((await remove('abababab')).status, 204, 'by its id');
  t.equal((await remove(MEDIA.name)).status, 204, 'and the other one by its name');
  const gone = await remove(MEDIA.name);
  t.equal(gone.status, 404);
  t.match(JSON.parse(gone.text), { code: 'media.unknown', field: 'media' });
});

test('a profile without a key: file, line and what to write there, instead of schema wording', async (t) => {
  const keyless = readFileSync(new URL('../../answers/default.yaml', import.meta.url), 'utf8');
  const line = keyless.split('\n').findIndex((text) => text.startsWith('    keys: []')) + 1;
  const parts = await startParts({ profiles: { keyless } });
  t.teardown(() => parts.close());
  const token = await parts.token('admin');
  const json = { mac: 'bc:24:11:00:00:09', fqdn: 'pve9.lab.example', profile: 'keyless' };
  t.equal((await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes`, { token, json })).status, 201);
  const reply = await parts.call(`${parts.segment.httpsUrl}/api/v1/nodes/pve9/install`, { token, json: {} });
  t.equal(reply.status, 409);
  t.match(JSON.parse(reply.text), {
    code: 'plan.nobody-can-log-in',
    remedy: new RegExp(`^Put your public key into keyless[.]yaml:${line}, under postInstall[.]admin-user[.]keys`),
  });
});

test('the banner says first where the key belongs, when there is none', (t) => {
  const facts = {
    segments: [],
    url: '',
    fingerprint: '',
    adminTokenFile: '/data/admin-token',
    dataDir: undefined,
    ports: { dhcp: 67, pxe: 4011, tftp: 69 },
  };
  t.match(
    banner({ ...facts, keyBelongsIn: '/answers/default.yaml:53' }),
    /Next:\n {2}first put your public key into \/answers\/default\.yaml:53 .*\n {2}npx ironwake media add/,
  );
  t.notMatch(banner({ ...facts, keyBelongsIn: undefined }), /public key/);
  t.end();
});

test('the commands of the banner find this daemon', (t) => {
  const facts = { segments: [], url: '', fingerprint: '', adminTokenFile: '', keyBelongsIn: undefined } as const;
  const commands = (dataDir: string | undefined) =>
    banner({ ...facts, dataDir, ports: { dhcp: 67, pxe: 4011, tftp: 69 } }).match(/npx ironwake .*/g) ?? [];
  const rows = [
    ['where they look by themselves', undefined, /^(?!.*--data-dir)/],
    ['another directory', '/srv/iron-wake_1.0', / --data-dir \/srv\/iron-wake_1\.0$/],
    ['one with a name that a shell would read', "/srv/it's a; lab", / --data-dir '\/srv\/it'\\''s a; lab'$/],
  ] as const;
  for (const [name, dataDir, expected] of rows) {
    t.equal(commands(dataDir).length, 3);
    for (const command of commands(dataDir)) t.match(command, expected, `${name}: ${command}`);
  }
  t.end();
});
