/** Who comes after whom in the shipped modules, where that decides whether a plan can succeed. */
import t from 'tap';
import { buildPlan } from '../../../src/postinstall/plan.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFj1aGf0Yy1Jb3VyLXRlc3Qta2V5LW5vdC1hLXJlYWwtb25l x';
const BASE = {
  upgrade: {},
  time: {},
  hosts: {},
  dns: { servers: ['192.0.2.53'] },
  'admin-user': { name: 'ops', keys: [KEY] },
  ssh: {},
  repositories: {},
};
const orderOf = (postInstall: object) =>
  buildPlan({ postInstall, product: 'pve', release: '9.2' }).modules.map(({ module }) => module.name);

t.test('without a network of the profile: names and time first', async (t) => {
  t.strictSame(orderOf(BASE), ['dns', 'hosts', 'repositories', 'time', 'upgrade', 'admin-user', 'ssh']);
});

t.test('a resolver, a clock or an address that only the new network has', async (t) => {
  const network = { bridges: { vmbr0: { ports: ['eno1'] } } };
  const order = orderOf({ ...BASE, network, firewall: { management: ['192.0.2.0/24'] } });
  t.strictSame(order, [
    ...['repositories', 'admin-user', 'ssh', 'network'],
    ...['dns', 'hosts', 'time', 'upgrade', 'firewall'],
  ]);
});
