/** TLS: webhooks out. An address may be a secret of its receiver, so all of it is for administrators. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Nothing } from '../api/schemas.ts';
import {
  DeliveriesDone,
  DeliveriesQuery,
  DeliveryList,
  DeliveryParams,
  DeliveryView,
  IssuedWebhookView,
  WebhookInput,
  WebhookList,
  WebhookParams,
  WebhookPatch,
  type WebhookPayload,
  WebhookRotation,
  WebhookView,
} from '../api/webhooks.ts';
import type { Journey } from '../journey/journey.ts';
import {
  addWebhook,
  allWebhooks,
  changeWebhook,
  deliveriesOf,
  discardDead,
  discardDelivery,
  oneDelivery,
  pictureOf,
  removeWebhook,
  retryDead,
  retryDelivery,
  rotateWebhookSecret,
  toldOfWebhook,
  tryWebhook,
  type WebhookAudit,
  type WebhookPicture,
} from '../journey/webhooks.ts';
import { guardOf } from './identity.ts';
import { keyOf, pageOf } from './paging.ts';
import { etagOf, isKnown, revisionAsked } from './preconditions.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

type Delivery = Awaited<ReturnType<typeof oneDelivery>>;

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | undefined): string | null => (at === undefined ? null : iso(at));

export function registerWebhooks(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, nameOf, entry } = guardOf(journey);
  const viewOf = (picture: WebhookPicture): WebhookView => webhookView(picture, journey.clock.now());
  const told =
    (request: FastifyRequest, what = 'changed'): WebhookAudit =>
    (before, after) => {
      const action = before === undefined ? 'added' : after === undefined ? 'removed' : what;
      const data = { before: toldOfWebhook(before), after: toldOfWebhook(after) };
      return entry(request, `webhook.${action}`, (after ?? before)?.name ?? '?', data);
    };
  const told1 =
    (request: FastifyRequest, action: string, name: string) =>
    ({ id, code, tries }: Delivery) =>
      entry(request, `webhook.${action}`, name, { delivery: id, event: code, tries });

  app.get(
    '/api/v1/webhooks',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Endpoints that are told what happens, and how it goes with each',
        response: { 200: WebhookList },
      },
    },
    async () => ({ items: (await allWebhooks(journey)).map(viewOf) }),
  );

  app.post(
    '/api/v1/webhooks',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Add an endpoint; this answer is the only one that holds a secret which was made',
        body: WebhookInput,
        response: { 201: IssuedWebhookView },
      },
    },
    async (request, reply) => {
      const { secret, ...picture } = await addWebhook(journey, request.body, nameOf(request), told(request));
      return reply
        .code(201)
        .header('Cache-Control', 'no-store')
        .header('Location', `/api/v1/webhooks/${picture.webhook.name}`)
        .send({ ...viewOf(picture), secret: secret ?? null });
    },
  );

  app.get(
    '/api/v1/webhooks/:name',
    {
      ...needs('admin', { conditional: true }),
      schema: { tags: ['webhooks'], summary: 'One endpoint', params: WebhookParams, response: { 200: WebhookView } },
    },
    async (request, reply) => {
      const picture = await pictureOf(journey, request.params.name);
      const view = viewOf(picture);
      const { failures, waiting, dead, shed, health } = view;
      const { lastDeliveredAt = 0, lastFailure, pausedUntil = 0 } = picture.health;
      const moving = [failures, waiting, dead, shed, health, lastDeliveredAt, lastFailure?.at ?? 0, pausedUntil];
      if (isKnown(request, reply, etagOf(view.revision, ...moving, view.oldSecretUntil === null ? 0 : 1))) return reply;
      return view;
    },
  );

  app.patch(
    '/api/v1/webhooks/:name',
    {
      ...needs('admin', { conditional: true }),
      schema: {
        tags: ['webhooks'],
        summary: 'Change an endpoint, switch it off or on; what is left out stays',
        params: WebhookParams,
        body: WebhookPatch,
        response: { 200: WebhookView },
      },
    },
    async (request) =>
      viewOf(await changeWebhook(journey, request.params.name, request.body, revisionAsked(request), told(request))),
  );

  app.delete(
    '/api/v1/webhooks/:name',
    {
      ...needs('admin', { conditional: true }),
      schema: {
        tags: ['webhooks'],
        summary: 'Remove an endpoint and its deliveries',
        params: WebhookParams,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      await removeWebhook(journey, request.params.name, revisionAsked(request), told(request));
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/v1/webhooks/:name/rotate',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'A new signing secret; the old one signs as well for some hours',
        params: WebhookParams,
        body: WebhookRotation,
        response: { 201: IssuedWebhookView },
      },
    },
    async (request, reply) => {
      const { secret, ...picture } = await rotateWebhookSecret(
        journey,
        request.params.name,
        request.body,
        told(request, 'secret-rotated'),
      );
      return reply
        .code(201)
        .header('Cache-Control', 'no-store')
        .send({ ...viewOf(picture), secret: secret ?? null });
    },
  );

  app.post(
    '/api/v1/webhooks/:name/test',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Send a trial, before all that waits',
        params: WebhookParams,
        response: { 201: DeliveryView },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const trial = await tryWebhook(journey, name, nameOf(request), told1(request, 'tried', name));
      return reply
        .code(201)
        .header('Location', `/api/v1/webhooks/${name}/deliveries/${trial.id}`)
        .send(deliveryView(trial));
    },
  );

  app.get(
    '/api/v1/webhooks/:name/deliveries',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Deliveries to an endpoint, newest first; state=dead is the dead-letter list',
        params: WebhookParams,
        querystring: DeliveriesQuery,
        response: { 200: DeliveryList },
      },
    },
    async (request, reply) => {
      const { cursor, limit = 100, state } = request.query;
      const before = keyOf(cursor, { seq: 'number' })?.seq;
      const found = await deliveriesOf(journey, request.params.name, { state, before, limit: limit + 1 });
      const { rows, next } = pageOf(request, reply, found, limit, ({ seq }) => ({ seq }));
      return { items: rows.map(deliverySummary), next };
    },
  );

  app.post(
    '/api/v1/webhooks/:name/deliveries/retry',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Take the dead-letter list back, at most 5000 at once',
        params: WebhookParams,
        response: { 200: DeliveriesDone },
      },
    },
    async (request) => {
      const { name } = request.params;
      const count = (deliveries: number) => entry(request, 'webhook.deliveries-retried', name, { deliveries });
      return { deliveries: await retryDead(journey, name, count) };
    },
  );

  app.delete(
    '/api/v1/webhooks/:name/deliveries',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Empty the dead-letter list',
        params: WebhookParams,
        response: { 200: DeliveriesDone },
      },
    },
    async (request) => {
      const { name } = request.params;
      const count = (deliveries: number) => entry(request, 'webhook.deliveries-discarded', name, { deliveries });
      return { deliveries: await discardDead(journey, name, count) };
    },
  );

  app.get(
    '/api/v1/webhooks/:name/deliveries/:delivery',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'One delivery, with what is sent',
        params: DeliveryParams,
        response: { 200: DeliveryView },
      },
    },
    async ({ params }) => deliveryView(await oneDelivery(journey, params.name, params.delivery)),
  );

  app.post(
    '/api/v1/webhooks/:name/deliveries/:delivery/retry',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Send a delivery again, with its old id: at once, as if it were new',
        params: DeliveryParams,
        response: { 200: DeliveryView },
      },
    },
    async (request) => {
      const { name, delivery } = request.params;
      return deliveryView(await retryDelivery(journey, name, delivery, told1(request, 'delivery-retried', name)));
    },
  );

  app.delete(
    '/api/v1/webhooks/:name/deliveries/:delivery',
    {
      ...needs('admin'),
      schema: {
        tags: ['webhooks'],
        summary: 'Throw a delivery away',
        params: DeliveryParams,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      const { name, delivery } = request.params;
      await discardDelivery(journey, name, delivery, told1(request, 'delivery-discarded', name));
      return reply.code(204).send();
    },
  );
}

function webhookView({ webhook, health, waiting, dead }: WebhookPicture, now: number): WebhookView {
  const { off, oldSecret } = webhook;
  const { failures, failingSince, pausedUntil, lastDeliveredAt, lastFailure, shed } = health;
  return {
    id: webhook.id,
    name: webhook.name,
    revision: webhook.revision,
    url: webhook.url,
    events: [...webhook.events],
    severities: [...webhook.severities],
    allowHttp: webhook.allowHttp,
    allowLoopback: webhook.allowLoopback,
    ca: webhook.ca ?? null,
    enabled: off === undefined,
    off: off === undefined ? null : { because: off.because, at: iso(off.at) },
    health: off !== undefined ? 'off' : failures > 0 ? 'failing' : lastDeliveredAt === undefined ? 'unused' : 'good',
    failures,
    failingSince: isoOrNull(failingSince),
    nextTryAt: isoOrNull(pausedUntil),
    lastDeliveredAt: isoOrNull(lastDeliveredAt),
    lastFailure: lastFailure === undefined ? null : { at: iso(lastFailure.at), what: lastFailure.what },
    waiting,
    dead,
    shed,
    secretAt: iso(webhook.secretAt),
    oldSecretUntil: oldSecret === undefined || oldSecret.until <= now ? null : iso(oldSecret.until),
    createdAt: iso(webhook.createdAt),
    createdBy: webhook.createdBy,
  };
}

function deliverySummary(delivery: Delivery) {
  const { id, eventId, code, state, tries, createdAt, queuedAt, dueAt, lastTryAt, endedAt, status, failure } = delivery;
  return {
    id,
    event: eventId ?? null,
    code,
    state,
    tries,
    createdAt: iso(createdAt),
    // What goes before all others is due since it waits.
    nextTryAt: state === 'waiting' ? iso(Math.max(dueAt, queuedAt)) : null,
    lastTryAt: isoOrNull(lastTryAt),
    endedAt: isoOrNull(endedAt),
    status: status ?? null,
    failure: failure ?? null,
  };
}

function deliveryView(delivery: Delivery): DeliveryView {
  return { ...deliverySummary(delivery), payload: JSON.parse(delivery.body) as WebhookPayload };
}
