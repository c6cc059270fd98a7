/**
 * The daemon's inner parts over a real store and real sockets, with a world that a test controls: time, neighbours, image, SSH probe. Clients call
 * from other loopback addresses, so that source binding is real.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createArtefacts } from '../../src/artefacts/artefacts.ts';
import { createBackups } from '../../src/backups.ts';
import { ManualClock } from '../../src/clock.ts';
import { type AppParts, createApps } from '../../src/http/apps.ts';
import { createReadiness } from '../../src/http/health.ts';
import { listen } from '../../src/http/listeners.ts';
import { createTransfers } from '../../src/http/transfers.ts';
import type { Compile } from '../../src/http/validation.ts';
import { createChanges } from '../../src/journey/changes.ts';
import { createDiscovered } from '../../src/journey/discovered.ts';
import { identityOf, type Journey } from '../../src/journey/journey.ts';
import { createLeases } from '../../src/journey/leases.ts';
import { createLimits } from '../../src/journey/limits.ts';
import { createMetrics } from '../../src/journey/metrics.ts';
import type { MediaRecord, OverlayFile, Role, Store } from '../../src/journey/ports.ts';
import { createRuleBook } from '../../src/journey/rule-book.ts';
import { createThrottle } from '../../src/journey/throttle.ts';
import { createTimekeeping } from '../../src/journey/timekeeping.ts';
import { type Log, silentLog } from '../../src/log.ts';
import { bytesSource } from '../../src/media/source.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Segment } from '../../src/net/segment.ts';
import { checksOfProfiles } from '../../src/profile-checks.ts';
import { ProfileRegistry } from '../../src/profiles/registry.ts';
import { DEFAULT_BUDGETS } from '../../src/runs/budgets.ts';
import { openStore } from '../../src/store/store.ts';
import { hashApiToken } from '../../src/trust/api-token.ts';
import { openCertificates } from '../../src/trust/certificate-keeper.ts';
import { instanceKey } from '../../src/trust/instance-key.ts';
import { seal, unsealText } from '../../src/trust/sealing.ts';

export const NODE_MAC = 'bc:24:11:00:00:01' as Mac;
export const STRANGER_MAC = '02:00:00:00:66:66' as Mac;
/** Where the node, a stranger, and a stranger that spoofs the node's MAC call from. */
export const NODE_AT = '127.0.0.2';
export const STRANGER_AT = '127.0.0.3';
export const SPOOFER_AT = '127.0.0.4';
/** On the second network of ours, and on none of ours. */
export const OTHER_NETWORK_AT = '127.0.1.9';
export const ROUTED_AT = '127.9.9.9';

export const PUBLIC_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDX4Rq8CB1kN0Wk7n2f0CJ4H5GvV6Qb1v8gK6ZxqZ8aM admin@laptop';

export const PROFILE = `description: for tests
answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: admin@lab.example }
  network: { source: from-dhcp }
  disk-setup: { filesystem: ext4, filter: { DEVNAME: /dev/vda } }
postInstall:
  repositories: {}
  ssh: {}
  admin-user: { name: admin, keys: ["${PUBLIC_KEY}"] }
`;

export const MEDIA: MediaRecord = {
  id: 'ab'.repeat(32),
  name: 'proxmox-ve_9.2-1',
  product: 'pve',
  release: '9.2',
  isoRelease: '1',
  sizeBytes: 4096,
  kernelPath: '/boot/linux26',
  initrdPath: '/boot/initrd.img',
  addedAt: 1,
};

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface CallOptions {
  readonly from?: string;
  readonly method?: string;
  readonly token?: string;
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the reply's text; UTF-8 when absent. */
  readonly encoding?: BufferEncoding;
  /** Called with the first piece of the body; the rest is read when it has ended. */
  readonly onChunk?: () => Promise<void>;
}

export interface PartsOptions {
  /** A file instead of a database in memory: what a restart finds. */
  readonly databasePath?: string;
  /** For certificate and profiles; it stays when the parts are closed. Else a new one, which goes with them. */
  readonly directory?: string;
  /** 32 bytes; else at random. */
  readonly instanceKey?: Uint8Array;
  /** What the parts get in place of the store. */
  readonly throughStore?: (store: Store) => Store;
  readonly clock?: ManualClock;
  /** Further profiles by name, as YAML. */
  readonly profiles?: Readonly<Record<string, string>>;
  readonly log?: Log;
  /** When the schemas of the routes are compiled. */
  readonly compile?: Compile;
}

