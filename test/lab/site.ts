/** One provisioning site in the lab: network, vendor's repositories, the daemon with a profile, an administrator's hands. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { NodeView } from '../../src/api/schemas.ts';
import { type StandInRelease, standInImage } from './image.ts';
import { DAEMON_ADDRESS, LAB_INTERFACE, Lab, type LabOptions, MIRROR_ADDRESS } from './lab.ts';
import { type CommandResult, must, type Namespace, run } from './namespaces.ts';
import { ROOTS, type RootName } from './roots.ts';
import { vendorMirror } from './vendor-mirror.ts';

export const PROFILE = 'lab';
/** Of the profiles that come with Ironwake, the one whose plan the lab's machines get. */
export const SHIPPED_PROFILE = fileURLToPath(new URL('../../answers/default.yaml', import.meta.url));
export const ADMIN_USER = 'rackadmin';
/** A secret of the plan: the administrator's password on the node. */
export const ADMIN_PASSWORD = 'seen by nobody on the way 7';
const ADMIN_SECRET = 'lab-admin';
/** What a node of the lab says over its profile. */
export const NODE_VALUES = { values: { rack: 'b7' }, answer: { global: { timezone: 'Europe/Vienna' } } };
const API = `https://${DAEMON_ADDRESS}:8443`;
const COMMAND = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface ApiReply {
  readonly status: number;
  readonly body: unknown;
}

interface ProfileChoice {
  readonly root: RootName;
  readonly secrets: 'auto' | 'confirm';
}

export interface SiteOptions extends Partial<ProfileChoice>, LabOptions {
  readonly release?: StandInRelease;
  /** Further profiles, by name. */
  readonly profiles?: (publicKey: string) => Readonly<Record<string, object>>;
}

export class Site {
  readonly lab: Lab;
  /** Path of the stand-in installer image. */
  readonly image: string;
  readonly dataDir: string;

  private constructor(lab: Lab, image: string) {
    this.lab = lab;
    this.image = image;
    this.dataDir = join(lab.folder, 'data');
  }

