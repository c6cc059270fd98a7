/** A machine that speaks its part to the daemon's inner parts: armed, loading its image, signing with its host key. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import type { Test } from 'tap';
import type { ClientFacts } from '../../src/boot/facts.ts';
import { decideDhcp } from '../../src/journey/netboot.ts';
import { archOf } from '../../src/net/arch.ts';
import type { Mac } from '../../src/net/mac.ts';
import { run } from './container.ts';
import { NODE_AT, NODE_MAC, type Parts, type PartsOptions, type Reply, startParts } from './parts.ts';

export const MAC_IN_URL = NODE_MAC.replaceAll(':', '-');
export const SYSTEM = JSON.stringify({
  $schema: { version: '1.0' },
  product: { fullname: 'Proxmox VE', product: 'pve', enable_btrfs: true },
  iso: { release: '9.2', isorelease: '1' },
  dmi: { baseboard: {}, chassis: {}, system: {} },
  network_interfaces: [
    { link: 'eno2', mac: '02:11:22:33:44:55' },
    { link: 'eno1', mac: 'BC:24:11:00:00:01' },
  ],
});

export const FACTS: ClientFacts = {
  kind: 'pxe',
  mac: NODE_MAC,
  message: 'discover',
  port: 67,
  arch: archOf(0),
  archNumber: 0,
  uuid: undefined,
  vendorClass: 'PXEClient',
  userClass: undefined,
  hostName: undefined,
  secs: 0,
  relay: undefined,
  address: undefined,
  serverId: undefined,
};

export interface Armed {
  readonly parts: Parts;
  readonly admin: string;
  /** Codes of the node's timeline, oldest first. */
  codes(): Promise<readonly string[]>;
  state(): Promise<string>;
  refusals(): Promise<readonly string[]>;
}

export interface ArmedOptions extends PartsOptions {
  readonly profile?: string;
  /** Set before the node is armed. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** A daemon with one armed node. */
export async function armed(t: Test, options: ArmedOptions = {}): Promise<Armed> {
  const parts = await startParts(options);
  t.teardown(() => parts.close());
  const admin = await parts.token('admin');
  const api = `${parts.segment.httpsUrl}/api/v1`;
  for (const [name, value] of Object.entries(options.secrets ?? {})) {
    const set = await parts.call(`${api}/secrets/${name}`, { token: admin, method: 'PUT', json: { value } });
    t.equal(set.status, 204, set.text);
  }
  const added = await parts.call(`${api}/nodes`, {
    token: admin,
    json: { mac: NODE_MAC, fqdn: 'pve1.lab.example', profile: options.profile ?? 'default' },
  });
  t.equal(added.status, 201, added.text);
  const run = await parts.call(`${api}/nodes/pve1/install`, { token: admin, json: {} });
  t.equal(run.status, 201, run.text);
  const view = async () => JSON.parse((await parts.call(`${api}/nodes/pve1`, { token: admin })).text);
  return {
    parts,
    admin,
    codes: async () => (await view()).timeline.map((event: { code: string }) => event.code),
    state: async () => {
      const { run: now } = await view();
      return `${now.state}${now.contested ? ' contested' : ''}`;
    },
    refusals: async () =>
      (await view()).timeline
        .filter((event: { code: string }) => event.code === 'refused')
        .map((event: { data: { reason: string } }) => event.data.reason),
  };
}

/** Where the mode file of an image leads its installer. */
export interface ModeFile {
  readonly url: string;
  /** For the Authorization header, from 9.2 on. */
  readonly token?: string;
}

/**
 * What the machine does until the image is in its memory; returns the answer's URL with the token in it. The daemon takes it there of any release;
 * what an installer of 9.2 does with the mode file does `loadModeFile`.
 */
export async function loadImage(parts: Parts, from = NODE_AT, mac = NODE_MAC): Promise<string> {
  const { url, token } = await loadModeFile(parts, from, mac);
  return token === undefined ? url : url.replace(/answer$/, `${token}/answer`);
}

export async function loadModeFile(parts: Parts, from = NODE_AT, mac = NODE_MAC): Promise<ModeFile> {
  const { segment, call } = parts;
  await decideDhcp(parts.journey, { ...FACTS, mac }, segment);
  const script = await call(`${segment.httpUrl}/boot/script/${mac.replaceAll(':', '-')}`, { from });
  const urls = [...script.text.matchAll(/http:\/\/\S+/g)].map(([url]) => url);
  for (const url of urls) await call(url, { from });
  const mode = parts.overlay()[0];
  const { http } = parseToml(Buffer.from(mode?.content ?? []).toString('utf8')) as unknown as { http: ModeFile };
  return http;
}

export function hostKey(directory: string): { readonly publicKey: string; sign(message: string): Promise<string> } {
  const file = join(directory, 'host_key');
  if (!existsSync(file)) spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'root@pve1', '-f', file]);
  return {
    publicKey: spawnSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).stdout.trim(),
    async sign(message) {
      const path = join(directory, 'message');
      await writeFile(path, message);
      await rm(`${path}.sig`, { force: true });
      spawnSync('ssh-keygen', ['-Y', 'sign', '-f', file, '-n', 'ironwake', path]);
      return readFile(`${path}.sig`, 'utf8');
    },
  };
}

