/** The composition root: makes every part, hands each what it needs, starts and stops them in order. Wiring only. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseSeverities } from './answers/severities.ts';
import { createArtefacts } from './artefacts/artefacts.ts';
import { createBackups } from './backups.ts';
import { banner } from './banner.ts';
import { systemClock } from './clock.ts';
import { type Config, defaultAnswersDir, SHIPPED_ANSWERS } from './config/load.ts';
import { isFoundWithoutOptions } from './config/local.ts';
import { createCourier } from './courier/courier.ts';
import { makeDataDirectory, seedAnswers, shareWithInvoker } from './data-directory.ts';
import type { DhcpCounters } from './dhcp/counters.ts';
import { DhcpServer } from './dhcp/server.ts';
import { IronwakeError, messageOf } from './errors.ts';
import { createApps } from './http/apps.ts';
import { createReadiness } from './http/health.ts';
import { listen } from './http/listeners.ts';
import type { PacketCounts } from './http/metrics.ts';
import { createTransfers } from './http/transfers.ts';
import { createChanges } from './journey/changes.ts';
import { startDeliveries } from './journey/deliveries.ts';
import { createDiscovered } from './journey/discovered.ts';
import { identityOf, type Journey, type Keys } from './journey/journey.ts';
import { createLeases } from './journey/leases.ts';
import { createLimits } from './journey/limits.ts';
import { lockOutOf } from './journey/lock-out.ts';
import { createMetrics } from './journey/metrics.ts';
import { decideDhcp, loaderFetched } from './journey/netboot.ts';
import type { Store } from './journey/ports.ts';
import { startRetention } from './journey/retention.ts';
import { startRotation } from './journey/rotation.ts';
import { createRuleBook } from './journey/rule-book.ts';
import { startSweep } from './journey/sweep.ts';
import { createThrottle } from './journey/throttle.ts';
import { createTimekeeping } from './journey/timekeeping.ts';
import { createLog, type Log } from './log.ts';
import { openCatalogue } from './media/catalogue.ts';
import { chooseInterfaces, readHost, segmentOf } from './net/interfaces.ts';
import type { Ipv4 } from './net/ipv4.ts';
import { kernelNeighbours } from './net/neighbours.ts';
import type { Segment } from './net/segment.ts';
import { checksOfProfiles } from './profile-checks.ts';
import { logProfiles } from './profile-log.ts';
import { ProfileRegistry } from './profiles/registry.ts';
import type { Budgets } from './runs/budgets.ts';
import { createSshProber } from './ssh/prober.ts';
import { createReach } from './ssh/reach.ts';
import { DATABASE_FILE, refuseHalfRestore } from './store/backup.ts';
import { lockDataDirectory } from './store/lock.ts';
import { openStore } from './store/store.ts';
import type { TftpCounters } from './tftp/observation.ts';
import { startTftp, type TftpServer } from './tftp/server.ts';
import { hashApiToken, makeApiToken } from './trust/api-token.ts';
import { openCertificates } from './trust/certificate-keeper.ts';
import { type InstanceKey, loadInstanceKey } from './trust/instance-key.ts';
import { createPrivateFile, writePrivateFile } from './trust/private-file.ts';
import { seal, unsealText } from './trust/sealing.ts';
import { uuidv7 } from './trust/uuid.ts';

/** Image streams and webhooks get this long after SIGTERM, then they are cut: the boot script asks again, the webhook is sent after the next start. */
const STREAM_GRACE_MS = 4000;
/** Requests that have not ended by then (a body that trickles in, an upload) are cut, and get a moment to notice. */
const DRAIN_LIMIT_MS = 4200;
const CUT_GRACE_MS = 150;
/** Whatever hangs after this is given up, so that the process ends within 5 s. */
const STOP_LIMIT_MS = 4800;
/** The same after a start that failed. */
const CLEAN_UP_LIMIT_MS = 2000;

export interface Daemon {
  readonly ports: { readonly dhcp: number; readonly pxe: number; readonly tftp: number };
  readonly segments: readonly Segment[];
  readonly url: string;
  readonly fingerprint: string;
  readonly adminTokenFile: string;
  /** Where a public key belongs in the profile `default`, when without one nobody could log in. */
  readonly keyBelongsIn: string | undefined;
  stop(): Promise<void>;
}

/**
 * Starts the daemon and keeps it until SIGTERM or SIGINT; returns within 5 s after that, whatever still hangs: the caller then ends the process.
 * @throws IronwakeError when it cannot start: one clear line with the remedy
 */
