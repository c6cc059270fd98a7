/** From the hook to the end of the plan: proof of the host key, plan, reports, and what goes wrong on the way. */
import t from 'tap';
import { bundlePlan } from '../../src/postinstall/bundle.ts';
import { buildPlan } from '../../src/postinstall/plan.ts';
import { moduleFolder } from '../support/module-of-test.ts';
import { watchProcesses } from '../support/onlooker.ts';
import { held, startRig } from '../support/rig.ts';

t.setTimeout(600_000);
const { moduleOf, planOf } = moduleFolder(t);
const marker = (path: string) => `[ -e ${path} ] || { touch ${path}; changed ${path}; }`;

for (const client of ['curl', 'wget'] as const) {
  t.test(`the whole way with ${client}`, async (t) => {
    const rig = await startRig(t, { release: client === 'curl' ? 'trixie' : 'bookworm' });
    const { container, server } = rig;
    if (client === 'wget') await container.sh('rm /usr/bin/curl');
    const onlooker = await watchProcesses(container);
    const secret = 'correct horse battery staple';
    await rig.runPlan(
      planOf(
        moduleOf('one', {
          apply: `${marker('/root/one')}\necho "said: $(cat files/secret)"; printf 'ä\\033[1m\\001\\xff"\\\\\\n'`,
          files: [{ name: 'secret', content: `${secret}\n`, secret: true }],
        }),
        moduleOf('two', { apply: marker('/root/two'), after: ['one'] }),
      ),
    );
    t.strictSame(
      server.reports.map(({ seq, module, step, result }) => `${seq} ${module} ${step} ${result}`),
      [
        ...['1 one apply changed', '2 one verify ok', '3 one reapply unchanged'],
        ...['4 two apply changed', '5 two verify ok', '6 two reapply unchanged'],
      ],
    );
    t.strictSame(server.finished, { run: server.runId, result: 'ok' });
    t.strictSame(
      server.requests.filter((request) => !request.endsWith('/reports')),
      ['POST /node/v1/challenge', 'POST /node/v1/credential', 'GET /node/v1/plan', 'POST /node/v1/finished'],
    );
    const output = server.reports[0]?.output ?? '';
    // The secret is masked. Bytes that are no UTF-8 make the text Latin-1; neither they nor control characters break the report.
    t.equal(output, 'changed: /root/one\nsaid: ********\nÃ¤?ÿ"\\\n');
    t.ok(
      server.reports.every(
        ({ startedAt, durationMs }) => Math.abs(startedAt - Date.now()) < 600_000 && durationMs >= 0,
      ),
    );

    const seen = await onlooker.end();
    for (const hidden of [server.credential, secret])
      t.notOk(seen.includes(hidden), 'no secret in arguments or environments');

    const left = (
      await container.sh('find /var/lib/ironwake /etc/systemd/system/multi-user.target.wants -type f -o -type l')
    ).split('\n');
    for (const gone of ['plan.sh', 'pending', 'ironwake-first-boot.service'])
      t.notOk(
        left.some((path) => path.endsWith(`/${gone}`)),
        `${gone} is gone`,
      );
    t.equal((await container.exec(['grep', '-rqF', secret, '/var/lib/ironwake'])).code, 1, 'the secret is gone');
    t.equal((await container.sh('stat -c %a /var/lib/ironwake /var/lib/ironwake/credential')).trim(), '700\n600');

    await t.test('the hook once more changes nothing', async (t) => {
      const before = server.requests.length;
      await container.sh('/var/lib/proxmox-first-boot/proxmox-first-boot fully-up');
      t.equal((await container.exec(['systemctl', 'is-enabled', 'ironwake-first-boot'])).stdout.trim(), 'disabled');
      t.equal(server.requests.length, before);
    });
  });

  t.test(`a server with another key, ${client}`, async (t) => {
    const rig = await startRig(t, { release: 'bookworm' });
    const { container, server } = rig;
    if (client === 'wget') await container.sh('rm /usr/bin/curl');
    await rig.install(planOf(moduleOf('one', { apply: 'touch /root/ran' })), [
      'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    ]);
    await container.until('the refusal', async () =>
      (await container.sh('journalctl --no-pager -u ironwake-first-boot')).includes(
        'is not one of those that this node was told',
      ),
    );
    t.strictSame(
      server.requests.filter((request) => request.startsWith('POST') || request.startsWith('GET')),
      [],
      'nothing was asked',
    );
    t.not((await container.exec(['test', '-e', '/root/ran'])).code, 0);

    await t.test('the right key beside it: the plan runs', async (t) => {
      await rig.install(planOf(moduleOf('one', { apply: marker('/root/ran') })), [
        'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
        server.pin,
      ]);
      await rig.finished();
      t.strictSame(server.finished, { run: server.runId, result: 'ok' });
    });
  });
}

t.test('the server goes away in the middle: no report is lost, and their order stays', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container, server } = rig;
  await rig.install(
    planOf(
      moduleOf('first', { apply: `${marker('/root/first')}\nwhile [ ! -e /root/go ]; do sleep 0.1; done` }),
      moduleOf('second', { apply: marker('/root/second') }),
      moduleOf('third', { apply: marker('/root/third') }),
    ),
  );
  await container.until(
    'the first module',
    async () => (await container.exec(['test', '-e', '/root/first'])).code === 0,
  );
  await server.shut();
  await container.sh('touch /root/go');
  // The plan does not wait for the server.
  await container.until(
    'the third module',
    async () => (await container.sh('ls /var/lib/ironwake/spool | wc -l')).trim() === '10',
  );
  t.strictSame(server.reports, []);
  await server.open();
  await rig.finished();
  t.strictSame(
    server.reports.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  t.strictSame(server.finished, { run: server.runId, result: 'ok' });
});

t.test('the server is away before the plan was fetched', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  await rig.server.shut();
  await rig.install(planOf(moduleOf('one', { apply: marker('/root/one') })));
  await rig.container.until('a try', async () =>
    (await rig.container.sh('journalctl --no-pager -u ironwake-first-boot')).includes(
      'waiting for the Ironwake server',
    ),
  );
  await rig.server.open();
  await rig.finished();
  t.strictSame(rig.server.finished, { run: rig.server.runId, result: 'ok' });
});

