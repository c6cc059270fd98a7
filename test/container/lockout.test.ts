/** Changes that might lock everybody out, with the engine's own means: kept only when the server came in, taken back by time, word and restart. */
import t from 'tap';
import { moduleFolder } from '../support/module-of-test.ts';
import { type Rig, startRig } from '../support/rig.ts';

t.setTimeout(600_000);
const { moduleOf, planOf } = moduleFolder(t);

/** A module that writes a file and says that it is the new configuration. */
const risky = (options: { readonly seconds?: number; readonly checks: string; readonly before?: string }) =>
  moduleOf('risky', {
    apply: `. "$IRONWAKE_LIB/lockout.sh"
[ ! -e /root/new ] || exit 0
printf '10.0.0.0/8\\n' > "$IRONWAKE_STATE/allowed"
lockout_begin ${options.seconds ?? 60} "$IRONWAKE_STATE/allowed"
${options.before ?? ''}
keep /root/new
touch /root/new
changed /root/new
lockout_end ${options.checks}`,
    rollback: 'restore /root/new; ip link set host0 up',
  });

const isNew = async (rig: Rig) => (await rig.container.exec(['test', '-e', '/root/new'])).code === 0;
const leftovers = (rig: Rig) =>
  rig.container.sh(
    'ls /var/lib/ironwake/rollback.d; grep -h ironwake-probe /root/.ssh/authorized_keys || true; systemctl list-units --all --no-legend "ironwake-rollback-*"; ip netns list; ip -o link show type veth | grep stranger || true',
  );

t.test('the server comes in: what it was asked, and nothing is left', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const asked: Record<string, unknown>[] = [];
  const real = rig.server.probe;
  rig.server.probe = async (request) => {
    asked.push(request);
    return { ...(await real(request)), untried: '' };
  };
  await rig.runPlan(planOf(risky({ checks: 'ssh tcp:8006 ping closed:22' })));
  t.strictSame(rig.steps(), ['risky apply changed', 'risky verify ok', 'risky reapply unchanged']);
  t.match(asked, [{ checks: ['ssh', 'tcp:8006', 'ping', 'closed:22'], allowed: ['10.0.0.0/8'] }]);
  t.equal(await leftovers(rig), '');
});

t.test('a stranger that the server cannot be: the node tries by itself', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  rig.server.probe = async () => ({ result: 'ok', detail: 'logged in', untried: 'closed:22 ping' });
  await rig.runPlan(planOf(risky({ checks: 'ssh closed:22 ping' })));
  t.strictSame(rig.steps(), ['risky apply failed', 'risky rollback ok'], 'port 22 is open to everybody');
  t.match(rig.detailOf('risky', 'apply'), 'port 22 is open to 203.0.113.2, which nobody allowed');
  t.notOk(await isNew(rig));
  t.equal(await leftovers(rig), '');

  await t.test('a port that is closed to it', async (t) => {
    rig.server.probe = async () => ({ result: 'ok', detail: 'logged in', untried: 'closed:2222' });
    await rig.again(planOf(risky({ checks: 'ssh closed:2222' })));
    t.strictSame(rig.steps(), ['risky apply changed', 'risky verify ok', 'risky reapply unchanged']);
    t.match(rig.server.reports[0]?.output, 'port 2222 is closed to 203.0.113.2, which nobody allowed');
    t.equal(await leftovers(rig), '');
  });
});

t.test('the change cuts the node off: what was there comes back', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  await rig.install(planOf(risky({ seconds: 20, checks: 'ssh', before: 'ip link set host0 down' })));
  await rig.finished();
  t.strictSame(rig.steps(), ['risky apply failed', 'risky rollback ok']);
  t.equal(await leftovers(rig), '');
});

t.test('the node restarts before it was confirmed: the timer is dead, the next boot rolls back', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  let asked = 0;
  const real = rig.server.probe;
  rig.server.probe = (request) => (++asked === 1 ? new Promise(() => {}) : real(request));
  await rig.install(planOf(risky({ seconds: 600, checks: 'ssh' })));
  await rig.container.until('the question', () => asked === 1);
  t.ok(await isNew(rig));
  await rig.container.reboot();
  await rig.finished();
  t.strictSame(rig.steps(), ['risky rollback ok', 'risky apply changed', 'risky verify ok', 'risky reapply unchanged']);
  t.match(rig.detailOf('risky', 'rollback'), 'the node restarted before the change was confirmed');
  t.equal(await leftovers(rig), '');
});
