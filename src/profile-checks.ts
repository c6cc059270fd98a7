/** The checks of other rooms that a profile must pass before it may replace the last good one. Part of the composition. */
import { dialectFor } from './answers/dialect.ts';
import { checkProfileAnswer } from './answers/profile-check.ts';
import { NEWEST_RELEASES } from './answers/release.ts';
import type { Severities } from './answers/severities.ts';
import { IronwakeError } from './errors.ts';
import { refusedRootPassword } from './journey/root-password.ts';
import { withSecrets } from './journey/secrets.ts';
import { buildPlan } from './postinstall/plan.ts';
import type { ProfileFinding } from './profiles/finding.ts';
import type { ProfileChecks } from './profiles/library.ts';
import { isMap } from './profiles/merge.ts';
import type { ResolvedProfile } from './profiles/resolve.ts';

/**
 * @param release check against this release instead of the one that the profile names
 * @param severities how findings about answers weigh
 */
export function checksOfProfiles(release?: string, severities?: Severities): ProfileChecks {
  return [
    (profile) => checkAnswer(profile, release, severities),
    (profile) => checkPlan(profile, release),
    checkRootPassword,
  ];
}

function checkAnswer(
  profile: ResolvedProfile,
  release: string | undefined,
  severities: Severities | undefined,
): ProfileFinding[] {
  if (release === undefined) return checkProfileAnswer(profile, undefined, severities);
  const product = profile.product ?? 'pve';
  try {
    return checkProfileAnswer(profile, { dialect: dialectFor(release, product), product }, severities);
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    const { code, message, remedy } = error;
    return [{ code, severity: 'error', path: ['release'], message, remedy }];
  }
}

/** The hash of a password that somebody chose can be guessed at, and the answer goes to whoever is first with the machine's MAC. */
function checkRootPassword({ install }: ResolvedProfile): ProfileFinding[] {
  const found = refusedRootPassword(install);
  return found === undefined ? [] : [{ ...found, severity: 'error', path: ['install', 'rootPassword'] }];
}

/** Builds the plan as an armed run would. Values of secrets are not needed for that, so a stand-in takes their place. */
function checkPlan(profile: ResolvedProfile, release: string | undefined): ProfileFinding[] {
  const product = profile.product ?? 'pve';
  const clear = clearPassword(profile);
  if (clear !== undefined) return [clear];
  try {
    buildPlan({
      postInstall: withSecrets(profile.postInstall, () => 'stand-in-for-a-secret'),
      product,
      release: release ?? profile.release ?? NEWEST_RELEASES[product],
    });
    return [];
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    const { code, message, remedy, field = 'postInstall' } = error;
    return [{ code, severity: 'error', path: field.split('.'), message, remedy }];
  }
}

/** A password in a file that people copy, mail and commit is none. */
function clearPassword({ postInstall }: ResolvedProfile): ProfileFinding | undefined {
  const path = clearSecrets(postInstall)[0];
  if (path === undefined) return undefined;
  return {
    code: 'profile.clear-password',
    severity: 'error',
    path: ['postInstall', ...path],
    message: 'a password stands here in clear text',
    remedy: 'Set it with npx ironwake secret set NAME, and write {secret: NAME} here.',
  };
}

/** Paths below `postInstall` where a secret by its name is a text and no reference. */
function clearSecrets(postInstall: ResolvedProfile['postInstall']): ReadonlyArray<readonly string[]> {
  const entriesOf = (value: unknown) => (isMap(value) ? Object.entries(value) : []);
  const passwords = entriesOf(postInstall['admin-user'])
    .filter(([key, value]) => ['password', 'rootPassword'].includes(key) && typeof value === 'string')
    .map(([key]) => ['admin-user', key]);
  const ofScripts = entriesOf(postInstall['custom-scripts']?.scripts).flatMap(([name, script]) =>
    entriesOf(isMap(script) ? script.secrets : undefined)
      .filter(([, value]) => typeof value === 'string')
      .map(([key]) => ['custom-scripts', 'scripts', name, 'secrets', key]),
  );
  return [...passwords, ...ofScripts];
}