export async function startParts(options: PartsOptions = {}) {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'ironwake-parts-')));
  for (const [name, text] of Object.entries({ default: PROFILE, ...options.profiles }))
    await writeFile(join(directory, `${name}.yaml`), text);
  for (const loader of ['undionly.kpxe', 'ipxe-x86_64.efi'])
    await writeFile(join(directory, loader), Buffer.alloc(70_000, 7));
  const clock = options.clock ?? new ManualClock();
  const log = options.log ?? silentLog;
  const { throughStore = (opened: Store) => opened } = options;
  const store = throughStore(
    await openStore({ path: options.databasePath ?? ':memory:', log, now: () => clock.now() }),
  );
  const instance = instanceKey(options.instanceKey ?? randomBytes(32));
  const certificates = await openCertificates({
    directory,
    hostNames: ['localhost'],
    addresses: ['127.0.0.1'],
    now: Date.now(),
  });
  const profiles = await ProfileRegistry.open({ directory, clock, checks: checksOfProfiles() });
  const neighbours = new Map<string, Mac>([
    [NODE_AT, NODE_MAC],
    [STRANGER_AT, STRANGER_MAC],
    [SPOOFER_AT, NODE_MAC],
  ]);
  const probes: string[] = [];
  /** What `reach.connect` finds, by port; else it is open. */
  const doors = new Map<number, 'open' | 'refused' | 'silent' | 'unreachable'>();
  let overlay: readonly OverlayFile[] = [];
  let padding = 0;
  let segments: readonly Segment[] = [];
  const budgets = DEFAULT_BUDGETS;
  const changes = createChanges();
  const journey: Journey = {
    store,
    clock,
    timekeeping: createTimekeeping({ store, clock, log, budgets, changes }),
    log,
    keys: {
      instance,
      randomBytes,
      seal: (purpose, plain) => seal(instance, purpose, plain, randomBytes),
      unseal: (purpose, sealed) => unsealText(instance, purpose, sealed),
    },
    identity: identityOf({ certificates }),
    certificates,
    images: {
      present: async () => true,
      file: async () => bytesSource(Buffer.from('KERNEL')),
      wrappedInitrd: async (_media, files) => {
        overlay = files;
        return bytesSource(
          Buffer.concat([Buffer.from('INITRD'), ...files.map((file) => file.content), Buffer.alloc(padding)]),
        );
      },
    },
    profiles,
    neighbours: {
      macOf: async (address: Ipv4) => neighbours.get(address),
      ask: async (address: Ipv4) => neighbours.get(address),
    },
    prober: {
      probe: async ({ address }) => {
        probes.push(address);
        return { result: 'ok', detail: 'logged in' };
      },
    },
    reach: {
      connect: async ({ port }) => doors.get(port) ?? 'open',
      ping: async () => 'answered',
    },
    segments: () => segments,
    budgets,
    settings: { site: 'test' },
    discovered: createDiscovered(store, clock, log, 100),
    changes,
    throttle: createThrottle(clock),
    metrics: createMetrics(),
    limits: createLimits(clock),
    leases: createLeases(),
    rules: createRuleBook(store),
  };
  if ((await store.media.byId(MEDIA.id)) === undefined) await store.media.insert(MEDIA);
  const artefacts = createArtefacts(directory);
  const readiness = createReadiness({
    probe: () => store.probe(),
    check: () => store.check(),
    missing: () => [],
    clock,
    log,
  });
  const routes: AppParts = {
    journey,
    artefacts,
    transfers: createTransfers(),
    catalogue: { add: async () => MEDIA, remove: async () => {} },
    log,
    version: '0',
    startedAt: clock.now(),
    readiness,
    backups: createBackups(dirname(options.databasePath ?? join(directory, 'none')), '0', () => clock.now()),
    packets: () => ({ dhcp: { answered: 3 }, tftp: { complete: 2 }, dhcpMalformed: { 'no-cookie': 1 }, tftpActive: 1 }),
  };
  const apps = await createApps(routes, options.compile);
  const plain = await listen(apps.plain, ['127.0.0.1'], 0);
  const secure = await listen(apps.secure, ['127.0.0.1'], 0, certificates.current);
  certificates.onAdopted((adopted) => secure.present(adopted));
  segments = [
    {
      interfaceName: 'lo',
      address: '127.0.0.1' as Ipv4,
      prefixLength: 24,
      httpUrl: `http://127.0.0.1:${plain.port}`,
      httpsUrl: `https://127.0.0.1:${secure.port}`,
    },
    {
      interfaceName: 'lo1',
      address: '127.0.1.1' as Ipv4,
      prefixLength: 24,
      httpUrl: `http://127.0.1.1:${plain.port}`,
      httpsUrl: `https://127.0.1.1:${secure.port}`,
    },
  ];

  async function token(role: Role, expiresAt?: number): Promise<string> {
    const text = `iw_${role}_${randomBytes(8).toString('hex')}`;
    await store.tokens.insert({
      id: text,
      name: role,
      role,
      hash: hashApiToken(text),
      createdAt: clock.now(),
      expiresAt,
    });
    return text;
  }

  function call(url: string, options: CallOptions = {}): Promise<Reply> {
    const { from = NODE_AT, json } = options;
    const body = json === undefined ? options.body : JSON.stringify(json);
    const send = url.startsWith('https:') ? tlsRequest : plainRequest;
    return new Promise((resolve, reject) => {
      const outgoing = send(url, {
        method: options.method ?? (body === undefined ? 'GET' : 'POST'),
        localAddress: from,
        rejectUnauthorized: false,
        agent: false,
        headers: {
          ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
          ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
      });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.once('data', () => {
          if (options.onChunk === undefined) return;
          response.pause();
          options.onChunk().then(() => response.resume(), reject);
        });
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(options.encoding ?? 'utf8'),
          }),
        );
      });
      outgoing.end(body);
    });
  }

  return {
    journey,
    apps,
    readiness,
    clock,
    neighbours,
    probes,
    doors,
    directory,
    segment: segments[0] as Segment,
    /** The files that the last wrapped initrd held besides the image. */
    overlay: () => overlay,
    /** Makes the image so large that it does not fit into the buffers between the two. */
    slowImage: (bytes: number) => {
      padding = bytes;
    },
    token,
    call,
    async close() {
      plain.destroy();
      secure.destroy();
      await Promise.all([plain.close(), secure.close(), apps.plain.close(), apps.secure.close()]);
      await profiles.close();
      await store.close();
      if (options.directory === undefined) await rm(directory, { recursive: true });
    },
  };
}

export type Parts = Awaited<ReturnType<typeof startParts>>;
