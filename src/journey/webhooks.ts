/** Webhooks as an administrator works with them: endpoints, their secrets, and what was or was not delivered. */
import { X509Certificate } from 'node:crypto';
import { IronwakeError, invalid } from '../errors.ts';
import type { Severity } from '../runs/events.ts';
import { uuidv7 } from '../trust/uuid.ts';
import { trialPayload } from '../webhooks/payload.ts';
import { DEFAULT_EVENTS, parseEvents } from '../webhooks/selection.ts';
import { keyOfSecret, makeSecret } from '../webhooks/signature.ts';
import { originOf, parseTarget } from '../webhooks/target.ts';
import {
  type Delivery,
  type DeliveryState,
  GOOD_HEALTH,
  TRIAL,
  WAITING,
  WEBHOOKS,
  type Webhook,
} from '../webhooks/webhook.ts';
import type { Journey } from './journey.ts';
import type { AuditEntry, AuditOf, KnownWebhook, Repositories } from './ports.ts';
import { demandRevision } from './revision.ts';
import { secretsOf } from './secrets.ts';

/** What an administrator may say of an endpoint. */
export interface WebhookSettings {
  readonly url: string;
  readonly events?: readonly string[] | undefined;
  readonly severities?: readonly Severity[] | undefined;
  readonly allowHttp?: boolean | undefined;
  readonly allowLoopback?: boolean | undefined;
  /** PEM. */
  readonly ca?: string | null | undefined;
}

export interface NewWebhook extends WebhookSettings {
  readonly name: string;
  /** Name of a stored secret whose value is taken; without it one is made. */
  readonly secret?: string | undefined;
}

export type WebhookChange = Partial<WebhookSettings> & { readonly enabled?: boolean | undefined };

export type WebhookAudit = (before: Webhook | undefined, after: Webhook | undefined) => AuditEntry;

/** A webhook with all that is shown of it. */
export interface WebhookPicture extends KnownWebhook {
  readonly waiting: number;
  readonly dead: number;
}

/** `secret`: the one that was made, the one time that it can be read. */
export interface IssuedWebhook extends WebhookPicture {
  readonly secret: string | undefined;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const HOUR_MS = 3_600_000;

/** What the sealed secret of an endpoint is bound to. */
export const sealingPurpose = (webhookId: string): string => `webhook ${webhookId}`;

/** @throws IronwakeError `webhook.*` (400), `secret.unknown`, `webhook.name-taken`, `webhook.too-many` (409) */
export async function addWebhook(
  journey: Journey,
  input: NewWebhook,
  by: string,
  audit: WebhookAudit,
): Promise<IssuedWebhook> {
  const { clock, keys, store } = journey;
  const now = clock.now();
  const { name, secret: stored } = input;
  if (!NAME.test(name))
    throw invalid(
      'webhook.name',
      'name',
      `'${name.slice(0, 80)}' cannot be the name of a webhook`,
      'Use 1 to 63 lower-case letters, digits and hyphens.',
    );
  const id = uuidv7(now, keys.randomBytes);
  const { text, made } = await secretFor(journey, stored);
  const webhook: Webhook = {
    id,
    name,
    revision: 1,
    ...settingsOf({ ...DEFAULTS, ...input }),
    secret: keys.seal(sealingPurpose(id), text),
    secretAt: now,
    oldSecret: undefined,
    off: undefined,
    createdAt: now,
    createdBy: by,
  };
  await store.transaction(async ({ webhooks, audit: log }) => {
    if ((await webhooks.list()).length >= WEBHOOKS)
      throw new IronwakeError({
        kind: 'conflict',
        code: 'webhook.too-many',
        message: `there are ${WEBHOOKS} webhooks already`,
        remedy: 'Remove one that is not used: npx ironwake webhook list.',
      });
    await webhooks.insert(webhook);
    await log.append(audit(undefined, webhook));
  });
  return { webhook, health: GOOD_HEALTH, waiting: 0, dead: 0, secret: made };
}

const DEFAULTS = { events: DEFAULT_EVENTS, severities: [], allowHttp: false, allowLoopback: false, ca: null } as const;

/** @throws IronwakeError `webhook.url`, `webhook.events`, `webhook.ca` */
function settingsOf({
  url,
  events = [],
  severities = [],
  allowHttp = false,
  allowLoopback = false,
  ca,
}: WebhookSettings) {
  return {
    url: parseTarget(url, { allowHttp, allowLoopback }).href,
    events: parseEvents(events),
    severities: [...new Set(severities)],
    allowHttp,
    allowLoopback,
    ca: ca === null || ca === undefined ? undefined : checkedCa(ca),
  };
}

/** @throws IronwakeError `webhook.ca` */
function checkedCa(pem: string): string {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const each of found) new X509Certificate(each);
    // Only certificates are kept: a private key that stands in the same file has no business here.
    if (found.length > 0) return `${found.join('\n')}\n`;
  } catch {
    // The one sentence below.
  }
  throw invalid('webhook.ca', 'ca', 'it holds no certificate that can be read', 'Give certificates as PEM.');
}

