import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'tap';
import { SERVE_FLAGS } from '../../../src/config/flags.ts';
import { type ConfigSources, loadConfig } from '../../../src/config/load.ts';
import { SETTINGS } from '../../../src/config/schema.ts';
import { IronwakeError } from '../../../src/errors.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

/** A file of this text, and what is loaded from it together with the other sources. */
function load(sources: Partial<ConfigSources> & { readonly yaml?: string }) {
  const { yaml, flags = {}, env = {}, cwd = '/somewhere' } = sources;
  if (yaml === undefined) return loadConfig({ flags, env, cwd });
  const dir = mkdtempSync(join(tmpdir(), 'ironwake-config-'));
  try {
    const file = join(dir, 'ironwake.yaml');
    writeFileSync(file, yaml);
    return loadConfig({ flags: { config: file, ...flags }, env, cwd });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('defaults serve a checkout without any setting', (t) => {
  const config = load({});
  t.strictSame(config, {
    interfaces: [],
    addresses: {},
    site: 'default',
    relay: 'off',
    dataDir: join(ROOT, 'data'),
    answersDir: join(ROOT, 'answers'),
    tftprootDir: join(ROOT, 'tftproot'),
    ports: { dhcp: 67, pxe: 4011, tftp: 69, http: 8080, https: 8443 },
    log: { level: 'info', format: 'auto' },
    limits: { discoveredCapacity: 2000, tftpTransfers: 256, tftpWindowsize: 16 },
    findings: [],
    retention: {
      events: 2_000_000,
      eventDays: 365,
      runs: 100_000,
      runDays: 1095,
      audit: 1_000_000,
      auditDays: 3650,
      deliveries: 20_000,
      deliveryDays: 30,
    },
    run: {
      expiresMinutes: 60,
      giveUpMinutes: 120,
      budgets: { booting: 3, loading: 15, live: 5, claimed: 2, installing: 30, installed: 15, configuring: 30 },
    },
    configFile: undefined,
  });
  t.ok(Object.isFrozen(config) && Object.isFrozen(config.run.budgets) && Object.isFrozen(config.interfaces));
  t.end();
});

test('under systemd state lies in the directory that it made', (t) => {
  const config = load({ env: { STATE_DIRECTORY: '/var/lib/ironwake' } });
  t.equal(config.dataDir, '/var/lib/ironwake');
  t.equal(config.answersDir, '/var/lib/ironwake/answers');
  t.equal(config.tftprootDir, join(ROOT, 'tftproot'));
  t.end();
});

test('flags go over environment over file over defaults', (t) => {
  const yaml = 'ports:\n  http: 1001\n  https: 1002\n  tftp: 1003\n';
  const env = { IRONWAKE_PORTS_HTTP: '2001', IRONWAKE_PORTS_HTTPS: '2002' };
  t.strictSame(load({ yaml, env, flags: { httpPort: '3001' } }).ports, {
    http: 3001,
    https: 2002,
    tftp: 1003,
    pxe: 4011,
    dhcp: 67,
  });
  t.end();
});

test('every form in which a value may be written', (t) => {
  const rows: ReadonlyArray<{
    readonly name: string;
    readonly sources: Parameters<typeof load>[0];
    readonly pick: (config: ReturnType<typeof load>) => unknown;
    readonly value: unknown;
  }> = [
    {
      name: 'repeated flag',
      sources: { flags: { interface: ['a', 'b'] } },
      pick: (c) => c.interfaces,
      value: ['a', 'b'],
    },
    {
      name: 'list in a variable',
      sources: { env: { IRONWAKE_INTERFACES: 'a, b' } },
      pick: (c) => c.interfaces,
      value: ['a', 'b'],
    },
    {
      name: 'one name for a list',
      sources: { yaml: 'interfaces: vmbr0' },
      pick: (c) => c.interfaces,
      value: ['vmbr0'],
    },
    { name: 'list in YAML', sources: { yaml: 'interfaces: [a, b]' }, pick: (c) => c.interfaces, value: ['a', 'b'] },
    {
      name: 'address flag',
      sources: { flags: { address: ['a=10.0.0.2', 'b=10.1.0.2'] } },
      pick: (c) => c.addresses,
      value: { a: '10.0.0.2', b: '10.1.0.2' },
    },
    {
      name: 'address map in YAML',
      sources: { yaml: 'addresses: { a: 10.0.0.2 }' },
      pick: (c) => c.addresses,
      value: { a: '10.0.0.2' },
    },
    { name: 'port 0', sources: { flags: { dhcpPort: '0' } }, pick: (c) => c.ports.dhcp, value: 0 },
    {
      name: 'directory of a flag: from the working directory',
      sources: { flags: { dataDir: 'd' }, cwd: '/w' },
      pick: (c) => c.dataDir,
      value: '/w/d',
    },
    { name: 'absolute directory', sources: { env: { IRONWAKE_DATA_DIR: '/x' } }, pick: (c) => c.dataDir, value: '/x' },
    {
      name: 'other options of the command',
      sources: { flags: { verbose: true } },
      pick: (c) => c.site,
      value: 'default',
    },
    {
      name: "the client's variables",
      sources: { env: { IRONWAKE_TOKEN: 't', IRONWAKE_URL: 'u' } },
      pick: (c) => c.site,
      value: 'default',
    },
    { name: 'empty file', sources: { yaml: '' }, pick: (c) => c.site, value: 'default' },
    { name: 'comments only', sources: { yaml: '# nothing\n' }, pick: (c) => c.site, value: 'default' },
  ];
  for (const { name, sources, pick, value } of rows) t.strictSame(pick(load(sources)), value, name);
  t.end();
});

test("a file's relative directory is taken from the file", (t) => {
  const config = load({ yaml: 'answersDir: profiles' });
  t.equal(config.answersDir, join(config.configFile ?? '', '..', 'profiles'));
  t.end();
});

test('whatever is wrong names source, setting and remedy', (t) => {
  const rows: ReadonlyArray<{
    readonly name: string;
    readonly sources: Parameters<typeof load>[0];
    readonly code: string;
    readonly says: readonly RegExp[];
  }> = [
    {
      name: 'flag out of range',
      sources: { flags: { httpPort: '70000' } },
      code: 'config.bad-value',
      says: [/^--http-port: '70000' is not a whole number from 0 to 65535/, /default \(8080\)/],
    },
    {
      name: 'flag not a number',
      sources: { flags: { httpPort: '80x' } },
      code: 'config.bad-value',
      says: [/^--http-port: '80x'/],
    },
    {
      name: 'variable',
      sources: { env: { IRONWAKE_LOG_LEVEL: 'loud' } },
      code: 'config.bad-value',
      says: [/^IRONWAKE_LOG_LEVEL: 'loud' is not one of fatal, error/],
    },
    {
      name: 'unknown variable',
      sources: { env: { IRONWAKE_HTTP: '80' } },
      code: 'config.unknown-key',
      says: [/^IRONWAKE_HTTP: /, /Did you mean IRONWAKE_PORTS_HTTP\?/],
    },
    {
      name: 'line of the file',
      sources: { yaml: '# first\nports:\n  tftp: 69\n  http: abc\n' },
      code: 'config.bad-value',
      says: [/ironwake\.yaml:4 ports\.http: 'abc'/],
    },
    {
      name: 'quoted number',
      sources: { yaml: 'ports: { http: "80" }' },
      code: 'config.bad-value',
      says: [/ports\.http: '80'/],
    },
    {
      name: 'unknown key',
      sources: { yaml: 'port:\n  http: 80\n' },
      code: 'config.unknown-key',
      says: [/ironwake\.yaml:2 port\.http: /, /Did you mean ports\.http\?/],
    },
    {
      name: 'value for a group',
      sources: { yaml: 'ports: 80\n' },
      code: 'config.unknown-key',
      says: [/ironwake\.yaml:1 ports: /, /ports\.dhcp, ports\.pxe/],
    },
    {
      name: 'key without likeness',
      sources: { yaml: 'colour: red\n' },
      code: 'config.unknown-key',
      says: [/colour: there is no such setting\. Remove it\./],
    },
    {
      name: 'no value',
      sources: { yaml: 'site:\n' },
      code: 'config.bad-value',
      says: [/:1 site: 'null' is not a text/],
    },
    {
      name: 'key twice',
      sources: { yaml: 'site: a\nsite: b\n' },
      code: 'config.file-malformed',
      says: [/ironwake\.yaml:2: .*unique/i],
    },
    {
      name: 'not YAML',
      sources: { yaml: 'site: a\n  b: [\n' },
      code: 'config.file-malformed',
      says: [/ironwake\.yaml:[123]: /],
    },
    {
      name: 'a list',
      sources: { yaml: '- a\n' },
      code: 'config.file-malformed',
      says: [/:1: the file is not a mapping/],
    },
    {
      name: 'no such file',
      sources: { flags: { config: '/nowhere/x.yaml' } },
      code: 'config.file-unreadable',
      says: [/^\/nowhere\/x\.yaml: /, /--config/],
    },
    {
      name: 'address without a name',
      sources: { flags: { address: ['10.0.0.2'] } },
      code: 'config.bad-value',
      says: [/^--address: /, /eno1=10\.0\.0\.2/],
    },
    {
      name: 'address that is none',
      sources: { env: { IRONWAKE_ADDRESSES: 'a=10.0.0.256' } },
      code: 'config.bad-value',
      says: [/^IRONWAKE_ADDRESSES: /],
    },
    {
      name: 'interface name too long',
      sources: { flags: { interface: ['a'.repeat(16)] } },
      code: 'config.bad-value',
      says: [/^--interface: /, /15/],
    },
  ];
  for (const { name, sources, code, says } of rows) {
    let thrown: unknown;
    try {
      load(sources);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof IronwakeError)) {
      t.fail(`${name}: no IronwakeError`);
      continue;
    }
    t.equal(thrown.code, code, name);
    t.equal(thrown.line.includes('\n'), false, `${name}: one line`);
    for (const pattern of says) t.match(thrown.line, pattern, name);
  }
  t.end();
});

test('every setting is documented, and every flag is offered once', (t) => {
  for (const { key, schema } of SETTINGS) t.match(schema.description, /\w.*\.$/, `${key} has a sentence`);
  const usages = SERVE_FLAGS.map((flag) => flag.usage.split(' ')[0]);
  t.equal(new Set(usages).size, usages.length);
  t.ok(usages.includes('--interface') && usages.includes('--data-dir') && usages.includes('--answers'));
  t.end();
});
