/** TLS: `GET /metrics`, for Prometheus. It tells how busy a site is, so it takes a viewer's token like the API. */
import type { FastifyInstance } from 'fastify';
import type { Journey } from '../journey/journey.ts';
import { DURATION_BUCKETS, type Histogram } from '../journey/metrics.ts';
import { family, histogram, type Sample } from './exposition.ts';
import type { Readiness } from './health.ts';
import { guardOf } from './identity.ts';

/** What the protocol servers have counted: verdict -> packets. */
export interface PacketCounts {
  readonly dhcp: Readonly<Record<string, number>>;
  readonly tftp: Readonly<Record<string, number>>;
  /** Of the malformed DHCP packets: what was wrong -> packets. */
  readonly dhcpMalformed: Readonly<Record<string, number>>;
  readonly tftpActive: number;
}

export interface MetricsRoutes {
  readonly journey: Journey;
  readonly packets: () => PacketCounts;
  readonly readiness: Pick<Readiness, 'problems'>;
  readonly streams: () => number;
  readonly version: string;
  readonly startedAt: number;
}

export function registerMetrics(app: FastifyInstance, routes: MetricsRoutes): void {
  const { needs } = guardOf(routes.journey);
  app.get('/metrics', { ...needs('viewer'), exposeHeadRoute: false }, async (_request, reply) => {
    const text = await renderMetrics(routes);
    await reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}

export async function renderMetrics(routes: MetricsRoutes): Promise<string> {
  const { journey, packets, readiness, streams, version, startedAt } = routes;
  const { metrics, store, clock } = journey;
  const now = clock.now();
  const states = await store.runs.states();
  const counts = await store.webhooks.counts();
  const webhooks = (await store.webhooks.list()).map(({ webhook: { id, name, off } }) => ({
    name,
    off: off !== undefined,
    ...(counts.get(id) ?? { waiting: 0, dead: 0 }),
  }));
  const problems = await readiness.problems();
  const { dhcp, tftp, tftpActive } = packets();
  const { user, system } = process.cpuUsage();
  return [
    family('ironwake_build_info', 'gauge', 'Version of this daemon.', [{ labels: { version }, value: 1 }]),
    family('ironwake_runs', 'gauge', 'Installations under way, by state.', [
      ...states.map(({ state, contested, runs }) => ({
        labels: { state, contested: String(contested) },
        value: runs,
      })),
    ]),
    family(
      'ironwake_run_oldest_in_state_seconds',
      'gauge',
      'How long the installation that is longest in a state has been there.',
      states.map(({ state, contested, oldestSince }) => ({
        labels: { state, contested: String(contested) },
        value: Math.max(0, now - oldestSince) / 1000,
      })),
    ),
    family(
      'ironwake_runs_ended_total',
      'counter',
      'Installations that ended, by final state and reason.',
      [...metrics.ended].map(([key, value]) => {
        const [state = '', failure = ''] = key.split(' ');
        return { labels: { state, failure }, value };
      }),
    ),
    histogram(
      'ironwake_run_state_duration_seconds',
      'How long installations stayed in the states that they left.',
      DURATION_BUCKETS,
      bucketsOf(metrics.stateDurations),
    ),
    histogram(
      'ironwake_run_duration_seconds',
      'From arming to the end, by final state.',
      DURATION_BUCKETS,
      bucketsOf(metrics.runDurations),
    ),
    family(
      'ironwake_refusals_total',
      'counter',
      'Refused requests of machines, by reason.',
      by('reason', metrics.refusals),
    ),
    family(
      'ironwake_served_bytes_total',
      'counter',
      'Bytes of loaders, kernels and images that were sent.',
      by('protocol', metrics.servedBytes),
    ),
    family(
      'ironwake_dhcp_packets_total',
      'counter',
      'DHCP packets received, by what became of them.',
      by('verdict', Object.entries(dhcp)),
    ),
    family(
      'ironwake_tftp_requests_total',
      'counter',
      'TFTP requests, by what became of them.',
      by('verdict', Object.entries(tftp)),
    ),
    family('ironwake_tftp_transfers', 'gauge', 'TFTP transfers under way.', [{ value: tftpActive }]),
    family(
      'ironwake_webhook_attempts_total',
      'counter',
      'Attempts to deliver webhooks, by what came of them.',
      [...metrics.webhooks].map(([key, value]) => {
        const [webhook = '', result = ''] = key.split(' ');
        return { labels: { webhook, result }, value };
      }),
    ),
    family(
      'ironwake_webhook_deliveries',
      'gauge',
      'Deliveries of webhooks that wait, and that were given up.',
      webhooks.flatMap(({ name, waiting, dead }) => [
        { labels: { webhook: name, state: 'waiting' }, value: waiting },
        { labels: { webhook: name, state: 'dead' }, value: dead },
      ]),
    ),
    family(
      'ironwake_webhook_up',
      'gauge',
      'Whether webhooks are sent to this endpoint: 0 when it was switched off, by whomever.',
      webhooks.map(({ name, off }) => ({ labels: { webhook: name }, value: off ? 0 : 1 })),
    ),
    family('ironwake_event_streams', 'gauge', 'Open live streams.', [{ value: streams() }]),
    family('ironwake_database_bytes', 'gauge', 'Size of the database with its write-ahead log.', [
      { value: store.sizeBytes() },
    ]),
    family(
      'ironwake_not_ready',
      'gauge',
      'What keeps the daemon from its work, as in /readyz; nothing when it is ready.',
      problems.map((because) => ({ labels: { because }, value: 1 })),
    ),
    family('process_start_time_seconds', 'gauge', 'Start of the process, in seconds since 1970.', [
      { value: startedAt / 1000 },
    ]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [{ value: process.memoryUsage.rss() }]),
    family('process_cpu_seconds_total', 'counter', 'Processor time, user and system.', [
      { value: (user + system) / 1_000_000 },
    ]),
  ].join('');
}

function by(label: string, counts: Iterable<readonly [string, number]>): readonly Sample[] {
  return [...counts].map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function bucketsOf(histograms: ReadonlyMap<string, Histogram>) {
  return [...histograms].map(([state, { counts, sumSeconds }]) => ({ labels: { state }, counts, sum: sumSeconds }));
}
