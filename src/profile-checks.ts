/** The checks of other rooms that a profile must pass before it may replace the last good one. Part of the composition. */
import { checkProfileAnswer } from './answers/profile-check.ts';
import { IronwakeError } from './errors.ts';
import { withSecrets } from './journey/secrets.ts';
import { buildPlan } from './postinstall/plan.ts';
import type { ProfileFinding } from './profiles/finding.ts';
import type { ProfileChecks } from './profiles/library.ts';
import type { ResolvedProfile } from './profiles/resolve.ts';

export function checksOfProfiles(): ProfileChecks {
  return [(profile) => checkProfileAnswer(profile), checkPlan];
}

/** The release that a profile without one is checked against: the newest that the modules know. */
const NEWEST_RELEASE = '9.2';

/** Builds the plan as an armed run would. Values of secrets are not needed for that, so a stand-in takes their place. */
function checkPlan(profile: ResolvedProfile): ProfileFinding[] {
  try {
    buildPlan({
      postInstall: withSecrets(profile.postInstall, () => 'stand-in-for-a-secret'),
      product: profile.product ?? 'pve',
      release: profile.release ?? NEWEST_RELEASE,
    });
    return [];
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    const { code, message, remedy, field = 'postInstall' } = error;
    return [{ code, severity: 'error', path: field.split('.'), message, remedy }];
  }
}
