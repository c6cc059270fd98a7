/**
 * Webhooks on their way: for each endpoint one request at a time, the oldest that is due first, so that an endpoint hears in order and a slow one
 * keeps nobody else waiting. What is to be sent stands in the store; here is nothing that a crash could lose. An attempt whose result could not
 * be written down is made again: receivers know a message by its id.
 */
import { messageOf } from '../errors.ts';
import { type Answer, FURTHEST_MS, judge, MAX_AGE_MS } from '../webhooks/attempt.ts';
import { HEADERS, keyOfSecret, sign } from '../webhooks/signature.ts';
import type { Delivery, Webhook } from '../webhooks/webhook.ts';
import type { Journey } from './journey.ts';
import type { Courier, Repositories } from './ports.ts';
import { sealingPurpose } from './webhooks.ts';

export interface Deliveries {
  /** Begins nothing more; what is under way gets so long to end, then it is cut and sent again after the next start. */
  drain(graceMs: number): Promise<void>;
}

/** At the longest between two looks at the queues. */
const LOOK_AGAIN_MS = 60_000;
/** After a failure of our own (a busy database, a full disk): an endpoint must not be flooded because its answers cannot be written down. */
const OWN_FAILURE_MS = 15_000;
const EXPIRE_BATCH = 500;

/** @param random from 0 to 1, a new one each time */
export function startDeliveries(journey: Journey, courier: Courier, random: () => number = Math.random): Deliveries {
  const { clock, log, store } = journey;
  const cut = new AbortController();
  /** What is under way, by endpoint. */
  const busy = new Map<string, Promise<void>>();
  /** Endpoints that wait because of a failure of ours, until a moment of passed time. */
  const held = new Map<string, number>();
  let cancel = (): void => {};
  let stopped = false;
  let looking: Promise<void> | undefined;
  let again = false;

  function wake(): void {
    if (stopped) return;
    if (looking !== undefined) {
      again = true;
      return;
    }
    looking = look().finally(() => {
      looking = undefined;
      if (!again) return;
      again = false;
      wake();
    });
  }

  async function look(): Promise<void> {
    cancel();
    let waitMs = LOOK_AGAIN_MS;
    try {
      await store.webhooks.expire(clock.now() - MAX_AGE_MS, clock.now(), EXPIRE_BATCH);
      const queue = await store.webhooks.queue();
      // From here to the timer nothing is waited for: what is due later is seen by it.
      const now = clock.now();
      for (const { webhookId, dueAt, pausedUntil = 0 } of queue) {
        if (busy.has(webhookId)) continue;
        const inMs = Math.max(
          ahead(dueAt, now),
          ahead(pausedUntil, now),
          (held.get(webhookId) ?? 0) - clock.monotonic(),
        );
        if (inMs > 0) waitMs = Math.min(waitMs, inMs);
        else if (!stopped) begin(webhookId);
      }
    } catch (error) {
      log.error({ err: messageOf(error) }, 'the queues of webhooks could not be read; it is tried again');
      waitMs = OWN_FAILURE_MS;
    }
    cancel();
    if (!stopped) cancel = clock.after(waitMs, wake);
  }

  function begin(webhookId: string): void {
    held.delete(webhookId);
    const work = deliverNext(webhookId)
      .catch((error: unknown) => {
        log.error({ webhook: webhookId, err: messageOf(error) }, 'a webhook could not be worked on; it is tried again');
        held.set(webhookId, clock.monotonic() + OWN_FAILURE_MS);
      })
      .finally(() => {
        busy.delete(webhookId);
        wake();
      });
    busy.set(webhookId, work);
  }

  async function deliverNext(webhookId: string): Promise<void> {
    const known = await store.webhooks.byId(webhookId);
    const delivery = await store.webhooks.next(webhookId);
    if (known === undefined || known.webhook.off !== undefined || delivery === undefined) return;
    const answer = await attempt(known.webhook, delivery);
    // Cut short by ourselves: no fault of the endpoint, and no attempt of the twelve.
    if (answer.kind === 'failed' && cut.signal.aborted) return;
    const told = await store.transaction((repositories) => record(repositories, delivery.id, answer));
    if (told === undefined) return;
    const { webhook, result, failure, off } = told;
    journey.metrics.attempted(webhook.name, result);
    const facts = { webhook: webhook.name, delivery: delivery.id, event: delivery.code };
    if (failure === undefined) log.debug(facts, 'webhook delivered');
    else log.info({ ...facts, failure, tries: delivery.tries + 1, result }, 'webhook not delivered');
    if (off !== undefined) log.warn({ webhook: webhook.name, because: off }, 'webhook switched off');
  }

  async function attempt(webhook: Webhook, { id, body }: Delivery): Promise<Answer> {
    const timestamp = Math.floor(clock.now() / 1000);
    const { url, ca, allowHttp, allowLoopback } = webhook;
    let signature: string;
    try {
      signature = sign({ id, timestamp, body }, keysOf(webhook));
    } catch {
      // The instance's key is another one: nothing unsigned leaves.
      return { kind: 'failed', reason: 'its signing secret does not open: npx ironwake webhook rotate' };
    }
    return courier.send({
      url,
      ca,
      rights: { allowHttp, allowLoopback },
      headers: {
        [HEADERS.id]: id,
        [HEADERS.timestamp]: String(timestamp),
        [HEADERS.signature]: signature,
      },
      body,
      signal: cut.signal,
    });
  }

  function keysOf({ id, secret, oldSecret }: Webhook): readonly Uint8Array[] {
    const open = (sealed: string): Uint8Array => keyOfSecret(journey.keys.unseal(sealingPurpose(id), sealed));
    const overlaps = oldSecret !== undefined && oldSecret.until > clock.now();
    return overlaps ? [open(secret), open(oldSecret.sealed)] : [open(secret)];
  }

  /** Against the delivery and the endpoint as they are now: either may have been changed or removed during the attempt. */
  async function record({ webhooks, audit }: Repositories, deliveryId: string, answer: Answer) {
    const now = clock.now();
    const delivery = await webhooks.delivery(deliveryId);
    const known = delivery && (await webhooks.byId(delivery.webhookId));
    if (delivery === undefined || known === undefined || delivery.state !== 'waiting') return undefined;
    const { webhook, health } = known;
    const verdict = judge(answer, delivery, health, now, random);
    const { state } = verdict.delivery;
    await webhooks.updateDelivery({
      ...delivery,
      state,
      tries: delivery.tries + 1,
      dueAt: verdict.delivery.state === 'waiting' ? verdict.delivery.dueAt : delivery.dueAt,
      lastTryAt: now,
      endedAt: state === 'waiting' ? undefined : now,
      status: answer.kind === 'answered' ? answer.status : undefined,
      failure: verdict.failure,
    });
    await webhooks.putHealth(webhook.id, {
      ...health,
      ...verdict.health,
      ...(verdict.failure === undefined
        ? { lastDeliveredAt: now }
        : { lastFailure: { at: now, what: verdict.failure } }),
    });
    if (verdict.recovered) await webhooks.hasten(webhook.id);
    const off = webhook.off === undefined ? verdict.off : undefined;
    if (off !== undefined) {
      const after = { ...webhook, revision: webhook.revision + 1, off: { because: off, at: now } };
      await webhooks.update(after, webhook.revision);
      await audit.append({
        at: now,
        actor: 'ironwake',
        from: 'local',
        action: 'webhook.switched-off',
        target: webhook.name,
        data: { before: { enabled: true }, after: { enabled: false }, because: off },
      });
    }
    const result = state === 'waiting' ? 'failed' : state === 'dead' ? 'given-up' : 'delivered';
    return { webhook, result, failure: verdict.failure, off } as const;
  }

  const unlisten = journey.changes.listen(wake);
  wake();

  return {
    async drain(graceMs) {
      stopped = true;
      unlisten();
      cancel();
      if (graceMs <= 0) cut.abort();
      const giveUp = clock.after(graceMs, () => cut.abort());
      await looking;
      await Promise.all(busy.values());
      giveUp();
    },
  };
}

/** Milliseconds until then. What is further ahead than anything is ever put was written before the clock was set back: it is due. */
function ahead(at: number, now: number): number {
  const ms = at - now;
  return ms > FURTHEST_MS ? 0 : ms;
}
