/** Changes that might lock everybody out, with the engine's own means: kept only when the server came in, taken back by time, word and restart. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
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

t.test('by hand, at a terminal: a person says whether the node can still be reached', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container } = rig;
  const plan = buildPlan({ product: 'pve', ...planOf(risky({ checks: 'ssh' })) });
  await container.write('/root/run.sh', bundlePlan(plan, { baseUrl: '', pins: [], runId: randomUUID() }), '0700');
  // script(1) gives it a terminal of its own, whose keys are this pipe.
  const atTerminal = async (answer: string): Promise<string> => {
    await container.sh(`rm -rf /root/keys /root/screen /root/status /var/lib/ironwake; mkfifo /root/keys
systemd-run --quiet --collect --unit=byhand bash -c 'exec 3<> /root/keys; script -qefc "bash /root/run.sh" /root/screen <&3; echo $? > /root/status'`);
    await container.until(
      'the question',
      async () => (await container.exec(['grep', '-q', 'Type yes within', '/root/screen'])).code === 0,
    );
    t.ok(await isNew(rig), 'the new settings are in force while it asks');
    await container.sh(`echo ${answer} > /root/keys`);
    await container.until('the end', async () => (await container.exec(['test', '-s', '/root/status'])).code === 0);
    return container.read('/root/status').trim();
  };
  t.equal(await atTerminal('no'), '1');
  t.notOk(await isNew(rig), 'taken back');
  t.match(container.read('/root/screen'), 'nobody said that the node can still be reached');
  t.equal(await leftovers(rig), '');
  t.equal(await atTerminal('yes'), '0');
  t.ok(await isNew(rig), 'kept');
  t.equal(await leftovers(rig), '');
});

t.test('at boot: what was not confirmed is taken back before the network is brought up', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  let asked = 0;
  const real = rig.server.probe;
  rig.server.probe = (request) => (++asked === 1 ? new Promise(() => {}) : real(request));
  const { container } = rig;
  // Stands for networking.service, in the place that ifupdown2 gives it, and says what it found.
  await container.write(
    '/etc/systemd/system/networking.service',
    `[Unit]
DefaultDependencies=no
After=local-fs.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=sh -c 'if [ -e /root/new ]; then echo new; else echo former; fi >> /root/network'
[Install]
WantedBy=basic.target
`,
  );
  await container.sh('systemctl daemon-reload; systemctl -q enable networking.service');
  await rig.install(planOf(risky({ seconds: 600, checks: 'ssh' })));
  await container.until('the question', () => asked === 1);
  await container.reboot();
  await rig.finished();
  t.strictSame(rig.steps(), ['risky rollback ok', 'risky apply changed', 'risky verify ok', 'risky reapply unchanged']);
  t.equal(container.read('/root/network'), 'former\n');
});
