/** `ironwake node ...` */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { NodeFilter } from '../api/client.ts';
import type { HardwareView } from '../api/registry.ts';
import type { NodeView, RunView } from '../api/schemas.ts';
import { invalid, messageOf } from '../errors.ts';
import { formatBytes, formatDuration } from '../runs/words.ts';
import { print, type Session } from './session.ts';
import { facts, table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { clockTime, dayAndTime, runWords, timelineLines, waitingLine } from './timeline.ts';

type Args = readonly string[];
type Options = Readonly<Record<string, unknown>>;

export async function add(session: Session, options: Options): Promise<ExitStatus> {
  const values = typeof options.values === 'string' ? await readValues(session, options.values) : undefined;
  const node = await session.client.addNode({
    macs: [...(options.mac as readonly string[])],
    fqdn: String(options.fqdn),
    profile: String(options.profile),
    ...(Array.isArray(options.tag) && { tags: options.tag.map(String) }),
    ...(values !== undefined && { values }),
    ...(typeof options.notes === 'string' && { notes: options.notes }),
    ...policyOf(options),
    ...(options.protect === true && { protected: true }),
  });
  print(
    session,
    node,
    () =>
      `registered ${printable(node.fqdn)} (${node.macs.join(', ')}), profile ${printable(node.profile)}\n` +
      `Next: npx ironwake node install ${printable(node.fqdn)}, then power it on with network boot.\n`,
  );
  return 0;
}

/** Of `--install-policy`, which the command line has checked. */
export function policyOf(options: Options): { readonly installPolicy?: 'once' | 'always' | 'never' } {
  const { installPolicy } = options;
  return installPolicy === 'once' || installPolicy === 'always' || installPolicy === 'never' ? { installPolicy } : {};
}

/** The YAML file of `--values`. @throws IronwakeError `values.unreadable`, `values.not-a-map` */
export async function readValues({ io }: Pick<Session, 'io'>, file: string): Promise<Record<string, unknown>> {
  const path = resolve(io.cwd, file);
  const { parse } = await import('yaml');
  let values: unknown;
  try {
    values = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalid('values.unreadable', '--values', `${path}: ${messageOf(error).split('\n')[0]}`, 'Give a YAML file.');
  }
  if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Record<string, unknown>;
  throw invalid(
    'values.not-a-map',
    '--values',
    `${path} does not hold a map of keys and values`,
    "Write it in the profile's own shape.",
  );
}

/** A machine that was installed may be at work, also when it was armed again since and nothing came of that: arming it has its disks erased. */
async function confirmReinstall({ io, client }: Session, reference: string, options: Options): Promise<void> {
  if (options.yes === true) return;
  const runs = await client.runs(reference);
  if (!runs.some(({ state }) => state === 'ready')) return;
  const { node } = await client.node(reference);
  const { confirmDestruction } = await import('./confirm.ts');
  const effect = `${node.fqdn} is installed, and its next netboot would erase its disks.`;
  await confirmDestruction(io, { name: node.fqdn, effect, yes: false });
}

export async function install(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const [node = ''] = args;
  const expires = typeof options.expires === 'string' ? minutes(options.expires) : undefined;
  await confirmReinstall(session, node, options);
  const view = await session.client.install(node, {
    ...(typeof options.media === 'string' && { media: options.media }),
    ...(expires !== undefined && { expiresMinutes: expires }),
  });
  for (const warning of view.warnings ?? []) session.io.err(`warning: ${printable(warning)}\n`);
  if (options.watch === true) {
    const { follow } = await import('./watch.ts');
    return follow(session, view.node.id);
  }
  print(session, view, () => `armed ${printable(view.node.fqdn)}\n${view.waiting ? waitingLine(view.waiting) : ''}`);
  return 0;
}

export async function retry(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  await confirmReinstall(session, args[0] ?? '', options);
  const view = await session.client.retry(args[0] ?? '');
  if (options.watch === true) {
    const { follow } = await import('./watch.ts');
    return follow(session, view.node.id);
  }
  print(
    session,
    view,
    () => `armed ${printable(view.node.fqdn)} again\n${view.waiting ? waitingLine(view.waiting) : ''}`,
  );
  return 0;
}

export async function runs(session: Session, args: Args): Promise<ExitStatus> {
  const [node = ''] = args;
  const all = await session.client.runs(node);
  const { io } = session;
  print(session, all, () =>
    table(
      ['ARMED', 'STATE', 'IN STATE', 'UNTIL', 'TOOK', 'RUN'],
      all.map((run) => [
        dayAndTime(run.armedAt),
        runWords(run),
        run.ended ? '' : inState(run, io.now()),
        run.deadlineAt === null ? '' : clockTime(run.deadlineAt),
        run.endedAt === null ? '' : formatDuration(Date.parse(run.endedAt) - Date.parse(run.armedAt)),
        run.id,
      ]),
      `${printable(node)} was never armed. Arm it: npx ironwake node install ${printable(node)}`,
    ),
  );
  return 0;
}

/** How long a run has been in its state: `3 min 20 s`. */
function inState(run: RunView, now: number): string {
  return formatDuration(Math.max(0, now - Date.parse(run.stateSince)));
}

function minutes(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 10_080) return value;
  throw invalid(
    'run.expiry',
    '--expires',
    `'${text.slice(0, 20)}' is not a number of minutes from 1 to 10080`,
    'Give whole minutes, for example 60.',
  );
}

