/**
 * Every setting of the daemon, once: type, default, bounds, flag and the sentence that documents it. Environment names follow from the
 * keys (`ports.http` is IRONWAKE_PORTS_HTTP), the page docs/configuration.md is written from here.
 */
import { type Static, type TInteger, type TSchema, Type } from '@sinclair/typebox';

/** What a setting says besides its JSON schema. */
export interface Annotations {
  readonly description: string;
  /** Long option of `ironwake serve`, without dashes; settings without one live in file and environment only. */
  readonly flag?: string;
  /** The value's name in help texts. */
  readonly placeholder?: string;
  /** A directory: relative ones are taken from where they were written (the file's directory, else the working directory). */
  readonly path?: true;
  /** What it takes, to be read after "is not", where the type alone does not say it. */
  readonly expected?: string;
  /** In words, where the default depends on the machine. */
  readonly defaultText?: string;
}

const port = (fallback: number, flag: string, description: string): TInteger =>
  Type.Integer({ default: fallback, minimum: 0, maximum: 65535, flag, placeholder: 'PORT', description });

const minutes = (fallback: number, description: string, flag?: string): TInteger =>
  Type.Integer({
    default: fallback,
    minimum: 1,
    maximum: 10080,
    placeholder: 'MINUTES',
    description,
    ...(flag === undefined ? {} : { flag }),
  });

const count = (fallback: number, maximum: number, description: string): TInteger =>
  Type.Integer({ default: fallback, minimum: 1, maximum, description });

const oneOf = <const T extends readonly string[]>(values: T, options: Annotations & { default: T[number] }) =>
  Type.Union(
    values.map((value) => Type.Literal(value as T[number])),
    { ...options },
  );

const directory = (options: Omit<Annotations, 'path'>) =>
  Type.String({ minLength: 1, path: true, placeholder: 'DIR', ...options });

