import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'tap';

const ROOT = resolve(import.meta.dirname, '../..');
const UNIT = readFileSync(join(ROOT, 'systemd/ironwake.service'), 'utf8');

/** The unit with this checkout in place of /opt/ironwake, as a file that systemd's tools read. */
function withUnit<T>(use: (file: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'ironwake-unit-'));
  try {
    const file = join(directory, 'ironwake.service');
    writeFileSync(file, UNIT.replaceAll('/opt/ironwake', ROOT));
    return use(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('systemd-analyze verify has nothing to say about the unit', (t) => {
  const { status, stdout, stderr } = withUnit((file) =>
    spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', file], { encoding: 'utf8' }),
  );
  t.equal(status, 0);
  t.notMatch(`${stdout}${stderr}`, /ironwake/, 'no warning either');
  t.end();
});

test('exposure is below 2.0 on the scale of systemd-analyze security', (t) => {
  const { stdout, stderr } = withUnit((file) =>
    spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], { encoding: 'utf8' }),
  );
  const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1];
  t.ok(exposure !== undefined, stderr);
  t.ok(Number(exposure) < 2, `exposure ${exposure}`);
  t.end();
});

test('the daemon has one capability, and Node may compile', (t) => {
  const values = (key: string) => [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1]);
  t.strictSame(values('AmbientCapabilities'), ['CAP_NET_BIND_SERVICE']);
  t.strictSame(values('CapabilityBoundingSet'), ['CAP_NET_BIND_SERVICE']);
  t.strictSame(values('MemoryDenyWriteExecute'), []);
  t.strictSame(values('User').includes('root'), false);
  t.end();
});
