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
  if (options.destination !== undefined) return pino(settings, harmless(options.destination));
  const out = pino.destination({ dest: 1, sync: true });
  if (options.format === 'json') return pino(settings, harmless(out));
  // Imported only here: a service under systemd never pays for it.
  const { PinoPretty } = await import('pino-pretty');
  const write = out.write.bind(out);
  return pino(
    settings,
    PinoPretty({
      ...{ translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true },
      // It prints a message as it is, and may colour what is around it.
      messageFormat: (line, key) => escaped(String(line[key] ?? ''), CONTROL),
      destination: Object.assign(out, { write: (text: string) => write(escaped(text, NOT_OF_JSON)) }),
    }),
  );
}

/**
 * What JSON may hold as it is, and a terminal or a reader of the log takes for more than text: DEL and C1 (0x9b begins a sequence), line
 * separators, and what turns the direction of writing.
 */
const NOT_OF_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const CONTROL = /[\u0000-\u001f]/g;

function escaped(text: string, what: RegExp): string {
  return text.replaceAll(what, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Such characters stand within strings only, where JSON has this escape for them: whoever parses a line gets the text itself. */
function harmless(out: DestinationStream): DestinationStream {
  return { write: (line) => out.write(escaped(line, NOT_OF_JSON)) };
}

/** A log that says nothing, for tests and for commands that print their own lines. */
export const silentLog: Log = pino({ level: 'silent' });
