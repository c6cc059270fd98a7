/** What is measured is every module there is: a new one that its defaults do not suffice for is missed here, not when somebody measures. */
import t from 'tap';
import { MODULES } from '../../../src/postinstall/modules/index.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';
import { everyModule } from '../../bench/every-module.ts';

t.test('the plan that is measured has every module of the index', async (t) => {
  const keyring = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQGNBGdlbg==\n-----END PGP PUBLIC KEY BLOCK-----\n';
  const postInstall = everyModule({
    key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDX4Rq8CB1kN0Wk7n2f0CJ4H5GvV6Qb1v8gK6ZxqZ8aM ops@example',
    server: '192.0.2.2',
    timeServer: '192.0.2.3',
    mirror: { url: 'http://192.0.2.4:8081', keyring },
    port: 'eno1',
  });
  const { modules } = buildPlan({ postInstall, product: 'pve', release: '9.2' });
  t.strictSame([...new Set(modules.map(({ key }) => key))].sort(), MODULES.map(({ name }) => name).sort());
});
