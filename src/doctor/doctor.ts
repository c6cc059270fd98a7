/**
 * `ironwake doctor`: looks for what breaks netboot in the field. This file decides what is asked in which order; each check lives in a file of its own,
 * with its judgement as a pure function. It only looks: no lease is taken, no setting changed, and the machines' timelines stay as they are.
 */
import type { Client } from '../api/client.ts';
import type { NodeSummary, ProfileList, StatusView } from '../api/schemas.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/load.ts';
import { IronwakeError, messageOf } from '../errors.ts';
import type { Segment } from '../net/segment.ts';
import { type Kernel, loadKernel } from '../net/socket.ts';
import type { ProfileChecks } from '../profiles/library.ts';
import { collectOffers } from './asking.ts';
import { checkDaemon, type DaemonState, judgeAbsence, readDaemonState } from './daemon-state.ts';
import { checkDisks } from './disks.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { checkFirewall, type ServedPorts } from './firewall.ts';
import { checkInterfaces } from './interfaces.ts';
import { judgeOffers } from './offers.ts';
import { checkOwnDhcp, checkOwnTftp } from './own-servers.ts';
import { checkPorts, holdsDhcp } from './ports.ts';
import { checkLoaders, checkProfileDirectory, judgeProfiles, type StagedLoaders } from './staged.ts';
import { checkCertificate, checkClock } from './time.ts';
import { judgeWebhooks, type KnownWebhooks } from './webhooks.ts';

export interface DoctorOptions {
  readonly config: Config;
  /** Interfaces that were asked for on the command line; empty for those that the daemon serves or would choose. */
  readonly interfaces: readonly string[];
  /** The API of the daemon that runs here. @throws IronwakeError when there is no token to ask with */
  readonly connect: () => Promise<Client>;
  /** What a profile has to pass besides its schema. */
  readonly profileChecks: ProfileChecks;
  /** Of this command. */
  readonly version: string;
  readonly clock: Clock;
}

/** What the API told; each part may be missing, when there is no daemon or no token. */
interface Told {
  readonly status: StatusView | undefined;
  readonly nodes: readonly NodeSummary[] | undefined;
  readonly profiles: ProfileList | undefined;
  readonly webhooks: KnownWebhooks | undefined;
  readonly trouble: { readonly message: string; readonly remedy: string } | undefined;
}

/** All findings, in the order of a reader: this host first, then the network. Takes some seconds, most of them listening for DHCP offers. */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const { clock, config } = options;
  const state = await readDaemonState(config.dataDir);
  const told: Told = state.kind === 'running' ? await ask(options.connect) : NOTHING_TOLD;
  const ports = portsOf(config, told.status);
  const chosen = await checkInterfaces(namesOf(options, told.status), config.addresses, ports);
  const { segments } = chosen;
  const loaders = await checkLoaders(config.tftprootDir);
  const kernel = await loadKernel();
  const served = state.kind === 'running' && (await holdsDhcp(ports.dhcp, state.daemon.pid));
  const ownAddresses = chosen.host.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address));

  const [daemon, held, profiles, disks, time, certificate, ...networks] = await Promise.all([
    daemonFindings(state, told, options),
    checkPorts({ segments, ports, kernel, daemonPid: state.kind === 'running' ? state.daemon.pid : undefined }),
    told.profiles === undefined
      ? checkProfileDirectory(config.answersDir, clock, options.profileChecks)
      : judgeProfiles(told.profiles.items.length, told.profiles.problems),
    checkDisks(config.dataDir),
    checkClock(clock.now()),
    checkCertificate(config.dataDir, clock.now()),
    ...segments.map((segment) =>
      lookAt(segment, { kernel, loaders, ownAddresses, ports, served, state, told, config }),
    ),
  ]);
  return [
    ...chosen.findings,
    ...daemon,
    ...held,
    ...loaders.findings,
    ...profiles,
    ...disks,
    time,
    certificate,
    ...(told.webhooks === undefined ? [] : judgeWebhooks(told.webhooks, clock.now())),
    ...networks.flat(),
  ];
}

