/**
 * The answer of one machine: profile, values of the node, and what belongs to the run (host name, password hash, webhook, first-boot hook).
 * Checked when it is made, which is also when it is served: a bad profile becomes an error here instead of a machine at a shell.
 */
import type { Fqdn } from '../net/fqdn.ts';
import type { Mac } from '../net/mac.ts';
import { placeOf } from '../profiles/load.ts';
import { isMap, type Origins, type PlainMap, pointer } from '../profiles/merge.ts';
import { overrideProfile } from '../profiles/node-values.ts';
import { originAround } from '../profiles/resolve.ts';
import { adviseAnswer } from './advice.ts';
import type { Dialect } from './dialect.ts';
import { AnswerInvalid, type Finding, finding } from './findings.ts';
import type { MachineFacts } from './machine.ts';
import type { Product } from './release.ts';
import { resolveSelectors } from './select.ts';
import { inOrder, serialiseAnswer } from './serialise.ts';
import { type Severities, weigh } from './severities.ts';
import { foldSpelling } from './spelling.ts';
import { validateAnswer } from './validate.ts';
import { isTable, type Table, View } from './view.ts';

/** A URL of this server with the SHA-256 of the certificate that stands there. */
export interface PinnedUrl {
  readonly url: string;
  readonly certFingerprint: string;
}

export interface AnswerRequest {
  /** `answer` of the resolved profile, or of the snapshot that a run holds. */
  readonly answer: PlainMap;
  readonly node: { readonly fqdn: Fqdn; readonly macs: readonly Mac[] };
  /** Where the profile set each value, by its path in the whole profile (`/answer/global/country`). */
  readonly origins?: Origins | undefined;
  /** The node's values (nodes/node.ts); they go over the profile. */
  readonly values: Readonly<Record<string, unknown>>;
  /** crypt(3) hash of the random root password of this run. */
  readonly rootPasswordHash: string;
  /** The port that the machine booted from; the first MAC of the node when absent. A static address goes to this port. */
  readonly bootMac?: Mac | undefined;
  /** What the machine has told about itself: selectors in the profile are resolved from it (select.ts). */
  readonly machine?: MachineFacts | undefined;
  /** No machine yet: selectors are checked, and stand-ins take the place of what they would choose. */
  readonly anyMachine?: boolean | undefined;
  /** How our own findings weigh here. */
  readonly severities?: Severities | undefined;
  readonly webhook: PinnedUrl;
  readonly firstBoot: PinnedUrl & { readonly ordering: 'fully-up' | 'network-online' };
  readonly dialect: Dialect;
  readonly product: Product;
  /** `install.allowSecretsInAnswer` of the profile. Without it a lasting secret in the answer is an error. */
  readonly allowSecretsInAnswer?: boolean | undefined;
}

export interface BuiltAnswer {
  readonly toml: string;
  /** The same as a value, keys in the order of the file. */
  readonly answer: Table;
  readonly warnings: readonly Finding[];
}

/**
 * @throws AnswerInvalid `answer.invalid` with all findings
 * @throws IronwakeError `node.values` when the node's values have the wrong shape
 */
export function buildAnswer(request: AnswerRequest): BuiltAnswer {
  const { answer, findings } = composeAnswer(request);
  if (findings.some((found) => found.severity === 'error')) throw new AnswerInvalid(request.node.fqdn, findings);
  return { toml: serialiseAnswer(answer), answer: inOrder(answer), warnings: findings };
}

/** The answer and everything that is wrong with it, without judging: for checks before a machine depends on it. */
export function composeAnswer(request: AnswerRequest): {
  readonly answer: Table;
  readonly findings: readonly Finding[];
} {
  const overridden = overrideProfile({ answer: request.answer, postInstall: {} }, request.values).answer;
  const folded = foldSpelling(overridden);
  const selected = resolveSelectors(folded.answer, {
    machine: request.machine,
    bootMac: request.bootMac ?? request.node.macs[0],
    anyMachine: request.anyMachine,
  });
  const { global, network, ...others } = selected.answer;
  const answer: Table = {
    ...others,
    global: isTable(global) ? globalOf(global, request) : { fqdn: request.node.fqdn },
    network: networkOf(isTable(network) ? network : {}, request),
    'post-installation-webhook': {
      url: request.webhook.url,
      'cert-fingerprint': request.webhook.certFingerprint,
    },
    'first-boot': {
      source: 'from-url',
      ordering: request.firstBoot.ordering,
      url: request.firstBoot.url,
      'cert-fingerprint': request.firstBoot.certFingerprint,
    },
  };
  return {
    answer,
    findings: weigh(
      [
        ...folded.findings,
        ...selected.findings,
        ...lastingSecrets(folded.answer, request),
        ...validateAnswer(answer, request.dialect, request.product),
        ...adviseAnswer(new View(answer, request.dialect, request.product)).filter(({ path }) => !isOurs(path)),
      ],
      request.severities ?? new Map(),
    ).map((found) => withOrigin(found, request.origins)),
  };
}

function withOrigin(found: Finding, origins: Origins | undefined): Finding {
  if (origins === undefined || isOurs(found.path)) return found;
  const path = profilePath(found.path);
  // The profile may spell a key as the older installers do.
  const old = path.map((part, i) => (i < 2 ? part : part.replaceAll('-', '_')));
  const origin = origins[pointer(path)] ?? origins[pointer(old)] ?? originAround(origins, path);
  return origin === undefined ? found : { ...found, origin: placeOf(origin) };
}

/** What Ironwake writes itself is no business of a profile's author. */
function isOurs(path: string): boolean {
  return path.startsWith('first-boot') || path.startsWith('post-installation-webhook');
}

/** The profile's own root password stays out, whatever it is: it belongs to the plan. */
function globalOf(global: Table, request: AnswerRequest): Table {
  const { 'root-password': _clear, 'root-password-hashed': own, ...others } = global;
  return {
    ...others,
    fqdn: request.node.fqdn,
    'root-password-hashed': request.allowSecretsInAnswer === true && own !== undefined ? own : request.rootPasswordHash,
  };
}

function networkOf(network: Table, request: AnswerRequest): Table {
  // Required from 9.2 on, and the older default is better seen than guessed.
  const source = network.source ?? (network.cidr === undefined ? 'from-dhcp' : 'from-answer');
  const mac = request.bootMac ?? request.node.macs[0];
  if (source !== 'from-answer' || network.filter !== undefined || mac === undefined) return { ...network, source };
  return { ...network, source, filter: { ID_NET_NAME_MAC: `*${mac.replaceAll(':', '')}` } };
}

/** `global.root-ssh-keys[0]` in the answer is `answer`, `global`, `root-ssh-keys`, `0` in the profile. */
export function profilePath(path: string): string[] {
  return [
    'answer',
    ...path
      .replaceAll(/\[(\d+)\]/g, '.$1')
      .split('.')
      .filter((part) => part !== ''),
  ];
}

/** Values that would still be worth something to whoever got hold of the answer. */
function lastingSecrets(answer: Table, request: AnswerRequest): Finding[] {
  const global = answer.global;
  if (request.allowSecretsInAnswer === true || !isMap(global)) return [];
  return ['root-password-hashed', 'subscription-key']
    .filter((key) => global[key] !== undefined)
    .map((key) =>
      finding(
        'answer.secret',
        `global.${key}`,
        `${key} is worth stealing, and the answer travels before the node can prove itself`,
        'Remove it, or allow it with install.allowSecretsInAnswer: true.',
      ),
    );
}