/** From here on the installer writes to the disks, or the plan changes the node: a machine that is left alone then is half done. */
const AT_WORK: ReadonlySet<string> = new Set(['claimed', 'installing', 'installed', 'configuring']);

/** Before its installer has begun, nothing is lost: whoever armed the wrong machine stops it at once. */
async function confirmCancel({ io, client }: Session, reference: string, options: Options): Promise<void> {
  if (options.yes === true) return;
  const { node, run } = await client.node(reference);
  if (run === null || run.ended || !AT_WORK.has(run.state)) return;
  const { confirmDestruction } = await import('./confirm.ts');
  const effect = `The installation of ${node.fqdn} is under way (${run.state}); cancelled now, the machine is left half installed.`;
  await confirmDestruction(io, { name: node.fqdn, effect, yes: false });
}

export async function cancel(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  await confirmCancel(session, args[0] ?? '', options);
  const view = await session.client.cancel(args[0] ?? '');
  print(session, view, () => `cancelled the installation of ${printable(view.node.fqdn)}; it boots its disk\n`);
  return 0;
}

export async function trust(session: Session, args: Args): Promise<ExitStatus> {
  const view = await session.client.trust(args[0] ?? '');
  const waiting = view.waiting === null ? '' : waitingLine(view.waiting);
  print(session, view, () => `trusting the installation of ${printable(view.node.fqdn)} again\n${waiting}`);
  return 0;
}

export async function remove(session: Session, args: Args): Promise<ExitStatus> {
  const [node = ''] = args;
  await session.client.removeNode(node);
  print(session, { removed: node }, () => `forgot ${printable(node)}\n`);
  return 0;
}

/** Asking is written to the daemon's audit log, and can be done once. */
export async function rootPassword(session: Session, args: Args): Promise<ExitStatus> {
  const answer = await session.client.rootPassword(args[0] ?? '');
  print(session, answer, () => `${printable(answer.password)}\n`);
  if (!session.json) {
    const other = answer.replaced ? '; the plan has set another one since (admin-user: rootPassword)' : '';
    session.io.err(
      `root's password of the installation armed ${dayAndTime(answer.armedAt)}${other}; it is not shown again\n`,
    );
  }
  return 0;
}

export async function list(session: Session, options: Options): Promise<ExitStatus> {
  const filter = filterOf(options);
  const nodes = await session.client.nodes(filter);
  const filtered = Object.keys(filter).length > 0;
  print(session, nodes, () =>
    table(
      ['NODE', 'STATE', 'SINCE', 'PROFILE', 'TAGS', 'MAC'],
      nodes.map(({ node, run }) => [
        node.fqdn,
        runWords(run),
        dayAndTime(run?.stateSince ?? node.createdAt),
        node.profile,
        (node.tags ?? []).join(' '),
        node.macs.join(' '),
      ]),
      filtered
        ? 'No machine is like that.'
        : 'No machine is registered. Register one: npx ironwake node add --mac MAC --fqdn NAME --profile default',
    ),
  );
  return 0;
}