/** What differs from one machine to the next. */
export interface Machine {
  readonly mac: Mac;
  /** Where it calls from. */
  readonly from: string;
  readonly fqdn: string;
}
const THE_NODE: Machine = { mac: NODE_MAC, from: NODE_AT, fqdn: 'pve1.lab.example' };

export interface Installed {
  readonly runId: string;
  readonly key: ReturnType<typeof hostKey>;
  /** The hook as the installer got it. */
  readonly hook: string;
  /** Base of the routes of nodes. */
  readonly node: string;
  /** Proves the host key; the answer of the daemon. */
  prove(): Promise<Reply>;
  /** The credential of a proof that must be taken. */
  credential(): Promise<string>;
}

/** From the claim to the end of the installer, as the machine does it. */
export async function install(
  t: Test,
  parts: Parts,
  answerUrl: string,
  { mac, from, fqdn }: Machine = THE_NODE,
): Promise<Installed> {
  const directory = await mkdtemp(join(tmpdir(), 'ironwake-hostkey-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const key = hostKey(directory);
  const answer = await parts.call(answerUrl, { from, body: SYSTEM.replace('BC:24:11:00:00:01', mac.toUpperCase()) });
  t.equal(answer.status, 200, answer.text);
  const urls = parseToml(answer.text) as unknown as Record<'first-boot' | 'post-installation-webhook', { url: string }>;
  const hook = await parts.call(urls['first-boot'].url, { from });
  t.equal(hook.status, 200, hook.text);
  const webhook = await parts.call(urls['post-installation-webhook'].url, {
    from,
    body: webhookOf(key.publicKey, fqdn),
  });
  t.equal(webhook.status, 200, webhook.text);
  const { nodes, runs } = parts.journey.store;
  const runId = (await runs.activeOf((await nodes.byMac(mac))?.id ?? ''))?.id ?? '';
  const node = `${parts.segment.httpsUrl}/node/v1`;
  const prove = async () => {
    const challenge = await parts.call(`${node}/challenge`, { from, json: { run: runId } });
    const { nonce } = JSON.parse(challenge.text);
    const signature = await key.sign(nonce);
    return parts.call(`${node}/credential`, { from, json: { run: runId, nonce, signature } });
  };
  return {
    runId,
    key,
    hook: hook.text,
    node,
    prove,
    credential: async () => {
      const proved = await prove();
      t.equal(proved.status, 200, proved.text);
      return JSON.parse(proved.text).credential;
    },
  };
}

export function webhookOf(publicKey: string, fqdn = THE_NODE.fqdn): string {
  return JSON.stringify({
    fqdn,
    product: { short: 'pve', version: '9.2.1' },
    'ssh-public-host-keys': { ed25519: `${publicKey} root@pve1` },
  });
}

/** The node has fetched its plan, done it (the modules of `PROFILE`), and looked at itself. */
export async function becomeReady(
  t: { equal(found: unknown, wanted: unknown, message: string): unknown },
  parts: Parts,
  { node, runId }: Pick<Installed, 'node' | 'runId'>,
  token: string,
  from = NODE_AT,
): Promise<void> {
  const plan = await parts.call(`${node}/plan`, { from, token });
  t.equal(plan.status, 200, plan.text.slice(0, 200));
  const steps = [
    ['apply', 'changed'],
    ['verify', 'ok'],
    ['reapply', 'unchanged'],
  ] as const;
  const reports = ['repositories', 'admin-user', 'ssh'].flatMap((module, i) =>
    steps.map(([step, result], j) => ({
      ...{ seq: i * steps.length + j + 1, module, step, result },
      ...{ startedAt: 1, durationMs: 5, output: '', detail: '' },
    })),
  );
  for (const [path, json] of Object.entries({ reports: { reports }, finished: { result: 'ok' }, watch: {} })) {
    const answer = await parts.call(`${node}/${path}`, { from, token, json: { run: runId, ...json } });
    t.equal(answer.status, 200, `${path}: ${answer.text}`);
  }
}

/** The code as a node makes it, with the tools of a node. */
export async function codeOfNode(key: string, hook: string, runId: string): Promise<string> {
  const fingerprint = (await run('ssh-keygen', ['-l', '-E', 'sha256', '-f', '-'], { input: key })).stdout.split(' ')[1];
  const pins = /printf '%s' '([^']+)' > settings\/pins/.exec(hook)?.[1];
  const digest = createHash('sha256')
    .update(`ironwake confirmation\n${fingerprint}\n${pins}\n${runId}\n`)
    .digest('hex');
  const letters = [...digest.slice(0, 12)]
    .map((digit) => 'bcdfghjkmnpqrstv'['0123456789abcdef'.indexOf(digit)])
    .join('');
  return (letters.match(/.{4}/g) ?? []).join('-');
}
