/**
 * Writes the table of facts that the stand-ins of Proxmox VE's commands check by: `npx node scripts/proxmox-facts.ts REPOSITORY 8=REVISION
 * 9=REVISION`, where REPOSITORY is a git clone of proxmox/pve-docs. Facts are read from its dump of the API schema (api-viewer/apidata.js) and its
 * synopses of the commands (generated/*-synopsis.adoc): names, types, bounds; no texts.
 *
 *     test/fixtures/proxmox/api.tsv       releases, method, path, parameter, type, need, rule
 *     test/fixtures/proxmox/commands.tsv  releases, command, parameter, type, need, rule
 *
 * `need` is required or optional. `rule` is `enum a|b`, `from 1`, `to 9`, `length 2-18`, `pattern ...`, with spaces between them; pattern last. A row
 * without parameter is the call itself: its type says what it returns, `task` for a UPID.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

interface Schema {
  readonly type?: string;
  readonly optional?: number;
  readonly enum?: readonly (string | number)[] | null;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

interface Endpoint {
  readonly path?: string;
  readonly children?: readonly Endpoint[];
  readonly info?: Readonly<
    Record<
      string,
      { readonly parameters?: { readonly properties?: Readonly<Record<string, Schema>> }; readonly returns?: Schema }
    >
  >;
}

/** Guests, Ceph and software-defined networks are not configured by a plan. */
const LEFT_OUT =
  /^\/(nodes\/\{node\}\/(qemu|lxc|ceph|sdn|vzdump|capabilities|aplinfo|hardware)|cluster\/(sdn|ceph|mapping|qemu|bulk-action|acme))(\/|$)/;

/** Calls that start a task and return its UPID (pve-manager and others, `fork_worker`); the schema says only `string`. */
const TASKS = new Set([
  ...[
    'POST /nodes/{node}/apt/update',
    'PUT /nodes/{node}/network',
    'POST /nodes/{node}/startall',
    'POST /nodes/{node}/stopall',
  ],
  ...[
    'POST /cluster/config',
    'POST /cluster/config/join',
    'POST /nodes/{node}/disks/directory',
    'POST /nodes/{node}/disks/lvm',
  ],
  ...[
    'POST /nodes/{node}/disks/lvmthin',
    'POST /nodes/{node}/disks/zfs',
    'POST /nodes/{node}/disks/initgpt',
    'PUT /nodes/{node}/disks/wipedisk',
  ],
  ...['start', 'stop', 'restart', 'reload'].map((verb) => `POST /nodes/{node}/services/{service}/${verb}`),
  ...['POST', 'PUT', 'DELETE'].map((method) => `${method} /nodes/{node}/certificates/acme/certificate`),
  'POST /nodes/{node}/storage/{storage}/download-url',
]);

const COMMANDS = [
  'pveum',
  'pvesm',
  'pve-firewall',
  'pvenode',
  'pvecm',
  'pveam',
  'pvesubscription',
  'pvesr',
  'ha-manager',
];
const SECTION: Readonly<Record<string, string>> = { 'pve-firewall': '8' };

const [repository, ...releases] = process.argv.slice(2);
if (repository === undefined || releases.length === 0) {
  process.stderr.write('usage: proxmox-facts.ts REPOSITORY 8=REVISION 9=REVISION\n');
  process.exit(2);
}

const git = (...args: readonly string[]): string =>
  execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
const show = (revision: string, file: string): string => git('show', `${revision}:${file}`);

/** Generated files moved into a folder of their own with 9. */
const synopsis = (revision: string, name: string): string => {
  const files = git('ls-tree', '-r', '--name-only', revision).split('\n');
  const file = files.find((path) => path === name || path === `generated/${name}`);
  return file === undefined ? '' : show(revision, file);
};

const rule = (schema: Schema): string =>
  [
    schema.enum === undefined || schema.enum === null ? '' : `enum ${schema.enum.join('|')}`,
    schema.minimum === undefined ? '' : `from ${schema.minimum}`,
    schema.maximum === undefined ? '' : `to ${schema.maximum}`,
    schema.minLength === undefined && schema.maxLength === undefined
      ? ''
      : `length ${schema.minLength ?? 0}-${schema.maxLength ?? ''}`,
    // `(?^:...)` is how Perl prints a compiled pattern.
    schema.pattern === undefined ? '' : `pattern ${schema.pattern.replaceAll('\t', ' ')}`,
  ]
    .filter((part) => part !== '')
    .join(' ');

