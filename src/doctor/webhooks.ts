/** Whether those who are to be told what happens are told: what the daemon has met at their endpoints, and what ends soon. Nothing is sent. */
import { X509Certificate } from 'node:crypto';
import type { WebhookView } from '../api/webhooks.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export type KnownWebhooks =
  | { readonly kind: 'told'; readonly webhooks: readonly WebhookView[] }
  /** Everything about webhooks needs an admin's token. */
  | { readonly kind: 'refused'; readonly message: string };

/** From here on the queue leaves repeated boot events out (docs/webhooks.md). */
const LONG_QUEUE = 1000;
const ROTATION_ENDS_MS = 6 * 3_600_000;
const CA_ENDS_MS = 30 * 86_400_000;

const OFF = {
  gone: 'it answered 410 Gone',
  failing: 'it failed for three days',
  overflow: 'more than 10 000 messages waited for it',
} as const;

/** Pure. @param now epoch milliseconds */
export function judgeWebhooks(known: KnownWebhooks, now: number): Finding[] {
  if (known.kind === 'refused')
    return [
      warning(
        'webhooks',
        'webhooks.not-asked',
        `they were not looked at: ${known.message}`,
        "Run it with an admin's token.",
      ),
    ];
  return known.webhooks.flatMap((webhook) => {
    const { name, lastDeliveredAt, off } = webhook;
    const found = [
      ...judgeSending(webhook),
      ...judgeDead(webhook),
      ...judgeSecret(webhook, now),
      ...judgeCa(webhook, now),
    ];
    if (found.length > 0) return found;
    if (off !== null) return [ok('webhooks', 'webhooks.off', `${name} is switched off, as somebody asked`)];
    const last = lastDeliveredAt === null ? 'nothing was sent yet' : `last delivered ${day(lastDeliveredAt)}`;
    return [ok('webhooks', 'webhooks.good', `${name}: ${last}`)];
  });
}

function judgeSending({ name, off, failures, failingSince, lastFailure, waiting }: WebhookView): Finding[] {
  const what = lastFailure === null ? '' : `, the last time: ${lastFailure.what}`;
  const trial = `npx ironwake webhook test ${name}`;
  if (off !== null) {
    if (off.because === 'asked') return [];
    return [
      problem(
        'webhooks',
        'webhooks.switched-off',
        `${name} is told nothing since ${day(off.at)}, as ${OFF[off.because]}${what}; ${waiting} messages wait`,
        `Mend the receiver or the URL; npx ironwake webhook enable ${name} sends what waits.`,
      ),
    ];
  }
  if (failures > 0)
    return [
      warning(
        'webhooks',
        'webhooks.failing',
        `${name} could not be told ${failures} times in a row${failingSince === null ? '' : ` since ${day(failingSince)}`}${what}; ${waiting} messages wait`,
        `See that the receiver runs, is reached from this host and knows the secret; then ${trial}.`,
      ),
    ];
  if (waiting >= LONG_QUEUE)
    return [
      warning(
        'webhooks',
        'webhooks.slow',
        `${waiting} messages wait for ${name}: repeated boot events are left out meanwhile`,
        `Let it answer faster and do its work afterwards, or send it less: npx ironwake webhook set ${name} --event 'run.*'.`,
      ),
    ];
  return [];
}

function judgeDead({ name, dead }: WebhookView): Finding[] {
  if (dead === 0) return [];
  return [
    warning(
      'webhooks',
      'webhooks.dead-letters',
      `${dead} ${dead === 1 ? 'message' : 'messages'} to ${name} ${dead === 1 ? 'was' : 'were'} given up`,
      `Look why (npx ironwake webhook deliveries ${name} --state dead); then webhook retry ${name} --all, or webhook discard ${name} --all.`,
    ),
  ];
}

/** Whoever still checks with the old secret refuses everything from then on. */
function judgeSecret({ name, oldSecretUntil }: WebhookView, now: number): Finding[] {
  if (oldSecretUntil === null) return [];
  const left = Date.parse(oldSecretUntil) - now;
  if (left <= 0 || left > ROTATION_ENDS_MS) return [];
  return [
    warning(
      'webhooks',
      'webhooks.old-secret-ends',
      `the signing secret that ${name} had before its rotation signs until ${day(oldSecretUntil)} only`,
      'See that the receiver has the new one. If it does not, rotate again and bring it what that prints.',
    ),
  ];
}

/** The authorities that were given for it: when the last of them has ended, nothing is sent any more. */
function judgeCa({ name, ca }: WebhookView, now: number): Finding[] {
  if (ca === null) return [];
  const ends = (ca.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map(endOf);
  const last = Math.max(...ends.filter((end) => Number.isFinite(end)));
  if (!Number.isFinite(last) || last > now + CA_ENDS_MS) return [];
  const until = day(new Date(last).toISOString());
  const remedy = `Get the new one, and npx ironwake webhook set ${name} --ca FILE.`;
  return last <= now
    ? [problem('webhooks', 'webhooks.ca-ended', `the certificate that ${name} is known by ended ${until}`, remedy)]
    : [warning('webhooks', 'webhooks.ca-ends', `the certificate that ${name} is known by ends ${until}`, remedy)];
}

function endOf(pem: string): number {
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return Number.NaN;
  }
}

const day = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
