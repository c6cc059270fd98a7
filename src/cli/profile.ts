/** `ironwake profile ...`: check, show, diff and render. On files without a daemon; with `--node` by the daemon that knows the node. */
import { stringify } from 'yaml';
import { previewAnswer } from '../answers/preview.ts';
import { NEWEST_RELEASES } from '../answers/release.ts';
import type { NodeProfileView } from '../api/schemas.ts';
import { IronwakeError, invalid } from '../errors.ts';
import { parseFqdn } from '../net/fqdn.ts';
import { parseMac } from '../net/mac.ts';
import { type Difference, differencesOf, type Leaf, leavesOf, maskAnswer } from '../profiles/leaves.ts';
import { placeOf } from '../profiles/load.ts';
import type { PlainMap } from '../profiles/merge.ts';
import { type ProfileSubject, profileForNode, renderForCheck, STAND_IN_NODE } from '../profiles/node-profile.ts';
import type { ResolvedProfile } from '../profiles/resolve.ts';
import { withStandIns } from '../profiles/value-types.ts';
import { readValues } from './node.ts';
import { type Options, ProfileFiles, problemsOf, type Target, usableProfile } from './profile-files.ts';
import { openSession, type Session } from './session.ts';
import { facts } from './table.ts';
import { type ExitStatus, type Io, printable } from './terminal.ts';

/** Errors that mean "there was nothing to look at": status 2. */
const NOTHING_TO_READ: ReadonlySet<string> = new Set(['profile.unknown', 'profile.not-a-file', 'profile.directory']);

/** One line a profile, then its problems. 0: all can be used, 1: one cannot, 2: one is not there. */
export async function check(io: Io, args: readonly string[], options: Options): Promise<ExitStatus> {
  const files = new ProfileFiles(io, options);
  const results: Array<{
    readonly name: string;
    readonly ok: boolean;
    readonly problems: ReturnType<typeof problemsOf>;
  }> = [];
  let missing = false;
  for (const target of args.length > 0 ? args : (await files.own()).names) {
    try {
      const found = await files.target(target);
      const problems = problemsOf(found);
      const bad = problems.some(({ severity }) => severity === 'error' || options.strict === true);
      results.push({ name: found.name, ok: !bad, problems });
    } catch (error) {
      if (!(error instanceof IronwakeError) || !NOTHING_TO_READ.has(error.code)) throw error;
      missing = true;
      io.err(`ironwake: ${printable(error.line)}\n`);
    }
  }
  if (options.json === true) {
    const shown = results.map(({ problems, ...result }) => ({
      ...result,
      problems: problems.map(({ at: _at, ...problem }) => problem),
    }));
    io.out(`${JSON.stringify(shown, null, 2)}\n`);
  } else {
    // What is inherited is told once, under the first that has it.
    const told = new Set<string>();
    for (const { name, ok, problems } of results) {
      io.out(`${printable(name)}: ${ok ? 'ok' : 'broken'}\n`);
      for (const { severity, code, message, remedy } of problems) {
        const line = `  ${severity} ${code} ${printable(`${message}. ${remedy}`)}\n`;
        if (severity === 'error' || !told.has(line)) io.out(line);
        told.add(line);
      }
    }
  }
  if (missing) return 2;
  return results.every(({ ok }) => ok) ? 0 : 1;
}

/** A profile with everything that it inherits, or that of a node. */
export async function show(io: Io, args: readonly string[], options: Options): Promise<ExitStatus> {
  const of = await shownOf(io, args, options);
  if (options.json === true) io.out(`${JSON.stringify(of.json, null, 2)}\n`);
  else if (options.origins === true) io.out(of.head + originLines(leavesOf(of.profile, true)));
  else io.out(of.head + stringify(bodyOf(of.profile), { lineWidth: 0 }));
  return 0;
}

interface Shown {
  readonly head: string;
  readonly profile: ResolvedProfile;
  readonly json: unknown;
}

