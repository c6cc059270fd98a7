/** What is known of an endpoint that events are sent to, and of one delivery. Plain values: the store holds them, journey decides about them. */
import type { Severity } from '../runs/events.ts';

/** Why nothing is sent: an administrator said so; it answered 410 Gone; it has failed for days; more waited than may wait. */
export type OffReason = 'asked' | 'gone' | 'failing' | 'overflow';

export interface Webhook {
  readonly id: string;
  readonly name: string;
  readonly revision: number;
  readonly url: string;
  /** Patterns of event codes: `run.*`, `node.registered`, `*`. */
  readonly events: readonly string[];
  /** Empty: all. */
  readonly severities: readonly Severity[];
  /** The URL may be plain HTTP. */
  readonly allowHttp: boolean;
  /** It may lead to this host itself. */
  readonly allowLoopback: boolean;
  /** PEM: the only authorities that its certificate may be signed by; undefined: those of this host's Node. */
  readonly ca: string | undefined;
  /** Sealed. */
  readonly secret: string;
  readonly secretAt: number;
  /** The one before: signs as well until then. Sealed. */
  readonly oldSecret: { readonly sealed: string; readonly until: number } | undefined;
  readonly off: { readonly because: OffReason; readonly at: number } | undefined;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** How it goes with an endpoint. Times are epoch milliseconds. */
export interface Health {
  /** Attempts in a row that failed. */
  readonly failures: number;
  /** The first of them. */
  readonly failingSince: number | undefined;
  /** Nothing is sent before. */
  readonly pausedUntil: number | undefined;
  readonly lastDeliveredAt: number | undefined;
  readonly lastFailure: { readonly at: number; readonly what: string } | undefined;
  /** Repeatable events that were left out because too many waited. */
  readonly shed: number;
}

export const GOOD_HEALTH: Health = {
  failures: 0,
  failingSince: undefined,
  pausedUntil: undefined,
  lastDeliveredAt: undefined,
  lastFailure: undefined,
  shed: 0,
};

export type DeliveryState = 'waiting' | 'delivered' | 'dead';

/** One event on its way to one endpoint. */
export interface Delivery {
  /** Rises; a list is read by it. */
  readonly seq: number;
  /** `msg_...`: the same at every attempt, so that a receiver knows what it has. */
  readonly id: string;
  readonly webhookId: string;
  /** Undefined: a trial. */
  readonly eventId: number | undefined;
  readonly code: string;
  /** The exact bytes that are signed and sent, at every attempt. */
  readonly body: string;
  readonly state: DeliveryState;
  readonly tries: number;
  readonly createdAt: number;
  /** Since when it waits: age counts from here. Later than `createdAt` when it was taken back from the dead. */
  readonly queuedAt: number;
  readonly dueAt: number;
  readonly lastTryAt: number | undefined;
  readonly endedAt: number | undefined;
  /** HTTP status of the last answer. */
  readonly status: number | undefined;
  /** What went wrong the last time. */
  readonly failure: string | undefined;
}

/** The code of a trial: it stands on no timeline. */
export const TRIAL = 'webhook.test';

/** Endpoints of one installation: each has at most one request under way, so this bounds them all. */
export const WEBHOOKS = 32;
/** More than this waits for no endpoint: it is switched off. */
export const WAITING = 10_000;
/** From here on events that anybody on the network can repeat at will are left out, so that they push no alarm out. */
export const WAITING_REPEATABLE = 1000;