  /** @throws Error with the log of what did not start; nothing is left then */
  static async start(options: SiteOptions = {}): Promise<Site> {
    const mirror = await vendorMirror();
    const image = await standInImage({
      ...(options.release === undefined ? {} : { release: options.release }),
      keyring: mirror.keyring,
    });
    const lab = await Lab.start(options);
    try {
      const site = new Site(lab, image);
      const server = fileURLToPath(new URL('vendor-mirror.ts', import.meta.url));
      lab.spawn(lab.dhcp, [process.execPath, server, mirror.folder, MIRROR_ADDRESS, '80'], 'mirror.log');
      must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', site.key);
      site.#writeProfiles({ root: options.root ?? 'ext4', secrets: options.secrets ?? 'auto' }, options.profiles);
      await site.startDaemon();
      await site.command(['secret', 'set', ADMIN_SECRET], ADMIN_PASSWORD);
      return site;
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  /** The administrator's SSH key. */
  get key(): string {
    return join(this.lab.folder, 'key');
  }

  /**
   * The profile of every machine: the shipped one as it is, and over it, by a parent and a mix-in, what its first lines ask of whoever uses it. What a
   * node says over all of them: `NODE_VALUES`.
   */
  #writeProfiles({ root, secrets }: ProfileChoice, further: SiteOptions['profiles']): void {
    const publicKey = readFileSync(`${this.key}.pub`, 'utf8').trim();
    const answers = join(this.lab.folder, 'answers');
    mkdirSync(answers);
    copyFileSync(SHIPPED_PROFILE, join(answers, basename(SHIPPED_PROFILE)));
    const files: Readonly<Record<string, object>> = {
      _base: {
        extends: basename(SHIPPED_PROFILE, '.yaml'),
        answer: {
          global: {
            keyboard: 'de',
            country: 'de',
            timezone: 'UTC',
            mailto: 'admin@lab.example',
            'root-ssh-keys': [publicKey],
            // What failed is to be looked at.
            'reboot-on-error': false,
          },
        },
      },
      _access: {
        postInstall: {
          'admin-user': {
            name: ADMIN_USER,
            comment: 'Rack {{values.rack}} for {{host}}',
            keys: [publicKey],
            password: { secret: ADMIN_SECRET },
          },
        },
      },
      [PROFILE]: {
        description: 'A virtual machine of the lab',
        extends: '_base',
        mixins: '_access',
        values: { rack: 'none' },
        answer: { 'disk-setup': { filter: null, ...ROOTS[root].diskSetup } },
        install: { release: secrets },
      },
      ...further?.(publicKey),
    };
    for (const [name, profile] of Object.entries(files))
      writeFileSync(join(answers, `${name}.yaml`), stringify(profile));
  }

  startDaemon(): Promise<unknown> {
    return this.lab.startDaemon({
      command: [
        ...[process.execPath, COMMAND, 'serve', '--interface', LAB_INTERFACE, '--data-dir', this.dataDir],
        ...['--answers', join(this.lab.folder, 'answers')],
      ],
      readyUrl: `${API}/readyz`,
    });
  }

  /** The command line of `ironwake ...` beside the daemon. */
  commandLine(...args: string[]): readonly string[] {
    return this.lab.serve.command([process.execPath, COMMAND, ...args, '--data-dir', this.dataDir]);
  }

  /** Runs `ironwake ...` as the daemon's administrator would, and returns what it printed. @throws Error when it fails */
  async command(args: readonly string[], input = ''): Promise<string> {
    const done = await run(this.commandLine(...args), { input, timeoutMs: 300_000 });
    if (done.code !== 0) throw new Error(`ironwake ${args.join(' ')}: ${done.stderr}`);
    return done.stdout;
  }

  /** One request to the API with the administrator's token. */
  async api(method: string, path: string, body?: unknown): Promise<ApiReply> {
    const token = readFileSync(join(this.dataDir, 'admin-token'), 'utf8').trim();
    const json = body === undefined ? [] : ['-H', 'Content-Type: application/json', '--data-binary', '@-'];
    const asked = await this.lab.serve.run(
      [
        'curl',
        '-ksS',
        '-X',
        method,
        '-H',
        `Authorization: Bearer ${token}`,
        ...json,
        '-w',
        '\n%{http_code}',
        `${API}${path}`,
      ],
      { input: body === undefined ? '' : JSON.stringify(body), timeoutMs: 300_000 },
    );
    if (asked.code !== 0)
      throw new Error(`${method} ${path}: ${asked.stderr}\n${this.lab.log('daemon.log').slice(-2000)}`);
    const end = asked.stdout.lastIndexOf('\n');
    const text = asked.stdout.slice(0, end);
    return { status: Number(asked.stdout.slice(end + 1)), body: text === '' ? undefined : JSON.parse(text) };
  }

  /** @throws Error with the problem's text when the API refuses */
  async must(method: string, path: string, body?: unknown): Promise<unknown> {
    const reply = await this.api(method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  async node(id: string): Promise<NodeView> {
    return (await this.must('GET', `/api/v1/nodes/${id}`)) as NodeView;
  }

  /** Waits until `done` holds for the node's view. @throws Error with the timeline */
  async untilNode(id: string, done: (view: NodeView) => boolean, timeoutMs: number): Promise<NodeView> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const view = await this.node(id);
      if (done(view)) return view;
      if (Date.now() > deadline) throw new Error(`the node did not get there:\n${timelineText(view)}`);
      await delay(500);
    }
  }

  /** A command on an installed node, by SSH with the administrator's key; from the daemon's namespace unless told otherwise. */
  ssh(address: string, user: string, command: string, from: Namespace = this.lab.serve): Promise<CommandResult> {
    return from.run(
      [
        ...[
          'ssh',
          '-F',
          '/dev/null',
          '-i',
          this.key,
          '-o',
          'IdentitiesOnly=yes',
          '-o',
          'BatchMode=yes',
          '-o',
          'ConnectTimeout=30',
        ],
        ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
        ...[`${user}@${address}`, command],
      ],
      { timeoutMs: 180_000 },
    );
  }

  stop(options: { readonly keepFiles?: boolean } = {}): Promise<void> {
    return this.lab.stop(options);
  }
}

/** The timeline as a person reads it. */
export function timelineText(view: NodeView): string {
  const first = view.timeline[0]?.at ?? '';
  return view.timeline
    .map((event) => {
      const seconds = (Date.parse(event.at) - Date.parse(first)) / 1000;
      return `${seconds.toFixed(1).padStart(7)} s  ${event.code.padEnd(26)} ${event.text}`;
    })
    .concat(
      `         ${view.run?.state ?? 'no run'}${view.waiting === null ? '' : `, waiting for ${view.waiting.for}`}`,
    )
    .join('\n');
}