t.test('a node with another host key than the webhook’s gets nothing', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  const { container, server } = rig;
  await container.sh(
    "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key",
  );
  await rig.install(planOf(moduleOf('one', { apply: 'touch /root/ran' })));
  await container.until('the refusal', async () =>
    (await container.sh('journalctl --no-pager -u ironwake-first-boot')).includes('no credential yet: answered 403'),
  );
  t.notOk(server.requests.some((request) => request.endsWith('/plan')));
});

t.test('a report that the server cannot read holds back no other, and stays on the disk', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  const { container, server } = rig;
  server.refusedModule = 'odd';
  await rig.runPlan(
    planOf(moduleOf('odd', { apply: marker('/root/odd') }), moduleOf('even', { apply: marker('/root/even') })),
  );
  t.strictSame(
    server.reports.map(({ seq, module }) => `${seq} ${module}`),
    ['4 even', '5 even', '6 even'],
  );
  t.equal(await container.sh('cd /var/lib/ironwake/spool/refused; ls'), '000001.json\n000002.json\n000003.json\n');
  t.strictSame(server.finished, { run: server.runId, result: 'ok' });
});

t.test('an empty plan is over at once', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  await rig.runPlan(planOf());
  t.strictSame(rig.server.reports, []);
  t.strictSame(rig.server.finished, { run: rig.server.runId, result: 'ok' });
});

