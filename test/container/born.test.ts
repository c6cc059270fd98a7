/**
 * Secrets that modules make on the node: on their way to the administrator they are seen by nobody, lost by nothing, and gone from here as soon as
 * the server has them.
 */
import { Value } from '@sinclair/typebox/value';
import t from 'tap';
import { BornSchema } from '../../src/postinstall/reports.ts';
import { moduleFolder } from '../support/module-of-test.ts';
import { type Born, textOfBorn } from '../support/node-server.ts';
import { type Onlooker, watchProcesses } from '../support/onlooker.ts';
import { held, type Rig, startRig } from '../support/rig.ts';

t.setTimeout(600_000);
const { moduleOf, planOf } = moduleFolder(t);
const SEED = 'seeded JBSWY3DPEHPK3PXP of $(id)';

/** Makes its secret once, and is clumsy enough to print it. */
const maker = (name: string, more = '') =>
  moduleOf(name, {
    apply: `if [ ! -e /root/${name} ]; then
  printf '%s\\n' '${SEED}' 'second line of ${name}' | born seed
  touch /root/${name}
  changed /root/${name}
fi
echo 'it said ${SEED}, and second line of ${name}'
${more}`,
    verify: `echo 'verify says ${SEED}'; expect '/root/${name}' there "$([ -e /root/${name} ] && echo there || echo gone)"; verified`,
  });

/** Nowhere but in what the server was handed: not in reports, arguments, environments, journal, nor on the disk. */
async function nowhere(t: import('tap').Test, rig: Rig, onlooker: Onlooker, secret: string): Promise<void> {
  const { container, server } = rig;
  const seen = await onlooker.end();
  await container.sh('journalctl --no-pager > /root/journal');
  const encoded = Buffer.from(secret).toString('base64').slice(0, 20);
  for (const shape of [secret, encoded]) {
    t.notOk(seen.includes(shape), 'not in arguments or environments');
    t.notOk(container.read('/root/journal').includes(shape), 'not in the journal');
    t.notOk(JSON.stringify([server.reports, server.bodies, server.watched, server.requests]).includes(shape));
    const found = await container.exec([
      'grep',
      '-rlF',
      shape,
      '/var/lib/ironwake',
      '/tmp',
      '/var/tmp',
      '/run',
      '/etc',
    ]);
    // The script that made it up stands in the plan.
    const left = found.stdout.split('\n').filter((file) => file !== '' && !/\/(apply|verify)\.sh$/.test(file));
    t.strictSame(left, [], 'nor left on the disk');
  }
}

const names = (born: readonly Born[]) => born.map(({ module, name }) => `${module} ${name}`);

for (const release of ['bookworm', 'trixie'] as const) {
  t.test(`handed over on ${release}, and the first answer is lost`, async (t) => {
    const rig = await startRig(t, { release });
    const { server, container } = rig;
    if (release === 'bookworm') await container.sh('rm -f /usr/bin/curl');
    const onlooker = await watchProcesses(container);
    server.lostAnswers = 1;
    await rig.runPlan(
      planOf(maker('one'), moduleOf('two', { apply: '[ -e /root/t ] || { touch /root/t; changed t; }' })),
    );
    t.strictSame(rig.steps(), [...held('one'), ...held('two')]);
    t.strictSame(names(server.born), ['one seed', 'one seed'], 'sent again, as nobody said that it had come');
    const [first, second] = server.born;
    t.strictSame(first, second, 'and known by its number as the same one');
    t.ok(Value.Check(BornSchema, first), 'the daemon would take it');
    t.equal(first === undefined ? '' : textOfBorn(first), `${SEED}\nsecond line of one`);
    t.equal(first?.run, server.runId);
    const sent = server.requests.findIndex((route) => route.endsWith('/born'));
    t.ok(
      sent < server.requests.findIndex((route) => route.endsWith('/reports')),
      'before the report says that it is there',
    );
    const output = server.reports.map((report) => report.output).join('\n');
    t.match(output, 'changed: secret seed handed over');
    t.match(output, 'it said ********, and ********');
    t.match(output, 'verify says ********');
    await nowhere(t, rig, onlooker, SEED);
    t.equal((await container.sh('ls -A /var/lib/ironwake/born')).trim(), '');

    await t.test('a second plan makes no second one; what was lost on the node is made anew', async (t) => {
      const plan = planOf(maker('one'));
      await rig.again(plan);
      t.strictSame(server.born, []);
      await container.sh('rm /root/one');
      await rig.again(plan);
      t.strictSame(names(server.born), ['one seed']);
      t.not(server.born[0]?.delivery, first?.delivery, 'another one, whatever its value');
    });
  });
}

