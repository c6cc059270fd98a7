/** The contract of webhooks: endpoints that are told what happens, and every delivery to them. */
import { type Static, Type } from '@sinclair/typebox';
import { EventView, page, pagedListOf } from './schemas.ts';
import { closed, listOf, maybe, time } from './words.ts';

const Name = Type.String({ minLength: 1, maxLength: 63, examples: ['chat-ops'] });
const Severity = Type.Union([
  Type.Literal('info'),
  Type.Literal('good'),
  Type.Literal('warning'),
  Type.Literal('alarm'),
]);
const Secret = Type.String({
  minLength: 1,
  maxLength: 64,
  description:
    'Name of a stored secret that holds `whsec_` and Base64; its value is taken now. Without it one is made.',
  examples: ['chat-ops-key'],
});

const settings = {
  url: Type.String({
    minLength: 1,
    maxLength: 2000,
    description: 'HTTPS. No user name or password in it; redirects are not followed.',
    examples: ['https://hooks.example.net/ironwake'],
  }),
  events: Type.Array(Type.String({ minLength: 1, maxLength: 80, examples: ['run.*'] }), {
    minItems: 1,
    maxItems: 64,
    description:
      'Event codes; `run.*` is all that begin so, `*` all. Default: everything but what a booting machine repeats.',
  }),
  severities: Type.Array(Severity, { maxItems: 4, description: 'Only these; empty: all.' }),
  allowHttp: Type.Boolean({ description: 'Plain HTTP is meant.' }),
  allowLoopback: Type.Boolean({ description: 'It may lead to the host of the daemon itself.' }),
  ca: maybe(
    Type.String({
      maxLength: 64_000,
      description: 'PEM: the authorities that its certificate must be signed by; null: those that Node knows.',
      examples: ['-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n'],
    }),
  ),
};

export const WebhookInput = Type.Object(
  {
    name: Name,
    url: settings.url,
    events: Type.Optional(settings.events),
    severities: Type.Optional(settings.severities),
    allowHttp: Type.Optional(settings.allowHttp),
    allowLoopback: Type.Optional(settings.allowLoopback),
    ca: Type.Optional(settings.ca),
    secret: Type.Optional(Secret),
  },
  closed,
);
export type WebhookInput = Static<typeof WebhookInput>;

/** What is left out stays. */
export const WebhookPatch = Type.Object(
  {
    url: Type.Optional(settings.url),
    events: Type.Optional(settings.events),
    severities: Type.Optional(settings.severities),
    allowHttp: Type.Optional(settings.allowHttp),
    allowLoopback: Type.Optional(settings.allowLoopback),
    ca: Type.Optional(settings.ca),
    enabled: Type.Optional(
      Type.Boolean({ description: 'False: nothing is queued or sent. True: failures are forgotten.' }),
    ),
  },
  closed,
);
export type WebhookPatch = Static<typeof WebhookPatch>;

const webhook = {
  id: Type.String({ examples: ['0199b6a4-7d4e-7c58-9c3a-0f6f8c1d2e3a'] }),
  name: Name,
  revision: Type.Integer(),
  ...settings,
  enabled: Type.Boolean(),
  off: maybe(
    Type.Object(
      {
        because: Type.Union(
          [Type.Literal('asked'), Type.Literal('gone'), Type.Literal('failing'), Type.Literal('overflow')],
          { description: '`gone`: it answered 410. `failing`: for three days. `overflow`: 10 000 deliveries waited.' },
        ),
        at: time('Since when.'),
      },
      closed,
    ),
  ),
  health: Type.Union([Type.Literal('unused'), Type.Literal('good'), Type.Literal('failing'), Type.Literal('off')]),
  failures: Type.Integer({ description: 'Attempts in a row that failed.' }),
  failingSince: maybe(time('The first of them.')),
  nextTryAt: maybe(time('It failed, and is left alone until then.')),
  lastDeliveredAt: maybe(time('The newest success.')),
  lastFailure: maybe(Type.Object({ at: time('When.'), what: Type.String() }, closed)),
  waiting: Type.Integer({ description: 'Deliveries that are to be made.' }),
  dead: Type.Integer({ description: 'Deliveries that were given up: the dead-letter list.' }),
  shed: Type.Integer({ description: 'Repeated boot events that were left out, because too many waited.' }),
  secretAt: time('When the signing secret was set.'),
  oldSecretUntil: maybe(time('The secret before signs as well until then.')),
  createdAt: time('When it was added.'),
  createdBy: Type.String({ description: 'Name of the token.' }),
};

