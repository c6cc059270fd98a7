import { join } from 'node:path';
import { test } from 'tap';
import { buildAnswer } from '../../../src/answers/build.ts';
import { DIALECT_RELEASES, dialectFor } from '../../../src/answers/dialect.ts';
import { ManualClock } from '../../../src/clock.ts';
import { checksOfProfiles } from '../../../src/profile-checks.ts';
import { ProfileRegistry } from '../../../src/profiles/registry.ts';
import { request } from '../../support/answers.ts';

const ANSWERS = join(import.meta.dirname, '../../../answers');

/** As the daemon opens it. */
function openShipped(): Promise<ProfileRegistry> {
  return ProfileRegistry.open({ directory: ANSWERS, clock: new ManualClock(), checks: checksOfProfiles() });
}

test('the shipped examples: only the missing key of the admin user is mentioned', async (t) => {
  const registry = await openShipped();
  t.teardown(() => registry.close());
  const expected = ['default', 'nvme', 'static-address', 'zfs-mirror'];
  t.same(
    registry.list().map((profile) => profile.name),
    expected,
  );
  t.same(
    registry.problems().map((found) => `${found.severity} ${found.code} ${found.file}`),
    ['warning profile.admin-without-key default.yaml'],
    'where it is inherited, it is the same place',
  );
});

test('every shipped example gives an answer in every release', async (t) => {
  const registry = await openShipped();
  t.teardown(() => registry.close());
  for (const release of DIALECT_RELEASES) {
    for (const profile of registry.list()) {
      const values = profile.name === 'static-address' ? { network: { cidr: '192.0.2.11/24' } } : {};
      const built = buildAnswer(request({ answer: profile.answer, values, dialect: dialectFor(release) }));
      t.same(built.warnings, [], `${profile.name} ${release}`);
    }
  }
});
