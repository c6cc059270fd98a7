/**
 * The commands, their words and options. What each does is imported when it runs: `--help` answers at once, and `node list` does not pay for
 * the daemon.
 */
import { Command, CommanderError, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { IronwakeError, invalid, messageOf } from '../errors.ts';
import { EXCHANGE_FORMATS } from '../exchange/rows.ts';
import { EXPORT_NAMES } from '../exports/format-names.ts';
import type { Session } from './session.ts';
import { type ExitStatus, type Io, printable } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;
type Run = (session: Session, args: readonly string[], options: Options) => Promise<ExitStatus>;

/** Runs one command line (without `node` and the script's name). Never throws, never prints a stack. */
export async function runCli(argv: readonly string[], io: Io): Promise<ExitStatus> {
  let status: ExitStatus = 0;
  const program = createProgram(io, (result) => {
    status = result;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof IronwakeError) {
      for (const { line, field, message, remedy } of error.rows ?? [])
        io.err(printable(`line ${line}: ${field === undefined ? '' : `${field}: `}${message}. ${remedy}`).concat('\n'));
      io.err(`ironwake: ${printable(error.line)}\n`);
      return error.code === 'client.unreachable' ? 3 : 1;
    }
    io.err(
      `ironwake: unexpected failure: ${printable(messageOf(error))}. Please report it with the command that you typed.\n`,
    );
    return 1;
  }
}

/** The whole tree of commands. @param done takes the exit status of the one that ran */
export function createProgram(io: Io, done: (status: ExitStatus) => void): Command {
  const program = new Command('ironwake')
    .description('From power-on to a hardened Proxmox host.')
    .version(manifest.version)
    .exitOverride()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) =>
        write(
          `ironwake: ${printable(
            text
              .trim()
              .replace(/^error: |\.$/g, '')
              .replace(/\s*\n\s*/g, ' '),
          )}. Add --help for the usage.\n`,
        ),
    })
    .helpCommand(false)
    .hook('preAction', (_, command) => refuseEmptyWords(command));

  /** The options of a command that talks, or may have to talk, to the daemon. */
  const withServer = (command: Command): Command =>
    command
      .option('--json', 'print the answer as JSON')
      .option('--server <URL>', 'API of the daemon; default: the one that runs on this machine (server.json)')
      .option('--token-file <FILE>', 'file with the API token; default: admin-token in the data directory')
      .option('--fingerprint <SHA256>', "SHA-256 of the daemon's certificate")
      .option('--data-dir <DIR>', "the daemon's data directory")
      .option('--config <FILE>', "the daemon's configuration file");

  /** A command that talks to the daemon. */
  const remote = (parent: Command, usage: string, description: string, run: Run): Command => {
    const command = withServer(parent.command(usage).description(description));
    if (command.name() === 'rm') command.alias('remove');
    return command.action(async () => {
      const options = command.opts();
      const { openSession } = await import('./session.ts');
      done(await run(await openSession(io, options), command.args, options));
    });
  };

  addServe(program, io, done);
  addNode(program, io, remote);
  addRule(program, io, remote);
  addMedia(program, io, remote);
  addRun(program, remote);
  addSecret(program, io, remote);
  addTrust(program, io, remote);
  addWebhook(program, io, done, remote);
  addProfile(program, io, done, withServer);
  addAnswer(program, io, done, remote);
  addPlan(program, remote);
  remote(program, 'explain <MAC>', 'what this machine would be offered, and why', async (session, args) =>
    (await import('./overview.ts')).explain(session, args),
  );
  remote(program, 'discovered', 'machines that were seen and that nobody registered', async (session) =>
    (await import('./overview.ts')).discovered(session),
  );
  remote(program, 'profiles', 'the profiles, and what is wrong with broken ones', async (session) =>
    (await import('./overview.ts')).profiles(session),
  );
  remote(program, 'status', 'the daemon at a glance', async (session) =>
    (await import('./overview.ts')).status(session),
  );
  remote(program, 'events', 'all timelines as one feed, oldest first', async (session, _, options) =>
    (await import('./overview.ts')).events(session, options),
  )
    .option('--after <ID>', 'only what came after this event; default: from the beginning')
    .option('--limit <NUMBER>', 'how many at most', '200');
  remote(program, 'watch [NODE]', 'follow all installations, or one, as they happen', async (session, args) =>
    (await import('./live.ts')).live(session, args),
  );
  remote(program, 'backup <FILE>', 'the database as one file, while the daemon works', async (session, args, options) =>
    (await import('./backup.ts')).backup(session, args, options),
  ).option('--keys', 'also instance key, certificate and first token: keep such a file as you keep keys');
  addExport(program, remote);
  addCompletion(program, io, done);
  addRestore(program, io, done);
  addDoctor(program, io, done);
  return program;
}

