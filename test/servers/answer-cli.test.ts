/** `ironwake answer ...` as an administrator types it: exact lines, exit statuses, files and standard input; without any daemon. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'smol-toml';
import { type Test, test } from 'tap';
import { type JsonMap, SMALLEST, STATIC, withValue } from '../support/answers.ts';
import { type Printed, typed } from '../support/command-line.ts';

const GOOD = stringify(withValue({ ...SMALLEST, network: STATIC }, ['global', 'mailto'], 'admin@example.org'));
const WRONG = GOOD.replace('country = "at"', 'country = "AT"');
const UNWISE = GOOD.replace('admin@example.org', 'root@localhost');
const TRAP = GOOD.replace(/root-password-hashed = ".*"/, 'root-password-hashed = "secret"');
const FILES: Readonly<Record<string, string>> = {
  'good.toml': GOOD,
  'wrong.toml': WRONG,
  'unwise.toml': UNWISE,
  'trap.toml': TRAP,
  'broken.toml': '[global\n',
  'old.toml': GOOD.replaceAll('root-password-hashed', 'root_password_hashed').replaceAll('disk-list', 'disk_list'),
  'good.json': JSON.stringify(parse(GOOD)),
  'ironwake.yaml': 'findings: [answer.unwise-local-mail=error]\n',
  'wrong-code.yaml': 'findings: [answer.unwise-local-male=error]\n',
  'machine.json': JSON.stringify({ network_interfaces: [{ link: 'eno1', mac: 'BC:24:11:00:00:01' }] }),
  'webhook.json': JSON.stringify({
    disks: ['sda', 'sdb'].map((name) => ({ 'udev-properties': { DEVNAME: `/dev/${name}`, ID_SERIAL: `S-${name}` } })),
    'network-interfaces': [
      { name: 'eno1', mac: 'bc:24:11:00:00:01', 'udev-properties': { ID_NET_NAME_MAC: 'enxbc2411000001' } },
    ],
  }),
  'mirror.toml': stringify(
    withValue(parse(GOOD) as JsonMap, ['disk-setup'], {
      filesystem: 'zfs',
      zfs: { raid: 'raid1' },
      filter: { ID_SERIAL: 'S-*' },
    }),
  ),
  'gone.toml': GOOD.replace('"sda"', '"sdz"'),
  'other-machine.json': JSON.stringify({ network_interfaces: [{ link: 'eno1', mac: 'BC:24:11:00:00:99' }] }),
};

function cli(t: Test): (line: string, input?: string) => Promise<Printed> {
  const directory = t.testdir();
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(directory, name), content);
  return (line, input = '') =>
    typed(['answer', ...line.split(' ')], { input: Readable.from([Buffer.from(input)]), cwd: directory });
}

test('validate: one line a file on standard output', async (t) => {
  const run = cli(t);
  t.same(await run('validate good.toml'), { status: 0, out: 'good.toml: accepted\n', err: '' });
  const two = await run('validate good.toml wrong.toml');
  t.equal(two.status, 1);
  const [first, second, ...rest] = two.out.split('\n');
  t.equal(first, 'good.toml: accepted');
  t.match(
    second,
    /^wrong\.toml: rejected answer\.country global\.country line \d+, column 1: 'AT' is not a country code\. /,
  );
  t.same(rest, ['']);
  t.match(await run('validate broken.toml'), {
    status: 1,
    out: /^broken\.toml: rejected answer\.syntax - line 1, column 8: .*\n$/,
  });
  t.match(await run('validate nowhere.toml'), { status: 2, out: '', err: /nowhere\.toml: cannot be read/ });
  t.match(await run('validate nowhere.toml wrong.toml good.toml'), {
    status: 2,
    out: /^wrong\.toml: rejected .*\ngood\.toml: accepted\n$/,
  });
  t.match(await run('validate .'), { status: 2 });
  t.same(await run('validate -', GOOD), { status: 0, out: '-: accepted\n', err: '' });
  t.match(await run('validate -', WRONG), { status: 1, out: /^-: rejected answer\.country / });
  t.same(await run('validate -', FILES['good.json']), { status: 0, out: '-: accepted\n', err: '' });
});

test('validate: our own findings beside the verdict, and with --strict in it', async (t) => {
  const run = cli(t);
  t.match(await run('validate unwise.toml'), {
    status: 0,
    out: /^unwise\.toml: accepted\n$/,
    err: /^unwise\.toml:\d+:1: warning: answer\.unwise-local-mail global\.mailto: /,
  });
  t.match(await run('validate good.toml --strict'), { status: 0, out: 'good.toml: accepted\n', err: '' });
  for (const more of ['', ' --severity answer.unwise-local-mail=error']) {
    t.match(await run(`validate unwise.toml --strict${more}`), {
      status: 1,
      out: /^unwise\.toml: rejected answer\.unwise-local-mail global\.mailto .*\n$/,
      err: '',
    });
  }
  t.match(await run('validate unwise.toml --strict --severity answer.unwise-local-mail=off'), { status: 0, err: '' });
  t.match(JSON.parse((await run('validate unwise.toml --strict --json')).out), [
    { accepted: false, findings: [{ severity: 'warning', by: 'ironwake' }] },
  ]);
  t.match(JSON.parse((await run('validate unwise.toml --json')).out), [
    { accepted: true, findings: [{ by: 'ironwake' }] },
  ]);
  t.same(await run('validate unwise.toml --severity answer.unwise-local-mail=off'), {
    status: 0,
    out: 'unwise.toml: accepted\n',
    err: '',
  });
  t.match(await run('validate trap.toml'), {
    status: 0,
    out: 'trap.toml: accepted\n',
    err: /error: answer\.password-hash/,
  });
  const strict = await run('validate trap.toml --strict');
  t.match(strict, { status: 1, out: /rejected answer\.password-hash global\.root-password-hashed/ });
  t.notMatch(strict.out, '"secret"');
  t.match(await run('validate trap.toml --strict --severity answer.password-hash=warning'), { status: 1 });
  t.match(await run('validate trap.toml --strict --severity answer.password-hash=off'), { status: 0 });
  t.match(await run('validate unwise.toml --strict --config ironwake.yaml'), { status: 1 }, 'the configuration counts');
  t.match(
    await run('validate unwise.toml --strict --config ironwake.yaml --severity answer.unwise-local-mail=off'),
    { status: 0, err: '' },
    'and the command line goes over it',
  );
  t.match(await run('validate unwise.toml --config wrong-code.yaml'), {
    status: 2,
    out: '',
    err: /findings: .*Did you mean answer\.unwise-local-mail\?/,
  });
  t.match(await run('validate good.toml --severity answer.nonsense=off'), { status: 2, out: '', err: /no finding/ });
});

test('validate: releases and products', async (t) => {
  const run = cli(t);
  for (const release of ['8.4', '9.0', '9.1', '9.2']) {
    t.match(await run(`validate good.toml --release ${release}`), { status: 0 }, release);
    t.match(await run(`validate old.toml --release ${release}`), { status: 0, err: /answer\.old-spelling/ }, release);
  }
  t.same(await run('validate old.toml --release 8.3'), { status: 0, out: 'old.toml: accepted\n', err: '' });
  t.match(await run('validate good.toml --release 8.3'), { status: 1, out: /rejected answer\.unknown-key/ });
  t.match(await run('validate old.toml --release 8.2'), { status: 1, out: /rejected answer\.not-in-release/ });
  t.match(await run('validate good.json --release 9.1'), { status: 1, out: /rejected answer\.json-release/ });
  for (const product of ['pve', 'pbs', 'pmg', 'pdm'])
    t.match(await run(`validate good.toml --product ${product}`), { status: 0 });
  t.match(await run('validate good.toml --release 7.4'), { status: 2 });
  t.match(await run('validate good.toml --product vmware'), { status: 2 });
  t.match(await run('validate'), { status: 2 });
});

test('validate --json', async (t) => {
  const run = cli(t);
  const { status, out, err } = await run('validate good.toml wrong.toml nowhere.toml --json');
  t.equal(status, 2);
  t.equal(err, '');
  const files = JSON.parse(out);
  t.same(files[0].findings, []);
  t.match(files, [
    { file: 'good.toml', accepted: true },
    {
      file: 'wrong.toml',
      accepted: false,
      findings: [
        { code: 'answer.country', severity: 'error', by: 'installer', path: 'global.country', line: Number, column: 1 },
      ],
    },
    { file: 'nowhere.toml', accepted: false, findings: [{ code: 'file.unreadable' }] },
  ]);
});

test('validate --machine', async (t) => {
  const run = cli(t);
  t.same(await run('validate good.toml --machine machine.json'), {
    status: 0,
    out: 'good.toml: accepted\ngood.toml: network.filter selects eno1 (bc:24:11:00:00:01)\n',
    err:
      'good.toml:12:1: warning: answer.machine-unknown disk-setup.disk-list: Not checked: a system information names the ports of a machine, ' +
      'never its disks, so whether the machine has these disks cannot be told. Give the webhook document of an earlier installation, or the ' +
      'output of proxmox-auto-install-assistant device-info.\n',
  });
  t.same(
    await run('validate mirror.toml --machine webhook.json'),
    {
      status: 0,
      out:
        'mirror.toml: accepted\nmirror.toml: network.filter selects eno1 (bc:24:11:00:00:01)\n' +
        'mirror.toml: disk-setup.filter selects /dev/sda (S-sda), /dev/sdb (S-sdb)\n',
      err: '',
    },
    'what each filter selects, of ports and of disks',
  );
  t.match(await run('validate gone.toml --machine webhook.json'), {
    status: 1,
    out: /rejected answer\.machine-disk .*\n.*\ngone\.toml: disk-setup\.disk-list selects nothing\n$/,
  });
  const json = JSON.parse((await run('validate mirror.toml good.toml --machine machine.json --json')).out);
  t.match(json, [
    {
      accepted: true,
      findings: [{ code: 'answer.machine-unknown', path: 'disk-setup.filter' }],
      selections: [{ path: 'network.filter' }],
    },
    { accepted: true, findings: [{ code: 'answer.machine-unknown', path: 'disk-setup.disk-list' }] },
  ]);
  t.match(await run('validate good.toml --machine machine.json --severity answer.machine-unknown=off'), { err: '' });
  t.match(await run('validate good.toml --machine other-machine.json'), {
    status: 1,
    out: /rejected answer\.machine-filter network\.filter .*eno1 \(bc:24:11:00:00:99\)/,
  });
  t.match(await run('validate good.toml --machine good.toml'), {
    status: 2,
    out: '',
    err: /^ironwake: --machine: .* is not a JSON object\. Give what the installer sent/,
  });
  t.match(await run('validate good.toml --machine good.json'), { status: 2, out: '', err: /--machine: .*neither/ });
  t.match(await run('validate good.toml --machine nowhere.json'), {
    status: 2,
    out: '',
    err: /--machine: cannot be read/,
  });
});

test('convert', async (t) => {
  const run = cli(t);
  const old = await run('convert --to 8.3 good.toml');
  t.match(old, { status: 0, err: '', out: /root_password_hashed = / });
  t.same(await run('validate - --release 8.3', old.out), { status: 0, out: '-: accepted\n', err: '' });
  const back = await run('convert --to 9.2 -', old.out);
  t.same(parse(back.out), parse(GOOD));
  t.match(await run('convert --to 8.2 good.toml'), {
    status: 1,
    err: /root-password-hashed left out.*\n.*password-missing/,
  });
  t.match(await run('convert --to 9.2 --format json good.toml'), { status: 0, out: /^\{\n/ });
  t.match(await run('convert --to 9.2 broken.toml'), { status: 1, out: '', err: /answer\.syntax line 1/ });
  const secret = GOOD.replace(/root-password-hashed = ".*"/, 'root_password = hunter2secret');
  for (const line of ['convert --to 9.2 -', 'validate -', 'validate --json -']) {
    const { status, out, err } = await run(line, secret);
    t.equal(status, 1, line);
    t.match(out + err, /not a value/, line);
    t.notMatch(out + err, /hunter2/, line);
  }
  t.match(await run('convert --to 9.2 nowhere.toml'), { status: 2 });
  t.match(await run('convert good.toml'), { status: 2 });
  for (const control of ['\\u0085', '\\u2028', '\\u009b31m', '\\u007f']) {
    const named = JSON.stringify({ global: { mailto: 'M' } }).replace('M', `a${control}b`);
    for (const format of ['toml', 'json']) {
      const converted = await run(`convert --to 9.2 --format ${format} -`, named);
      t.match(converted, { status: 1, err: /answer\.control-character global\.mailto/ }, `${control} ${format}`);
      t.match(converted.out, `a${control}b`, 'escaped, as it was');
    }
  }
  t.match(
    await run(
      'convert --to 9.2 --format json -',
      `${GOOD}[disk-setup.lvm]\nmaxroot = 1979-05-27\nmaxvz = 9223372036854775807\n`,
    ),
    {
      status: 1,
      out: /"maxroot": "1979-05-27",\n *"maxvz": 9223372036854776000/,
      err: /answer\.type disk-setup\.lvm\.maxroot/,
    },
  );
});

test('explain and schema', async (t) => {
  const run = cli(t);
  t.match(await run('explain disk-setup.zfs.raid'), {
    status: 0,
    out: /raidz-3[\s\S]*\n *case +all lower case in every release, all upper case \(RAIDZ-3\) too from 8\.3 on; never mixed\n/,
  });
  t.match(await run('explain global.fqdn'), { status: 0, out: /text, or a table from 8\.4 on/ });
  t.match(await run('explain root_password_hashed'), { status: 0, out: /root_password_hashed before 8\.4/ });
  t.match(await run('explain answer.disk-count'), { status: 0, out: /installer refuses/ });
  t.match(JSON.parse((await run('explain mailto --json')).out), [{ path: 'global.mailto', required: 'yes' }]);
  t.match(await run('explain mailtoo'), { status: 1, err: /Did you mean mailto\?/ });
  t.match(JSON.parse((await run('schema --release 8.3')).out), { title: /8\.3/, properties: { global: Object } });
});

test('the launcher, with a file name that would steer a terminal', (t) => {
  const launcher = fileURLToPath(new URL('../../scripts/ironwake.js', import.meta.url));
  const { status, stdout } = spawnSync('node', [launcher, 'answer', 'validate', 'x\u001b]0;title\u0007.toml', '-'], {
    input: GOOD,
    encoding: 'utf8',
  });
  t.equal(status, 2);
  t.equal(stdout, '-: accepted\n');
  t.end();
});