export const ConfigSchema = Type.Object(
  {
    interfaces: Type.Array(Type.String({ minLength: 1, maxLength: 15 }), {
      default: [],
      flag: 'interface',
      placeholder: 'NAME',
      defaultText: 'the interface of the default route, or the only one',
      description: 'Network interfaces on which machines are served. The flag may be repeated.',
    }),
    addresses: Type.Record(Type.String({ minLength: 1 }), Type.String({ format: 'ipv4' }), {
      default: {},
      flag: 'address',
      placeholder: 'NAME=ADDRESS',
      defaultText: "each interface's first address that is not link-local",
      description:
        'IPv4 address to serve on, for an interface that has several: eno1=10.0.0.2. The flag may be repeated.',
    }),
    site: Type.String({
      default: 'default',
      minLength: 1,
      maxLength: 63,
      description: 'Name of this site, kept with every node.',
    }),
    dataDir: directory({
      flag: 'data-dir',
      defaultText: "systemd's state directory, else `data` in the checkout",
      description: 'Database, certificate, keys and installer images.',
    }),
    answersDir: directory({
      flag: 'answers',
      defaultText: "`answers` in systemd's state directory, else in the checkout",
      description: 'Profiles (YAML). Watched: a change takes effect without a restart.',
    }),
    tftprootDir: directory({
      flag: 'tftproot',
      defaultText: '`tftproot` in the checkout',
      description: 'Boot loaders that the set-up has staged.',
    }),
    ports: Type.Object(
      {
        dhcp: port(67, 'dhcp-port', 'UDP: proxyDHCP beside the DHCP server of the network.'),
        pxe: port(4011, 'pxe-port', 'UDP: PXE boot server requests.'),
        tftp: port(69, 'tftp-port', 'UDP: boot loaders.'),
        http: port(8080, 'http-port', 'TCP: boot artefacts, plain HTTP.'),
        https: port(8443, 'https-port', 'TCP: API, installer and nodes, TLS.'),
      },
      { additionalProperties: false, description: 'Ports; 0 takes any free one (tests).' },
    ),
    relay: oneOf(['off', 'on'], {
      default: 'off',
      flag: 'relay',
      placeholder: 'on|off',
      description:
        'Also listen on the address itself, UDP 67, for packets of DHCP relays. Machines behind a router are then served although their MAC cannot be checked. It takes the renewals of a DHCP server on the same host.',
    }),
    log: Type.Object(
      {
        level: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
          default: 'info',
          flag: 'log-level',
          placeholder: 'LEVEL',
          description: 'The least important kind of line that is written.',
        }),
        format: oneOf(['auto', 'pretty', 'json'], {
          default: 'auto',
          flag: 'log-format',
          placeholder: 'FORMAT',
          description: '`pretty` for people, `json` for machines; `auto` is pretty on a terminal.',
        }),
      },
      { additionalProperties: false, description: 'The log, on standard output.' },
    ),
    limits: Type.Object(
      {
        discoveredCapacity: count(
          2000,
          1_000_000,
          'Machines that nobody registered and that are remembered: more are forgotten, oldest first, so that invented MACs do not fill the disk.',
        ),
        tftpTransfers: count(256, 10_000, 'TFTP transfers at once.'),
        tftpWindowsize: count(
          16,
          64,
          'Blocks in flight of one TFTP transfer (RFC 7440): more than a small switch can buffer is loss, not speed.',
        ),
      },
      { additionalProperties: false, description: 'Limits that keep one client from taking everything.' },
    ),
    findings: Type.Array(Type.String({ minLength: 3, maxLength: 100 }), {
      default: [],
      placeholder: 'CODE=LEVEL',
      defaultText: 'none',
      expected: 'a list of CODE=error, CODE=warning or CODE=off',
      description:
        'How findings about answers weigh: a list of CODE=error, CODE=warning or CODE=off (codes: docs/answer-findings.md). What the installer refuses stays refused.',
    }),
    retention: Type.Object(
      {
        eventDays: count(365, 36_500, 'Events that are older go.'),
        events: count(2_000_000, 100_000_000, 'So many events are kept at most; the oldest go first.'),
        runDays: count(1095, 36_500, 'Installations that ended earlier go; the newest of each node stays.'),
        runs: count(
          100_000,
          10_000_000,
          'So many ended installations are kept at most; the newest of each node stays.',
        ),
        auditDays: count(3650, 36_500, 'Entries of the audit log that are older go.'),
        audit: count(1_000_000, 100_000_000, 'So many entries of the audit log are kept at most; the oldest go first.'),
        deliveryDays: count(30, 3650, 'Webhooks that were delivered, or given up, earlier go.'),
        deliveries: count(20_000, 1_000_000, 'So many of them are kept at most; the oldest go first.'),
      },
      { additionalProperties: false, description: 'What is kept, so that the data directory does not grow for ever.' },
    ),
    run: Type.Object(
      {
        expiresMinutes: minutes(60, 'How long an armed installation waits for its machine.', 'expires'),
        giveUpMinutes: minutes(120, 'A run that stays stalled for so long after its answer was handed out has failed.'),
        budgets: Type.Object(
          {
            booting: minutes(3, 'From the first offer to the first byte of the image.'),
            loading: minutes(15, 'Kernel, initrd and image on their way to the machine.'),
            live: minutes(5, 'The installer is up and has not asked for its answer.'),
            claimed: minutes(2, 'The answer was handed out; the hook is fetched before the installation starts.'),
            installing: minutes(30, 'Until the installer reports that it is done.'),
            installed: minutes(15, "Until the installed system's first boot."),
            configuring: minutes(30, 'The plan runs on the node.'),
          },
          {
            additionalProperties: false,
            description: 'Minutes that a run may stay in each state before it is shown as stalled.',
          },
        ),
      },
      { additionalProperties: false, description: 'Installations.' },
    ),
  },
  { additionalProperties: false },
);

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What `loadConfig` returns before addresses are read: exactly the schema. */
export type RawConfig = DeepReadonly<Static<typeof ConfigSchema>>;

/** One setting of the schema. */
export interface Setting {
  /** `ports.http` */
  readonly key: string;
  readonly schema: TSchema & Annotations;
  /** IRONWAKE_PORTS_HTTP */
  readonly variable: string;
}

function walk(schema: TSchema, path: readonly string[]): readonly Setting[] {
  if (schema.type === 'object' && schema.properties !== undefined)
    return Object.entries(schema.properties as Record<string, TSchema>).flatMap(([name, inner]) =>
      walk(inner, [...path, name]),
    );
  const key = path.join('.');
  const words = path.map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return [{ key, schema: schema as Setting['schema'], variable: `IRONWAKE_${words.join('_')}` }];
}

/** All settings, in the order of the schema. */
export const SETTINGS: readonly Setting[] = walk(ConfigSchema, []);
