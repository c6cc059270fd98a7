/**
 * The log: pino, one object a line (JSON), readable on a terminal. Fields that name the subject are always `mac`, `run`, `ip`, `arch`.
 * Secrets do not belong in a log call; the redaction below is the second line of defence, not the first.
 */
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** Keys whose values never reach a log line, at the top level or one level down. */
const SECRET_KEYS = [
  'authorization',
  'password',
  'secret',
  'token',
  'credential',
  'privateKey',
  'rootPassword',
  'cookie',
];

export interface LogOptions {
  readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** `pretty` for a terminal, `json` otherwise. */
  readonly format: 'pretty' | 'json';
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream;
}

export async function createLog(options: LogOptions): Promise<Log> {
  const settings = {
    level: options.level,
    base: null,
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  };
  if (options.destination !== undefined) return pino(settings, options.destination);
  if (options.format === 'json') return pino(settings);
  // Imported only here: a service under systemd never pays for it.
  const { PinoPretty } = await import('pino-pretty');
  return pino(
    settings,
    PinoPretty({ translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true, sync: true }),
  );
}

/** A log that says nothing, for tests and for commands that print their own lines. */
export const silentLog: Log = pino({ level: 'silent' });