/** `discard hook "$ID"` with an ID that is not set must not mean something else than one delivery: exit status 2, before anything is asked or done. */
function refuseEmptyWords(command: Command): void {
  const { registeredArguments } = command;
  for (const [i, word] of command.args.entries()) {
    // The last one may take many words.
    const argument = registeredArguments[Math.min(i, registeredArguments.length - 1)];
    if (argument !== undefined && word.trim() === '')
      command.error(`error: ${argument.name()} is empty`, { exitCode: 2 });
  }
}

type Remote = (parent: Command, usage: string, description: string, run: Run) => Command;

interface Destructive {
  /** A sentence with the name of what it happens to. */
  readonly effect: (name: string) => string;
  /** What must be typed: the first argument unless it says otherwise. */
  readonly name?: string;
  /** When it destroys: always unless it says otherwise. */
  readonly when?: (options: Options) => boolean;
}

/** One meaning wherever it stands: of `answer validate` and of `profile check`. */
const STRICT = 'nothing may be found: our own findings count as well, errors and warnings';
const YES = ['--yes', 'do not ask: it is meant'] as const;

/** A command that takes something away for good: the name is typed once more, or `--yes` given. */
function destructive(io: Io, command: Command, { effect, name, when = () => true }: Destructive): Command {
  return command.option(...YES).hook('preAction', async () => {
    const options = command.opts();
    if (!when(options)) return;
    const { confirmDestruction } = await import('./confirm.ts');
    const what = name ?? command.args[0] ?? '';
    await confirmDestruction(io, { name: what, effect: effect(what), yes: options.yes === true });
  });
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

function addNode(program: Command, io: Io, remote: Remote): void {
  const node = program.command('node').description('machines: register, install, follow');
  const commands = () => import('./node.ts');
  remote(node, 'add', 'register a machine', async (session, _, options) => (await commands()).add(session, options))
    .requiredOption('--mac <MAC>', 'a MAC address in any usual notation; may be repeated', collect)
    .requiredOption('--fqdn <NAME>', 'full host name, for example pve1.lab.example')
    .option('--profile <NAME>', 'the profile that it is installed by', 'default')
    .option('--tag <NAME>', 'a tag; tags/NAME.yaml goes over the profile; may be repeated', collect)
    .option('--values <FILE>', 'YAML file with what goes over the profile for this node')
    .option('--notes <TEXT>', 'free text')
    .addOption(installPolicy())
    .option('--protect', 'arming is refused until it is unprotected');
  remote(
    node,
    'import <FILE>',
    'register the machines of a CSV, YAML or JSON file, all or none',
    async (session, args, options) => (await import('./exchange.ts')).importFile(session, args, options),
  )
    .addOption(new Option('--format <FORMAT>', 'default: by the name of the file').choices(EXCHANGE_FORMATS))
    .option('--dry-run', 'say what would be done, and write nothing');
  remote(node, 'export', 'the registered machines as a file that an import takes', async (session, _, options) =>
    (await import('./exchange.ts')).exportFile(session, options),
  )
    .addOption(new Option('--format <FORMAT>', 'the form of the file').choices(EXCHANGE_FORMATS).default('csv'))
    .option('--tag <NAME>', 'only machines with this tag')
    .option('--state <STATE>', 'only machines whose newest installation is in this state; none: never armed')
    .option('--profile <NAME>', 'only machines of this profile')
    .option('--search <TEXT>', 'only machines with this in their name or a MAC');
  remote(node, 'install <NODE>', 'arm one installation: its next netboot installs it', async (session, args, options) =>
    (await commands()).install(session, args, options),
  )
    .option('--media <IMAGE>', 'name or id of the image; default: the newest that fits the profile')
    .option('--expires <MINUTES>', 'how long it stays armed')
    .option('--watch', 'follow the timeline until the installation ends')
    .option(...YES);
  remote(node, 'cancel <NODE>', 'stop the installation under way', async (session, args, options) =>
    (await commands()).cancel(session, args, options),
  ).option(...YES);
  remote(node, 'trust <NODE>', 'you looked at a contested installation and it is yours', async (session, args) =>
    (await commands()).trust(session, args),
  );
  remote(node, 'retry <NODE>', 'arm one more installation like the last', async (session, args, options) =>
    (await commands()).retry(session, args, options),
  )
    .option('--watch', 'follow the timeline until the installation ends')
    .option(...YES);
  remote(node, 'runs <NODE>', 'all installations of a machine, newest first', async (session, args) =>
    (await commands()).runs(session, args),
  );
  remote(node, 'show <NODE>', 'state, timeline, and what it is waiting for', async (session, args, options) =>
    (await commands()).show(session, args, options),
  ).option('--output', "also what the plan's steps printed");
  remote(node, 'watch <NODE>', 'follow the timeline until the installation ends', async (session, args) =>
    (await import('./watch.ts')).watch(session, args),
  );
  remote(node, 'list', 'all machines', async (session, _, options) => (await commands()).list(session, options))
    .option('--search <TEXT>', 'part of a name or of a MAC')
    .option('--state <STATE>', 'state of the newest installation; none: never armed')
    .option('--tag <NAME>', 'with this tag')
    .option('--profile <NAME>', 'installed by this profile')
    .option('--archived', 'the archived ones instead');
  remote(
    node,
    'root-password <NODE>',
    'the random password of the installation: shown once, then erased',
    async (session, args) => (await commands()).rootPassword(session, args),
  );
  remote(
    node,
    'secrets <NODE>',
    'what modules made there and nobody has read yet, and who read the rest',
    async (session, args) => (await import('./born-secrets.ts')).list(session, args),
  );
  remote(
    node,
    'read-secret <NODE> <NAME>',
    'one of these (NAME, or MODULE/NAME): shown once, then erased',
    async (session, args) => (await import('./born-secrets.ts')).read(session, args),
  );
  destructive(
    io,
    remote(node, 'credential <NODE>', 'the credential of an installed node', async (session, args, options) =>
      (await import('./trust.ts')).credential(session, args, options),
    ).option('--revoke', 'it is refused from now on; the node proves its host key again'),
    { effect: (name) => `The credential of ${name} is refused from now on.`, when: ({ revoke }) => revoke === true },
  );
  remote(node, 'credentials', 'the credentials of all installed nodes', async (session) =>
    (await import('./trust.ts')).credentials(session),
  );
  addRegistry(node, io, remote);
  destructive(
    io,
    remote(node, 'rm <NODE>', 'forget a machine', async (session, args) => (await commands()).remove(session, args)),
    { effect: (name) => `${name} goes, with its history and its addresses.` },
  );
}

const installPolicy = () =>
  new Option('--install-policy <POLICY>', 'once: armed by hand; always: again at the next netboot; never').choices([
    'once',
    'always',
    'never',
  ]);

/** What is changed of nodes, and how hardware comes and goes. */
function addRegistry(node: Command, io: Io, remote: Remote): void {
  const commands = () => import('./registry.ts');
  destructive(
    io,
    remote(node, 'set <NODE>', 'change name, profile, tags, values, notes, policy', async (session, args, options) =>
      (await commands()).set(session, args, options),
    )
      .option('--fqdn <NAME>', 'another full host name')
      .option('--profile <NAME>', 'another profile')
      .option('--tag <NAME>', 'all tags that it is to have; may be repeated', collect)
      .option('--no-tags', 'take all tags away')
      .option('--values <FILE>', 'YAML file with all that goes over the profile for this node')
      .option('--notes <TEXT>', 'free text')
      .addOption(installPolicy()),
    {
      effect: (name) => `Once ${name} is installed, each of its netboots erases its disks and installs it anew.`,
      when: ({ installPolicy }) => installPolicy === 'always',
    },
  );
  remote(node, 'protect <NODE>', 'refuse to arm it, until it is unprotected', async (session, args) =>
    (await commands()).protect(session, args, true),
  );
  remote(node, 'unprotect <NODE>', 'let it be armed again', async (session, args) =>
    (await commands()).protect(session, args, false),
  );
  remote(
    node,
    'adopt <MAC>',
    'register a machine that was seen (npx ironwake discovered)',
    async (session, args, options) => (await commands()).adopt(session, args, options),
  )
    .requiredOption('--name, --fqdn <NAME>', 'full host name, for example pve1.lab.example')
    .option('--profile <NAME>', 'the profile that it is installed by', 'default')
    .option('--mac <MAC>', 'a further port of the same machine; may be repeated', collect)
    .option('--tag <NAME>', 'a tag; may be repeated', collect)
    .option('--values <FILE>', 'YAML file with what goes over the profile for this node')
    .option('--notes <TEXT>', 'free text')
    .addOption(installPolicy())
    .option('--protect', 'arming is refused until it is unprotected');
  destructive(
    io,
    remote(node, 'replace <NODE>', "another machine takes the node's place", async (session, args, options) =>
      (await commands()).replace(session, args, options),
    )
      .option('--mac <MAC>', 'a port of the new machine; may be repeated', collect)
      .option('--with <MAC>', 'the new machine is one that was seen (npx ironwake discovered)'),
    {
      effect: (name) => `The machine that is ${name} now is ${name} no more, and what it said of itself is forgotten.`,
    },
  );
  destructive(
    io,
    remote(
      node,
      'forget <MAC>',
      'take a machine that was seen out of the list, until its next packet',
      async (session, args) => (await commands()).forget(session, args),
    ),
    { effect: (name) => `What was seen of ${name} is forgotten.` },
  );
  destructive(
    io,
    remote(node, 'archive <NODE>', 'take it out of the lists; its history stays', async (session, args) =>
      (await commands()).archive(session, args),
    ),
    {
      effect: (name) => `The name, ports and addresses of ${name} are free for others, and its credential is refused.`,
    },
  );
  remote(node, 'unarchive <NODE>', 'bring an archived node back', async (session, args) =>
    (await commands()).unarchive(session, args),
  );
  remote(node, 'hardware <NODE>', 'what the machine has said of itself', async (session, args) =>
    (await commands()).hardware(session, args),
  );
  const mac = node.command('mac').description('the ports by which a node may boot');
  remote(mac, 'add <NODE> <MAC>', 'one more port', async (session, args) => (await commands()).addMac(session, args));
  destructive(
    io,
    remote(mac, 'rm <NODE> <MAC>', 'one port less', async (session, args) =>
      (await commands()).removeMac(session, args),
    ),
    { effect: (name) => `A machine that boots from this port is ${name} no more.` },
  );
}

/** Decisions about an installation, and the password that it left; all but `confirm` are `node`'s as well. */
function addRun(program: Command, remote: Remote): void {
  const run = program.command('run').description('installations under way: confirm, trust, cancel');
  remote(
    run,
    'confirm <NODE> <CODE>',
    "release secrets: CODE is what the machine's own screen shows",
    async (session, args) => (await import('./trust.ts')).confirm(session, args),
  );
  remote(run, 'password <NODE>', "root's random password: shown once, then erased", async (session, args) =>
    (await import('./node.ts')).rootPassword(session, args),
  );
  remote(run, 'trust <NODE>', 'you looked at a contested installation and it is yours', async (session, args) =>
    (await import('./node.ts')).trust(session, args),
  );
  remote(run, 'cancel <NODE>', 'stop the installation under way', async (session, args, options) =>
    (await import('./node.ts')).cancel(session, args, options),
  ).option(...YES);
}

function addTrust(program: Command, io: Io, remote: Remote): void {
  const commands = () => import('./trust.ts');
  const token = program.command('token').description('tokens of the API: who may do what');
  remote(token, 'add <NAME>', 'make one; it is shown once', async (session, args, options) =>
    (await commands()).addToken(session, args, options),
  )
    .addOption(
      new Option('--role <ROLE>', 'what it allows').choices(['viewer', 'operator', 'admin']).makeOptionMandatory(),
    )
    .option('--expires <DAYS>', 'it is refused after so many days; default: when it is revoked')
    .option('--out <FILE>', 'write it to this file (0600) instead of the terminal');
  remote(token, 'list', 'names, roles, ends', async (session) => (await commands()).listTokens(session));
  remote(token, 'rotate <NAME>', 'a new one in place of an old one; it is shown once', async (session, args, options) =>
    (await commands()).rotateToken(session, args, options),
  )
    .option('--overlap <MINUTES>', 'how long the old one still works', '0')
    .option('--out <FILE>', 'write it to this file (0600) instead of the terminal');
  destructive(
    io,
    remote(token, 'rm <NAME>', 'revoke it', async (session, args) => (await commands()).removeToken(session, args)),
    { effect: (name) => `Whoever uses the token ${name} is refused from now on.` },
  );

  remote(program, 'audit', 'who changed what, from where; newest last', async (session, _, options) =>
    (await commands()).audit(session, options),
  )
    .option('--limit <NUMBER>', 'how many lines', '50')
    .option('--before <ID>', 'only what is older than this line');

  const certificate = program.command('certificate').description("the daemon's own certificate, which machines pin");
  remote(certificate, 'show', 'fingerprint, pin, end, and the one that follows', async (session) =>
    (await commands()).showCertificate(session),
  );
  destructive(
    io,
    remote(
      certificate,
      'rotate',
      'a new one, as soon as no installation depends on the old',
      async (session, _, options) => (await commands()).rotateCertificate(session, options),
    ).option('--now', 'at once: installations that depend on the old one break, and are named'),
    {
      name: 'now',
      effect: () => 'Installations that depend on the present certificate break.',
      when: ({ now }) => now === true,
    },
  );
}

/** What registers machines that nobody registered one by one. */
function addRule(program: Command, io: Io, remote: Remote): void {
  const rule = program.command('rule').description('register machines by what they are, instead of one by one');
  const commands = () => import('./rule.ts');
  const described = (command: Command): Command =>
    command
      .option('--when <CONDITION>', 'mac:GLOB, or /POINTER=GLOB; all must hold; may be repeated', collect)
      .option('--default', 'no condition: every machine that no other rule takes')
      .option('--fqdn <TEMPLATE>', 'their names, for example pve{{counter.rack}}.lab.example')
      .option('--profile <NAME>', 'the profile that they are installed by', 'default')
      .option('--tag <NAME>', 'a tag that they get; may be repeated', collect)
      .option('--values <FILE>', 'YAML file with what goes over the profile')
      .addOption(installPolicy())
      .option('--arm', 'they are also armed, once: their disks are erased')
      .option('--machines <NUMBER>', 'how many it may register; default: 32')
      .option('--priority <NUMBER>', 'the highest is tried first; default: 0')
      .option('--expires <HOURS>', 'it matches nothing after so many hours')
      .option('--file <FILE>', 'YAML file with the rule instead of options');
  described(
    remote(rule, 'add [NAME]', 'add one; with --file all that are in it, by name', async (session, args, options) =>
      (await commands()).add(session, args, options),
    ).option(...YES),
  );
  described(
    remote(
      rule,
      'test [NAME]',
      'which known machines it matches, and why not the others; nothing is written',
      async (session, args, options) => (await commands()).test(session, args, options),
    ),
  );
  remote(rule, 'list', 'all rules, in the order in which they are tried', async (session) =>
    (await commands()).list(session),
  );
  remote(rule, 'show <NAME>', 'one rule', async (session, args) => (await commands()).show(session, args));
  remote(rule, 'explain <MAC>', 'what every rule says of one machine', async (session, args) =>
    (await commands()).explain(session, args),
  );
  destructive(
    io,
    remote(rule, 'rm <NAME>', 'remove one; what it registered stays', async (session, args) =>
      (await commands()).remove(session, args),
    ),
    { effect: (name) => `The rule ${name} goes, with what it has counted.` },
  );
}

function addMedia(program: Command, io: Io, remote: Remote): void {
  const media = program.command('media').description('installer images');
  const commands = () => import('./media.ts');
  remote(media, 'add <FILE>', 'import an installer image', async (session, args, options) =>
    (await commands()).add(session, args, options),
  )
    .option('--sha256 <SUM>', 'the checksum that the image must have')
    .option('--sums <FILE>', 'a SHA256SUMS file that names the image')
    .option('--on-server', 'FILE is a path on the server: nothing is uploaded');
  destructive(
    io,
    remote(media, 'rm <IMAGE>', 'remove an image: its name, or its id where two have one name', async (session, args) =>
      (await commands()).remove(session, args),
    ),
    { effect: (name) => `The file of ${name} is removed.` },
  );
  remote(media, 'list', 'the images', async (session) => (await commands()).list(session));
}

function addCompletion(program: Command, io: Io, done: (status: ExitStatus) => void): void {
  const completion = program
    .command('completion <SHELL>')
    .description('a script that completes commands and options: bash, zsh or fish')
    .option('--json', 'print it as JSON');
  completion.action(async () => {
    const { completionScript, SHELLS } = await import('./completion.ts');
    const [asked = ''] = completion.args;
    const shell = SHELLS.find((known) => known === asked);
    if (shell === undefined)
      throw invalid(
        'completion.shell',
        'SHELL',
        `'${asked.slice(0, 20)}' is no shell that is known`,
        `One of ${SHELLS.join(', ')}.`,
      );
    const script = completionScript(program, shell);
    io.out(completion.opts().json === true ? `${JSON.stringify({ shell, script })}\n` : script);
    done(0);
  });
}

function addExport(program: Command, remote: Remote): void {
  // What `ansible --list` asks for has no name of its own here; the script is made on this side.
  const formats = EXPORT_NAMES.flatMap((name) => (name === 'ansible-list' ? ['ansible-script'] : [name]));
  remote(program, 'export <FORMAT>', 'the registry for another program', async (session, args, options) =>
    (await import('./export.ts')).exportRegistry(session, args, options),
  )
    .addHelpText(
      'after',
      `
Formats: ${formats.join(', ')}.
ansible-script prints a dynamic inventory: write it to a file, make that executable, and name it to ansible -i.`,
    )
    .option('--tag <NAME>', 'only machines with this tag')
    .option('--state <STATE>', 'only machines whose newest installation is in this state; none: never armed')
    .option('--profile <NAME>', 'only machines of this profile')
    .option('--search <TEXT>', 'only machines with this in their name or a MAC')
    .option('--port <PORT>', 'port of the targets, for prometheus; default: 9100')
    .option('--out <FILE>', 'write it to this file, in one piece, instead of standard output')
    .option('--list', 'as a dynamic inventory of Ansible: everything')
    .option('--host <NAME>', 'as a dynamic inventory of Ansible: the variables of one host');
}

function addSecret(program: Command, io: Io, remote: Remote): void {
  const secret = program.command('secret').description('values that profiles name and nobody reads back');
  const commands = () => import('./secret.ts');
  remote(secret, 'set <NAME>', 'set it from standard input, or from a file', async (session, args, options) =>
    (await commands()).set(session, args, options),
  ).option('--file <FILE>', 'read the value from this file');
  remote(secret, 'list', 'names and ages', async (session) => (await commands()).list(session));
  destructive(
    io,
    remote(secret, 'rm <NAME>', 'remove it', async (session, args) => (await commands()).remove(session, args)),
    { effect: (name) => `Nobody can read ${name} back: its value is lost.` },
  );
}

/** Who is told what happens; `receive` works without a daemon. */
function addWebhook(program: Command, io: Io, done: (status: ExitStatus) => void, remote: Remote): void {
  const webhook = program.command('webhook').description('endpoints that are told what happens, by signed requests');
  const commands = () => import('./webhook.ts');
  const settings = (command: Command): Command =>
    command
      .option('--event <CODE>', 'an event code, PREFIX.* or *; may be repeated', collect)
      .option('--severity <SEVERITY>', 'only these: info, good, warning, alarm; may be repeated', collect)
      .option('--ca <FILE>', 'PEM file: the authorities that its certificate must be signed by');
  settings(
    remote(webhook, 'add <NAME>', 'add one; its signing secret is shown once', async (session, args, options) =>
      (await commands()).add(session, args, options),
    ),
  )
    .requiredOption('--url <URL>', 'where events are sent, for example https://hooks.example.net/ironwake')
    .option('--allow-http', 'plain HTTP is meant')
    .option('--allow-loopback', 'it may lead to the host of the daemon itself')
    .option('--secret <NAME>', 'take the signing secret from this stored one instead of making one')
    .option('--out <FILE>', 'write the secret to this file (0600) instead of the terminal');
  remote(webhook, 'list', 'all of them, and how it goes with each', async (session) =>
    (await commands()).list(session),
  );
  remote(webhook, 'show <NAME>', 'one of them', async (session, args) => (await commands()).show(session, args));
  settings(
    remote(webhook, 'set <NAME>', 'change address or events', async (session, args, options) =>
      (await commands()).set(session, args, options),
    ),
  )
    .option('--url <URL>', 'another address')
    .option('--all-severities', 'no longer only some')
    .option('--no-ca', 'trust the usual authorities again')
    .option('--allow-http', 'plain HTTP is meant')
    .option('--no-allow-http', 'only HTTPS from now on')
    .option('--allow-loopback', 'it may lead to the host of the daemon itself')
    .option('--no-allow-loopback', 'it may not');
  remote(webhook, 'enable <NAME>', 'send again; what has waited goes first', async (session, args) =>
    (await commands()).enable(session, args, true),
  );
  remote(webhook, 'disable <NAME>', 'send nothing, and queue nothing', async (session, args) =>
    (await commands()).enable(session, args, false),
  );
  remote(webhook, 'rotate <NAME>', 'a new signing secret; it is shown once', async (session, args, options) =>
    (await commands()).rotate(session, args, options),
  )
    .option('--overlap <HOURS>', 'how long the old one signs as well', '24')
    .option('--secret <NAME>', 'take it from this stored one instead of making one')
    .option('--out <FILE>', 'write it to this file (0600) instead of the terminal');
  remote(
    webhook,
    'test <NAME>',
    'send a trial and say what came of it. Exit status 0: delivered, 1: not',
    async (session, args) => (await commands()).test(session, args),
  );
  remote(webhook, 'deliveries <NAME> [ID]', 'what was sent, newest first; or one with its content', async (...given) =>
    (await commands()).deliveries(...given),
  )
    .addOption(
      new Option('--state <STATE>', 'only these; dead: the dead-letter list').choices(['waiting', 'delivered', 'dead']),
    )
    .option('--limit <NUMBER>', 'how many', '50');
  remote(webhook, 'retry <NAME> [ID]', 'send one again, with its old id', async (session, args, options) =>
    (await commands()).retry(session, args, options),
  ).option('--all', 'the whole dead-letter list');
  destructive(
    io,
    remote(webhook, 'discard <NAME> [ID]', 'throw one away', async (session, args, options) =>
      (await commands()).discard(session, args, options),
    ).option('--all', 'the whole dead-letter list'),
    { effect: (name) => `What is thrown away is never delivered to ${name}.` },
  );
  destructive(
    io,
    remote(webhook, 'rm <NAME>', 'remove it and its deliveries', async (session, args) =>
      (await commands()).remove(session, args),
    ),
    { effect: (name) => `The secret of ${name}, what waits for it, and its dead-letter list are gone.` },
  );
  const receive = webhook
    .command('receive')
    .description('a receiver to try it with: checks signatures and prints what comes, until Ctrl-C')
    .requiredOption('--secret-file <FILE>', 'file with the signing secret, or several, one a line')
    .option('--listen <ADDRESS>', 'the address to listen on', '127.0.0.1')
    .option('--port <PORT>', 'the port; 0: any that is free', '8090')
    .option('--status <STATUS>', 'answer good requests with this HTTP status', '204')
    .option('--count <NUMBER>', 'end after so many requests')
    .option('--json', 'print one JSON document a line');
  receive.action(async () => done(await (await import('./webhook-receiver.ts')).receive(io, receive.opts())));
}

/** Without a daemon; with --node by the daemon, which knows the node. */
function addProfile(
  program: Command,
  io: Io,
  done: (status: ExitStatus) => void,
  withServer: (command: Command) => Command,
): void {
  const profile = program.command('profile').description('profiles: check, show with origins, compare, render');
  const commands = () => import('./profile.ts');
  const answers = (command: Command): Command =>
    command.option('--answers <DIR>', "directory of the profiles; default: as the daemon's settings say");
  const check = answers(profile.command('check [NAME...]'))
    .description(
      'find what is wrong; names, files, or all. Exit status 0: all can be used, 1: one cannot, 2: not there',
    )
    .option('--release <RELEASE>', 'check for this release instead of the one that the profile names, or the newest')
    .option('--strict', STRICT)
    .option('--json', 'print an array of {name, ok, problems}')
    .option('--config <FILE>', "the daemon's configuration file");
  check.action(async () => done(await (await commands()).check(io, check.args, check.opts())));
  const show = withServer(answers(profile.command('show [NAME]')))
    .description('a profile with everything that it inherits: of the files here, or of the daemon that --server names')
    .option('--node <NODE>', 'the profile of this node: tags, values and templates worked in')
    .option('--origins', 'every value with the file and line that set it');
  show.action(async () => done(await (await commands()).show(io, show.args, show.opts())));
  const diff = withServer(answers(profile.command('diff [A] [B]')))
    .description('what is different between two profiles. Exit status 0: nothing, 1: something, 2: one is not there')
    .option('--node <NODE>', 'between what this node was made from and what it would be made from now');
  diff.action(async () => done(await (await commands()).diff(io, diff.args, diff.opts())));
  const render = withServer(answers(profile.command('render')))
    .description('the answer as it would be served, secrets masked')
    .requiredOption('--node <NODE>', 'a node, or `new` for one that there is not: without a daemon')
    .option('--profile <NAME>', 'for new: name or file; default: default')
    .option('--release <RELEASE>', 'for new: the release; default: that of the profile, or the newest')
    .option('--fqdn <NAME>', 'for new')
    .option('--mac <MAC>', 'for new')
    .option('--tag <NAME>', 'for new; may be repeated', collect)
    .option('--values <FILE>', 'for new: YAML file with the values of the node');
  render.action(async () => done(await (await commands()).render(io, render.opts())));
}

/** Without a daemon, but for `show`. The releases and products stand here as well, so that help and refusal of a wrong one need no core. */
function addAnswer(program: Command, io: Io, done: (status: ExitStatus) => void, remote: Remote): void {
  const answer = program.command('answer').description('answer files of the automated installer');
  const commands = () => import('./answer.ts');
  const release = (flag: string, text: string) =>
    new Option(`${flag} <RELEASE>`, text).choices(['8.2', '8.3', '8.4', '9.0', '9.1', '9.2']);
  const product = () =>
    new Option('--product <PRODUCT>', 'the product that is installed')
      .choices(['pve', 'pbs', 'pmg', 'pdm'])
      .default('pve');
  const validate = answer
    .command('validate <FILE...>')
    .description('say what the installer of a release says; - is standard input')
    .addOption(release('--release', 'the release whose verdict counts').default('9.2'))
    .addOption(product())
    .option('--strict', STRICT)
    .option('--json', 'print an array of {file, accepted, findings}')
    .option(
      '--machine <FACTS>',
      'check against this machine: a saved webhook document, device-info or system information (no disks)',
    )
    .option('--config <FILE>', "the daemon's configuration file, for its findings")
    .option('--severity <CODE=LEVEL>', 'weigh a finding of ours as error, warning or off; may be repeated', collect);
  validate.action(async () => done(await (await commands()).validate(io, validate.args, validate.opts())));
  const convert = answer
    .command('convert <FILE>')
    .description('rewrite an answer for another release')
    .addOption(release('--to', 'the release to write for').makeOptionMandatory())
    .addOption(product())
    .addOption(new Option('--format <FORMAT>', 'what to print').choices(['toml', 'json']).default('toml'))
    .option('--json', 'the same as --format json');
  convert.action(async () => done(await (await commands()).convert(io, convert.args, convert.opts())));
  const explain = answer
    .command('explain <KEY>')
    .description("what a key, or a finding's code, means")
    .option('--json', 'print it as JSON');
  explain.action(async () => done((await commands()).explain(io, explain.args, explain.opts())));
  const schema = answer
    .command('schema')
    .description('JSON Schema for editors')
    .addOption(release('--release', 'the release').default('9.2'))
    .addOption(product())
    .option('--json', 'as without it: a schema is JSON');
  schema.action(async () => done((await commands()).schema(io, schema.opts())));
  remote(answer, 'show', 'the exact answer that was served, secrets masked', async (session, _, options) =>
    (await import('./answer-show.ts')).show(session, options),
  ).requiredOption('--run <RUN>', 'id of a run, or a node: its newest');
}

function addPlan(program: Command, remote: Remote): void {
  const plan = program.command('plan').description('what is done on a node after the installation');
  const commands = () => import('./plan.ts');
  remote(
    plan,
    'show',
    'in order: what, why, parameters, and the line of the profile each comes from',
    async (session, _, options) => (await commands()).show(session, options),
  ).requiredOption('--node <NODE>', 'the node');
  remote(
    plan,
    'diff',
    'against the plan that ran last. Exit status 0: nothing would change, 1: something',
    async (session, _, options) => (await commands()).diff(session, options),
  )
    .addOption(new Option('--node <NODE>', 'one node'))
    .addOption(new Option('--all', 'all installed nodes: what new profiles would change').conflicts('node'))
    .hook('preAction', (_, command) => {
      if (command.opts().node === undefined && command.opts().all !== true)
        command.error('error: give --node NODE or --all', { exitCode: 2 });
    });
  remote(
    plan,
    'export',
    'the plan as a script on standard output: runs by hand, on any host, without the daemon',
    async (session, _, options) => (await commands()).exportScript(session, options),
  )
    .requiredOption('--node <NODE>', 'the node')
    .option('--with-secrets', 'with the modules that carry secrets, their values readable in the script; audited');
  remote(
    plan,
    'apply',
    'apply the plan again, as the profile wants it now: mends drift; the node fetches it within some minutes',
    async (session, _, options) => (await commands()).apply(session, options),
  ).requiredOption('--node <NODE>', 'the node');
  remote(
    program,
    'drift',
    'what no longer holds on installed nodes, since when, and the difference. Exit status 0: all holds, 1: not',
    async (session, _, options) => (await commands()).drift(session, options),
  ).option('--node <NODE>', 'one node only');
}

function addServe(program: Command, io: Io, done: (status: ExitStatus) => void): void {
  const serve = program.command('serve').description('the daemon itself').allowUnknownOption().allowExcessArguments();
  // Its options come from the settings' schema, which only `serve` pays for.
  serve.helpOption(false).action(async () => {
    done(await (await import('./serve.ts')).serve(io, serve.args, program));
  });
}

function addRestore(program: Command, io: Io, done: (status: ExitStatus) => void): void {
  const restore = program
    .command('restore <FILE>')
    .description('put a backup into a data directory where no daemon runs')
    .option('--force', 'move what is there aside')
    .option('--data-dir <DIR>', "the daemon's data directory")
    .option('--config <FILE>', "the daemon's configuration file")
    .option('--json', 'print what was restored as JSON');
  destructive(io, restore, {
    effect: (file) => `The daemon's data are those of ${file} from now on; what is there is moved aside.`,
    when: ({ force }) => force === true,
  });
  restore.action(async () => done(await (await import('./backup.ts')).restore(io, restore.args, restore.opts())));
}

function addDoctor(program: Command, io: Io, done: (status: ExitStatus) => void): void {
  const doctor = program
    .command('doctor')
    .description('find what breaks netboot on this machine and its network')
    .option('--interface <NAME>', 'look at this interface only; may be repeated', collect)
    .option('--data-dir <DIR>', "the daemon's data directory")
    .option('--config <FILE>', "the daemon's configuration file")
    .option('--json', 'print the findings as JSON');
  doctor.action(async () => {
    const { runDoctor } = await import('./doctor.ts');
    done((await runDoctor({ ...doctor.opts(), io })) === 0 ? 0 : 1);
  });
}
