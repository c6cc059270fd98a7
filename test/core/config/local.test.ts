import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { DEFAULT_DATA_DIR } from '../../../src/config/load.ts';
import { isFoundWithoutOptions, loadLocalConfig } from '../../../src/config/local.ts';

test('the data directory of the daemon that runs here', (t) => {
  const dir = t.testdir({ state: {}, etc: { 'ironwake.yaml': 'ports: { tftp: 6969 }\n' }, other: {}, own: {} });
  const unit = { state: join(dir, 'state'), configuration: join(dir, 'etc') };
  const own = join(dir, 'own');
  const at = (flags: Record<string, unknown>, env: Record<string, string> = {}) =>
    loadLocalConfig({ flags, env, cwd: dir }, unit, own);
  const other = join(dir, 'other');

  t.equal(at({}).dataDir, DEFAULT_DATA_DIR, 'no unit has ever run');
  writeFileSync(join(unit.state, 'server.json'), JSON.stringify({ url: 'https://127.0.0.1:1', pid: process.pid }));
  t.equal(at({}).dataDir, unit.state, "the unit's daemon");
  t.equal(at({}).answersDir, join(unit.state, 'answers'), 'with its answers');
  t.equal(at({}).ports.tftp, 6969, 'and its configuration');
  t.equal(at({ dataDir: other }).dataDir, other, 'what is said on the command line comes first');
  t.equal(at({}, { IRONWAKE_DATA_DIR: other }).dataDir, other, 'and in the environment');

  writeFileSync(join(own, 'server.json'), JSON.stringify({ pid: process.pid }));
  t.equal(at({}).dataDir, DEFAULT_DATA_DIR, "the checkout's own daemon lives: that one");
  writeFileSync(join(own, 'server.json'), JSON.stringify({ pid: 2 ** 30 }));
  t.equal(at({}).dataDir, unit.state, 'it was killed and left its address behind');

  t.ok(isFoundWithoutOptions(unit.state, unit, own));
  t.ok(isFoundWithoutOptions(own, unit, own));
  t.notOk(isFoundWithoutOptions(other, unit, own), 'nobody looks there');
  writeFileSync(join(own, 'server.json'), JSON.stringify({ pid: process.pid }));
  t.notOk(isFoundWithoutOptions(unit.state, unit, own), "the checkout's own daemon would be asked");
  t.end();
});
