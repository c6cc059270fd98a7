/** What the hardening modules make of their parameters, and what they refuse because Proxmox would not survive it. */
import t from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { MODULES } from '../../../src/postinstall/modules/index.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';

const preparedOf = (postInstall: Readonly<Record<string, unknown>>) =>
  buildPlan({ postInstall, product: 'pve', release: '9.2' }).modules[0]?.prepared;
const linesOf = (postInstall: Readonly<Record<string, unknown>>, file: string) =>
  preparedOf(postInstall)
    ?.files.find(({ name }) => name === file)
    ?.content.split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

t.test('sysctl: the sets, and the profile over them', async (t) => {
  t.strictSame(
    linesOf(
      {
        sysctl: {
          kernel: false,
          network: false,
          settings: { 'vm.swappiness': 10, 'net/ipv4/conf/eth0.10/rp_filter': 2 },
        },
      },
      'sysctl.conf',
    ),
    ['net.ipv4.conf.eth0/10.rp_filter = 2', 'vm.swappiness = 10'],
  );
  const all = linesOf({ sysctl: { settings: { 'kernel.kptr_restrict': 1 } } }, 'sysctl.conf') ?? [];
  t.ok(all.includes('kernel.kptr_restrict = 1'), 'what the profile says goes over the set, and must be there');
  t.ok(all.includes('-kernel.dmesg_restrict = 1'), 'what a kernel does not have is passed over in a set');
  for (const where of ['all', 'default', '*']) t.ok(all.includes(`-net.ipv4.conf.${where}.send_redirects = 0`), where);
  t.equal(new Set(all.map((line) => line.replace(/^-/, '').split(' ')[0])).size, all.length, 'no key twice');
  t.match(preparedOf({ sysctl: { settings: { 'vm.swappiness': 10 } } })?.parameters.wanted, /^vm\.swappiness 10$/m);
});

t.test('kernel-modules: blocked by alias and by name', async (t) => {
  t.strictSame(linesOf({ 'kernel-modules': { blocked: ['dccp'] } }, 'modprobe.conf'), [
    'blacklist dccp',
    'install dccp /bin/false',
  ]);
  t.strictSame(linesOf({ 'kernel-modules': { loaded: ['nfnetlink_queue'] } }, 'modules-load.conf'), [
    'nfnetlink_queue',
  ]);
});

t.test('what takes a node apart is refused, with the field and the reason', async (t) => {
  const rows: ReadonlyArray<[string, Readonly<Record<string, unknown>>, string, RegExp]> = [
    [
      'no user namespaces',
      { sysctl: { settings: { 'kernel.unprivileged_userns_clone': 0 } } },
      'postInstall.sysctl.settings.kernel.unprivileged_userns_clone',
      /containers/,
    ],
    [
      'the same with slashes',
      { sysctl: { settings: { 'user/max_user_namespaces': '0' } } },
      'postInstall.sysctl.settings.user.max_user_namespaces',
      /containers/,
    ],
    [
      'strict overcommit',
      { sysctl: { settings: { 'vm.overcommit_memory': 2 } } },
      'postInstall.sysctl.settings.vm.overcommit_memory',
      /virtual machines/,
    ],
    [
      'IPv6 only',
      { sysctl: { settings: { 'net.ipv6.bindv6only': '1' } } },
      'postInstall.sysctl.settings.net.ipv6.bindv6only',
      /pveproxy/,
    ],
    [
      'the firewall’s own key',
      { sysctl: { settings: { 'net.bridge.bridge-nf-call-iptables': 1 } } },
      'postInstall.sysctl.settings.net.bridge.bridge-nf-call-iptables',
      /firewall/,
    ],
    [
      'a key that is a path',
      { sysctl: { settings: { 'kernel/../../etc/passwd': 1 } } },
      'postInstall.sysctl.settings.kernel~1..~1..~1etc~1passwd',
      /./,
    ],
    [
      'a value with a second line',
      { sysctl: { settings: { 'vm.swappiness': '1\nkernel.panic = 1' } } },
      'postInstall.sysctl.settings.vm.swappiness',
      /./,
    ],
    [
      'KVM blocked',
      { 'kernel-modules': { blocked: ['cramfs', 'kvm-intel'] } },
      'postInstall.kernel-modules.blocked.1',
      /need the module kvm-intel/,
    ],
    [
      'blocked and loaded',
      { 'kernel-modules': { blocked: ['firewire-core'], loaded: ['firewire_core'] } },
      'postInstall.kernel-modules.blocked.0',
      /at once/,
    ],
    [
      'a module with options',
      { 'kernel-modules': { blocked: ['dccp\noptions kvm nested=1'] } },
      'postInstall.kernel-modules.blocked.0',
      /./,
    ],
    [
      'the way in off',
      { services: { off: ['ssh.service'] } },
      'postInstall.services.off.0',
      /does not work without ssh\.service/,
    ],
    [
      'our own unit off',
      { services: { off: ['ironwake-verify.timer'] } },
      'postInstall.services.off.0',
      /does not work without/,
    ],
    ['no unit at all', { services: { off: ['../x.service'] } }, 'postInstall.services.off.0', /./],
  ];
  for (const [name, postInstall, field, message] of rows) {
    try {
      preparedOf(postInstall);
      t.fail(name);
    } catch (error) {
      t.ok(error instanceof IronwakeError, name);
      t.match(error, { code: 'plan.parameter', field, message }, name);
    }
  }
});

t.test('the shipped modules on their defaults', async (t) => {
  const needed: Readonly<Record<string, unknown>> = {
    'admin-user': {
      name: 'ops',
      keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFj1aGf0Yy1Jb3VyLXRlc3Qta2V5LW5vdC1hLXJlYWwtb25l x'],
    },
    'custom-scripts': { scripts: { a: { run: 'true' } } },
    dns: { servers: ['192.0.2.53'] },
    firewall: { management: ['192.0.2.0/24'] },
    network: { bridges: { vmbr0: { ports: ['eno1'] } } },
    timezone: { zone: 'Etc/UTC' },
  };
  for (const { name, supports } of MODULES)
    for (const [product, releases] of Object.entries(supports))
      for (const release of releases) {
        const plan = buildPlan({
          postInstall: { [name]: needed[name] ?? {} },
          product: product as 'pve',
          release: `${release}.0`,
        });
        t.equal(plan.modules.length, 1, `${name} on ${product} ${release}`);
      }
});
