/** The administrator's account: where its password comes from. */
import t from 'tap';
import { buildPlan } from '../../../src/postinstall/plan.ts';
import { withholdSecrets } from '../../../src/postinstall/release.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFj1aGf0Yy1Jb3VyLXRlc3Qta2V5LW5vdC1hLXJlYWwtb25l x';
const planOf = (more: object) =>
  buildPlan({
    postInstall: { 'admin-user': { name: 'ops', keys: [KEY], ...more } },
    product: 'pve',
    release: '9.2',
  });

t.test('made on the node, given, or none', async (t) => {
  for (const [name, more, generates, files] of [
    ['none', {}, 'no', ['sudoers']],
    ['made there', { generatePassword: true }, 'yes', ['sudoers']],
    ['given', { password: 'first-Passw0rd' }, 'no', ['sudoers', 'password']],
  ] as const) {
    const prepared = planOf(more).modules[0]?.prepared;
    t.equal(prepared?.parameters['generate-password'], generates, name);
    t.strictSame(
      prepared?.files.map((file) => file.name),
      files,
      name,
    );
  }
  t.throws(() => planOf({ generatePassword: true, password: 'first-Passw0rd' }), {
    code: 'plan.parameter',
    field: 'postInstall.admin-user.generatePassword',
  });
});

t.test('one that is made on the node carries no secret there, so it waits for nobody', async (t) => {
  const more = { name: 'ops', keys: [KEY], generatePassword: true };
  t.strictSame(withholdSecrets(planOf(more), { 'admin-user': more }).withheld, []);
});