/** @throws IronwakeError `webhook.secret`, `secret.unknown` */
async function secretFor(journey: Journey, stored: string | undefined) {
  if (stored === undefined) {
    const made = makeSecret(journey.keys.randomBytes);
    return { text: made, made };
  }
  const text = (await secretsOf(journey))(stored).trim();
  keyOfSecret(text);
  return { text, made: undefined };
}

/**
 * Changes what is given. Switched on again, an endpoint begins without its failures, and is sent what has waited.
 * @throws IronwakeError as `addWebhook`; `webhook.unknown`, `request.outdated`, `webhook.changed` (409)
 */
export async function changeWebhook(
  journey: Journey,
  name: string,
  change: WebhookChange,
  revision: number | undefined,
  audit: WebhookAudit,
): Promise<WebhookPicture> {
  const { clock, store } = journey;
  const { enabled, ...settings } = change;
  await store.transaction(async (repositories) => {
    const { webhook: before, health } = await webhookCalled(repositories, name);
    demandRevision(revision, before.revision, before.name);
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
    const off =
      enabled === undefined
        ? before.off
        : enabled
          ? undefined
          : (before.off ?? { because: 'asked' as const, at: clock.now() });
    const after: Webhook = { ...before, ...settingsOf({ ...before, ...given }), off, revision: before.revision + 1 };
    await replace(repositories, before, after, audit);
    if (enabled !== true && after.url === before.url) return;
    await repositories.webhooks.putHealth(before.id, {
      ...health,
      ...{ failures: 0, failingSince: undefined, pausedUntil: undefined },
    });
    await repositories.webhooks.hasten(before.id);
  });
  journey.changes.notify();
  return pictureOf(journey, name);
}

async function replace(
  repositories: Repositories,
  before: Webhook,
  after: Webhook,
  audit: WebhookAudit,
): Promise<void> {
  if (!(await repositories.webhooks.update(after, before.revision)))
    throw new IronwakeError({
      kind: 'conflict',
      code: 'webhook.changed',
      message: `webhook '${before.name}' was changed or removed by somebody else at this moment`,
      remedy: 'Look at it again, and repeat the change if it is still wanted.',
    });
  await repositories.audit.append(audit(before, after));
}

/** @throws IronwakeError `webhook.unknown`, `request.outdated` */
export async function removeWebhook(
  journey: Journey,
  name: string,
  revision: number | undefined,
  audit: WebhookAudit,
): Promise<void> {
  await journey.store.transaction(async (repositories) => {
    const { webhook } = await webhookCalled(repositories, name);
    demandRevision(revision, webhook.revision, webhook.name);
    await repositories.webhooks.remove(webhook.id);
    await repositories.audit.append(audit(webhook, undefined));
  });
}

/**
 * A new secret; the one before signs as well for some hours.
 * @throws IronwakeError `webhook.unknown`, `webhook.secret`, `secret.unknown`
 */