t.test('the server is away: it waits in a file of root, and nothing is lost by a power cut', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { server, container } = rig;
  const onlooker = await watchProcesses(container);
  // The module waits until the server is gone.
  const plan = planOf(maker('one', 'until [ -e /root/go ]; do sleep 0.2; done'));
  await rig.install(plan);
  await container.until('the secret', async () => (await container.exec(['test', '-e', '/root/one'])).code === 0);
  await server.shut();
  const file = '/var/lib/ironwake/born/one.seed.json';
  t.equal(
    (await container.sh(`stat -c '%a %U' ${file} /var/lib/ironwake /var/lib/ironwake/born`)).trim(),
    '600 root\n700 root\n700 root',
  );
  await container.sh('systemctl kill -s KILL ironwake-first-boot; touch /root/go');
  await container.until(
    'the runner that goes on',
    async () => (await container.exec(['grep', '-q', 'reapply', '/var/lib/ironwake/spool/000003.json'])).code === 0,
  );
  t.strictSame(server.born, []);
  await server.open();
  await rig.finished();
  t.strictSame(names(server.born), ['one seed'], 'one value, once');
  await nowhere(t, rig, onlooker, SEED);
});

t.test('what the server does not take', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { server, container } = rig;
  server.bornStatus = 409;
  await rig.runPlan(planOf(maker('one')));
  t.strictSame(rig.steps(), held('one'), 'later is good enough: the plan ends');
  t.match(await container.sh('ls /var/lib/ironwake/born'), 'one.seed.json');
  server.bornStatus = 200;
  await container.sh('systemctl start ironwake-watch.service');
  await container.until('the watch brings it', () => server.born.length === 1);
  t.notMatch(await container.sh('ls -A /var/lib/ironwake/born'), 'one.seed.json');

  server.bornStatus = 400;
  await container.sh('rm /root/one');
  await rig.again(planOf(maker('one')));
  t.strictSame(rig.steps(), held('one'));
  t.equal(
    (await container.sh('stat -c "%n %a" /var/lib/ironwake/born/refused/*')).trim(),
    '/var/lib/ironwake/born/refused/one.seed.json 600',
    'never: this may be the only place where it is',
  );
  t.match(await container.sh('journalctl --no-pager -u ironwake-first-boot'), 'did not take a secret (answered 400)');
});

t.test('what is no secret, and where none is made', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  const rows: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['name', "echo x | born '../x'", /'\.\.\/x' is not a name for a secret/],
    ['empty', 'born seed < /dev/null', /the secret seed has 0 bytes/],
    ['long', "head -c 8193 /dev/zero | tr '\\0' x | born seed", /the secret seed has 8193 bytes/],
    ['bytes', "printf '\\377\\376abc' | born seed", /the secret seed is no text/],
    ['nul', "printf 'a\\0b' | born seed", /the secret seed is no text/],
  ];
  await rig.runPlan(
    planOf(
      ...rows.map(([name, apply]) => moduleOf(name, { apply })),
      moduleOf('verifies', { apply: 'true', verify: 'echo x | born seed' }),
    ),
  );
  for (const [name, , said] of rows) t.match(rig.detailOf(name, 'apply'), said, name);
  t.match(rig.detailOf('verifies', 'verify'), /only apply hands secrets over, verify does not/);
  t.strictSame(rig.server.born, []);
});
