/**
 * What differs between the installers of two product releases. Facts about *keys* stand in the key table (keys.ts: since, removed); here are
 * the facts about the conversation, and the map from a release to its dialect.
 */
import { IronwakeError } from '../errors.ts';
import { compareReleases, PRODUCT_NAMES, type Product } from './release.ts';

/** The dialects that a whole journey supports. 8.2 and 8.3 spell their keys differently and cannot be served. */
export const DIALECT_RELEASES = ['8.4', '9.0', '9.1', '9.2'] as const;
export type DialectRelease = (typeof DIALECT_RELEASES)[number];

/**
 * All releases whose answers can be checked and written. The installer of each is the package that its newest image carries: 8.2.6, 8.3.3,
 * 8.4.6, 9.0.7, 9.1.1 and 9.2.5 (by their dates; not read from the images).
 */
export const ANSWER_RELEASES = ['8.2', '8.3', ...DIALECT_RELEASES] as const;
export type AnswerRelease = (typeof ANSWER_RELEASES)[number];

export const isAnswerRelease = (text: string): text is AnswerRelease =>
  ANSWER_RELEASES.some((release) => release === text);

export interface Dialect {
  /** The Proxmox VE release whose installer speaks it. */
  readonly release: AnswerRelease;
  /** `reboot-mode` and `fqdn` as a table (installer 8.4.3). */
  readonly supportsRebootMode: boolean;
  readonly supportsInterfacePinning: boolean;
  readonly supportsSubscriptionKey: boolean;
  readonly supportsWebhookToken: boolean;
  /** Keys with hyphens, the old underscores as aliases. Before: underscores only, except in `[first-boot]`. */
  readonly takesHyphens: boolean;
  /** Answers as JSON. */
  readonly supportsJsonAnswer: boolean;
  /** The token of the mode file goes into the Authorization header. Older ones ignore the key without a word and send no header. */
  readonly sendsBearerToken: boolean;
  /** `network.source` has no default any more. */
  readonly requiresNetworkSource: boolean;
  /** An address without prefix length is taken for /32 or /128 instead of being refused. */
  readonly takesBareAddress: boolean;
  /** Largest whole number of `ashift` and its like: 64 bits with sign in TOML, 32 without from 9.2. */
  readonly largestWholeNumber: bigint;
  /** The statuses that count as success of a POST. Older ones take any 2xx; these two are right for all. */
  readonly successStatuses: readonly number[];
  /** MACs in the request for the answer. */
  readonly requestMacCase: 'lower' | 'upper';
}

function dialect(release: AnswerRelease): Dialect {
  const from = (since: AnswerRelease): boolean => compareReleases(release, since) >= 0;
  return Object.freeze({
    release,
    supportsRebootMode: from('8.4'),
    supportsInterfacePinning: from('9.1'),
    supportsSubscriptionKey: from('9.2'),
    supportsWebhookToken: from('9.2'),
    supportsJsonAnswer: from('9.2'),
    sendsBearerToken: from('9.2'),
    requiresNetworkSource: from('9.2'),
    takesBareAddress: from('9.2'),
    takesHyphens: from('8.4'),
    largestWholeNumber: from('9.2') ? 2n ** 32n - 1n : 2n ** 63n - 1n,
    successStatuses: [200, 201],
    requestMacCase: from('9.2') ? 'upper' : 'lower',
  });
}

const DIALECTS: readonly Dialect[] = DIALECT_RELEASES.map(dialect);
const NEWEST = dialect('9.2');

/** The dialect of a release that answers can be checked for, also of those that cannot be served. */
export function answerDialect(release: AnswerRelease): Dialect {
  return dialect(release);
}

/**
 * Which installer the other products carry, newest first: the first row whose release is not newer than the image's counts. Follows from the
 * dates of the releases; not read from the images.
 */
const OTHER_PRODUCTS: Readonly<Record<Exclude<Product, 'pve'>, ReadonlyArray<readonly [string, DialectRelease]>>> = {
  pbs: [
    ['4.2', '9.2'],
    ['4.1', '9.1'],
    ['4.0', '9.0'],
    ['3.4', '8.4'],
  ],
  pmg: [
    ['9.1', '9.2'],
    ['9.0', '9.0'],
  ],
  pdm: [
    ['1.1', '9.2'],
    ['1.0', '9.1'],
  ],
};

/** The dialect of the newest installer that we know. */
export const newestDialect: Dialect = NEWEST;

/**
 * The dialect of an image. A release newer than all we know gets the newest dialect: the installer's keys have been stable since 8.4.
 * @param release `iso.release` of the request or of the image, for example `9.2`
 * @throws IronwakeError `release.unsupported` for an installer before 8.4, `release.malformed`
 */
export function dialectFor(release: string, product: Product = 'pve'): Dialect {
  if (!/^\d{1,3}(\.\d{1,3}){0,2}$/.test(release)) {
    throw new IronwakeError({
      kind: 'invalid',
      code: 'release.malformed',
      field: 'release',
      message: `'${release.slice(0, 20)}' is not a release`,
      remedy: 'Write major and minor version, for example 9.2.',
    });
  }
  const wanted =
    product === 'pve' ? release : OTHER_PRODUCTS[product].find(([since]) => compareReleases(release, since) >= 0)?.[1];
  const found =
    wanted === undefined ? undefined : DIALECTS.findLast((known) => compareReleases(known.release, wanted) <= 0);
  if (found === undefined) {
    throw new IronwakeError({
      kind: 'refused',
      code: 'release.unsupported',
      field: 'release',
      message: `The installer of ${PRODUCT_NAMES[product]} ${release} is older than that of Proxmox VE 8.4 and spells its answer differently`,
      remedy: 'Use an image of Proxmox VE 8.4 or newer (Backup Server 3.4, Mail Gateway 9.0, Datacenter Manager 1.0).',
    });
  }
  return found;
}
