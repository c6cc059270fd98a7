/** The answer of a profile before any node uses it: what can be known without a machine. */
import { IronwakeError } from '../errors.ts';
import type { Fqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import type { ProfileFinding } from '../profiles/finding.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import { composeAnswer, profilePath } from './build.ts';
import { type Dialect, dialectFor, newestDialect } from './dialect.ts';
import type { FindingCode } from './findings.ts';
import type { Product } from './release.ts';
import type { Severities } from './severities.ts';

/** What a node gives to the answer, in place of one. RFC 2606 and RFC 7042 documentation values. */
const STAND_IN = {
  fqdn: 'node.example.test' as Fqdn,
  macs: ['00:00:5e:00:53:01' as Mac],
  rootPasswordHash: `$6$standin$${'x'.repeat(86)}`,
  pinned: { url: 'https://192.0.2.1/', certFingerprint: '00'.repeat(32) },
};

/** These may still come from the node. */
const NODES_BUSINESS: ReadonlySet<FindingCode> = new Set(['answer.address-missing', 'answer.unwise-dhcp']);

/**
 * A check for `ProfileRegistry`. Uses the release that the profile names, or the newest.
 * @param at another release and product, for example those of the image that a node is about to get
 */
export function checkProfileAnswer(
  profile: Pick<ResolvedProfile, 'answer' | 'product' | 'release' | 'install'>,
  at?: { readonly dialect: Dialect; readonly product: Product },
  severities?: Severities,
): ProfileFinding[] {
  const product = at?.product ?? profile.product ?? 'pve';
  const dialect = at?.dialect ?? dialectOf(profile.release, product);
  if (dialect instanceof IronwakeError) {
    const { code, message, remedy } = dialect;
    return [{ code, severity: 'error', path: ['release'], message, remedy }];
  }
  const { findings } = composeAnswer({
    answer: profile.answer,
    node: { fqdn: STAND_IN.fqdn, macs: STAND_IN.macs },
    values: {},
    rootPasswordHash: STAND_IN.rootPasswordHash,
    webhook: STAND_IN.pinned,
    firstBoot: { ...STAND_IN.pinned, ordering: 'fully-up' },
    dialect,
    product,
    anyMachine: true,
    severities,
    allowSecretsInAnswer: profile.install.allowSecretsInAnswer,
  });
  return findings
    .filter((found) => !NODES_BUSINESS.has(found.code))
    .map(({ code, severity, path, message, remedy }) => ({ code, severity, path: profilePath(path), message, remedy }));
}

function dialectOf(release: string | undefined, product: Product): Dialect | IronwakeError {
  if (release === undefined) return newestDialect;
  try {
    return dialectFor(release, product);
  } catch (error) {
    if (error instanceof IronwakeError) return error;
    throw error;
  }
}
