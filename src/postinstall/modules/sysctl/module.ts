/** Kernel parameters: a hardened set that Proxmox' own components can live with, and what the profile adds. */
import { Type } from '@sinclair/typebox';
import { invalid } from '../../../errors.ts';
import { defineModule, renderFile } from '../../module.ts';

const Parameters = Type.Object(
  {
    kernel: Type.Boolean({
      default: true,
      description:
        'Whether the hardened set for kernel and file systems applies: hidden addresses and messages, no BPF and no tracing for others than root, guarded links and FIFOs, no dumps of set-uid programs.',
    }),
    network: Type.Boolean({
      default: true,
      description:
        'Whether the hardened set for the network applies: SYN cookies, no redirects and no source routes on any interface, no answers to broadcast pings.',
    }),
    settings: Type.Record(
      Type.String({ pattern: '^(abi|debug|dev|fs|kernel|net|user|vm)([./][A-Za-z0-9_*:-]+)+$' }),
      Type.Union([Type.Integer(), Type.String({ pattern: '^[!-~]([ -~]{0,198}[!-~])?$' })]),
      {
        additionalProperties: false,
        default: {},
        description:
          'Further values by key, or others than those of the sets: {vm.swappiness: 10}. * stands for every interface. A key of an interface with a dot in its name is written with slashes.',
      },
    ),
  },
  { additionalProperties: false },
);

/** Set on every interface that there is and that comes: for most of these `all` alone does not decide (Linux, ip-sysctl.rst). */
const onAllInterfaces = (family: 'ipv4' | 'ipv6', key: string) =>
  ['all', 'default', '*'].map((where): readonly [string, string] => [`net.${family}.conf.${where}.${key}`, '0']);

const KERNEL: ReadonlyArray<readonly [string, string]> = [
  ['fs.protected_fifos', '2'],
  ['fs.protected_hardlinks', '1'],
  ['fs.protected_regular', '2'],
  ['fs.protected_symlinks', '1'],
  ['fs.suid_dumpable', '0'],
  ['kernel.dmesg_restrict', '1'],
  ['kernel.kptr_restrict', '2'],
  ['kernel.unprivileged_bpf_disabled', '1'],
  ['kernel.yama.ptrace_scope', '1'],
];

const NETWORK: ReadonlyArray<readonly [string, string]> = [
  ['net.ipv4.icmp_echo_ignore_broadcasts', '1'],
  ['net.ipv4.tcp_syncookies', '1'],
  ...onAllInterfaces('ipv4', 'accept_redirects'),
  ...onAllInterfaces('ipv4', 'accept_source_route'),
  ...onAllInterfaces('ipv4', 'send_redirects'),
  ...onAllInterfaces('ipv6', 'accept_redirects'),
  ...onAllInterfaces('ipv6', 'accept_source_route'),
];

interface Breakage {
  readonly key: RegExp;
  /** Values that break; all of them when left out. */
  readonly value?: RegExp;
  readonly because: string;
}

/** What takes Proxmox VE apart, and what other parts of it set themselves. */
const BREAKS: readonly Breakage[] = [
  { key: /^kernel\.unprivileged_userns_clone$/, value: /^0$/, because: 'unprivileged containers would not start' },
  { key: /^user\.max_user_namespaces$/, value: /^[0-9]{1,2}$/, because: 'unprivileged containers would not start' },
  { key: /^kernel\.modules_disabled$/, because: 'no module could be loaded until the next restart' },
  { key: /^vm\.overcommit_memory$/, value: /^2$/, because: 'virtual machines would not start' },
  { key: /^net\.bridge\./, because: 'the Proxmox firewall sets it itself when it needs it' },
  { key: /^net\.ipv6\.bindv6only$/, value: /^1$/, because: 'pveproxy would answer IPv6 only' },
  { key: /^kernel\.pid_max$/, value: /^[0-9]{1,5}$/, because: 'a host with guests needs more than 100000 processes' },
];

/** `net/ipv4/conf/eth0.10/x` and `net.ipv4.conf.eth0.x` name their keys alike: the first separator decides (sysctl.d(5)). */
function dotted(key: string): string {
  const first = /[./]/.exec(key)?.[0];
  if (first !== '/') return key;
  return key.replaceAll(/[./]/g, (mark) => (mark === '/' ? '.' : '/'));
}

export const sysctl = defineModule({
  name: 'sysctl',
  title: 'Hardened kernel parameters',
  why: 'What the kernel gives away and what it believes from the network is more than a host of guests needs.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // Its kernel and packages may bring more of what this is about.
  after: ['upgrade'],
  scope: 'node',
  timeLimitSeconds: 120,
  proof: [
    {
      test: 'container/modules/hardening',
      on: 'Debian 12 and 13 in containers: the network’s keys are set and read back; those of the kernel are rendered and checked only',
    },
    {
      test: 'lab/plan-trixie',
      on: 'virtual machines with Debian 13 and, in plan-bookworm, 12: those of the kernel, too',
    },
  ],
  programs: ['at-boot.pl', 'keys.sh'],
  folder: new URL('.', import.meta.url),
  prepare(params) {
    const own = Object.entries(params.settings).map(([key, value]) => [dotted(key), String(value)] as const);
    for (const [key, value] of own) {
      const breaks = BREAKS.find((rule) => rule.key.test(key) && (rule.value?.test(value) ?? true));
      if (breaks !== undefined)
        throw invalid(
          'plan.parameter',
          `postInstall.sysctl.settings.${key}`,
          `${key} = ${value} does not go with Proxmox: ${breaks.because}`,
          'Leave it out.',
        );
    }
    const given = new Map(own);
    const sets = [...(params.kernel ? KERNEL : []), ...(params.network ? NETWORK : [])];
    // What a kernel does not have is passed over in the sets, and missed where the profile asks for it.
    const wanted = [
      ...sets.filter(([key]) => !given.has(key)).map(([key, value]) => ({ key, value, mark: '-' })),
      ...own.map(([key, value]) => ({ key, value, mark: '' })),
    ].sort((a, b) => (a.key < b.key ? -1 : 1));
    return {
      parameters: { wanted: wanted.map(({ mark, key, value }) => `${mark}${key} ${value}\n`).join('') },
      files: [
        {
          name: 'sysctl.conf',
          content: renderFile(new URL('.', import.meta.url), 'sysctl.conf', {
            lines: wanted.map(({ mark, key, value }) => `${mark}${key} = ${value}`),
          }),
        },
      ],
    };
  },
});