export async function runDaemon(config: Config): Promise<void> {
  const asked = Promise.withResolvers<void>();
  // Ctrl-C reaches this process twice, from the terminal and from npm: the second must not cut the stop short.
  const onSignal = (): void => asked.resolve();
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const daemon = await startDaemon(config);
    const dataDir = isFoundWithoutOptions(config.dataDir) ? undefined : config.dataDir;
    process.stdout.write(banner({ ...daemon, dataDir }));
    await asked.promise;
    await within(STOP_LIMIT_MS, daemon.stop());
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

export async function startDaemon(config: Config): Promise<Daemon> {
  const format = config.log.format === 'auto' ? (process.stdout.isTTY ? 'pretty' : 'json') : config.log.format;
  const log = await createLog({ level: config.log.level, format });
  const clock = systemClock;
  // Everything that can be wrong without touching anything is found first.
  const host = await readHost();
  const served = chooseInterfaces(config.interfaces, host);
  // The database and its companions take their mode from this.
  process.umask(0o077);
  await makeDataDirectory(config.dataDir);

  const closers: Closer[] = [lockDataDirectory(config.dataDir)];
  try {
    refuseHalfRestore(config.dataDir);
    const store = await openStore({ path: join(config.dataDir, DATABASE_FILE), log, site: config.site });
    closers.push(() => store.close());
    const instance = await loadInstanceKey({
      directory: config.dataDir,
      credentialsDirectory: process.env.CREDENTIALS_DIRECTORY,
      randomBytes,
    });
    await rememberInstance(store, instance, config.dataDir);
    const addresses = served.map((found) => config.addresses[found.name] ?? segmentOf(found, NO_PORTS).address);
    const certificates = await openCertificates({
      directory: config.dataDir,
      hostNames: [hostname(), 'localhost'],
      addresses: [...addresses, '127.0.0.1'],
      now: clock.now(),
    });
    const adminTokenFile = await makeAdminToken(store, config.dataDir, clock.now());
    const severities = parseSeverities(config.findings, 'findings');
    const checks = checksOfProfiles(undefined, severities);
    if (config.answersDir === defaultAnswersDir(process.env)) await seedAnswers(config.answersDir, SHIPPED_ANSWERS);
    const profiles = await ProfileRegistry.open({ directory: config.answersDir, clock, checks });
    closers.push(() => profiles.close());
    logProfiles(profiles, log);
    const catalogue = await openCatalogue({
      dataDir: config.dataDir,
      now: clock.now,
      onFallback: (path, reason) => log.warn({ path, reason }, 'this image is read instead of mapped: slower'),
    });
    const artefacts = createArtefacts(config.tftprootDir);
    for (const file of await artefacts.missing())
      log.error({ file }, 'this boot loader is missing in tftproot: npm run setup -- serve');

    const probing = new AbortController();
    let segments: readonly Segment[] = [];
    const budgets = budgetsOf(config);
    const changes = createChanges();
    const journey: Journey = {
      store,
      clock,
      timekeeping: createTimekeeping({ store, clock, log, budgets, changes }),
      log,
      keys: keysOf(instance),
      identity: identityOf({ certificates }),
      certificates,
      images: catalogue,
      profiles,
      neighbours: kernelNeighbours,
      prober: createSshProber({ signal: probing.signal }),
      reach: createReach({ signal: probing.signal }),
      segments: () => segments,
      budgets,
      settings: { site: config.site, severities },
      discovered: createDiscovered(store, clock, log, config.limits.discoveredCapacity),
      changes,
      throttle: createThrottle(clock),
      metrics: createMetrics(),
      limits: createLimits(clock),
      leases: createLeases(),
      rules: createRuleBook(store),
    };
    closers.push(() => journey.discovered.flush());

    const transfers = createTransfers();
    /** What is not there yet, or no longer: `/readyz` says so. */
    const missing = new Set(['dhcp', 'tftp', 'starting']);
    let packets: () => PacketCounts = () => ({ dhcp: {}, tftp: {}, dhcpMalformed: {}, tftpActive: 0 });
    const readiness = createReadiness({
      probe: () => store.probe(),
      check: () => store.check(),
      missing: () => [...missing],
      clock,
      log,
    });
    const apps = await createApps({
      journey,
      artefacts,
      transfers,
      catalogue,
      log,
      version: VERSION,
      startedAt: clock.now(),
      readiness,
      backups: createBackups(config.dataDir, VERSION, clock.now),
      packets: () => packets(),
    });
    const plain = await listen(apps.plain, addresses, config.ports.http);
    closers.push(() => plain.destroy());
    const secure = await listen(apps.secure, [...addresses, '127.0.0.1'], config.ports.https, certificates.current);
    closers.push(() => secure.destroy());
    segments = served.map((found, index) =>
      withAddress(segmentOf(found, { http: plain.port, https: secure.port }), addresses[index]),
    );

    let tftp: TftpServer | undefined;
    let moving: Promise<void> = Promise.resolve();
    /** An interface came back, perhaps with another address: everything that names or binds the old one follows. */
    const move = async (before: Segment, after: Segment): Promise<void> => {
      segments = segments.map((old) => (old.interfaceName === before.interfaceName ? after : old));
      try {
        await plain.move(before.address, after.address);
        await secure.move(before.address, after.address);
        await tftp?.replaceSegment(before, after);
      } catch (error) {
        log.error(
          { interface: after.interfaceName, err: messageOf(error) },
          'the new address cannot be served; restart the daemon',
        );
      }
    };
    const dhcp = new DhcpServer({
      segments,
      decide: (facts, segment) => decideDhcp(journey, facts, segment),
      observe: (seen) => {
        if (seen.kind === 'lease-taken') journey.leases.note(seen);
        if (seen.kind === 'segment-restored') moving = moving.then(() => move(seen.before, seen.segment));
      },
      log,
      clock,
      ports: { dhcp: config.ports.dhcp, bootServer: config.ports.pxe },
      relay: config.relay === 'on',
    });
    await dhcp.start();
    missing.delete('dhcp');
    closers.push(() => dhcp.close());
    const bootFiles = await startBootFiles(journey, artefacts, config, () => segments, log);
    tftp = bootFiles;
    missing.delete('tftp');
    packets = () => packetCounts(dhcp.counters, bootFiles.counters);
    closers.push(() => bootFiles.close());
    const sweep = startSweep(journey);
    closers.push(() => sweep.stop());
    const retention = startRetention(journey, config.retention);
    closers.push(() => retention.stop());
    const deliveries = startDeliveries(journey, createCourier(VERSION));
    closers.push(() => deliveries.drain(0));
    // A large database is not waited for: what is wrong with it is said when it is found.
    void readiness.checkDatabase();

    const url = `https://127.0.0.1:${secure.port}`;
    const serverFile = join(config.dataDir, 'server.json');
    const tellWhere = async () => {
      await writePrivateFile(
        serverFile,
        `${JSON.stringify({ url, fingerprint: certificates.current.fingerprint, pid: process.pid })}\n`,
      );
      await shareWithInvoker(config.dataDir, process.env);
    };
    await tellWhere();
    certificates.onAdopted((adopted) => {
      secure.present(adopted);
      tellWhere().catch((error: unknown) => log.error({ err: messageOf(error) }, 'server.json could not be written'));
    });
    const rotation = startRotation(journey);
    closers.push(() => rotation.stop());
    closers.push(() => rm(serverFile, { force: true }));
    missing.delete('starting');
    log.info({ url, segments: segments.map((segment) => `${segment.interfaceName} ${segment.address}`) }, 'serving');

    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      log.info('stopping');
      missing.add('stopping');
      // The network falls silent first: a machine that is switched on now goes to its disk. A node whose probe is given up asks again.
      const dhcpClosed = dhcp.close();
      probing.abort();
      // New connections and requests are refused; what has begun is finished, image streams get a few seconds.
      const drained = Promise.all([
        dhcpClosed,
        bootFiles.drain(),
        plain.close(),
        secure.close(),
        apps.plain.close(),
        apps.secure.close(),
        transfers.drain(STREAM_GRACE_MS),
        deliveries.drain(STREAM_GRACE_MS),
      ]);
      if (!(await within(DRAIN_LIMIT_MS, drained))) {
        plain.destroy();
        secure.destroy();
        await sleep(CUT_GRACE_MS);
      }
      await closeAll(closers, log);
      log.info('stopped');
    };
    return {
      segments,
      ports: {
        dhcp: dhcp.boundPorts[0]?.dhcp ?? config.ports.dhcp,
        pxe: dhcp.boundPorts[0]?.bootServer ?? config.ports.pxe,
        tftp: bootFiles.addresses[0]?.port ?? config.ports.tftp,
      },
      url,
      get fingerprint() {
        return certificates.current.fingerprint;
      },
      adminTokenFile,
      keyBelongsIn: keyBelongsIn(profiles, config.answersDir),
      stop: () => {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    await within(CLEAN_UP_LIMIT_MS, closeAll(closers, log));
    throw error;
  }
}

const VERSION = packageVersion();

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
}

function keyBelongsIn(profiles: ProfileRegistry, answersDir: string): string | undefined {
  const profile = profiles.get('default');
  const found = profile === undefined ? undefined : lockOutOf(profile);
  return found === undefined ? undefined : join(answersDir, found.where);
}

const NO_PORTS = { http: 0, https: 0 };

function withAddress(segment: Segment, address: Ipv4 | undefined): Segment {
  if (address === undefined || address === segment.address) return segment;
  const move = (url: string): string => url.replace(segment.address, address);
  return { ...segment, address, httpUrl: move(segment.httpUrl), httpsUrl: move(segment.httpsUrl) };
}

function startBootFiles(
  journey: Journey,
  artefacts: ReturnType<typeof createArtefacts>,
  config: Config,
  segments: () => readonly Segment[],
  log: Log,
): Promise<TftpServer> {
  return startTftp({
    segments: segments(),
    port: config.ports.tftp,
    resolve: async ({ file }) => {
      const loader = await artefacts.loader(file);
      return loader === undefined
        ? { kind: 'not-found' }
        : { kind: 'file', source: loader.source, key: `${loader.name} ${loader.etag}` };
    },
    observe: (seen) => {
      journey.metrics.served('tftp', seen.bytes);
      if (seen.kind !== 'complete') return;
      const segment = segments().find((candidate) => candidate.interfaceName === seen.client.interfaceName);
      if (segment === undefined) return;
      loaderFetched(journey, { address: seen.client.address, segment }, seen.file, 'TFTP', seen.bytes).catch(
        (error: unknown) => {
          log.warn({ ip: seen.client.address, err: messageOf(error) }, 'a TFTP transfer could not be written down');
        },
      );
    },
    log,
    clock: journey.clock,
    limits: { transfers: config.limits.tftpTransfers, windowsize: config.limits.tftpWindowsize },
  });
}

/** Verdict -> packets; what is malformed in several ways is one verdict, and told apart beside it. */
function packetCounts(dhcp: DhcpCounters, { active, ...tftp }: TftpCounters): PacketCounts {
  const { received: _, malformed, ...verdicts } = dhcp;
  const bad = [...malformed.values()].reduce((sum, count) => sum + count, 0);
  const { requests: __, notFound, ...rest } = tftp;
  return {
    dhcp: { ...verdicts, malformed: bad },
    dhcpMalformed: Object.fromEntries(malformed),
    tftp: { ...rest, not_found: notFound },
    tftpActive: active,
  };
}

/** Notices that the key file was exchanged for another one: every sealed secret would be lost, one by one and late. */
async function rememberInstance(store: Store, instance: InstanceKey, directory: string): Promise<void> {
  const known = await store.settings.get('instance-key-id');
  if (known === undefined) return store.settings.put('instance-key-id', instance.id);
  if (known === instance.id) return;
  throw new IronwakeError({
    kind: 'unavailable',
    code: 'daemon.other-key',
    message: `the key in ${directory} is not the one that this database was made with`,
    remedy: 'Restore instance.key (or the systemd credential) that belongs to this database.',
  });
}

/** The first administrator's token: made once, written where only this user can read it. */
async function makeAdminToken(store: Store, directory: string, now: number): Promise<string> {
  const file = join(directory, 'admin-token');
  if ((await store.tokens.list()).length > 0) return file;
  const token = makeApiToken(randomBytes);
  await rm(file, { force: true });
  await createPrivateFile(file, `${token}\n`);
  await store.tokens.insert({
    id: uuidv7(now, randomBytes),
    name: 'admin',
    role: 'admin',
    hash: hashApiToken(token),
    createdAt: now,
    expiresAt: undefined,
  });
  await store.audit.append({
    at: now,
    actor: 'setup',
    from: 'local',
    action: 'token.created',
    target: 'admin',
    data: { role: 'admin' },
  });
  return file;
}

function keysOf(instance: InstanceKey): Keys {
  return {
    instance,
    randomBytes,
    seal: (purpose, plain) => seal(instance, purpose, plain, randomBytes),
    unseal: (purpose, sealed) => unsealText(instance, purpose, sealed),
  };
}

function budgetsOf(config: Config): Budgets {
  const minute = 60_000;
  const states = Object.fromEntries(
    Object.entries(config.run.budgets).map(([state, minutes]) => [state, minutes * minute]),
  );
  return { armed: config.run.expiresMinutes * minute, states, giveUp: config.run.giveUpMinutes * minute };
}

/** What was begun last is ended first; what cannot be ended does not keep the others. */
async function closeAll(closers: readonly Closer[], log: Log): Promise<void> {
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      log.warn({ err: messageOf(error) }, 'while stopping');
    }
  }
}

type Closer = () => Promise<void> | void;

/** @returns whether the work was done in time. @throws what the work throws in time */
async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
