/** `ironwake answer ...` on files: check, convert, explain. Works without a daemon. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { convertAnswer } from '../answers/convert.ts';
import { answerDialect, isAnswerRelease } from '../answers/dialect.ts';
import { type AnswerFormat, isFinding, readAnswer } from '../answers/document.ts';
import { explainableNames, explainFinding, explainKey, keysNamed } from '../answers/explain.ts';
import type { Finding } from '../answers/findings.ts';
import { type MachineFacts, parseMachineFacts } from '../answers/machine.ts';
import type { Selection } from '../answers/machine-check.ts';
import { isProduct } from '../answers/release.ts';
import { type ReviewRequest, reviewAnswer } from '../answers/review.ts';
import { answerSchema } from '../answers/schema.ts';
import { escapeUnprintable } from '../answers/serialise.ts';
import { parseSeverities } from '../answers/severities.ts';
import { foldSpelling } from '../answers/spelling.ts';
import { isTable } from '../answers/view.ts';
import { IronwakeError, invalid, messageOf } from '../errors.ts';
import { nearest } from '../profiles/nearest.ts';
import { facts } from './table.ts';
import { type ExitStatus, type Io, printable } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

interface Verdict {
  readonly file: string;
  readonly accepted: boolean;
  readonly findings: readonly Finding[];
  readonly selections: readonly Selection[];
}

interface Unreadable {
  readonly file: string;
  readonly reason: string;
}

/** One line a file on standard output, everything else on standard error. */
export async function validate(io: Io, files: readonly string[], options: Options): Promise<ExitStatus> {
  const read = reader(io);
  let request: ReviewRequest;
  try {
    const configured = await configuredFindings(io, options);
    request = {
      dialect: answerDialect(releaseOf(options.release)),
      product: isProduct(options.product) ? options.product : 'pve',
      severities: new Map([...parseSeverities(configured, 'findings'), ...parseSeverities(listOf(options.severity))]),
      machine: await machineOf(read, options.machine),
    };
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    // Not 1: that says of an answer that it is rejected, and none was looked at.
    io.err(`ironwake: ${printable(error.line)}\n`);
    return 2;
  }
  const results: Array<Verdict | Unreadable> = [];
  for (const file of files) {
    const content = await read(file);
    if (typeof content === 'string') {
      results.push({ file, reason: content });
      continue;
    }
    const review = reviewAnswer(content, { ...request, format: formatOf(file) });
    // Only here do our own findings count, warnings as well as errors: as in `profile check`.
    const clean = options.strict !== true || review.findings.length === 0;
    results.push({
      file,
      accepted: review.accepted && clean,
      findings: review.findings,
      selections: review.selections,
    });
  }
  if (options.json === true) io.out(`${JSON.stringify(results.map(asJson), null, 2)}\n`);
  else for (const result of results) print(io, result, options.strict === true);
  if (results.some((result) => 'reason' in result)) return 2;
  return results.every((result) => 'accepted' in result && result.accepted) ? 0 : 1;
}

function asJson(result: Verdict | Unreadable): unknown {
  if ('reason' in result) {
    const { file, reason } = result;
    const remedy = 'Check the name and the permissions.';
    return {
      file,
      accepted: false,
      findings: [{ code: 'file.unreadable', severity: 'error', by: 'ironwake', path: '', message: reason, remedy }],
    };
  }
  const { file, accepted, findings, selections } = result;
  return { file, accepted, findings, ...(selections.length === 0 ? {} : { selections }) };
}

function print(io: Io, result: Verdict | Unreadable, strict: boolean): void {
  const file = printable(result.file);
  if ('reason' in result) {
    io.err(`ironwake: ${file}: ${printable(result.reason)}\n`);
    return;
  }
  const cause = result.accepted
    ? undefined
    : result.findings.find(({ by, severity }) => strict || (severity === 'error' && by === 'installer'));
  if (cause === undefined) io.out(`${file}: accepted\n`);
  else
    io.out(
      `${file}: rejected ${cause.code} ${cause.path === '' ? '-' : cause.path} ${whereOf(cause)}${textOf(cause)}\n`,
    );
  for (const { path, devices } of result.selections)
    io.out(`${file}: ${path} selects ${devices.map(printable).join(', ') || 'nothing'}\n`);
  for (const found of result.findings) {
    if (found === cause) continue;
    io.err(
      `${file}:${found.line ?? 1}:${found.column ?? 1}: ${found.severity}: ${found.code} ${found.path}: ${textOf(found)}\n`,
    );
  }
}

function whereOf({ line, column }: Finding): string {
  return line === undefined ? '' : `line ${line}, column ${column}: `;
}

function textOf({ message, remedy }: Finding): string {
  return printable(`${message.replace(/\.$/, '')}. ${remedy}`);
}

