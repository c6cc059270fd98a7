/** Whether the daemon of this host runs, answers on both of its faces, and is the version of this command. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { StatusView } from '../api/schemas.ts';
import { messageOf, systemCode } from '../errors.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** What the daemon wrote down at its start (server.json). */
export interface RunningDaemon {
  readonly pid: number;
  readonly url: string;
  readonly fingerprint: string;
}

export type DaemonState =
  | { readonly kind: 'running'; readonly daemon: RunningDaemon }
  | { readonly kind: 'absent' | 'stale' | 'unreadable' };

const READY_LIMIT_MS = 5000;
const NEEDS_IT = 'our own DHCP and TFTP were not asked, and profiles and ports are looked at without it';

export async function readDaemonState(dataDir: string): Promise<DaemonState> {
  let text: string;
  try {
    text = await readFile(join(dataDir, 'server.json'), 'utf8');
  } catch (error) {
    return { kind: systemCode(error) === 'ENOENT' ? 'absent' : 'unreadable' };
  }
  try {
    const { fingerprint, pid, url } = JSON.parse(text) as Record<string, unknown>;
    if (typeof fingerprint === 'string' && typeof pid === 'number' && typeof url === 'string')
      return isAlive(pid) ? { kind: 'running', daemon: { pid, url, fingerprint } } : { kind: 'stale' };
  } catch {
    // As damaged as a file of a daemon that was killed while it wrote.
  }
  return { kind: 'stale' };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Pure: when there is no daemon to ask. */
export function judgeAbsence(kind: 'absent' | 'stale' | 'unreadable', dataDir: string): Finding {
  if (kind === 'unreadable')
    return warning(
      'daemon',
      'daemon.unknown',
      `${dataDir} may not be read by this user, so it is unknown whether the daemon runs: ${NEEDS_IT}`,
      'Run it as root: sudo npx ironwake doctor.',
    );
  return warning(
    'daemon',
    'daemon.absent',
    kind === 'stale'
      ? `the daemon of ${dataDir} ended without saying so: ${NEEDS_IT}`
      : `no daemon runs on ${dataDir}: ${NEEDS_IT}`,
    'Start it (npm run serve) and run this again.',
  );
}

export interface DaemonAnswers {
  readonly daemon: RunningDaemon;
  /** From the API; undefined when it could not be asked, and then why. */
  readonly status: StatusView | undefined;
  readonly trouble: { readonly message: string; readonly remedy: string } | undefined;
  readonly version: string;
}

export async function checkDaemon({ daemon, status, trouble, version }: DaemonAnswers): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (status === undefined)
    findings.push(
      warning(
        'daemon',
        'daemon.api-not-asked',
        `the API was not asked (${trouble?.message ?? 'no answer'}): our own DHCP cannot be checked`,
        trouble?.remedy ?? 'Run it again.',
      ),
    );
  else if (status.version !== version)
    findings.push(
      warning(
        'daemon',
        'daemon.other-version',
        `the daemon is version ${status.version}, this command ${version}`,
        'Restart the daemon.',
      ),
    );
  const urls = new Set([daemon.url, ...(status?.segments.flatMap((each) => [each.httpUrl, each.httpsUrl]) ?? [])]);
  const answers = await Promise.all([...urls].map(async (url) => ({ url, failure: await askReady(url, daemon) })));
  for (const { failure, url } of answers)
    if (failure !== undefined)
      findings.push(
        problem(
          'daemon',
          'daemon.not-ready',
          `the daemon (pid ${daemon.pid}) does not say that it is ready at ${url}/readyz: ${failure}`,
          'Look at its log; restart it.',
        ),
      );
  if (answers.every(({ failure }) => failure === undefined))
    findings.unshift(
      ok(
        'daemon',
        'daemon.ready',
        `it runs (pid ${daemon.pid}${status === undefined ? '' : `, version ${status.version}`}) and is ready at ${[...urls].join(', ')}`,
      ),
    );
  return findings;
}

/** Undefined when it answered 200, else what happened instead. */
async function askReady(base: string, { fingerprint }: RunningDaemon): Promise<string | undefined> {
  const url = new URL('/readyz', base);
  const secure = url.protocol === 'https:';
  const { get } = secure ? await import('node:https') : await import('node:http');
  return new Promise((resolve) => {
    // The certificate is known by its fingerprint, which is compared below.
    const request = get(url, { timeout: READY_LIMIT_MS, rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      const shown = secure ? shownBy(response) : fingerprint;
      if (shown !== fingerprint) resolve('it shows another certificate');
      else resolve(response.statusCode === 200 ? undefined : `HTTP status ${response.statusCode}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${READY_LIMIT_MS / 1000} s`)));
    request.on('error', (error) => resolve(messageOf(error)));
  });
}

function shownBy({ socket }: IncomingMessage): string | undefined {
  return 'getPeerCertificate' in socket && typeof socket.getPeerCertificate === 'function'
    ? (socket.getPeerCertificate() as { readonly fingerprint256?: string }).fingerprint256
    : undefined;
}