interface Surroundings {
  readonly kernel: Kernel | undefined;
  readonly loaders: StagedLoaders;
  readonly ownAddresses: readonly Segment['address'][];
  readonly ports: ServedPorts;
  /** The daemon holds the port of proxyDHCP. */
  readonly served: boolean;
  readonly state: DaemonState;
  readonly told: Told;
  readonly config: Config;
}

/** Everything about one segment: the packet filter first, because it decides what can be heard. */
async function lookAt(segment: Segment, around: Surroundings): Promise<Finding[]> {
  const { config, kernel, loaders, ownAddresses, ports, served, state, told } = around;
  if (segment.address.startsWith('127.'))
    return [ok('dhcp', 'dhcp.loopback', `${segment.interfaceName} has no network to ask`)];
  const firewall = await checkFirewall(segment, ports);
  const { canHear } = firewall;
  const running = state.kind === 'running';
  const [offers, ownDhcp, ownTftp] = await Promise.all([
    askNetwork(segment, kernel, { ownAddresses, loaders: loaders.present, served, canHear }),
    running && told.nodes !== undefined ? checkOwnDhcp(segment, told.nodes, canHear) : undefined,
    running && ports.tftp !== 0 ? checkOwnTftp(segment, ports.tftp, config.tftprootDir, loaders.present) : [],
  ]);
  return [...firewall.findings, ...offers, ...(ownDhcp === undefined ? [] : [ownDhcp]), ...ownTftp];
}

async function askNetwork(
  segment: Segment,
  kernel: Kernel | undefined,
  situation: {
    readonly ownAddresses: readonly Segment['address'][];
    readonly loaders: readonly string[];
    readonly served: boolean;
    readonly canHear: boolean;
  },
): Promise<Finding[]> {
  const { address, interfaceName } = segment;
  try {
    return judgeOffers(await collectOffers(segment, kernel), { interfaceName, address, ...situation });
  } catch (error) {
    if (error instanceof IronwakeError)
      return [warning('dhcp', 'dhcp.not-asked', `the network was not asked: ${error.message}`, error.remedy)];
    return [
      problem(
        'dhcp',
        'dhcp.cannot-send',
        `nothing can be sent on ${interfaceName} (${messageOf(error)})`,
        'Check the link and the address: ip -br address.',
      ),
    ];
  }
}

const NOTHING_TOLD: Told = {
  status: undefined,
  nodes: undefined,
  profiles: undefined,
  webhooks: undefined,
  trouble: undefined,
};

async function ask(connect: DoctorOptions['connect']): Promise<Told> {
  try {
    const client = await connect();
    const [status, nodes, profiles, webhooks] = await Promise.all([
      client.status(),
      client.nodes(),
      client.profiles(),
      askWebhooks(client),
    ]);
    return { status, nodes, profiles, webhooks, trouble: undefined };
  } catch (error) {
    if (error instanceof IronwakeError) return { ...NOTHING_TOLD, trouble: error };
    throw error;
  }
}

/** A token that may not see them is no reason to leave the rest out. */
async function askWebhooks(client: Client): Promise<KnownWebhooks> {
  try {
    return { kind: 'told', webhooks: await client.webhooks() };
  } catch (error) {
    if (error instanceof IronwakeError && error.kind === 'refused') return { kind: 'refused', message: error.message };
    throw error;
  }
}

async function daemonFindings(state: DaemonState, told: Told, options: DoctorOptions): Promise<Finding[]> {
  if (state.kind !== 'running') return [judgeAbsence(state.kind, options.config.dataDir)];
  const { status, trouble } = told;
  return checkDaemon({ daemon: state.daemon, status, trouble, version: options.version });
}

function namesOf({ config, interfaces }: DoctorOptions, status: StatusView | undefined): readonly string[] {
  if (interfaces.length > 0) return interfaces;
  return status?.segments.map(({ interfaceName }) => interfaceName) ?? config.interfaces;
}

/** A running daemon says on which TCP ports it is; the others are the configuration's. */
function portsOf({ ports }: Config, status: StatusView | undefined): ServedPorts {
  const [segment] = status?.segments ?? [];
  if (segment === undefined) return ports;
  return { ...ports, http: Number(new URL(segment.httpUrl).port), https: Number(new URL(segment.httpsUrl).port) };
}
