/**
 * Puts the configuration together: flags over environment over file over defaults, one frozen object. Whatever is wrong names its
 * source, the setting and the remedy, before anything was opened or written.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IronwakeError, invalid } from '../errors.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { readConfigFile } from './file.ts';
import { type RawConfig, SETTINGS, type Setting } from './schema.ts';
import { defaultText, type Reading, readText, readValue } from './value.ts';

/** The daemon's configuration. Directories are absolute. */
export type Config = Omit<RawConfig, 'addresses'> & {
  readonly addresses: Readonly<Record<string, Ipv4>>;
  /** The file that was read, if any. */
  readonly configFile: string | undefined;
};

export interface ConfigSources {
  /** Long options as commander gives them: by camelCase name (`dataDir`, `httpPort`); unknown names are not ours and are ignored. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Variables of this prefix that belong to the command line client or the launcher, not to the daemon's settings. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'IRONWAKE_CONFIG',
  'IRONWAKE_URL',
  'IRONWAKE_TOKEN',
  'IRONWAKE_TOKEN_FILE',
  'IRONWAKE_FINGERPRINT',
]);

/** The checkout (or installed directory) that this file is part of. */
const HOME = fileURLToPath(new URL('../..', import.meta.url));

/** Outside of systemd. */
export const DEFAULT_DATA_DIR = join(HOME, 'data');

/** The profiles that come with Ironwake. */
export const SHIPPED_ANSWERS = join(HOME, 'answers');

/** Where the answers are when nobody says it; only this directory is made at the first start. */
export function defaultAnswersDir(env: ConfigSources['env']): string {
  return join(stateOf(env) ?? HOME, 'answers');
}

/** systemd makes it and says where it is (StateDirectory=); the checkout is read-only there. */
function stateOf(env: ConfigSources['env']): string | undefined {
  return env.STATE_DIRECTORY?.split(':')[0];
}

/** commander's name of a long option: `data-dir` -> `dataDir`. */
export function flagName(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * @throws IronwakeError `config.unknown-key`, `config.bad-value`, `config.file-unreadable`, `config.file-malformed`; `field` names the source:
 *   `--http-port`, `IRONWAKE_PORTS_HTTP` or `/etc/ironwake/ironwake.yaml:7 ports.http`
 */
export function loadConfig({ flags, env, cwd }: ConfigSources): Config {
  const values = new Map<string, unknown>();
  for (const setting of SETTINGS) values.set(setting.key, defaultOf(setting, env));

  const configFile = configFileOf(flags, env, cwd);
  if (configFile !== undefined)
    for (const entry of readConfigFile(configFile, (key) => settingOf(key) !== undefined)) {
      const field = `${entry.where} ${entry.key}`;
      const setting = settingOf(entry.key);
      if (setting === undefined)
        throw unknown(
          field,
          entry.key,
          SETTINGS.map((each) => each.key),
        );
      values.set(
        setting.key,
        accept(setting, readValue(setting, entry.value), field, entry.value, dirname(configFile)),
      );
    }

  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('IRONWAKE_') || OTHER_VARIABLES.has(name) || text === undefined) continue;
    const setting = SETTINGS.find((each) => each.variable === name);
    if (setting === undefined)
      throw unknown(
        name,
        name,
        SETTINGS.map((each) => each.variable),
      );
    values.set(setting.key, accept(setting, readText(setting, text), name, text, cwd));
  }

  for (const setting of SETTINGS) {
    const { flag } = setting.schema;
    const given = flag === undefined ? undefined : flags[flagName(flag)];
    if (given === undefined) continue;
    const text = Array.isArray(given) ? given.map(String) : String(given);
    values.set(setting.key, accept(setting, readText(setting, text), `--${flag}`, text, cwd));
  }

  return freeze({ ...nest(values), configFile }) as Config;
}

function settingOf(key: string): Setting | undefined {
  return SETTINGS.find((setting) => setting.key === key);
}

/** `--config`, else IRONWAKE_CONFIG, else the file in the directory that systemd names, if it is there. */
function configFileOf(flags: ConfigSources['flags'], env: ConfigSources['env'], cwd: string): string | undefined {
  const named = flags.config ?? env.IRONWAKE_CONFIG;
  if (named !== undefined && named !== '') return resolve(cwd, String(named));
  const directory = env.CONFIGURATION_DIRECTORY;
  const file = directory === undefined ? undefined : join(directory, 'ironwake.yaml');
  return file !== undefined && existsSync(file) ? file : undefined;
}

function defaultOf(setting: Setting, env: ConfigSources['env']): unknown {
  switch (setting.key) {
    case 'dataDir':
      return stateOf(env) ?? DEFAULT_DATA_DIR;
    case 'answersDir':
      return defaultAnswersDir(env);
    case 'tftprootDir':
      return join(HOME, 'tftproot');
    default:
      return setting.schema.default;
  }
}

function accept(setting: Setting, reading: Reading, field: string, given: unknown, base: string): unknown {
  if (!reading.ok)
    throw invalid(
      'config.bad-value',
      field,
      `${show(given)} is not ${reading.expected}`,
      `Correct it, or leave it out for the default (${defaultText(setting)}).`,
    );
  return setting.schema.path ? resolve(base, String(reading.value)) : reading.value;
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${(text ?? String(value)).slice(0, 60)}'`;
}

function unknown(field: string, name: string, known: readonly string[]): IronwakeError {
  const words = (text: string): readonly string[] => text.toLowerCase().replace('ironwake_', '').split(/[._]/);
  const [first, last] = [words(name)[0], words(name).at(-1)];
  const sameName = known.filter((each) => words(each).at(-1) === last);
  const sameGroup = known.filter((each) => words(each)[0] === first);
  const hint = (sameName.length > 0 ? sameName : sameGroup).slice(0, 6);
  return invalid(
    'config.unknown-key',
    field,
    'there is no such setting',
    `${hint.length > 0 ? `Did you mean ${hint.join(', ')}?` : 'Remove it.'} All settings: docs/configuration.md.`,
  );
}

function nest(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of values) {
    const parts = key.split('.');
    const last = parts.pop() ?? key;
    let group = root;
    for (const part of parts) {
      group[part] ??= {};
      group = group[part] as Record<string, unknown>;
    }
    group[last] = structuredClone(value);
  }
  return root;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}
