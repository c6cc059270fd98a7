import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { test } from 'tap';
import { INSTANCE_KEY_CREDENTIAL, instanceKey, loadInstanceKey } from '../../../src/trust/instance-key.ts';
import { countingBytes } from './counting-bytes.ts';

const HEX = '01'.repeat(32);

test('made on first start, private, the same afterwards', async (t) => {
  const directory = join(t.testdir(), 'data');
  const first = await loadInstanceKey({ directory, randomBytes: countingBytes() });
  const second = await loadInstanceKey({ directory, randomBytes: countingBytes(99) });
  t.equal(first.id, second.id);
  t.strictSame(first.subkey('x'), second.subkey('x'));
  t.equal(statSync(join(directory, 'instance.key')).mode & 0o777, 0o600);
  t.strictSame(readdirSync(directory), ['instance.key'], 'nothing temporary is left');
});

test('two daemons that start at once agree on one key', async (t) => {
  const directory = t.testdir();
  const keys = await Promise.all(
    [1, 50, 100, 150].map((start) => loadInstanceKey({ directory, randomBytes: countingBytes(start) })),
  );
  t.equal(new Set(keys.map((key) => key.id)).size, 1);
});

test('a systemd credential wins, and no file is made', async (t) => {
  const directory = t.testdir({ credentials: { 'ironwake-key': HEX }, data: {} });
  const data = join(directory, 'data');
  const credentialsDirectory = join(directory, 'credentials');
  const key = await loadInstanceKey({ directory: data, credentialsDirectory, randomBytes: countingBytes() });
  t.equal(key.id, instanceKey(Buffer.from(HEX, 'hex')).id);
  t.strictSame(readdirSync(data), []);
});

test('credentials of other names: the file is used', async (t) => {
  const directory = t.testdir({ credentials: { other: 'x' } });
  const credentialsDirectory = join(directory, 'credentials');
  await loadInstanceKey({ directory, credentialsDirectory, randomBytes: countingBytes() });
  t.match(readFileSync(join(directory, 'instance.key'), 'utf8'), /^[0-9a-f]{64}\n$/);
});

test('refused', async (t) => {
  const directory = t.testdir({ short: { 'instance.key': '0102\n' }, open: { 'instance.key': HEX } });
  chmodSync(join(directory, 'short', 'instance.key'), 0o600);
  chmodSync(join(directory, 'open', 'instance.key'), 0o640);
  const load = (name: string) => loadInstanceKey({ directory: join(directory, name), randomBytes: countingBytes() });
  await t.rejects(load('short'), { code: 'key.malformed' });
  await t.rejects(load('open'), { code: 'file.not-private', remedy: /chmod 600/ });
});

test('purposes are apart, and nothing prints the key', async (t) => {
  const key = instanceKey(Buffer.from(HEX, 'hex'));
  t.notSame(key.subkey('a'), key.subkey('b'));
  t.notMatch(inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key), HEX.slice(0, 12));
});

test('the systemd unit names the credential as it is read', (t) => {
  const unit = readFileSync(join(import.meta.dirname, '../../../systemd/ironwake.service'), 'utf8');
  t.match(unit, `LoadCredential=${INSTANCE_KEY_CREDENTIAL}:`);
  t.end();
});