export async function rotateWebhookSecret(
  journey: Journey,
  name: string,
  {
    overlapHours = 24,
    secret: stored,
  }: { readonly overlapHours?: number | undefined; readonly secret?: string | undefined },
  audit: WebhookAudit,
): Promise<IssuedWebhook> {
  const { clock, keys, store } = journey;
  const { text, made } = await secretFor(journey, stored);
  await store.transaction(async (repositories) => {
    const { webhook: before } = await webhookCalled(repositories, name);
    const now = clock.now();
    const until = now + overlapHours * HOUR_MS;
    await replace(
      repositories,
      before,
      {
        ...before,
        revision: before.revision + 1,
        secret: keys.seal(sealingPurpose(before.id), text),
        secretAt: now,
        oldSecret: overlapHours === 0 ? undefined : { sealed: before.secret, until },
      },
      audit,
    );
  });
  return { ...(await pictureOf(journey, name)), secret: made };
}

/**
 * Sends a trial, before all that waits.
 * @throws IronwakeError `webhook.unknown`, `webhook.off` (409)
 */
export async function tryWebhook(
  journey: Journey,
  name: string,
  by: string,
  audit: AuditOf<Delivery>,
): Promise<Delivery> {
  const { clock, keys, settings, store } = journey;
  const id = `msg_${Buffer.from(keys.randomBytes(16)).toString('hex')}`;
  const delivery = await store.transaction(async (repositories) => {
    const { webhook, health } = await webhookCalled(repositories, name);
    if (webhook.off !== undefined) throw isOff(webhook);
    const now = clock.now();
    const trial: Omit<Delivery, 'seq'> = {
      id,
      webhookId: webhook.id,
      eventId: undefined,
      code: TRIAL,
      body: trialPayload(settings.site, webhook.name, by, now),
      state: 'waiting',
      tries: 0,
      createdAt: now,
      queuedAt: now,
      dueAt: 0,
      lastTryAt: undefined,
      endedAt: undefined,
      status: undefined,
      failure: undefined,
    };
    await repositories.webhooks.enqueue(trial);
    await repositories.webhooks.putHealth(webhook.id, { ...health, pausedUntil: undefined });
    const written = (await repositories.webhooks.delivery(id)) as Delivery;
    await repositories.audit.append(audit(written));
    return written;
  });
  journey.changes.notify();
  return delivery;
}

/**
 * Sends a delivery again with its old id: one that is dead or delivered as if it were new, one that waits at once.
 * @throws IronwakeError `webhook.unknown`, `webhook.delivery-unknown`, `webhook.off` (409)
 */
export async function retryDelivery(
  journey: Journey,
  name: string,
  id: string,
  audit: AuditOf<Delivery>,
): Promise<Delivery> {
  const { clock, store } = journey;
  const delivery = await store.transaction(async (repositories) => {
    const { webhook, health } = await webhookCalled(repositories, name);
    if (webhook.off !== undefined) throw isOff(webhook);
    const before = await deliveryOf(repositories, webhook, id);
    const now = clock.now();
    const again: Delivery =
      before.state === 'waiting'
        ? { ...before, dueAt: 0 }
        : { ...before, state: 'waiting', tries: 0, queuedAt: now, dueAt: 0, endedAt: undefined };
    await repositories.webhooks.updateDelivery(again);
    await repositories.webhooks.putHealth(webhook.id, { ...health, pausedUntil: undefined });
    await repositories.audit.append(audit(again));
    return again;
  });
  journey.changes.notify();
  return delivery;
}

/**
 * Takes the dead-letter list back, the oldest first, no more at once than may wait beside what happens meanwhile.
 * @returns how many
 * @throws IronwakeError `webhook.unknown`, `webhook.off` (409)
 */
export async function retryDead(journey: Journey, name: string, audit: AuditOf<number>): Promise<number> {
  const revived = await journey.store.transaction(async (repositories) => {
    const { webhook, health } = await webhookCalled(repositories, name);
    if (webhook.off !== undefined) throw isOff(webhook);
    const some = await repositories.webhooks.reviveDead(webhook.id, journey.clock.now(), WAITING / 2);
    await repositories.webhooks.putHealth(webhook.id, { ...health, pausedUntil: undefined });
    await repositories.audit.append(audit(some));
    return some;
  });
  journey.changes.notify();
  return revived;
}