/** `--tag`, `--state`, `--profile`, `--search`, `--archived` as the API takes them. */
export function filterOf({ tag, state, profile, search, archived }: Options): NodeFilter {
  const texts = Object.entries({ tag, state, profile, q: search }).filter(([, value]) => typeof value === 'string');
  return { ...Object.fromEntries(texts), ...(archived === true && { archived }) };
}

export async function show(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const [node = ''] = args;
  const view = await session.client.node(node);
  const machine = session.json ? undefined : machineWords(await session.client.hardware(node));
  const reports = options.output === true ? await session.client.reports(node) : undefined;
  print(session, reports === undefined ? view : { ...view, reports: reports }, () => {
    const output = reports?.map(
      (report) =>
        `${report.module} ${report.step}: ${report.result} after ${formatDuration(report.durationMs)}` +
        `${report.detail === '' ? '' : `: ${report.detail}`}\n${indent(report.output)}`,
    );
    return (
      describe(view, machine, session.io.now()) +
      (output === undefined
        ? ''
        : `\nsteps of the plan:\n${printable(output.join('')) || '  none was reported yet\n'}`) +
      `\n${ending(view)}`
    );
  });
  return 0;
}

function indent(text: string): string {
  return text.trimEnd() === '' ? '' : `${text.trimEnd().replaceAll(/^/gm, '    ')}\n`;
}

/** Everything about a node but its last line. */
/** In one line what it has said of itself; the rest is with `node hardware`. */
function machineWords({ manufacturer, model, serial, cpu, memoryBytes }: HardwareView): string | undefined {
  const words = [
    manufacturer,
    model,
    serial && `serial ${serial}`,
    cpu,
    memoryBytes && `${formatBytes(memoryBytes)} of memory`,
  ].filter((part) => typeof part === 'string');
  return words.length === 0 ? undefined : words.join(', ');
}

function describe({ node, run, timeline }: NodeView, machine: string | undefined, now: number): string {
  return (
    `${printable(node.fqdn)}\n` +
    facts([
      ['state', runWords(run)],
      ['since', since({ node, run }, now)],
      ['MAC', node.macs.join(', ')],
      ['machine', machine],
      ['profile', node.profile],
      ['registered', node.rule === undefined ? undefined : `by rule ${node.rule}`],
      ['archived', node.archivedAt === undefined ? undefined : `since ${dayAndTime(node.archivedAt)}`],
      ['former MACs', node.formerMacs === undefined ? undefined : node.formerMacs.join(', ')],
      ['installs', node.installPolicy === undefined || node.installPolicy === 'once' ? undefined : node.installPolicy],
      ['protected', node.protected === true ? 'arming is refused' : undefined],
      ['tags', node.tags === undefined || node.tags.length === 0 ? undefined : node.tags.join(', ')],
      ['address', run?.address],
      ['host keys', run === null || run.fingerprints.length === 0 ? undefined : run.fingerprints.join(' ')],
      ['id', node.id],
      ['notes', node.notes === undefined || node.notes === '' ? undefined : node.notes.replaceAll('\n', ' / ')],
    ]) +
    `\n${timelineLines(timeline)}`
  );
}

/** `2027-01-15 14:03:59, for 3 min 20 s, until 14:18:59`: time in state and time limit of what is under way. */
function since({ node, run }: Pick<NodeView, 'node' | 'run'>, now: number): string {
  const begun = dayAndTime(run?.stateSince ?? node.createdAt);
  if (run === null || run.ended) return begun;
  const until = run.deadlineAt === null ? '' : `, until ${clockTime(run.deadlineAt)}`;
  return `${begun}, for ${inState(run, now)}${until}`;
}

function ending({ node, run, waiting }: NodeView): string {
  if (node.archivedAt !== undefined) return `archived; to bring it back: npx ironwake node unarchive ${node.id}\n`;
  if (waiting !== null) return waitingLine(waiting);
  if (run?.state === 'ready') return 'ready: waiting for nothing; at every netboot it boots its disk\n';
  return `waiting for you; do: npx ironwake node install ${printable(node.fqdn)}\n`;
}
