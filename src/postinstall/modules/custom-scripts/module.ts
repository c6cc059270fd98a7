/** The site's own scripts, each a step of the plan of its own: with its own limit, report, verification and drift. */
import { Type } from '@sinclair/typebox';
import { defineModule } from '../../module.ts';
import { BORN_NAME } from '../../reports.ts';

const MAX_SCRIPT = 65_536;
/** A NUL ends what a shell reads. */
const text = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: MAX_SCRIPT,
    pattern: '^[^\\u0000]*$',
    contentMediaType: 'text/x-shellscript',
    description,
  });

const Script = Type.Object(
  {
    run: text(
      'The script, as text or as {file: scripts/NAME}. Without a line #!, bash runs it. It is never a template: what differs between nodes comes as an argument.',
    ),
    verify: Type.Optional(
      text(
        'A script that looks and changes nothing, likewise: it ends with 0 when the wanted state is there, and its last line says otherwise what is missing. With it, run is left out where nothing is to be done. Without it, run happens once for each content and arguments. It runs every hour of the node’s life, too, and has 50 seconds each time.',
      ),
    ),
    arguments: Type.Array(Type.String({ maxLength: 2000, pattern: '^[^\\u0000\\n]*$' }), {
      default: [],
      maxItems: 50,
      description:
        'What both scripts get as $1, $2 and so on; may be templates: ["{{host}}"]. No secrets: arguments can be seen by everybody on the node.',
    }),
    secrets: Type.Record(
      Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,40}$' }),
      Type.String({ maxLength: 8000, pattern: '^[^\\u0000]*$' }),
      {
        additionalProperties: false,
        default: {},
        description:
          'Secrets by name, each {secret: NAME}: files in the folder $IRONWAKE_SECRETS, there while the plan runs, masked in every report.',
      },
    ),
    handsOver: Type.Array(Type.String({ pattern: BORN_NAME }), {
      default: [],
      maxItems: 20,
      uniqueItems: true,
      description:
        'Names of secrets that the script makes: a token, recovery codes. It writes each to $IRONWAKE_BORN/NAME, before it puts it to use. From there it is handed over to the administrator, who reads it once (ironwake node read-secret NODE NAME), and it is masked in the report.',
    }),
    timeLimitSeconds: Type.Integer({
      default: 300,
      minimum: 1,
      maximum: 86_400,
      description: 'After how many seconds run is ended and counts as failed.',
    }),
  },
  // Defaults of a script are filled in only where the script as a whole has one (TypeBox, Value.Default of a record).
  { additionalProperties: false, default: {} },
);

const NAME = '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$';

const Parameters = Type.Object(
  {
    scripts: Type.Record(Type.String({ pattern: NAME }), Script, {
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 50,
      description:
        'Scripts by name; they run in the order of their names: 10-proxy, 20-agents. Each is a step of its own, custom-scripts-NAME.',
    }),
  },
  { additionalProperties: false },
);

export const customScripts = defineModule({
  name: 'custom-scripts',
  title: 'The site’s own scripts',
  why: 'What is special about a site is done with the same care and told in the same place as everything else, and not by hand afterwards.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: ['repositories', 'time', 'upgrade', 'admin-user', 'ssh'],
  scope: 'node',
  timeLimitSeconds: 300,
  proof: [{ test: 'container/modules/custom-scripts', on: 'Debian 12 and 13 in containers' }],
  programs: ['run.sh'],
  folder: new URL('.', import.meta.url),
  split: (params) =>
    Object.entries(params.scripts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, script]) => ({
        name,
        params: { scripts: { [name]: script } },
        // A verification before, the script, a verification after, and the time to end it.
        timeLimitSeconds: script.timeLimitSeconds + 120 + 30,
      })),
  prepare(params) {
    const [name = '', script] = Object.entries(params.scripts)[0] ?? [];
    if (script === undefined) return { files: [], parameters: {} };
    return {
      parameters: {
        name,
        // Each ends with NUL: an argument may hold anything else.
        arguments: script.arguments.map((argument) => `${argument}\0`).join(''),
        secrets: Object.keys(script.secrets)
          .map((key) => `${key}\n`)
          .join(''),
        'hands-over': script.handsOver.map((key) => `${key}\n`).join(''),
        'time-limit': String(script.timeLimitSeconds),
      },
      files: [
        { name: 'run', content: script.run },
        ...(script.verify === undefined ? [] : [{ name: 'verify', content: script.verify }]),
        ...Object.entries(script.secrets).map(([key, value]) => ({
          name: `secret-${key}`,
          content: value,
          secret: true,
        })),
      ],
    };
  },
});