t.test('what fails stops what depends on it, and nothing else', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  const { server, container } = rig;
  await rig.runPlan(
    planOf(
      moduleOf('broken', { apply: `${marker('/root/broken')}\nfail 'there is no way'`, rollback: 'rm /root/broken' }),
      moduleOf('dependent', { apply: marker('/root/dependent'), requires: ['broken'] }),
      moduleOf('remote', { apply: marker('/root/remote'), requires: ['dependent'] }),
      moduleOf('later', { apply: marker('/root/later'), after: ['broken'] }),
      moduleOf('slow', { apply: 'sleep 60', limit: 1 }),
      moduleOf('restless', { apply: 'changed always' }),
      moduleOf('untrue', { apply: marker('/root/untrue'), verify: 'expect colour blue red; verified' }),
      moduleOf('surprised', { apply: 'false' }),
      moduleOf('good', { apply: marker('/root/good') }),
    ),
  );
  const slow = server.reports.find(({ module }) => module === 'slow')?.durationMs ?? 0;
  t.ok(slow >= 1000 && slow < 60_000, `what was cut after a second took ${slow} ms`);
  t.strictSame(
    server.reports.map(({ module, step, result, detail }) => `${module} ${step} ${result}: ${detail}`),
    [
      'broken apply failed: there is no way',
      'broken rollback ok: ',
      'dependent apply skipped: it comes after broken, which did not succeed',
      'remote apply skipped: it comes after dependent, which did not succeed',
      'later apply changed: /root/later',
      'later verify ok: ',
      'later reapply unchanged: ',
      'slow apply failed: it took longer than 1 s',
      'restless apply changed: always',
      'restless verify ok: ',
      'restless reapply failed: a second run still changes: always',
      'restless rollback ok: ',
      'untrue apply changed: /root/untrue',
      'untrue verify failed: colour: expected blue, found red',
      'untrue rollback ok: ',
      'surprised apply failed: line 2 failed: false',
      'good apply changed: /root/good',
      'good verify ok: ',
      'good reapply unchanged: ',
    ],
  );
  t.strictSame(
    server.reports.flatMap(({ differences }) => differences ?? []),
    [{ what: 'colour', expected: 'blue', found: 'red' }],
  );
  t.strictSame(server.finished, { run: server.runId, result: 'failed' });
  t.strictSame((await container.sh('cd /root; ls broken dependent remote good 2> /dev/null || true')).trim(), 'good');
});

t.test('a restart in the middle: the plan goes on where it was', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container, server } = rig;
  await rig.install(
    planOf(
      moduleOf('first', { apply: `${marker('/root/first')}\necho run >> /root/first.log` }),
      moduleOf('second', { apply: `${marker('/root/second')}\n[ -e /root/go ] || sleep 50` }),
    ),
  );
  await container.until(
    'the second module',
    async () => (await container.exec(['test', '-e', '/root/second'])).code === 0,
  );
  await container.sh('touch /root/go');
  await container.reboot();
  await rig.finished();
  t.strictSame(
    server.reports.map(({ module, step, result }) => `${module} ${step} ${result}`),
    [
      ...['first apply changed', 'first verify ok', 'first reapply unchanged'],
      // What it did before the restart is there, so the second start of the step finds nothing to do.
      ...['second apply unchanged', 'second verify ok', 'second reapply unchanged'],
    ],
  );
  t.equal(container.read('/root/first.log'), 'run\nrun\n', 'apply and reapply, not a third time');
  t.equal(server.requests.filter((request) => request.endsWith('/plan')).length, 1, 'the plan was on the disk');
});

t.test('a module asks for a restart: the plan goes on after it, and asks no second time', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container, server } = rig;
  const before = container.leader;
  await rig.install(
    planOf(
      moduleOf('first', { apply: marker('/root/first') }),
      moduleOf('kernel', {
        apply: "[ -e /root/restarted ] || { touch /root/restarted; request_reboot 'a new kernel'; }",
        verify: 'expect restarted yes "$([ -e /root/restarted ] && echo yes || echo no)"; verified',
      }),
      moduleOf('restless', { apply: 'request_reboot again' }),
      moduleOf('last', { apply: marker('/root/last') }),
    ),
  );
  await rig.finished();
  t.not(container.leader, before, 'it is another boot');
  t.strictSame(
    server.reports.map(({ module, step, result, detail }) => `${module} ${step} ${result}: ${detail}`),
    [
      ...['first apply changed: /root/first', 'first verify ok: ', 'first reapply unchanged: '],
      ...['kernel apply changed: restart: a new kernel', 'kernel restart ok: a new kernel'],
      ...['kernel verify ok: ', 'kernel reapply unchanged: '],
      ...['restless apply changed: restart: again', 'restless restart ok: again', 'restless verify ok: '],
      ...['restless reapply failed: it asks for a restart again: again', 'restless rollback ok: '],
      ...['last apply changed: /root/last', 'last verify ok: ', 'last reapply unchanged: '],
    ],
  );
});

