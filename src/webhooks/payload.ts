/** What is sent: `type`, `timestamp` and `data` as the Standard Webhooks specification recommends. Made once, when the event is written. */
import type { EventView } from '../api/schemas.ts';
import { type EventRow, eventView, namingNode } from '../api/views.ts';
import type { WebhookPayload } from '../api/webhooks.ts';
import type { Run } from '../runs/run.ts';
import { TRIAL } from './webhook.ts';

/** Rises when a receiver that reads this version would no longer understand. */
export const PAYLOAD_VERSION = 1;

export interface Subject {
  readonly site: string;
  readonly event: EventRow;
  readonly node: { readonly id: string; readonly fqdn: string } | undefined;
  /** As it is once the event is written. */
  readonly run: Pick<Run, 'id' | 'state' | 'failure' | 'contested'> | undefined;
}

/** JSON, as it is signed. */
export function payloadOf({ site, event, node, run }: Subject): string {
  const view = eventView(event);
  return written(event.code, event.at, {
    site,
    event: node === undefined ? view : namingNode(view, node.fqdn),
    node: node === undefined ? null : { id: node.id, fqdn: node.fqdn },
    run:
      run === undefined
        ? null
        : { id: run.id, state: run.state, failure: run.failure ?? null, contested: run.contested },
  });
}

/** Of a trial: nothing has happened. @param at epoch milliseconds */
export function trialPayload(site: string, webhook: string, by: string, at: number): string {
  const event: EventView = {
    id: 0,
    at: new Date(at).toISOString(),
    mac: null,
    nodeId: null,
    runId: null,
    code: TRIAL,
    severity: 'info',
    text: `${by} tries the webhook ${webhook}`,
    data: { webhook, by },
  };
  return written(TRIAL, at, { site, event, node: null, run: null });
}

function written(type: string, at: number, data: WebhookPayload['data']): string {
  const payload: WebhookPayload = { type, timestamp: new Date(at).toISOString(), version: PAYLOAD_VERSION, data };
  return JSON.stringify(payload);
}