export const WebhookView = Type.Object(webhook, closed);
export type WebhookView = Static<typeof WebhookView>;
export const WebhookList = listOf(WebhookView);

/** The only answer that holds a secret which was made: it is not shown again. */
export const IssuedWebhookView = Type.Object(
  {
    ...webhook,
    secret: maybe(Type.String({ description: 'null: it is the stored one that was named.', examples: ['whsec_...'] })),
  },
  closed,
);
export type IssuedWebhookView = Static<typeof IssuedWebhookView>;

export const WebhookRotation = Type.Object(
  {
    overlapHours: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 720, default: 24, description: 'So long the old secret signs as well.' }),
    ),
    secret: Type.Optional(Secret),
  },
  closed,
);
export type WebhookRotation = Static<typeof WebhookRotation>;

export const WebhookParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }, closed);
export const DeliveryParams = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    delivery: Type.String({ minLength: 1, maxLength: 100, description: 'Its id, `msg_...`.' }),
  },
  closed,
);

const State = Type.Union([Type.Literal('waiting'), Type.Literal('delivered'), Type.Literal('dead')]);
export const DeliveriesQuery = Type.Object({ ...page, state: Type.Optional(State) }, closed);
export type DeliveriesQuery = Static<typeof DeliveriesQuery>;

const delivery = {
  id: Type.String({ description: 'The header `webhook-id`, the same at every attempt.', examples: ['msg_5b1c'] }),
  event: maybe(Type.Integer({ description: 'Id of the event; null: a trial.' })),
  code: Type.String({ examples: ['run.ready'] }),
  state: State,
  tries: Type.Integer(),
  createdAt: time('When the event was written.'),
  nextTryAt: maybe(time('Not before; null: it has ended.')),
  lastTryAt: maybe(time('The newest attempt.')),
  endedAt: maybe(time('When it was delivered, or given up.')),
  status: maybe(Type.Integer({ description: 'HTTP status of the newest answer.' })),
  failure: maybe(Type.String({ description: 'What went wrong in the newest attempt. Answers are not kept.' })),
};
export const DeliverySummary = Type.Object(delivery, closed);
export type DeliverySummary = Static<typeof DeliverySummary>;
export const DeliveryList = pagedListOf(DeliverySummary);

/** What an endpoint is sent, as JSON. */
export const WebhookPayload = Type.Object(
  {
    type: Type.String({ description: 'The code of the event.', examples: ['run.ready'] }),
    timestamp: time('When it happened.'),
    version: Type.Integer({ examples: [1] }),
    data: Type.Object(
      {
        site: Type.String(),
        event: EventView,
        node: maybe(Type.Object({ id: Type.String(), fqdn: Type.String() }, closed)),
        run: maybe(
          Type.Object(
            {
              id: Type.String(),
              state: Type.String({ description: 'Once the event is written.', examples: ['ready'] }),
              failure: maybe(Type.String()),
              contested: Type.Boolean(),
            },
            closed,
          ),
        ),
      },
      closed,
    ),
  },
  closed,
);
export type WebhookPayload = Static<typeof WebhookPayload>;

export const DeliveryView = Type.Object({ ...delivery, payload: WebhookPayload }, closed);
export type DeliveryView = Static<typeof DeliveryView>;

export const DeliveriesDone = Type.Object({ deliveries: Type.Integer({ description: 'How many.' }) }, closed);
export type DeliveriesDone = Static<typeof DeliveriesDone>;
