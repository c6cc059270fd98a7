/** The node's firewall: closed but for what the profile names, and kept only when the daemon has come in through it. */
import { defineModule, renderFile } from '../../module.ts';
import { Parameters } from './parameters.ts';
import { checkFirewall, clusterFile, nftRuleset, WEB_PORT } from './ruleset.ts';

const FOLDER = new URL('.', import.meta.url);

export const firewall = defineModule({
  name: 'firewall',
  title: 'Firewall, closed but for what is named',
  why: 'A hypervisor’s management belongs to its administrators alone. The daemon comes in through the new rules before they are kept.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: ['repositories', 'ssh', 'network'],
  scope: 'node',
  timeLimitSeconds: 4500,
  proof: [
    {
      test: 'container/modules/firewall',
      on: 'Debian 12 and 13 in containers: real nftables, also with guests on a bridge and bridge netfilter on; for Proxmox VE its files, read by a stand-in of pve-firewall',
    },
  ],
  programs: ['fill.sh'],
  folder: FOLDER,
  prepare(params, { product }) {
    checkFirewall(params, product);
    const parameters = {
      product,
      'web-port': String(WEB_PORT[product]),
      ping: params.ping ? 'yes' : 'no',
      'rollback-seconds': String(params.rollbackSeconds),
      // From everywhere else the daemon must be turned away (shell/lockout.sh).
      allowed: [...params.management, ...(params.localNetwork === 'node' ? [] : [params.localNetwork])]
        .map((network) => `${network.includes('/') ? network : `${network}/32`}\n`)
        .join(''),
    };
    const file = (name: string, values: Readonly<Record<string, unknown>>) => ({
      name,
      content: renderFile(FOLDER, name, values),
    });
    if (product === 'pve')
      return {
        parameters,
        files: [file('cluster.fw', clusterFile(params)), file('host.fw', { log: params.logDropped })],
      };
    return {
      parameters,
      files: [file('firewall.nft', nftRuleset(params, product)), file('ironwake-firewall.service', {})],
    };
  },
});
