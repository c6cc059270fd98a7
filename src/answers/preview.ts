/** The answer as it would be served, for looking at: made and checked like the real one, with a mask in place of everything that is secret. */
import type { Fqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import { isMap, type PlainMap } from '../profiles/merge.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import { buildAnswer } from './build.ts';
import { dialectFor } from './dialect.ts';
import type { MachineFacts } from './machine.ts';
import type { Product } from './release.ts';
import { serialiseAnswer } from './serialise.ts';
import type { Severities } from './severities.ts';

export interface PreviewRequest {
  /** With its templates rendered. */
  readonly profile: Pick<ResolvedProfile, 'answer' | 'install' | 'origins'>;
  readonly node: { readonly fqdn: Fqdn; readonly macs: readonly Mac[] };
  readonly product: Product;
  readonly release: string;
  /** Of this server, as the node will see it. */
  readonly baseUrl: string;
  /** SHA-256 of the certificate there. */
  readonly certFingerprint: string;
  /** What the machine has told about itself; without it stand-ins take the place of what selectors choose. */
  readonly machine?: MachineFacts | undefined;
  /** How our own findings weigh here. */
  readonly severities?: Severities | undefined;
}

export interface Preview {
  readonly toml: string;
  /** One line each. */
  readonly warnings: readonly string[];
}

/** A well-formed hash that is none of a password. */
const STAND_IN_HASH = `$6$standin$${'x'.repeat(86)}`;
const MASKED_HASH = '(masked: hash of a random password, made for each run)';

/** @throws AnswerInvalid `answer.invalid` with all findings; IronwakeError `release.unsupported`, `release.malformed` */
export function previewAnswer(request: PreviewRequest): Preview {
  const { profile, node, product, release, baseUrl, certFingerprint, machine, severities } = request;
  const pinned = (path: string) => ({ url: `${baseUrl}/installer/TOKEN-OF-THE-RUN/${path}`, certFingerprint });
  const { answer, warnings } = buildAnswer({
    answer: profile.answer,
    origins: profile.origins,
    node,
    values: {},
    rootPasswordHash: STAND_IN_HASH,
    webhook: pinned('webhook'),
    firstBoot: { ...pinned('first-boot'), ordering: 'fully-up' },
    dialect: dialectFor(release, product),
    allowSecretsInAnswer: profile.install.allowSecretsInAnswer,
    product,
    severities,
    machine,
    anyMachine: machine === undefined,
  });
  const global = isMap(answer.global) ? answer.global : {};
  const key = 'subscription-key' in global ? { 'subscription-key': '(masked)' } : {};
  return {
    toml: serialiseAnswer({ ...answer, global: { ...global, 'root-password-hashed': MASKED_HASH, ...key } }),
    warnings: [
      ...warnings.map(
        ({ path, message, remedy, origin }) =>
          `${path}: ${message}${origin === undefined ? '' : ` (${origin})`}. ${remedy}`,
      ),
      ...(machine === undefined ? selectorsIn(profile.answer) : []).map(
        (path) => `${path}: chosen when the machine has told about itself; a stand-in is shown`,
      ),
    ],
  };
}

function selectorsIn({ 'disk-setup': disks, network }: PlainMap): string[] {
  return [
    ...(isMap(disks) && disks.disks !== undefined ? ['disk-setup.disks'] : []),
    ...(isMap(network) && network.port !== undefined ? ['network.port'] : []),
  ];
}
