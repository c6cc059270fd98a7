/** SSH hardening: keys only, by one drop-in; kept only when the daemon has logged in through it. */
import { Type } from '@sinclair/typebox';
import { defineModule, renderFile } from '../../module.ts';

const Parameters = Type.Object(
  {
    permitRootLogin: Type.Union([Type.Literal('prohibit-password'), Type.Literal('forced-commands-only')], {
      default: 'prohibit-password',
      description: 'How root may log in: prohibit-password (keys; a cluster needs it) or forced-commands-only.',
    }),
    passwordAuthentication: Type.Boolean({
      default: false,
      description: 'Whether passwords are taken. false: keys only.',
    }),
    maxAuthTries: Type.Integer({
      default: 4,
      minimum: 1,
      maximum: 20,
      description: 'Attempts per connection; a client with many keys needs more.',
    }),
    loginGraceTimeSeconds: Type.Integer({
      default: 30,
      minimum: 10,
      maximum: 600,
      description: 'Seconds until a connection without login is closed.',
    }),
    x11Forwarding: Type.Boolean({ default: false, description: 'Whether X11 may be forwarded.' }),
    rollbackSeconds: Type.Integer({
      default: 180,
      minimum: 30,
      maximum: 3600,
      description: 'After how many seconds the former settings come back unless the server has logged in.',
    }),
  },
  { additionalProperties: false },
);

const yesNo = (value: boolean) => (value ? 'yes' : 'no');

export const ssh = defineModule({
  name: 'ssh',
  title: 'SSH with keys only',
  why: 'Passwords are guessed by machines all day long; a key is not. The daemon logs in before the change is kept, so nobody is locked out.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  // An administrator's key must be there before passwords go.
  requires: ['admin-user'],
  after: [],
  scope: 'node',
  timeLimitSeconds: 4500,
  proof: [{ test: 'container/modules/ssh', on: 'Debian 12 and 13 in containers, real OpenSSH' }],
  programs: ['switch-off.pl', 'wanted.sh'],
  folder: new URL('.', import.meta.url),
  prepare: (params) => ({
    parameters: {
      'password-authentication': yesNo(params.passwordAuthentication),
      // sshd prints the old name of this value (OpenSSH 9 and 10).
      'effective-root-login':
        params.permitRootLogin === 'prohibit-password' ? 'without-password' : params.permitRootLogin,
      'rollback-seconds': String(params.rollbackSeconds),
    },
    files: [
      {
        name: '10-ironwake.conf',
        content: renderFile(new URL('.', import.meta.url), '10-ironwake.conf', {
          permitRootLogin: params.permitRootLogin,
          passwordAuthentication: yesNo(params.passwordAuthentication),
          maxAuthTries: params.maxAuthTries,
          loginGraceTime: params.loginGraceTimeSeconds,
          x11Forwarding: yesNo(params.x11Forwarding),
        }),
      },
    ],
  }),
});
