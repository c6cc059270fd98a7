/** The administrator's own account: key login, sudo, and where there is Proxmox VE its permission. */
import { Type } from '@sinclair/typebox';
import { invalid } from '../../../errors.ts';
import { defineModule, renderFile } from '../../module.ts';
import { PublicKey } from '../public-key.ts';

/** A password that `chpasswd` takes: one line. */
const password = (description: string) =>
  Type.Optional(Type.String({ minLength: 8, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description }));

const secretFile = (name: string, value: string | undefined) =>
  value === undefined ? [] : [{ name, content: `${value}\n`, secret: true }];

const Parameters = Type.Object(
  {
    name: Type.String({
      pattern: '^(?!root$)[a-z][a-z0-9_-]{0,30}$',
      description: 'Name of the account: lower-case letters, digits, hyphens and underscores, not root.',
    }),
    comment: Type.String({
      default: 'Administrator',
      pattern: '^[^:,\\u0000-\\u001f\\u007f]{0,100}$',
      description: 'Full name of the person; no colon and no comma.',
    }),
    keys: Type.Array(PublicKey, {
      minItems: 1,
      maxItems: 50,
      description: 'Public keys that may log in, each one line as in an id_ed25519.pub.',
    }),
    password: password(
      'Password for the console and the web interface, by reference: {secret: NAME}. Without it the account has none. SSH takes keys only either way.',
    ),
    generatePassword: Type.Boolean({
      default: false,
      description:
        'In place of password: one is made on the node, and handed over to the administrator, who reads it once (ironwake node read-secret NODE password-NAME). Another one is made when it was changed by hand, or lost.',
    }),
    rootPassword: password(
      'Password of root in place of the random one of the installation, by reference: {secret: NAME}.',
    ),
    pveRole: Type.String({
      default: 'Administrator',
      pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,63}$',
      description: 'Role on / in Proxmox VE, given to the group ironwake-admins. Only where pveum exists.',
    }),
  },
  { additionalProperties: false },
);

/** @throws IronwakeError `plan.parameter` where two passwords are wanted */
function generates({
  password,
  generatePassword,
}: {
  readonly password?: string | undefined;
  readonly generatePassword: boolean;
}): 'yes' | 'no' {
  if (generatePassword && password !== undefined)
    throw invalid(
      'plan.parameter',
      'postInstall.admin-user.generatePassword',
      'the account gets a password of yours (password) or one that is made on the node, not both',
      'Take one of the two out, or write `password: null` over a profile that has it.',
    );
  return generatePassword ? 'yes' : 'no';
}

export const adminUser = defineModule({
  name: 'admin-user',
  title: 'Administrator account with key login and sudo',
  why: 'Work is done under a name of its own and with a key, so that it can be told who did what and root’s password can stay in the safe.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  // sudo may have to be installed.
  after: ['repositories'],
  scope: 'node',
  timeLimitSeconds: 900,
  proof: [
    {
      test: 'container/modules/admin-user',
      on: 'Debian 12 and 13 in containers, real sudo and OpenSSH; pveum is a stand-in',
    },
  ],
  programs: ['add-keys.sh', 'made-password.sh', 'pve-groups.sh', 'same-password.pl'],
  folder: new URL('.', import.meta.url),
  prepare: (params) => ({
    parameters: {
      'generate-password': generates(params),
      name: params.name,
      comment: params.comment,
      keys: params.keys.map((key) => `${key}\n`).join(''),
      'pve-role': params.pveRole,
    },
    files: [
      { name: 'sudoers', content: renderFile(new URL('.', import.meta.url), 'sudoers', { name: params.name }) },
      ...secretFile('password', params.password),
      ...secretFile('root-password', params.rootPassword),
    ],
  }),
});
