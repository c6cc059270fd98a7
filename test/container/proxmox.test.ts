/** The stand-ins of Proxmox VE's commands: what they take, refuse, remember, and how they fail. A module's test rests on them. */
import t from 'tap';
import { Container } from '../support/container.ts';
import { moduleFolder } from '../support/module-of-test.ts';
import { installProxmox } from '../support/proxmox.ts';
import { startRig } from '../support/rig.ts';

t.setTimeout(600_000);

t.test('calls: taken or refused', async (t) => {
  const container = await Container.start({ release: 'trixie' });
  t.teardown(() => container.stop());
  const proxmox = await installProxmox(container, '9');
  const J = '--output-format json';
  const rows: ReadonlyArray<readonly [name: string, call: string, code: number, out?: string | RegExp]> = [
    ['a group', 'pveum group add admins --comment Admins', 0],
    ['again', 'pveum group add admins', 255, /already exists/],
    ['is there, by the command', `pveum group list ${J}`, 0, '[{"comment":"Admins","groupid":"admins"}]'],
    ['and by the API', `pvesh get /access/groups/admins ${J}`, 0, '{"comment":"Admins","groupid":"admins"}'],
    ['no such group', `pvesh get /access/groups/nobody ${J}`, 255, /does not exist/],
    ['a user', 'pveum user add ops@pam --groups admins', 0],
    ['an option that there is not', 'pveum user add x@pam --colour red', 255, /colour: Unknown option/],
    ['a number that is none', 'pveum user add y@pam --expire never', 255, /expire: type check/],
    ['a right', 'pveum acl modify / --groups admins --roles Administrator', 0],
    ['a right without a role', 'pveum acl modify / --groups admins', 255, /roles: property is missing/],
    ['rights', `pveum acl list ${J}`, 0, /"roleid":"Administrator","type":"group","ugid":"admins"/],
    [
      'DNS without its search domain',
      'pvesh set /nodes/node1/dns --dns1 192.0.2.1',
      255,
      /search: property is missing/,
    ],
    ['DNS', 'pvesh set /nodes/node1/dns --search lab.example --dns1 192.0.2.1', 0],
    ['DNS looked up', `pvesh get /nodes/node1/dns ${J}`, 0, '{"dns1":"192.0.2.1","search":"lab.example"}'],
    ['a path that there is not', 'pvesh get /nodes/node1/weather', 255, /No 'get' handler/],
    ['a parameter that there is not', 'pvesh set /cluster/options --colour red', 255, /not defined in schema/],
    ['a choice', 'pvesh set /cluster/firewall/options --policy_in DROP --enable 1', 0],
    ['no choice', 'pvesh set /cluster/firewall/options --policy_in MAYBE', 255, /enumeration/],
    ['an IP set', 'pvesh create /cluster/firewall/ipset --name management', 0],
    ['its entry, with a slash', 'pvesh create /cluster/firewall/ipset/management --cidr 192.0.2.0/24', 0],
    ['is there', `pvesh get /cluster/firewall/ipset/management ${J}`, 0, '[{"cidr":"192.0.2.0/24"}]'],
    ['a rule', 'pvesh create /cluster/firewall/rules --type in --action ACCEPT --enable 1 --comment first', 0],
    ['the next one goes to the front', 'pvesh create /cluster/firewall/rules --type in --action DROP', 0],
    [
      'and is switched off',
      `pvesh get /cluster/firewall/rules ${J}`,
      0,
      /^\[\{"action":"DROP","enable":0.*"pos":0.*"comment":"first"/,
    ],
    ['a key goes', 'pvesh set /cluster/firewall/options --delete policy_in', 0],
    ['is gone', `pvesh get /cluster/firewall/options ${J}`, 0, '{"enable":1}'],
    ['another release', 'pveum role add R --privs VM.Audit', 0],
    ['a command that there is not', 'pveum nonsense', 255, /unknown command/],
  ];
  for (const [name, call, code, out] of rows) {
    const output = await container.exec(['bash', '-c', call]);
    t.equal(output.code, code, `${name}: ${call} ${output.stderr}`);
    if (typeof out === 'string') t.equal(output.stdout.trim(), out, name);
    else if (out !== undefined) t.match(output.stdout + output.stderr, out, name);
  }
  t.ok(proxmox.calls().includes('pveum group add admins --comment Admins'));
  t.notOk(proxmox.calls({ changing: true }).some((call) => call.includes(' list')));
  const before = proxmox.violations().length;
  t.ok(before > 0);
  for (const [call, said] of [
    ['pveum user add z@pve --password sesame-open', 'secret on the command line'],
    ['pveum passwd ops@pam < /dev/null', 'two lines of standard input'],
    ['pveum user list', 'read without --output-format json'],
  ] as const) {
    await container.exec(['bash', '-c', call]);
    t.match(proxmox.violations().at(-1), said);
  }
  await proxmox.forget();
  await container.sh("printf 'sesame-open\\nsesame-open\\n' | pveum passwd ops@pam");
  t.strictSame(proxmox.violations(), []);
});

t.test('a task that fails, as the real ones fail: exit 0', async (t) => {
  const { moduleOf, planOf } = moduleFolder(t);
  const rig = await startRig(t, { release: 'bookworm' });
  const proxmox = await installProxmox(rig.container, '8');
  const plan = planOf(moduleOf('update', { apply: 'pve_task pvesh create "/nodes/$(uname -n)/apt/update"' }));
  await rig.runPlan(plan);
  t.strictSame(rig.steps(), ['update apply unchanged', 'update verify ok', 'update reapply unchanged']);
  await proxmox.fail('task', 'apt/update', "command 'apt-get update' failed: exit code 100");
  t.equal((await rig.container.exec(['pvesh', 'create', '/nodes/node1/apt/update'])).code, 0);
  await rig.again(plan);
  t.strictSame(rig.steps(), ['update apply failed']);
  t.match(
    rig.detailOf('update', 'apply'),
    /the task of pvesh create .* failed: command 'apt-get update' failed: exit code 100/,
  );
  await proxmox.forget();
  await proxmox.fail('warnings', 'apt/update');
  await rig.again(plan);
  t.strictSame(rig.steps(), ['update apply unchanged', 'update verify ok', 'update reapply unchanged']);
  await proxmox.fail('exit', 'apt/update', 'got no lock');
  await rig.again(plan);
  t.match(rig.detailOf('update', 'apply'), 'ended with status 255: got no lock');
});
