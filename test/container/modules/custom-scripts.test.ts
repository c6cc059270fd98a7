/** Module custom-scripts on a real Debian 12 and 13: each script a step with its own report, limit, verification and drift. */
import t from 'tap';
import type { DebianRelease } from '../../support/container.ts';
import { textOfBorn } from '../../support/node-server.ts';
import { watchProcesses } from '../../support/onlooker.ts';
import { held, mendedByHand, startRig } from '../../support/rig.ts';

t.setTimeout(600_000);
const step = (name: string) => `custom-scripts-${name}`;

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  t.test(`custom-scripts on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    const onlooker = await watchProcesses(container);
    const secret = 'correct horse battery staple';
    const awkward = `it's "$(touch /root/hacked)" \`touch /root/hacked\`; {{host}} \\ ü`;
    const plan = {
      release: release === 'bookworm' ? '8.4' : '9.2',
      postInstall: {
        'custom-scripts': {
          scripts: {
            '10-once': {
              run: 'echo "run with $# arguments"; printf "%s\\n" "$@" >> /root/once; pwd; env | sort',
              arguments: [awkward, ''],
            },
            '20-kept': {
              run: '#!/usr/bin/perl\nopen my $out, ">", "/root/kept"; print $out "wanted\\n"; print "wrote it\\n";',
              verify:
                'tr "\\0" " " < /proc/$PPID/cmdline >> /root/limits; echo >> /root/limits; grep -qx wanted /root/kept 2> /dev/null || { echo "/root/kept is not as it has to be"; exit 3; }',
            },
            '30-there': { run: 'exit 1', verify: 'true' },
            '40-secret': {
              run: 'read -r line < "$IRONWAKE_SECRETS/token"; echo "it is $line"; printf "%s" "$line" | sha256sum > /root/token',
              secrets: { token: `${secret}\n` },
            },
            '45-token': {
              run: '[ -d "$IRONWAKE_BORN" ] && printf "%s\\n" "token made here 123" > "$IRONWAKE_BORN/token"; cat "$IRONWAKE_BORN/token"; sha256sum "$IRONWAKE_BORN/token" > /root/born',
              handsOver: ['token', 'not-made'],
            },
            '46-token-fails': {
              run: 'echo "token in use already" > "$IRONWAKE_BORN/token"; echo "it breaks after token in use already"; exit 5',
              handsOver: ['token'],
            },
            '47-token-undeclared': { run: 'echo x > "$IRONWAKE_BORN/other"', handsOver: ['token'] },
            '50-fails': { run: 'echo one; echo "the reason" >&2; exit 7' },
            '60-slow': { run: 'echo begun; sleep 60', timeLimitSeconds: 1 },
            '70-untrue': { run: 'true', verify: 'echo "still missing"; false' },
            '80-last': { run: '/bin/true' },
          },
        },
      },
    };
    await rig.runPlan(plan);
    t.strictSame(rig.steps(), [
      ...held(step('10-once')),
      ...held(step('20-kept')),
      ...['apply unchanged', 'verify ok', 'reapply unchanged'].map((what) => `${step('30-there')} ${what}`),
      ...held(step('40-secret')),
      ...held(step('45-token')),
      // What it handed over is a change.
      ...['apply failed', 'rollback ok'].map((what) => `${step('46-token-fails')} ${what}`),
      ...['47-token-undeclared', '50-fails', '60-slow', '70-untrue'].map((name) => `${step(name)} apply failed`),
      ...held(step('80-last')),
    ]);
    t.equal(container.read('/root/once'), `${awkward}\n\n`, 'arguments arrive as they are, once');
    t.not((await container.exec(['test', '-e', '/root/hacked'])).code, 0);
    const output = (name: string) => rig.server.reports.find(({ module }) => module === step(name))?.output ?? '';
    t.match(
      output('10-once'),
      /run with 2 arguments\n\/\S+\nHOME=\/root\nIRONWAKE_SCRIPT=10-once\nIRONWAKE_SECRETS=\S+\nLC_ALL=C.UTF-8\n/,
    );
    t.match(output('20-kept'), 'wrote it');
    const limits = container.read('/root/limits').trim().split('\n');
    t.ok(limits.length >= 4, 'before and after it runs, in the verification, and before it would run again');
    for (const line of limits) t.match(line, /^timeout --kill-after=10 50 /, 'and always for as long as documented');
    t.match(output('40-secret'), 'it is ********');
    t.strictSame(
      rig.server.born.map((born) => `${born.module} ${born.name} ${textOfBorn(born)}`),
      [`${step('45-token')} token token made here 123`, `${step('46-token-fails')} token token in use already`],
    );
    t.match(output('45-token'), '********\nchanged: secret token handed over');
    t.equal(rig.detailOf(step('46-token-fails'), 'apply'), 'it ended with status 5: it breaks after ********');
    t.match(rig.detailOf(step('47-token-undeclared'), 'apply'), 'a secret that handsOver does not name: other');
    t.match(output('50-fails'), 'one\nthe reason');
    t.equal(rig.detailOf(step('50-fails'), 'apply'), 'it ended with status 7: the reason');
    t.equal(rig.detailOf(step('60-slow'), 'apply'), 'it took longer than 1 s; it last said: begun');
    t.equal(rig.detailOf(step('70-untrue'), 'apply'), 'it has run, and its verification says: still missing');
    t.notOk((await onlooker.end()).includes(secret), 'no secret in arguments or environments');
    t.equal((await container.exec(['grep', '-rqF', secret, '/var/lib/ironwake', '/tmp'])).code, 1, 'and none is left');
    // What a script made up itself stands in the script.
    const made = await container.exec(['grep', '-rlF', 'made here 123', '/var/lib/ironwake', '/tmp']);
    t.strictSame(
      made.stdout.split('\n').filter((file) => !/\/files\/run$/.test(file)),
      [''],
      'nor what was made here',
    );

    await mendedByHand(t, rig, step('20-kept'), [
      {
        name: 'what it wrote is gone',
        by: 'rm /root/kept',
        found: [`script 20-kept: expected verification ends with 0, found status 3: /root/kept is not as it has to be`],
      },
    ]);
    t.strictSame(await rig.drift(step('10-once')), [], 'one without verification holds once it has run');

    await t.test('other content runs again, the same does not', async (t) => {
      const other = (run: string) => ({
        ...plan,
        postInstall: { 'custom-scripts': { scripts: { '10-once': { run, arguments: ['x'] } } } },
      });
      await rig.again(other('echo "$1" >> /root/twice'));
      await rig.again(other('echo "$1" >> /root/twice'));
      t.equal(container.read('/root/twice'), 'x\n');
      await rig.again(other('echo "$1" more >> /root/twice'));
      t.equal(container.read('/root/twice'), 'x\nx more\n');
    });
  });
}