/** Prints the answer as the release spells it; what had to go or is still wrong is said on standard error. */
export async function convert(io: Io, [file = '-']: readonly string[], options: Options): Promise<ExitStatus> {
  const content = await reader(io)(file);
  if (typeof content === 'string') {
    io.err(`ironwake: ${printable(file)}: ${printable(content)}\n`);
    return 2;
  }
  const document = readAnswer(content, formatOf(file));
  if (isFinding(document)) {
    io.err(`ironwake: ${printable(file)}: ${document.code} ${whereOf(document)}${textOf(document)}\n`);
    return 1;
  }
  if (!isTable(document.value)) {
    throw invalid(
      'answer.not-a-table',
      file,
      'the answer is not a table',
      'Give a file with the sections of an answer.',
    );
  }
  const dialect = answerDialect(releaseOf(options.to));
  const product = isProduct(options.product) ? options.product : 'pve';
  const folded = foldSpelling(document.value);
  const converted = convertAnswer(folded.answer, dialect);
  const json = options.format === 'json' || options.json === true;
  io.out(json ? `${escapeUnprintable(JSON.stringify(converted.answer, wholeNumber, 2))}\n` : converted.toml);
  for (const change of converted.changes) io.err(`ironwake: ${printable(change)}\n`);
  const review = reviewAnswer(converted.toml, { dialect, product, format: 'toml' });
  const wrong = [
    ...folded.findings.filter(({ severity }) => severity === 'error'),
    ...review.findings.filter(({ severity }) => severity === 'error'),
  ];
  for (const found of wrong) io.err(`ironwake: ${found.code} ${found.path}: ${textOf(found)}\n`);
  return review.accepted && !wrong.some(({ by }) => by === 'installer') && (!json || dialect.supportsJsonAnswer)
    ? 0
    : 1;
}

/** Beyond 53 bits a whole number is a bigint; no release that takes JSON accepts one as large, and the findings say so. */
function wholeNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** A key by its path or its last part, or the code of a finding. */
export function explain(io: Io, [name = '']: readonly string[], options: Options): ExitStatus {
  const finding = explainFinding(name);
  const keys = keysNamed(name).map(explainKey);
  if (options.json === true && (finding !== undefined || keys.length > 0)) {
    io.out(`${JSON.stringify(finding === undefined ? keys : [finding], null, 2)}\n`);
    return 0;
  }
  if (finding !== undefined) {
    io.out(
      `${finding.code}\n${facts([
        ['', finding.text],
        ['severity', finding.severity],
        ['who', finding.judge],
      ])}`,
    );
    return 0;
  }
  if (keys.length === 0) {
    const close = nearest(name, explainableNames());
    throw invalid(
      'answer.unknown-key',
      'KEY',
      `there is no key '${name.slice(0, 60)}'`,
      close === undefined ? 'See docs/answers.md for all keys.' : `Did you mean ${close}?`,
    );
  }
  for (const key of keys) {
    io.out(
      `${key.path}\n${facts([
        ['', key.text],
        ['type', key.type],
        ['values', key.values?.join(', ')],
        ['case', key.case],
        ['range', key.range],
        ['default', key.default],
        ['required', key.required],
        ['releases', key.releases],
        ['spelling', key.spelling],
        ['products', key.products?.join(', ')],
        ['rules', key.rules.length === 0 ? null : key.rules.join(', ')],
        ['example', key.example],
      ])}`,
    );
  }
  return 0;
}

export function schema(io: Io, options: Options): ExitStatus {
  const product = isProduct(options.product) ? options.product : 'pve';
  io.out(`${JSON.stringify(answerSchema(answerDialect(releaseOf(options.release)), product), null, 2)}\n`);
  return 0;
}

/** The daemon's own weights, where its configuration is named; the command line goes over them. */
async function configuredFindings(io: Io, options: Options): Promise<readonly string[]> {
  if (options.config === undefined && io.env.IRONWAKE_CONFIG === undefined) return [];
  const { loadConfig } = await import('../config/load.ts');
  return loadConfig({ flags: { config: options.config }, env: io.env, cwd: io.cwd }).findings;
}

/** The command line offers no other values. */
function releaseOf(value: unknown) {
  return typeof value === 'string' && isAnswerRelease(value) ? value : '9.2';
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function formatOf(file: string): AnswerFormat | undefined {
  return /\.json$/i.test(file) ? 'json' : /\.toml$/i.test(file) ? 'toml' : undefined;
}

/** Bytes of a file or of standard input (`-`), or why there are none. */
function reader(io: Io): (file: string) => Promise<Uint8Array | string> {
  let input: Promise<Uint8Array> | undefined;
  return async (file) => {
    try {
      if (file !== '-') return await readFile(resolve(io.cwd, file));
      input ??= all(io.input);
      return await input;
    } catch (error) {
      return `cannot be read: ${messageOf(error)}`;
    }
  };
}

async function all(stream: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function machineOf(
  read: (file: string) => Promise<Uint8Array | string>,
  file: unknown,
): Promise<MachineFacts | undefined> {
  if (typeof file !== 'string') return undefined;
  const content = await read(file);
  if (typeof content === 'string')
    throw invalid('machine.unreadable', '--machine', content, 'Check the name and the permissions.');
  try {
    return parseMachineFacts(content);
  } catch (error) {
    throw invalid(
      'machine.malformed',
      '--machine',
      messageOf(error),
      'Give what the installer sent, saved as JSON, or the output of proxmox-auto-install-assistant device-info.',
    );
  }
}