function apiRows(revision: string): string[] {
  const text = show(revision, 'api-viewer/apidata.js');
  const tree = JSON.parse(text.slice(text.indexOf('['), text.indexOf('\n;\n'))) as readonly Endpoint[];
  const walk = ({ path = '', children = [], info = {} }: Endpoint): string[] => [
    ...Object.entries(info).flatMap(([method, { parameters, returns }]) => {
      if (LEFT_OUT.test(path)) return [];
      const result = TASKS.has(`${method} ${path}`) ? 'task' : (returns?.type ?? 'null');
      return [
        [method, path, '', result, '', ''].join('\t'),
        ...Object.entries(parameters?.properties ?? {}).map(([name, schema]) =>
          [
            method,
            path,
            name,
            schema.type ?? 'string',
            schema.optional === 1 ? 'optional' : 'required',
            rule(schema),
          ].join('\t'),
        ),
      ];
    }),
    ...children.flatMap(walk),
  ];
  return tree.flatMap(walk);
}

/** `<a | b>` and `(a|b)` are choices unless they hold more than plain words. */
function commandType(text: string): { readonly type: string; readonly rule: string } {
  const bare = text.replace(/^[<(]|[>)]$/g, '');
  const words = bare.split('|').map((word) => word.trim());
  if (/^[<(]/.test(text) && words.length > 1 && words.every((word) => /^[\w.+-]+$/.test(word)))
    return { type: 'string', rule: `enum ${words.join('|')}` };
  const range = /^<?(integer|number)> \((-?\d+|-N) - (-?\d+|N)\)$/.exec(text);
  if (range !== null)
    return {
      type: range[1] ?? 'integer',
      rule: [range[2] === '-N' ? '' : `from ${range[2]}`, range[3] === 'N' ? '' : `to ${range[3]}`]
        .filter((part) => part !== '')
        .join(' '),
    };
  return { type: /^<(string|integer|number|boolean|array|filepath)>$/.exec(text)?.[1] ?? 'string', rule: '' };
}

function commandRows(revision: string): string[] {
  return COMMANDS.flatMap((program) => {
    const rows: string[] = [];
    let command = '';
    let usage = '';
    for (const line of synopsis(revision, `${program}.${SECTION[program] ?? '1'}-synopsis.adoc`).split('\n')) {
      const head = /^\*([a-z][a-z0-9 -]*)\*\s*(.*)$/.exec(line);
      if (head !== null) {
        command = head[1] ?? '';
        usage = head[2] ?? '';
        if (usage.includes('<COMMAND>')) command = '';
        else rows.push([command, '', usage.includes('FORMAT_OPTIONS') ? 'formatted' : '', '', ''].join('\t'));
        continue;
      }
      const alias = /^An alias for '([^']+)'\.$/.exec(line);
      if (alias !== null) rows.push([command, '', `alias ${alias[1]}`, '', ''].join('\t'));
      const entry = /^`(--[\w-]+(?:\[n\])?|<[\w-]+>)`:? `([^`]+)`/.exec(line);
      if (entry === null || command === '') continue;
      const [, name = '', text = ''] = entry;
      const { type, rule: bounds } = commandType(text);
      // What the usage line names outside of [OPTIONS] has to be there.
      const required = name.startsWith('<')
        ? !usage.includes(`[${name}]`) && !usage.includes(`[<${name.slice(1)}`)
        : usage.includes(`${name} `);
      rows.push([command, name.replace(/^<(.*)>$/, '$1'), type, required ? 'required' : 'optional', bounds].join('\t'));
    }
    return rows;
  });
}

function write(file: string, columns: readonly string[], rowsOf: (revision: string) => readonly string[]): void {
  const seen = new Map<string, string[]>();
  for (const pair of releases) {
    const [release = '', revision = ''] = pair.split('=');
    for (const row of new Set(rowsOf(revision))) seen.set(row, [...(seen.get(row) ?? []), release]);
  }
  const rows = [...seen]
    .map(([row, known]) => `${known.join(' ')}\t${row}`)
    .sort((a, b) => (a.slice(a.indexOf('\t')) < b.slice(b.indexOf('\t')) ? -1 : 1));
  const target = new URL('../test/fixtures/proxmox/', import.meta.url);
  mkdirSync(target, { recursive: true });
  const from = releases.map((pair) => pair.replace('=', ': ')).join(', ');
  writeFileSync(
    new URL(file, target),
    `# Made by scripts/proxmox-facts.ts from proxmox/pve-docs (${from}): facts about the public API, no texts.\n# ${columns.join('\t')}\n${rows.join('\n')}\n`,
  );
}

write('api.tsv', ['releases', 'method', 'path', 'parameter', 'type', 'need', 'rule'], apiRows);
write('commands.tsv', ['releases', 'command', 'parameter', 'type', 'need', 'rule'], commandRows);
