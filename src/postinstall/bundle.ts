/**
 * A plan as one self-contained shell script. Values become part of it in two ways only: as the content of a file that the script writes
 * (quote.ts, embedFile) and as a quoted word. So nothing that a profile says can be executed.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Plan, PlannedModule } from './plan.ts';
import { embedFile, shellQuote } from './quote.ts';

export interface BundleContext {
  /** Where this daemon answers nodes, as the node's own segment reaches it: `https://10.0.0.2:8443`. Empty: nobody is there, it runs by hand. */
  readonly baseUrl: string;
  /** Base64 SHA-256 of the server keys (SubjectPublicKeyInfo) that the node may trust: the present and the next. */
  readonly pins: readonly string[];
  readonly runId: string;
  /** Names of modules that are not in the plan until a person has confirmed the node. */
  readonly withheld?: readonly string[];
}

/** Where everything of ours lies on a node. */
export const NODE_HOME = '/var/lib/ironwake';

/** Scripts are part of the program and never change while it runs: read once. */
const scripts = new Map<string, string>();
function scriptAt(url: URL): string {
  const known = scripts.get(url.href);
  if (known !== undefined) return known;
  const text = readFileSync(url, 'utf8');
  scripts.set(url.href, text);
  return text;
}

/** A file of `shell/`. */
export function shellFile(name: string): string {
  return scriptAt(new URL(`shell/${name}`, import.meta.url));
}

/** The pins as curl and wget want them: `sha256//...;sha256//...`. */
export function pinList(pins: readonly string[]): string {
  return pins.map((pin) => `sha256//${pin}`).join(';');
}

/** What looks at the node when the plan has ended; the runner puts them in place. */
function units(): Readonly<Record<string, string>> {
  const names = ['ironwake-watch.service', 'ironwake-watch.timer', 'ironwake-watch.path'];
  return Object.fromEntries(names.map((name) => [name, shellFile(name)]));
}

const SCRIPTS = ['apply.sh', 'verify.sh', 'rollback.sh'] as const;

/**
 * The script that a node gets as its plan: it unpacks itself below `/var/lib/ironwake` and hands over to the runner. It may hold secrets
 * of the profile, so it goes to the proven node only, and is never stored. Ends with the line `# end of plan`.
 */
export function bundlePlan(plan: Plan, context: BundleContext): string {
  const parts = [
    '#!/bin/bash',
    `# Ironwake: the plan of run ${context.runId.replaceAll(/[^0-9a-f-]/g, '')}, ${plan.modules.length} modules.`,
    'set -eu',
    'if [ "$(id -u)" != 0 ]; then echo "this needs root" >&2; exit 2; fi',
    'umask 077',
    `install -d -m 0700 ${NODE_HOME}`,
    `cd ${NODE_HOME}`,
    'rm -rf plan.new',
    'mkdir -p lib settings plan.new/modules',
    ...files('settings', { base: context.baseUrl, pins: pinList(context.pins), run: context.runId }),
    ...files('lib', {
      'http.sh': shellFile('http.sh'),
      'lockout.sh': shellFile('lockout.sh'),
      'remove-probe-key.sh': shellFile('remove-probe-key.sh'),
      'module.sh': shellFile('module.sh'),
      'rollback.sh': shellFile('rollback.sh'),
      'report.pl': shellFile('report.pl'),
      'runner.sh': shellFile('runner.sh'),
      'verify.sh': shellFile('verify.sh'),
      'watch.sh': shellFile('watch.sh'),
      ...units(),
    }),
    ...files('plan.new', {
      order: lines(plan.modules.map(({ module }) => module.name)),
      withheld: lines(context.withheld ?? []),
    }),
    ...plan.modules.flatMap((planned) => unpackModule(planned)),
    // The rollback of a change that nobody confirmed needs the module's files: they change places only as a whole.
    'rm -rf plan.old',
    'if [ -e plan ]; then mv plan plan.old; fi',
    'mv plan.new plan',
    'rm -rf plan.old',
    embedFile('/etc/systemd/system/ironwake-rollback.service', shellFile('ironwake-rollback.service')),
    'chmod 0644 /etc/systemd/system/ironwake-rollback.service',
    'systemctl daemon-reload',
    'systemctl enable --quiet ironwake-rollback.service',
    `bash ${NODE_HOME}/lib/runner.sh`,
    'exit',
    '# end of plan',
  ];
  return `${parts.map((part) => part.trimEnd()).join('\n')}\n`;
}

function unpackModule({ module, needs, prepared }: PlannedModule): readonly string[] {
  const folder = `plan.new/modules/${module.name}`;
  const programs = Object.fromEntries(
    [...SCRIPTS, ...(module.programs ?? [])].map((name) => [name, scriptAt(new URL(name, module.folder))]),
  );
  const secrets = prepared.files.filter((file) => file.secret === true);
  const content = Object.fromEntries(prepared.files.map((file) => [file.name, file.content]));
  // What decides whether the module has to run again: everything that it consists of.
  const input = createHash('sha256')
    .update(JSON.stringify([programs, prepared.parameters, content]))
    .digest('hex');
  return [
    `mkdir -p ${['parameters', 'files', 'secrets'].map((name) => shellQuote(`${folder}/${name}`)).join(' ')}`,
    ...files(folder, {
      ...programs,
      limit: `${module.timeLimitSeconds}\n`,
      scope: `${module.scope}\n`,
      needs: lines(needs),
      input: `${input}\n`,
    }),
    ...files(`${folder}/parameters`, prepared.parameters),
    ...files(`${folder}/files`, content),
    // Once more under `secrets`: what lies there is masked in every report.
    ...files(`${folder}/secrets`, Object.fromEntries(secrets.map((file) => [file.name, file.content]))),
  ];
}

/** @throws RangeError for a name that is more than a name: a mistake in a module, never a value of a profile */
function files(folder: string, contents: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(contents).map(([name, content]) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw new RangeError(`'${name}' cannot be a file of a plan`);
    return embedFile(`${folder}/${name}`, content);
  });
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join('');
}
