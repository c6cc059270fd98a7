/**
 * What a daemon has to do with, all at once, through its own sockets: machines that are armed, boot, are installed and configured, and an
 * administrator who registers, sets and removes. A process of its own, on the machines' side of the network.
 * Standard output has one line for each write that was acknowledged (2xx), after it was. An installation that was cut off is cancelled and begun
 * anew when a daemon answers again. It never ends by itself.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, writeSync } from 'node:fs';
import { request as plainRequest, type RequestOptions } from 'node:http';
import { Agent, request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse as parseToml } from 'smol-toml';
import { hostKey, SYSTEM, webhookOf } from './machine.ts';

/** What the test may rely on from now on. */
export type Acknowledged =
  | { readonly kind: 'node'; readonly id: string; readonly fqdn: string; readonly there: boolean }
  | { readonly kind: 'run'; readonly id: string; readonly nodeId: string; readonly reached: string }
  | { readonly kind: 'report'; readonly run: string; readonly seq: number }
  | { readonly kind: 'secret'; readonly name: string; readonly there: boolean; readonly value?: string }
  | { readonly kind: 'token'; readonly name: string; readonly there: boolean }
  /** A line of the audit log that must be there. */
  | { readonly kind: 'audit'; readonly action: string; readonly target: string };

export interface LoadOptions {
  readonly server: string;
  readonly token: string;
  /** For the machines' host keys; goes with the test. */
  readonly folder: string;
  /** Makes names of this site its own. */
  readonly site: string;
  readonly machines: ReadonlyArray<{ readonly mac: string; readonly address: string }>;
}

/** The daemon is gone: what was asked has an unknown fate. */
class Gone extends Error {}
/** It answered, and not with what was hoped for. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(`${status} ${text.slice(0, 300)}`);
    this.status = status;
  }
}

const [given = '{}'] = process.argv.slice(2);
const { server, token, folder, site, machines } = JSON.parse(given) as LoadOptions;
const HTTP = `http://${server}:8080`;
const HTTPS = `https://${server}:8443`;
const API = `${HTTPS}/api/v1`;

const acknowledge = (...all: readonly Acknowledged[]): void => {
  for (const what of all) writeSync(1, `${JSON.stringify(what)}\n`);
};

// Should the test end, nobody reads the acknowledgements.
process.stdin.resume().once('end', () => process.exit(0));

interface Asked {
  readonly from?: string;
  readonly method?: string;
  readonly bearer?: string;
  readonly json?: unknown;
  readonly body?: string;
}

/** @returns the body of a 2xx reply, as Latin-1. @throws Gone, Refused */
function ask(agent: Agent, url: string, { from, method, bearer, json, body }: Asked = {}): Promise<string> {
  const text = json === undefined ? body : JSON.stringify(json);
  const options: RequestOptions & { readonly rejectUnauthorized?: boolean } = {
    method: method ?? (text === undefined ? 'GET' : 'POST'),
    headers: {
      ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(text === undefined ? {} : { 'Content-Length': Buffer.byteLength(text) }),
    },
    ...(from === undefined ? {} : { localAddress: from }),
    ...(url.startsWith('https:') ? { agent, rejectUnauthorized: false } : { agent: false }),
  };
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Gone());
    const outgoing = (url.startsWith('https:') ? tlsRequest : plainRequest)(url, options, (reply) => {
      const pieces: Buffer[] = [];
      reply.on('data', (piece: Buffer) => pieces.push(piece));
      reply.on('error', gone);
      reply.on('close', gone);
      reply.on('end', () => {
        const said = Buffer.concat(pieces).toString('latin1');
        const { statusCode = 0 } = reply;
        if (reply.complete && statusCode >= 200 && statusCode < 300) resolve(said);
        else reject(reply.complete ? new Refused(statusCode, said) : new Gone());
      });
    });
    outgoing.on('error', gone);
    outgoing.end(text);
  });
}

/** Forever, through the end of every daemon: `work` begins anew when it was cut off, as soon as something answers again. */
async function always(work: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      await sleep(20);
    }
  }
}

const STEPS = ['repositories', 'admin-user', 'ssh'].flatMap((module) =>
  (['apply changed', 'verify ok', 'reapply unchanged'] as const).map((words) => [module, ...words.split(' ')] as const),
);

