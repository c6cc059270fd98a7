/** Fail2Ban for SSH and the web interface, with filters that no login name can turn against others. */
import { type Static, Type } from '@sinclair/typebox';
import { defineModule, type Product, renderFile } from '../../module.ts';
import { Network } from '../addresses.ts';

const Parameters = Type.Object(
  {
    ignore: Type.Array(Network(), {
      default: [],
      maxItems: 200,
      uniqueItems: true,
      description:
        'Networks and addresses that are never banned: those of the administrators. This server, the node itself and the other nodes of its cluster are never banned either.',
    }),
    ssh: Type.Boolean({ default: true, description: 'Whether failed logins over SSH count.' }),
    proxmox: Type.Boolean({
      default: true,
      description:
        'Whether failed logins at the web interface and the API count. Behind a reverse proxy all clients have its address: set false, or let pveproxy know it (PROXY_REAL_IP_HEADER). Not known for pdm.',
    }),
    maxRetry: Type.Integer({
      default: 5,
      minimum: 1,
      maximum: 1000,
      description: 'Failures until an address is banned.',
    }),
    findMinutes: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 10_080,
      description: 'Within how many minutes these failures count.',
    }),
    banMinutes: Type.Integer({
      default: 60,
      minimum: 1,
      maximum: 525_600,
      description: 'For how many minutes the first ban holds.',
    }),
    growing: Type.Boolean({
      default: true,
      description: 'Whether each further ban of the same address lasts longer, up to a week.',
    }),
  },
  { additionalProperties: false },
);

interface Source {
  /** Beginning of a line: what stands before it and cannot be chosen by who logs in. */
  readonly failregex: string;
  /** Lines of the jail. */
  readonly reads: readonly string[];
  readonly filter: readonly string[];
  readonly port: string;
}

/** From the journal of one unit: `_SYSTEMD_UNIT` is set by journald, no program can say it is another's. */
function fromJournal(daemon: string, port: string): Source {
  return {
    // Anchored, and nothing before `rhost=` is free text: the login name comes after it, and may hold what it wants.
    failregex: `^\\s*\\S+ ${daemon}(?:\\[\\d+\\])?: (?:openid (?:connect )?)?authentication failure; rhost=<ADDR>\\s`,
    reads: ['backend = systemd', `journalmatch = _SYSTEMD_UNIT=${daemon}.service`],
    filter: [`journalmatch = _SYSTEMD_UNIT=${daemon}.service`],
    port,
  };
}

/** What a failed login looks like. Sources: pve-access-control, API2/AccessControl.pm and API2/OpenId.pm; CrowdSec's hub for PBS. */
const SOURCES: Readonly<Partial<Record<Product, Source>>> = {
  pve: fromJournal('pvedaemon', '8006'),
  pmg: fromJournal('pmgdaemon', '8006'),
  pbs: {
    failregex: '^:? *authentication failure; rhost=\\[?<ADDR>\\]?:\\d+ user=',
    reads: ['backend = polling', 'logpath = /var/log/proxmox-backup/api/auth.log'],
    filter: ['datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S%%z'],
    port: '8007',
  },
};

function jails(params: Static<typeof Parameters>, source: Source | undefined): string[] {
  const lines = [
    '[DEFAULT]',
    // PVE's firewall may switch the iptables alternatives; nftables is there beside it either way.
    'banaction = nftables',
    'banaction_allports = nftables[type=allports]',
    // A name would let whoever owns the reverse zone of an address say whom to ban.
    'usedns = no',
    `maxretry = ${params.maxRetry}`,
    `findtime = ${params.findMinutes}m`,
    `bantime = ${params.banMinutes}m`,
    `bantime.increment = ${params.growing}`,
    'bantime.maxtime = 1w',
    '',
    '[sshd]',
    `enabled = ${params.ssh}`,
    // By number: for the name nft needs /etc/services, which a small Debian does not have; the ban would be a word and nothing more.
    'port = 22',
    'backend = systemd',
    // Not by the name of the program, as Debian's filter has it: that anybody on the node can give himself.
    'journalmatch = _SYSTEMD_UNIT=ssh.service',
  ];
  if (source === undefined) return lines;
  return [
    ...lines,
    '',
    '[proxmox]',
    `enabled = ${params.proxmox}`,
    'filter = ironwake-proxmox',
    `port = ${source.port}`,
    ...source.reads,
  ];
}

export const fail2ban = defineModule({
  name: 'fail2ban',
  title: 'Fail2Ban for SSH and the web interface',
  why: 'Whoever guesses passwords gets five tries instead of all of them; and nobody can have others banned by a clever login name.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: ['repositories', 'upgrade', 'ssh', 'firewall'],
  scope: 'node',
  timeLimitSeconds: 1200,
  proof: [
    {
      test: 'container/modules/fail2ban',
      on: 'Debian 12 and 13 in containers, real Fail2Ban, nftables, OpenSSH and journal; log lines of Proxmox from a unit of the same name',
    },
  ],
  programs: ['ignored.sh', 'jails.py'],
  folder: new URL('.', import.meta.url),
  prepare(params, context) {
    const folder = new URL('.', import.meta.url);
    const source = SOURCES[context.product];
    const active = [...(params.ssh ? ['sshd'] : []), ...(params.proxmox && source !== undefined ? ['proxmox'] : [])];
    return {
      parameters: {
        ignore: params.ignore.map((network) => `${network}\n`).join(''),
        jails: active.map((jail) => `${jail}\n`).join(''),
        settings: `${params.maxRetry} ${params.findMinutes * 60} ${params.banMinutes * 60}`,
        log: context.product === 'pbs' && active.includes('proxmox') ? '/var/log/proxmox-backup/api/auth.log' : '',
      },
      files: [
        { name: 'ironwake.local', content: renderFile(folder, 'fail2ban.conf', { lines: jails(params, source) }) },
        ...(source === undefined
          ? []
          : [
              {
                name: 'ironwake-proxmox.conf',
                content: renderFile(folder, 'fail2ban.conf', {
                  lines: ['[Definition]', `failregex = ${source.failregex}`, 'ignoreregex =', ...source.filter],
                }),
              },
            ]),
      ],
    };
  },
});
