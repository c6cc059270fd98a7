/** `ironwake doctor`: the findings as a table or as JSON, and whether one of them is a problem. */
import manifest from '../../package.json' with { type: 'json' };
import { parseSeverities } from '../answers/severities.ts';
import { createClient } from '../api/client.ts';
import { systemClock } from '../clock.ts';
import { loadLocalConfig } from '../config/local.ts';
import { examine } from '../doctor/doctor.ts';
import { type Finding, worst } from '../doctor/finding.ts';
import { checksOfProfiles } from '../profile-checks.ts';
import { serverOf } from './session.ts';
import { type Io, printable } from './terminal.ts';

export interface DoctorCommand {
  readonly io: Io;
  readonly interface?: readonly string[];
  readonly dataDir?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** 0 when nothing is a problem (warnings are none), else 1. @throws IronwakeError when the configuration itself is broken */
export async function runDoctor(command: DoctorCommand): Promise<number> {
  const { io, json = false } = command;
  const { env, cwd } = io;
  const { config: configFile, dataDir } = command;
  const config = loadLocalConfig({ flags: { dataDir, config: configFile }, env, cwd });
  if (!json && io.errIsTerminal) io.err('Asking this host and its networks; that takes some seconds.\n');
  const findings = await examine({
    config,
    interfaces: command.interface ?? [],
    connect: async () => createClient(await serverOf(io, { dataDir, config: configFile })),
    profileChecks: checksOfProfiles(undefined, parseSeverities(config.findings, 'findings')),
    version: manifest.version,
    clock: systemClock,
  });
  const result = worst(findings);
  io.out(json ? `${JSON.stringify({ result, findings }, undefined, 2)}\n` : page(findings));
  return result === 'problem' ? 1 : 0;
}

/** One finding a line, its remedy below it, and what it comes to. */
export function page(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, message, remedy, result }) => {
    const line = `${result.padEnd(8)} ${check.padEnd(width)}  ${printable(message)}\n`;
    return remedy === undefined ? line : `${line}${' '.repeat(width + 11)}-> ${printable(remedy)}\n`;
  });
  const count = (result: Finding['result'], one: string, many: string) => {
    const number = findings.filter((finding) => finding.result === result).length;
    return `${number} ${number === 1 ? one : many}`;
  };
  return `${lines.join('')}\n${count('problem', 'problem', 'problems')}, ${count('warning', 'warning', 'warnings')}, ${count('ok', 'check', 'checks')} in order.\n`;
}