async function shownOf(io: Io, args: readonly string[], options: Options): Promise<Shown> {
  if (typeof options.node === 'string') {
    const view = await (await openSession(io, options)).client.nodeProfile(options.node);
    const held = view.holdings.map(({ kind, name, value }): [string, string] => [`${kind} ${name}`, value]);
    const head = facts([
      ['node', view.node],
      ['profile', view.profile.name],
      ['tags', view.tags.length === 0 ? undefined : view.tags.join(', ')],
      ...held,
    ]);
    return { head: head.replaceAll(/^ {2}/gm, '# '), profile: profileOf(view), json: view };
  }
  if (typeof options.server === 'string' && options.answers === undefined) {
    const view = await (await openSession(io, options)).client.profile(nameIn(args));
    return { head: headOf(view), profile: profileOf({ profile: view }), json: view };
  }
  const profile = usableProfile(await new ProfileFiles(io, options).target(nameIn(args)));
  const masked = { ...profile, answer: maskAnswer(profile.answer) };
  return { head: headOf(profile), profile: masked, json: masked };
}

function headOf({ description }: { readonly description?: string | null | undefined }): string {
  return typeof description === 'string' ? `# ${printable(description)}\n` : '';
}

function nameIn(args: readonly string[]): string {
  const [name] = args;
  if (name !== undefined) return name;
  throw invalid('profile.which', 'NAME', 'No profile is named', 'Give its name or file, or a node with --node.');
}

/** The API's view has what a profile has; null stands for what is not there. */
function profileOf({ profile }: Pick<NodeProfileView, 'profile'>): ResolvedProfile {
  const { description, product, release, ...rest } = profile;
  return {
    ...rest,
    description: description ?? undefined,
    product: product ?? undefined,
    release: release ?? undefined,
  } as unknown as ResolvedProfile;
}

/** Without what is empty. */
function bodyOf({ product, release, types, values, pools, counters, answer, postInstall, install }: ResolvedProfile) {
  const parts = { product, release, types, values, pools, counters, answer, postInstall, install };
  return Object.fromEntries(
    Object.entries(parts).filter(
      ([, part]) => part !== undefined && (typeof part === 'string' || Object.keys(part).length > 0),
    ),
  );
}

function originLines(leaves: readonly Leaf[]): string {
  const width = Math.max(0, ...leaves.map(({ path, text }) => Math.min(60, `${path}: ${text}`.length)));
  return leaves
    .map(({ path, text, origin }) => {
      const place = origin === undefined ? 'default of Ironwake' : placeOf(origin);
      return `${printable(oneLine(`${path}: ${text}`)).padEnd(width)}  # ${printable(place)}\n`;
    })
    .join('');
}

const oneLine = (text: string): string => text.trimEnd().replaceAll('\n', '\\n');

/** Two profiles, or what a node was made from and what it would be made from now. 0: no difference, 1: some, 2: one is not there. */
export async function diff(io: Io, args: readonly string[], options: Options): Promise<ExitStatus> {
  const differences = await differencesIn(io, args, options);
  if (differences === undefined) return 2;
  if (options.json === true) io.out(`${JSON.stringify(differences, null, 2)}\n`);
  else io.out(differences.length === 0 ? 'no difference\n' : differences.map(differenceLines).join(''));
  return differences.length === 0 ? 0 : 1;
}

async function differencesIn(io: Io, args: readonly string[], options: Options): Promise<Difference[] | undefined> {
  if (typeof options.node === 'string') return sinceInstallation(await openSession(io, options), options.node);
  const [a, b] = args;
  if (a === undefined || b === undefined || args.length > 2) {
    throw invalid(
      'profile.which',
      'A B',
      'Two profiles are compared',
      'Give two names or files, or one node with --node.',
    );
  }
  const files = new ProfileFiles(io, options);
  const targets: Target[] = [];
  for (const text of [a, b]) {
    try {
      targets.push(await files.target(text));
    } catch (error) {
      if (!(error instanceof IronwakeError) || !NOTHING_TO_READ.has(error.code)) throw error;
      io.err(`ironwake: ${printable(error.line)}\n`);
      return undefined;
    }
  }
  const [before, after] = targets.map(usableProfile);
  return before === undefined || after === undefined ? undefined : differencesOf(before, after);
}