async function machine({ mac, address }: LoadOptions['machines'][number], number: number): Promise<never> {
  const agent = new Agent({ keepAlive: true, localAddress: address });
  const key = hostKey(mkdtempSync(join(folder, 'machine-')));
  const fqdn = `pve${number}.${site}.example`;
  const admin = (path: string, asked: Asked = {}) =>
    ask(agent, `${API}${path}`, { bearer: token, method: 'POST', ...asked });
  let nodeId = '';
  let round = 0;
  return always(async () => {
    if (nodeId === '') {
      try {
        nodeId = JSON.parse(await admin('/nodes', { json: { mac, fqdn, profile: 'default' } })).id;
      } catch (error) {
        // Registered, and not acknowledged.
        if (!(error instanceof Refused) || error.status !== 409) throw error;
        nodeId = JSON.parse(await admin(`/nodes/${fqdn}`, { method: 'GET' })).node.id;
      }
      acknowledge(
        { kind: 'node', id: nodeId, fqdn, there: true },
        { kind: 'audit', action: 'node.added', target: fqdn },
      );
    }
    const cancel = async (): Promise<void> => {
      const view = JSON.parse(await admin(`/nodes/${fqdn}/cancel`));
      acknowledge({ kind: 'run', id: view.run.id, nodeId, reached: 'cancelled' });
    };
    // What a daemon that died has left under way.
    const { run } = JSON.parse(await admin(`/nodes/${fqdn}`, { method: 'GET' }));
    if (run !== null && run.endedAt === null) await cancel();

    round += 1;
    /** Every third installation is cancelled, at another step each time. */
    let left = round % 3 === 0 ? round % 12 : Number.POSITIVE_INFINITY;
    const armed = JSON.parse(await admin(`/nodes/${fqdn}/install`, { json: {} })).run.id as string;
    const reached = async (state: string): Promise<boolean> => {
      acknowledge({ kind: 'run', id: armed, nodeId, reached: state });
      left -= 1;
      if (left > 0) return false;
      await cancel();
      return true;
    };
    if (await reached('armed')) return;
    const script = await ask(agent, `${HTTP}/boot/script/${mac.replaceAll(':', '-')}`, { from: address });
    let initrd = '';
    for (const [url] of script.matchAll(/http:\/\/\S+/g)) initrd = await ask(agent, url, { from: address });
    const answerUrl = /https:\/\/[^"\s]+\/installer\/answer/.exec(initrd)?.[0] ?? '';
    const bearer = /^token = "([^"\s]+)"$/m.exec(initrd)?.[1] ?? '';
    const system = SYSTEM.replace(/bc:24:11:00:00:01/i, mac);
    const toml = parseToml(await ask(agent, answerUrl, { bearer, body: system })) as Record<
      string,
      { url: string } | undefined
    >;
    if (await reached('claimed')) return;
    await ask(agent, toml['first-boot']?.url ?? '');
    if (await reached('installing')) return;
    await ask(agent, toml['post-installation-webhook']?.url ?? '', { body: webhookOf(key.publicKey) });
    if (await reached('installed')) return;
    const node = `${HTTPS}/node/v1`;
    const { nonce } = JSON.parse(await ask(agent, `${node}/challenge`, { json: { run: armed } }));
    const proof = { run: armed, nonce, signature: await key.sign(nonce) };
    const { credential } = JSON.parse(await ask(agent, `${node}/credential`, { json: proof }));
    if (await reached('configuring')) return;
    await ask(agent, `${node}/plan`, { bearer: credential });
    for (const [index, [module, step, result]] of STEPS.entries()) {
      const report = {
        seq: index + 1,
        module,
        step,
        result,
        startedAt: 1,
        durationMs: 2,
        output: 'x'.repeat(2000),
        detail: '',
      };
      await ask(agent, `${node}/reports`, { bearer: credential, json: { run: armed, reports: [report] } });
      acknowledge({ kind: 'report', run: armed, seq: index + 1 });
    }
    if (await reached('configuring')) return;
    await ask(agent, `${node}/finished`, { bearer: credential, json: { run: armed, result: 'ok' } });
    acknowledge({ kind: 'run', id: armed, nodeId, reached: 'ready' });
  });
}

/** Registers, sets, makes and takes away; each name once, so that it is known what must be there. */
async function administrator(): Promise<never> {
  const agent = new Agent({ keepAlive: true });
  let number = 0;
  const write = (path: string, method: string, json?: unknown) =>
    ask(agent, `${API}${path}`, { bearer: token, method, ...(json === undefined ? {} : { json }) });
  return always(async () => {
    number += 1;
    const name = `${site}-${number}`;
    const mac = `06:${createHash('sha256')
      .update(name)
      .digest('hex')
      .slice(0, 10)
      .replace(/(..)(?=.)/g, '$1:')}`;
    const value = `value of ${name}`;
    await write(`/secrets/${name}`, 'PUT', { value });
    acknowledge({ kind: 'secret', name, there: true, value }, { kind: 'audit', action: 'secret.set', target: name });
    const fqdn = `${name}.more.example`;
    const { id } = JSON.parse(await write('/nodes', 'POST', { mac, fqdn, profile: 'default' }));
    acknowledge({ kind: 'node', id, fqdn, there: true }, { kind: 'audit', action: 'node.added', target: fqdn });
    await write('/tokens', 'POST', { name, role: 'viewer' });
    acknowledge({ kind: 'token', name, there: true }, { kind: 'audit', action: 'token.added', target: name });
    if (number % 2 === 0) return;
    await write(`/secrets/${name}`, 'DELETE');
    acknowledge({ kind: 'secret', name, there: false }, { kind: 'audit', action: 'secret.removed', target: name });
    await write(`/nodes/${id}`, 'DELETE');
    acknowledge({ kind: 'node', id, fqdn, there: false }, { kind: 'audit', action: 'node.removed', target: fqdn });
    await write(`/tokens/${name}`, 'DELETE');
    acknowledge({ kind: 'token', name, there: false }, { kind: 'audit', action: 'token.revoked', target: name });
  });
}

await Promise.all([...machines.map(machine), administrator()]);