/** @throws IronwakeError `webhook.unknown`, `webhook.delivery-unknown` */
export async function discardDelivery(
  journey: Journey,
  name: string,
  id: string,
  audit: AuditOf<Delivery>,
): Promise<void> {
  await journey.store.transaction(async (repositories) => {
    const { webhook } = await webhookCalled(repositories, name);
    const delivery = await deliveryOf(repositories, webhook, id);
    await repositories.webhooks.discard(delivery.id);
    await repositories.audit.append(audit(delivery));
  });
}

/** Empties the dead-letter list. @returns how many. @throws IronwakeError `webhook.unknown` */
export async function discardDead(journey: Journey, name: string, audit: AuditOf<number>): Promise<number> {
  return journey.store.transaction(async (repositories) => {
    const { webhook } = await webhookCalled(repositories, name);
    const gone = await repositories.webhooks.discardDead(webhook.id);
    await repositories.audit.append(audit(gone));
    return gone;
  });
}

/** By name. */
export async function allWebhooks({ store }: Pick<Journey, 'store'>): Promise<readonly WebhookPicture[]> {
  const counts = await store.webhooks.counts();
  return (await store.webhooks.list()).map((known) => ({ ...known, ...(counts.get(known.webhook.id) ?? NONE) }));
}

const NONE = { waiting: 0, dead: 0 };

/** @throws IronwakeError `webhook.unknown` (404) */
export async function pictureOf({ store }: Pick<Journey, 'store'>, name: string): Promise<WebhookPicture> {
  const known = await webhookCalled(store, name);
  return { ...known, ...((await store.webhooks.counts()).get(known.webhook.id) ?? NONE) };
}

/** @throws IronwakeError `webhook.unknown` */
export async function deliveriesOf(
  { store }: Pick<Journey, 'store'>,
  name: string,
  query: { readonly state?: DeliveryState | undefined; readonly before?: number | undefined; readonly limit: number },
): Promise<readonly Delivery[]> {
  const { webhook } = await webhookCalled(store, name);
  return store.webhooks.deliveries(webhook.id, query);
}

/** @throws IronwakeError `webhook.unknown`, `webhook.delivery-unknown` */
export async function oneDelivery({ store }: Pick<Journey, 'store'>, name: string, id: string): Promise<Delivery> {
  const { webhook } = await webhookCalled(store, name);
  return deliveryOf(store, webhook, id);
}

async function webhookCalled({ webhooks }: Pick<Repositories, 'webhooks'>, name: string): Promise<KnownWebhook> {
  const known = await webhooks.byName(name);
  if (known !== undefined) return known;
  throw new IronwakeError({
    kind: 'not-found',
    code: 'webhook.unknown',
    message: `there is no webhook '${name.slice(0, 80)}'`,
    remedy: 'List them with npx ironwake webhook list.',
  });
}

async function deliveryOf(
  { webhooks }: Pick<Repositories, 'webhooks'>,
  { id: webhookId, name }: Webhook,
  id: string,
): Promise<Delivery> {
  const delivery = await webhooks.delivery(id);
  if (delivery !== undefined && delivery.webhookId === webhookId) return delivery;
  throw new IronwakeError({
    kind: 'not-found',
    code: 'webhook.delivery-unknown',
    message: `webhook '${name}' has no delivery '${id.slice(0, 80)}'`,
    remedy: `List them with npx ironwake webhook deliveries ${name}.`,
  });
}

function isOff({ name, off }: Webhook): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'webhook.off',
    message: `webhook '${name}' is switched off (${off?.because ?? 'asked'}): nothing is sent`,
    remedy: `Switch it on: npx ironwake webhook enable ${name}.`,
  });
}

/** What the audit log tells of a webhook: never its secret, and of its address no path, which is often a secret of the receiver. */
export function toldOfWebhook(webhook: Webhook | undefined): Readonly<Record<string, unknown>> | null {
  if (webhook === undefined) return null;
  const { url, events, severities, allowHttp, allowLoopback, ca, off, secretAt, oldSecret } = webhook;
  return {
    origin: originOf(url),
    events,
    severities,
    allowHttp,
    allowLoopback,
    ca: ca !== undefined,
    enabled: off === undefined,
    secretAt: new Date(secretAt).toISOString(),
    oldSecretUntil: oldSecret === undefined ? null : new Date(oldSecret.until).toISOString(),
  };
}