t.test('what belongs to the cluster waits for the node that has its lock', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container } = rig;
  // As mounted pmxcfs looks from outside; another node holds the lock.
  await container.sh(
    'mkdir -p /etc/pve && mount -t tmpfs none /etc/pve && mkdir -p /etc/pve/local /etc/pve/priv/lock/ironwake-shared',
  );
  await rig.install(
    planOf(
      moduleOf('shared', {
        apply: `[ -d /etc/pve/priv/lock/ironwake-shared ] || fail 'no lock'\n${marker('/root/shared')}`,
        verify: '[ ! -d /etc/pve/priv/lock/ironwake-shared ]',
        scope: 'cluster',
      }),
    ),
  );
  const lock = '/etc/pve/priv/lock/ironwake-shared';
  await container.until(
    'the request for the lock',
    async () => (await container.sh(`stat -c %Y ${lock}`)).trim() === '0',
  );
  t.not((await container.exec(['test', '-e', '/root/shared'])).code, 0, 'not while another node has it');
  await container.sh(`rmdir ${lock}`);
  await rig.finished();
  t.strictSame(rig.steps(), held('shared'));
  t.not((await container.exec(['test', '-e', lock])).code, 0, 'and it is given back');
});

t.test('Proxmox VE’s tools end with 0 although their task failed', async (t) => {
  const rig = await startRig(t, { release: 'bookworm' });
  const upid = (what: string) => `UPID:node1:000A:00BB:65000000:${what}::root@pam:`;
  await rig.container.write(
    '/usr/local/bin/pvesh',
    `#!/bin/bash
case "$*" in
  'create /good') echo starting; echo '${upid('good')}' ;;
  'create /warned') echo '${upid('warned')}' ;;
  'create /bad') echo '${upid('bad')}' ;;
  'create /none') echo done ;;
  'create /refused') echo 'no such path' >&2; exit 255 ;;
  *:good:*) echo '{"exitstatus":"OK","status":"stopped"}' ;;
  *:warned:*) echo '{"exitstatus":"WARNINGS: 2","status":"stopped"}' ;;
  *:bad:*) echo '{"exitstatus":"command \\"apt\\" failed: exit code 100","status":"stopped"}' ;;
esac
`,
    '0755',
  );
  await rig.runPlan(
    planOf(
      moduleOf('good', {
        apply: 'pve_task pvesh create /good; pve_task pvesh create /warned; pve_task pvesh create /none',
      }),
      moduleOf('bad', { apply: 'pve_task pvesh create /bad' }),
      moduleOf('refused', { apply: 'pve_task pvesh create /refused' }),
    ),
  );
  t.strictSame(
    rig.server.reports.filter(({ step }) => step === 'apply').map(({ result, detail }) => `${result}: ${detail}`),
    [
      'unchanged: ',
      'failed: the task of pvesh create /bad failed: command "apt" failed: exit code 100',
      'failed: pvesh create /refused ended with status 255: no such path',
    ],
  );
});

