/** Clock and certificate: tokens, TLS and the timeline all go by this host's time. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { type Output, runTool } from './tool.ts';

/** The daemon's certificate: see trust/certificate.ts. */
const CERTIFICATE_FILE = 'tls.pem';
/** No earlier time can be right: this was written then. */
const WRITTEN_MS = Date.UTC(2026, 0, 1);
const FAR_AWAY_MS = Date.UTC(2100, 0, 1);
const SOON_MS = 30 * 24 * 3_600_000;

export async function checkClock(now: number): Promise<Finding> {
  return judgeClock(now, await runTool('timedatectl', ['show', '-p', 'NTPSynchronized', '--value']));
}

/** Pure. @param synchronised what timedatectl printed: `yes` or `no` */
export function judgeClock(now: number, synchronised: Output): Finding {
  const text = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  if (now < WRITTEN_MS || now > FAR_AWAY_MS)
    return problem('clock', 'clock.wrong', `this host's clock says ${text}`, 'Set it: timedatectl set-ntp true.');
  const answer = synchronised.kind === 'text' ? synchronised.text.trim() : '';
  if (answer === 'no')
    return warning(
      'clock',
      'clock.not-synchronised',
      `${text}, and no time server keeps it right`,
      'Let one: timedatectl set-ntp true (package systemd-timesyncd or chrony).',
    );
  return ok(
    'clock',
    'clock.sane',
    answer === 'yes'
      ? `${text}, kept right by a time server`
      : `${text}; whether a time server keeps it right cannot be told`,
  );
}

export async function checkCertificate(dataDir: string, now: number): Promise<Finding> {
  const path = join(dataDir, CERTIFICATE_FILE);
  try {
    const text = await readFile(path, 'utf8');
    const block = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text)?.[0] ?? '';
    const { validFrom, validTo } = new X509Certificate(block);
    return judgeCertificate(path, Date.parse(validFrom), Date.parse(validTo), now);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT')
      return ok(
        'certificate',
        'certificate.none',
        `there is none yet: the daemon makes it at its first start (${path})`,
      );
    if (code === 'EACCES')
      return warning(
        'certificate',
        'certificate.unreadable',
        `${path} may not be read by this user`,
        'Run it as root: sudo npx ironwake doctor.',
      );
    return problem(
      'certificate',
      'certificate.malformed',
      `${path} holds no certificate`,
      'Restore it from a backup, or move it away for a new one (armed machines must then be armed again).',
    );
  }
}

/** Pure. Times in epoch milliseconds. */
export function judgeCertificate(path: string, from: number, to: number, now: number): Finding {
  const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const renew = `Move ${path} away and restart the daemon: it makes a new one (armed machines must then be armed again).`;
  if (now >= to) return problem('certificate', 'certificate.expired', `it expired on ${date(to)}`, renew);
  if (now < from)
    return problem(
      'certificate',
      'certificate.not-yet',
      `it is valid from ${date(from)} on only`,
      'Set the clock right.',
    );
  if (now >= to - SOON_MS) return warning('certificate', 'certificate.ends-soon', `it expires on ${date(to)}`, renew);
  return ok('certificate', 'certificate.valid', `valid until ${date(to)}`);
}