async function sinceInstallation(session: Session, node: string): Promise<Difference[]> {
  const view = await session.client.nodeProfile(node);
  const { installed } = view;
  if (installed === null) {
    throw new IronwakeError({
      kind: 'conflict',
      code: 'profile.not-installed',
      message: `${view.node} has not been installed yet`,
      remedy: `See what it would get: npx ironwake profile show --node ${view.node}.`,
    });
  }
  const { answer, postInstall, install } = profileOf(view);
  const made = installed as unknown as Pick<ResolvedProfile, 'answer' | 'postInstall' | 'install'>;
  return differencesOf(
    { answer: made.answer, postInstall: made.postInstall, install: made.install },
    { answer, postInstall, install, origins: profileOf(view).origins },
  );
}

function differenceLines({ path, before, after }: Difference): string {
  const line = (sign: string, leaf: Leaf | undefined): string => {
    if (leaf === undefined) return '';
    const place = leaf.origin === undefined ? '' : `  # ${placeOf(leaf.origin)}`;
    return `${sign} ${printable(oneLine(`${path}: ${leaf.text}`))}${printable(place)}\n`;
  };
  return line('-', before) + line('+', after);
}

/** The answer as it would be served, secrets masked. For `--node new` without a daemon, with a node made of options and examples. */
export async function render(io: Io, options: Options): Promise<ExitStatus> {
  if (options.node !== 'new') {
    const session = await openSession(io, options);
    const view = await session.client.answerPreview(String(options.node));
    const image = view.media ?? 'no image that fits yet';
    const made = `# ${view.node}, ${view.product} ${view.release} (${image})\n`;
    for (const warning of view.warnings) io.err(`warning: ${printable(warning)}\n`);
    io.out(options.json === true ? `${JSON.stringify(view, null, 2)}\n` : `${printable(made)}${view.toml}`);
    return 0;
  }
  const files = new ProfileFiles(io, options);
  const target = await files.target(String(options.profile ?? 'default'));
  const subject = await subjectOf(io, options);
  const profile = usableProfile(target);
  const complete = { ...profile, values: withStandIns(profile.types, profile.values) };
  const { tags } = target.directory.library;
  const rendered = renderForCheck(
    profileForNode(complete, (tag) => tags.get(tag), subject),
    subject,
  );
  const product = profile.product ?? 'pve';
  const release = typeof options.release === 'string' ? options.release : (profile.release ?? NEWEST_RELEASES[product]);
  const { toml, warnings } = previewAnswer({
    profile: rendered,
    node: subject,
    product,
    release,
    baseUrl: 'https://SERVER',
    certFingerprint: Array.from({ length: 32 }, () => '00').join(':'),
    severities: files.severities(),
  });
  for (const warning of warnings) io.err(`warning: ${printable(warning)}\n`);
  const view = { node: subject.fqdn, product, release, media: null, toml, warnings };
  const made = `# ${subject.fqdn}, ${product} ${release}: an example, with the first number of each pool\n`;
  io.out(options.json === true ? `${JSON.stringify(view, null, 2)}\n` : made + toml);
  return 0;
}

async function subjectOf(io: Io, options: Options): Promise<ProfileSubject> {
  const { fqdn, mac, tag, values } = options;
  const own: PlainMap = typeof values === 'string' ? ((await readValues({ io }, values)) as PlainMap) : {};
  return {
    ...STAND_IN_NODE,
    ...(typeof fqdn === 'string' && { fqdn: parseFqdn(fqdn) }),
    ...(typeof mac === 'string' && { macs: [parseMac(mac)] }),
    tags: Array.isArray(tag) ? tag.map(String) : [],
    values: own,
  };
}
