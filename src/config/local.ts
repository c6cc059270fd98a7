/**
 * The settings of the daemon that runs on this machine, for the commands that look for it. In this order: what the command line, the
 * environment or a configuration file says; the checkout's own data directory when a daemon left its address there; the systemd unit's.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { type Config, type ConfigSources, DEFAULT_DATA_DIR, loadConfig } from './load.ts';

/** Where systemd/ironwake.service keeps state and configuration. */
const UNIT = { state: '/var/lib/ironwake', configuration: '/etc/ironwake' };

/** @throws what `loadConfig` throws */
export function loadLocalConfig(sources: ConfigSources, unit = UNIT, checkout = DEFAULT_DATA_DIR): Config {
  const config = loadConfig(sources);
  if (config.dataDir !== DEFAULT_DATA_DIR || runsIn(checkout) || !mayRunIn(unit.state)) return config;
  return loadConfig({
    ...sources,
    env: { ...sources.env, STATE_DIRECTORY: unit.state, CONFIGURATION_DIRECTORY: unit.configuration },
  });
}

/** Whether commands without options and environment find the daemon that keeps its data there and runs now. */
export function isFoundWithoutOptions(dataDir: string, unit = UNIT, checkout = DEFAULT_DATA_DIR): boolean {
  return dataDir === checkout || (dataDir === unit.state && !runsIn(checkout));
}

/** Whether the daemon that left its address there still lives: one that was killed did not take it away. */
function runsIn(dataDir: string): boolean {
  try {
    const { pid } = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8')) as { readonly pid?: unknown };
    if (typeof pid !== 'number') return false;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM' || systemCode(error) === 'EACCES';
  }
}

/** Somebody who may not look there is told so by whoever reads the file. */
function mayRunIn(state: string): boolean {
  try {
    statSync(join(state, 'server.json'));
    return true;
  } catch (error) {
    return systemCode(error) === 'EACCES';
  }
}