t.test('run by hand, without a server: again changes nothing, a restart is left to the person', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container, server } = rig;
  const script = bundlePlan(
    buildPlan({
      ...planOf(
        moduleOf('one', { apply: marker('/root/one') }),
        moduleOf('kernel', { apply: "[ -e /root/kernel ] || { touch /root/kernel; request_reboot 'a new kernel'; }" }),
        moduleOf('bad', { apply: "fail 'there is no way'" }),
      ),
      product: 'pve',
    }),
    { baseUrl: '', pins: [], runId: server.runId },
  );
  await container.write('/root/run.sh', script, '0700');
  const run = () => container.exec(['bash', '/root/run.sh']);
  const first = await run();
  t.equal(first.code, 3, first.stderr);
  t.match(
    first.stdout,
    /one apply: changed[\s\S]*kernel restart: ok[\s\S]*restart this host now, then run the script again/,
  );
  t.match((await run()).stdout, 'restart this host now', 'not before it has restarted');
  await container.reboot();
  const second = await run();
  t.equal(second.code, 1, 'a module failed');
  t.match(
    second.stdout,
    /kernel verify: ok[\s\S]*kernel reapply: unchanged[\s\S]*bad apply: failed, \d+ ms: there is no way/,
  );
  t.notMatch(second.stdout, 'one apply');
  const third = await run();
  t.match(third.stdout, /one apply: unchanged[\s\S]*kernel apply: unchanged/, 'a whole run more changes nothing');
  t.strictSame(server.requests, []);
});

t.test('a lock of apt is waited for, which its own option does not do', async (t) => {
  const rig = await startRig(t, { release: 'trixie' });
  const { container, server } = rig;
  // As another apt would: an fcntl lock on the lists, given up when the waiting has been seen.
  await container.write(
    '/root/lock.pl',
    `use Fcntl; open my $f, '>', '/var/lib/apt/lists/lock' or die;
my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $lock) or die "lock: $!";
open my $ready, '>', '/root/locked'; close $ready;
select undef, undef, undef, 0.1 until -e '/root/unlock';`,
  );
  await container.sh('systemd-run --quiet --unit=lock perl /root/lock.pl');
  await container.until('the lock', async () => (await container.exec(['test', '-e', '/root/locked'])).code === 0);
  await rig.install(planOf(moduleOf('update', { apply: 'apt_get update' })));
  await container.until('the waiting', async () =>
    (await container.sh('cat /var/lib/ironwake/state/update/output 2> /dev/null || true')).includes(
      'holds a lock of apt',
    ),
  );
  await container.sh('touch /root/unlock');
  await rig.finished();
  t.strictSame(server.finished, { run: server.runId, result: 'ok' });
});

t.test('a run that is over: the node asks no more and leaves nothing that is secret', async (t) => {
  for (const [name, when] of [
    ['before it has proved its key', undefined],
    ['while it waits for its code', '/release'],
  ] as const) {
    await t.test(name, async (t) => {
      const rig = await startRig(t, { release: when === undefined ? 'trixie' : 'bookworm' });
      const { container, server } = rig;
      server.release = 'wait';
      server.over = when === undefined;
      await rig.install({ ...planOf(moduleOf('one', { apply: marker('/root/one') })), withheld: ['late'] });
      if (when !== undefined) {
        await container.until('the wait for the code', () => server.requests.some((each) => each.endsWith(when)));
        server.over = true;
      }
      await container.until(
        'the end',
        async () => (await container.exec(['test', '-e', '/var/lib/ironwake/result'])).code === 0,
      );
      t.match(container.read('/var/lib/ironwake/result'), when === undefined ? /^over$/m : /^failed$/m);
      await container.until(
        'the service to end',
        async () =>
          (await container.exec(['systemctl', 'is-active', 'ironwake-first-boot'])).stdout.trim() === 'inactive',
      );
      t.equal((await container.exec(['systemctl', 'is-enabled', 'ironwake-first-boot'])).stdout.trim(), 'disabled');
      for (const gone of ['credential', 'plan.sh', 'curl.conf', 'wget.conf', 'pending'])
        t.equal((await container.exec(['test', '-e', `/var/lib/ironwake/${gone}`])).code, 1, `${gone} is gone`);
      const asked = server.requests.length;
      await container.reboot();
      t.equal(server.requests.length, asked, 'not after a restart either');
    });
  }
});
