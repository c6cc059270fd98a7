/** What must lie ready on this host: boot loaders and profiles. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProfileList } from '../api/schemas.ts';
import { LOADERS } from '../boot/loaders.ts';
import type { Clock } from '../clock.ts';
import { IronwakeError } from '../errors.ts';
import type { ProfileChecks } from '../profiles/library.ts';
import { ProfileRegistry } from '../profiles/registry.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export interface StagedLoaders {
  readonly findings: readonly Finding[];
  /** Names of those that can be served, in the order of the loader table. */
  readonly present: readonly string[];
}

export async function checkLoaders(tftproot: string): Promise<StagedLoaders> {
  const sizes = await Promise.all(
    LOADERS.map(async ({ file }) => {
      const found = await stat(join(tftproot, file)).catch(() => undefined);
      return found?.isFile() === true ? found.size : undefined;
    }),
  );
  const findings: Finding[] = [];
  const present: string[] = [];
  LOADERS.forEach(({ comment, file, required }, at) => {
    const size = sizes[at];
    if (size !== undefined && size > 0) present.push(file);
    else if (size === 0)
      findings.push(
        problem(
          'loaders',
          'loaders.empty',
          `${join(tftproot, file)} is empty`,
          'Delete it, then: npm run setup -- serve.',
        ),
      );
    else if (required)
      findings.push(
        problem(
          'loaders',
          'loaders.missing',
          `${file} (${comment}) is missing in ${tftproot}`,
          'Stage it: npm run setup -- serve.',
        ),
      );
  });
  if (findings.length === 0) findings.push(ok('loaders', 'loaders.staged', `${present.join(', ')} in ${tftproot}`));
  return { findings, present };
}

/** One problem of a profile, from the daemon or from reading the directory ourselves. */
type ProfileTrouble = ProfileList['problems'][number];

/** Reads the directory once, as the daemon does at its start. */
export async function checkProfileDirectory(
  directory: string,
  clock: Clock,
  checks: ProfileChecks,
): Promise<Finding[]> {
  try {
    const registry = await ProfileRegistry.open({ directory, clock, checks });
    try {
      return judgeProfiles(
        registry.list().length,
        registry.problems().map((trouble) => ({ ...trouble, at: '' })),
      );
    } finally {
      registry.close();
    }
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    return [problem('profiles', error.code, error.message, error.remedy)];
  }
}

/** Pure. */
export function judgeProfiles(count: number, troubles: readonly ProfileTrouble[]): Finding[] {
  const findings = troubles.map(({ message, remedy, severity }) =>
    severity === 'error'
      ? problem('profiles', 'profiles.broken', message, remedy)
      : warning('profiles', 'profiles.unwise', message, remedy),
  );
  if (count === 0)
    findings.push(
      problem(
        'profiles',
        'profiles.none',
        'there is no usable profile',
        'Copy one of the examples: answers/default.yaml.',
      ),
    );
  else findings.unshift(ok('profiles', 'profiles.usable', `${count} usable profiles`));
  return findings;
}
