/**
 * One machine's journey in steps that can be taken in different processes: what the machine holds between two of them is plain data. One step for
 * each state of the table of states, so that a state without one does not compile.
 */
import assert from 'node:assert/strict';
import { parse as parseToml } from 'smol-toml';
import { decideDhcp } from '../../src/journey/netboot.ts';
import { startSweep } from '../../src/journey/sweep.ts';
import type { EventCode } from '../../src/runs/events.ts';
import type { RunState } from '../../src/runs/run.ts';
import { becomeReady, FACTS, hostKey, MAC_IN_URL, type ModeFile, SYSTEM, webhookOf } from './machine.ts';
import { NODE_MAC, type Parts, type Reply } from './parts.ts';

/** What the machine, and its administrator, have in hand. */
export interface Held {
  readonly admin?: string;
  readonly runId?: string;
  readonly answerUrl?: string;
  readonly answerToken?: string;
  readonly hookUrl?: string;
  readonly webhookUrl?: string;
  readonly credential?: string;
}

export interface Step {
  /** The state from which it leads here; undefined for the first. */
  readonly from: RunState | undefined;
  /** The event that tells of the arrival. */
  readonly event: EventCode;
  /** @throws AssertionError when the daemon answers with something else than a machine on its way gets */
  take(parts: Parts, held: Held): Promise<Held>;
}

async function asked(reply: Promise<Reply>, status = 200): Promise<string> {
  const { status: found, text } = await reply;
  assert.equal(found, status, text);
  return text;
}

/** Ports are others after a restart. */
const nowAt = (base: string, url = ''): string => `${base}${new URL(url).pathname}`;
const api = ({ segment }: Parts): string => `${segment.httpsUrl}/api/v1`;
const nodeRoutes = ({ segment }: Parts): string => `${segment.httpsUrl}/node/v1`;

/** One pass over the deadlines, to its end. */
export async function sweepOnce({ journey }: Parts): Promise<void> {
  const sweep = startSweep(journey);
  // By then it has begun.
  await new Promise(setImmediate);
  await sweep.stop();
}

export const JOURNEY_STEPS: Readonly<Record<RunState, Step>> = {
  armed: {
    from: undefined,
    event: 'run.armed',
    async take(parts) {
      const admin = await parts.token('admin');
      const node = { mac: NODE_MAC, fqdn: 'pve1.lab.example', profile: 'default' };
      await asked(parts.call(`${api(parts)}/nodes`, { token: admin, json: node }), 201);
      const view = await asked(parts.call(`${api(parts)}/nodes/pve1/install`, { token: admin, json: {} }), 201);
      return { admin, runId: JSON.parse(view).run.id };
    },
  },
  booting: {
    from: 'armed',
    event: 'boot.firmware-asked',
    async take(parts, held) {
      await decideDhcp(parts.journey, FACTS, parts.segment);
      return held;
    },
  },
  loading: {
    from: 'booting',
    event: 'boot.image-delivered',
    async take(parts, held) {
      const script = await asked(parts.call(`${parts.segment.httpUrl}/boot/script/${MAC_IN_URL}`));
      for (const [url] of script.matchAll(/http:\/\/\S+/g)) await asked(parts.call(url));
      const mode = Buffer.from(parts.overlay()[0]?.content ?? []).toString('utf8');
      // Written down when the last byte is out, which the machine may notice first.
      const delivered = async () =>
        (await parts.journey.store.runs.byId(held.runId ?? ''))?.data.imageDeliveredAt !== undefined;
      while (!(await delivered())) await new Promise(setImmediate);
      const { http } = parseToml(mode) as unknown as { http: ModeFile };
      return { ...held, answerUrl: http.url, ...(http.token !== undefined && { answerToken: http.token }) };
    },
  },
  live: {
    from: 'loading',
    event: 'installer.seen',
    async take(parts, held) {
      const facts = { ...FACTS, kind: 'installer', arch: undefined, archNumber: undefined } as const;
      await decideDhcp(parts.journey, facts, parts.segment);
      return held;
    },
  },
  claimed: {
    from: 'live',
    event: 'installer.answer-served',
    async take(parts, held) {
      const { answerUrl, answerToken: token } = held;
      const request = { body: SYSTEM, ...(token !== undefined && { token }) };
      const answer = await asked(parts.call(nowAt(parts.segment.httpsUrl, answerUrl), request));
      const urls = parseToml(answer) as Record<string, { url: string } | undefined>;
      return {
        ...held,
        hookUrl: urls['first-boot']?.url ?? '',
        webhookUrl: urls['post-installation-webhook']?.url ?? '',
      };
    },
  },
  installing: {
    from: 'claimed',
    event: 'installer.hook-fetched',
    async take(parts, held) {
      await asked(parts.call(nowAt(parts.segment.httpsUrl, held.hookUrl)));
      return held;
    },
  },
  installed: {
    from: 'installing',
    event: 'installer.installed',
    async take(parts, held) {
      const body = webhookOf(hostKey(parts.directory).publicKey);
      await asked(parts.call(nowAt(parts.segment.httpsUrl, held.webhookUrl), { body }));
      return held;
    },
  },
  configuring: {
    from: 'installed',
    event: 'node.proved',
    async take(parts, held) {
      const json = { run: held.runId };
      const { nonce } = JSON.parse(await asked(parts.call(`${nodeRoutes(parts)}/challenge`, { json })));
      const proof = { ...json, nonce, signature: await hostKey(parts.directory).sign(nonce) };
      const { credential } = JSON.parse(await asked(parts.call(`${nodeRoutes(parts)}/credential`, { json: proof })));
      return { ...held, credential };
    },
  },
  ready: {
    from: 'configuring',
    event: 'run.ready',
    async take(parts, held) {
      const { runId = '', credential = '' } = held;
      await becomeReady(assert, parts, { node: nodeRoutes(parts), runId }, credential);
      return held;
    },
  },
  failed: {
    from: 'configuring',
    event: 'run.failed',
    async take(parts, held) {
      const { runId = '', credential: token = '' } = held;
      await asked(parts.call(`${nodeRoutes(parts)}/plan`, { token }));
      const json = { run: runId, result: 'failed' };
      await asked(parts.call(`${nodeRoutes(parts)}/finished`, { token, json }));
      return held;
    },
  },
  expired: {
    from: 'armed',
    event: 'run.expired',
    async take(parts, held) {
      const run = await parts.journey.store.runs.byId(held.runId ?? '');
      parts.clock.advance((run?.deadlineAt ?? 0) - parts.clock.now() + 1);
      await sweepOnce(parts);
      return held;
    },
  },
  cancelled: {
    from: 'live',
    event: 'run.cancelled',
    async take(parts, held) {
      await asked(parts.call(`${api(parts)}/nodes/pve1/cancel`, { token: held.admin ?? '', method: 'POST' }));
      return held;
    },
  },
};

/** The steps that lead to a state, in order. */
export function stepsTo(state: RunState): readonly Step[] {
  const step = JOURNEY_STEPS[state];
  return step.from === undefined ? [step] : [...stepsTo(step.from), step];
}

/** How a run goes on from a state when all goes well; undefined where nothing follows. */
export function stepFrom(state: RunState): Step | undefined {
  return Object.values(JOURNEY_STEPS).find(({ from }) => from === state);
}
