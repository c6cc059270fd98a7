/** A node that is ready looks at itself: what it says, what it does when it is told to apply its plan, and when nobody knows it any more. */

import { Value } from '@sinclair/typebox/value';
import t from 'tap';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { WatchSchema } from '../../src/postinstall/reports.ts';
import { moduleFolder } from '../support/module-of-test.ts';
import { NodeServer } from '../support/node-server.ts';
import { held, type Rig, startRig } from '../support/rig.ts';

t.setTimeout(600_000);
const { moduleOf, planOf } = moduleFolder(t);
const file = (name: string, secret = false) =>
  moduleOf(name, {
    apply: `[ -e /root/${name} ] || { echo good > /root/${name}; changed /root/${name}; }
grep -q good /root/${name} || { echo good > /root/${name}; changed /root/${name}; }`,
    verify: `expect '/root/${name}' good "$(cat /root/${name} 2> /dev/null || true)"; verified`,
    files: secret ? [{ name: 'secret', content: 'correct horse battery\n', secret: true }] : [],
  });

interface Look {
  readonly verifications?: ReadonlyArray<{ module: string; result: string; differences?: unknown[] }>;
  readonly packages?: readonly string[];
}

/** One look, as the timer starts it; returns what the server was told. */
async function look(rig: Rig): Promise<Look> {
  const before = rig.server.watched.length;
  await rig.container.sh('systemctl start ironwake-watch.service');
  await rig.container.until('the look', () => rig.server.watched.length > before);
  const told = rig.server.watched.at(-1) ?? {};
  if (!Value.Check(WatchSchema, told)) throw new Error(`the daemon would refuse ${JSON.stringify(told)}`);
  return told as Look;
}
const hourLater = (rig: Rig) => rig.container.sh('touch -d "2 hours ago" /var/lib/ironwake/watch/verified');

for (const release of ['bookworm', 'trixie'] as const)
  t.test(`on ${release}: seen, said, mended by order`, async (t) => {
    const rig = await startRig(t, { release });
    const { container, server } = rig;
    const plan = planOf(file('one', true), file('two'));
    // What was installed when the root was made, maybe a moment ago, is none of this node's changes.
    await container.sh(': > /var/log/dpkg.log');
    await rig.runPlan(plan);
    t.equal((await container.exec(['systemctl', 'is-enabled', 'ironwake-watch.timer'])).stdout.trim(), 'enabled');
    const first = await look(rig);
    t.match(first.verifications, [
      { module: 'one', result: 'ok' },
      { module: 'two', result: 'ok' },
    ]);
    t.strictSame((await look(rig)).verifications, undefined, 'within the hour it only asks');

    await container.sh('cat > /root/two', 'bad \\ "quoted"\n');
    await hourLater(rig);
    const third = await look(rig);
    t.match(third, {
      verifications: [
        { module: 'one', result: 'ok' },
        {
          module: 'two',
          result: 'failed',
          detail: '/root/two: expected good, found bad \\ "quoted"',
          differences: [{ what: '/root/two', expected: 'good', found: 'bad \\ "quoted"' }],
        },
      ],
    });
    t.same(third.packages, []);

    await t.test('packages that change are looked at at once, and named', async (t) => {
      const before = server.watched.length;
      await container.sh(
        'echo "$(date "+%Y-%m-%d %H:%M:%S") upgrade openssh-server:amd64 1:9.2 1:9.3" >> /var/log/dpkg.log; touch /var/lib/dpkg/status; : >> /var/lib/dpkg/status',
      );
      await container.until('the look', () => server.watched.length > before);
      const told = server.watched.at(-1) as Look;
      t.ok(told.packages?.includes('openssh-server 1:9.2 -> 1:9.3'), JSON.stringify(told.packages));
    });

    await t.test('a server that is away, and one with another key, learn and break nothing', async (t) => {
      const unanswered = async (why: RegExp) => {
        const before = server.watched.length;
        const since = (await container.sh('date +%s.%N')).trim();
        // It returns when the look is over.
        await container.sh('systemctl start ironwake-watch.service');
        const journal = `journalctl --sync; journalctl -o cat -u ironwake-watch.service --since=@${since}`;
        t.match(await container.sh(journal), why, 'the node has asked, and says why it got nothing');
        t.equal(server.watched.length, before, 'nobody is told anything');
      };
      await server.shut();
      await unanswered(/the Ironwake server did not answer: .*(?:refused|connect)/i);
      const other = await NodeServer.start({
        host: container.hostAddress,
        runId: server.runId,
        nodeAddress: container.address,
        hostKey: container.read('/etc/ssh/ssh_host_ed25519_key.pub'),
        port: server.port,
      });
      try {
        await unanswered(/the Ironwake server did not answer: the server's key is not one of those/);
        t.same(
          other.requests.filter((request) => request !== 'refused handshake'),
          [],
          'not even the question',
        );
      } finally {
        await other.close();
      }
      await server.open();
      t.equal((await container.exec(['systemctl', 'is-enabled', 'ironwake-watch.timer'])).stdout.trim(), 'enabled');
      t.equal(
        (await container.exec(['test', '-e', '/var/lib/ironwake/credential'])).code,
        0,
        'it keeps its credential',
      );
      await hourLater(rig);
      t.match((await look(rig)).verifications, [
        { module: 'one', result: 'ok' },
        { module: 'two', result: 'failed' },
      ]);
    });

    await t.test('an order to apply: mended, and reported as ever', async (t) => {
      server.forget();
      server.plan = bundlePlan(buildPlan({ ...plan, product: 'pve' }), {
        baseUrl: server.url,
        pins: [server.pin],
        runId: server.runId,
      });
      server.order = 'apply';
      await look(rig);
      server.order = 'none';
      await rig.finished();
      t.strictSame(rig.steps(), [...['one apply unchanged', 'one verify ok', 'one reapply unchanged'], ...held('two')]);
      t.ok(
        server.reports.every(({ seq }, index) => seq === 7 + index),
        'numbers go on where they were',
      );
      t.strictSame(server.finished, { run: server.runId, result: 'ok' });
      t.strictSame(await rig.drift('two'), []);
      t.equal(
        (await container.exec(['grep', '-rqF', 'correct horse', '/var/lib/ironwake'])).code,
        1,
        'no secret stays',
      );
    });

    await t.test('a server that no longer knows it: it stops, and the credential goes', async (t) => {
      server.revoke();
      await container.sh('systemctl start ironwake-watch.service');
      await container.until(
        'the end of the watch',
        async () =>
          (await container.exec(['systemctl', 'is-enabled', 'ironwake-watch.timer'])).stdout.trim() === 'disabled',
      );
      t.not((await container.exec(['test', '-e', '/var/lib/ironwake/credential'])).code, 0);
    });
  });
