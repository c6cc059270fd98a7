/** Every format by its name. */
import { ansibleList, ansibleYaml } from './ansible.ts';
import type { ExportFormat } from './format-names.ts';
import type { ExportedMachine } from './machine.ts';
import { dnsmasqConf, hostsFile } from './names.ts';
import { httpSd } from './prometheus.ts';
import { keaReservations, opnsenseDnsmasq, opnsenseKea } from './reservations.ts';
import { knownHosts, sshConfig } from './ssh.ts';

interface Format {
  readonly contentType: string;
  render(machines: readonly ExportedMachine[], options: { readonly port: number }): string;
}

const text = (render: Format['render']): Format => ({ contentType: 'text/plain; charset=utf-8', render });
const json = (render: Format['render']): Format => ({ contentType: 'application/json; charset=utf-8', render });
const csv = (render: Format['render']): Format => ({ contentType: 'text/csv; charset=utf-8', render });

export const EXPORT_FORMATS = {
  ansible: { contentType: 'application/yaml; charset=utf-8', render: ansibleYaml },
  'ansible-list': json(ansibleList),
  'known-hosts': text(knownHosts),
  'ssh-config': text(sshConfig),
  prometheus: json((machines, { port }) => httpSd(machines, port)),
  hosts: text(hostsFile),
  dnsmasq: text(dnsmasqConf),
  kea: json(keaReservations),
  'opnsense-kea': csv(opnsenseKea),
  'opnsense-dnsmasq': csv(opnsenseDnsmasq),
} as const satisfies Readonly<Record<ExportFormat, Format>>;
