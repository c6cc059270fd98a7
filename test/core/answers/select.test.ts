/** Selectors of a profile become exact names, or an error that says what the machine has. And what of a served answer may be shown. */
import { test } from 'tap';
import { buildAnswer } from '../../../src/answers/build.ts';
import { answerDialect } from '../../../src/answers/dialect.ts';
import { AnswerInvalid, type Finding } from '../../../src/answers/findings.ts';
import { type MachineFacts, parseMachineFacts } from '../../../src/answers/machine.ts';
import { maskAnswer } from '../../../src/answers/mask.ts';
import { checkProfileAnswer } from '../../../src/answers/profile-check.ts';
import { serialiseAnswerAsJson } from '../../../src/answers/serialise.ts';
import { parseSeverities } from '../../../src/answers/severities.ts';
import { parseMac } from '../../../src/net/mac.ts';
import { HASH, type Json, type JsonMap, PROFILE_ANSWER, request, withValue } from '../../support/answers.ts';

interface Disk {
  readonly name: string;
  readonly model: string;
  readonly more?: Readonly<Record<string, string>>;
}

function machine(disks: readonly Disk[]): MachineFacts {
  return parseMachineFacts(
    JSON.stringify({
      disks: disks.map(({ name, model, more }) => ({
        'udev-properties': { DEVNAME: `/dev/${name}`, ID_MODEL: model, ID_SERIAL: `${model}_${name}`, ...more },
      })),
      'network-interfaces': [
        { name: 'eno1', mac: 'bc:24:11:00:00:01', 'udev-properties': { INTERFACE: 'eno1' } },
        { name: 'nic1', mac: 'bc:24:11:00:00:02', 'udev-properties': { INTERFACE: 'eno2' } },
      ],
    }),
  );
}

const RACK: readonly Disk[] = [
  { name: 'sda', model: 'BOOT', more: { ID_ATA_ROTATION_RATE_RPM: '0' } },
  { name: 'sdb', model: 'DATA', more: { ID_ATA_ROTATION_RATE_RPM: '7200' } },
  { name: 'sdc', model: 'STICK', more: { ID_BUS: 'usb' } },
  { name: 'nvme0n1', model: 'S990' },
  { name: 'nvme1n1', model: 'S990' },
  { name: 'mmcblk0', model: 'EMMC' },
];

const mirror = (disks: Json): JsonMap =>
  withValue(PROFILE_ANSWER, ['disk-setup'], { filesystem: 'zfs', zfs: { raid: 'raid1' }, disks });
const pool = (disks: Json): JsonMap =>
  withValue(PROFILE_ANSWER, ['disk-setup'], { filesystem: 'zfs', zfs: { raid: 'raid0' }, disks });

function findingsOf(answer: JsonMap, facts: MachineFacts | undefined): readonly Finding[] {
  try {
    buildAnswer(request({ answer, machine: facts }));
    return [];
  } catch (error) {
    if (error instanceof AnswerInvalid) return error.findings;
    throw error;
  }
}

test('disks by what they are', (t) => {
  const facts = machine(RACK);
  const rows: ReadonlyArray<readonly [string, Json, readonly string[] | RegExp]> = [
    ['the two equal NVMe disks', { count: 2, equal: true, type: 'nvme' }, ['nvme0n1', 'nvme1n1']],
    ['the two equal disks', { count: 2, equal: true }, ['nvme0n1', 'nvme1n1']],
    ['all NVMe disks', { type: 'nvme' }, ['nvme0n1', 'nvme1n1']],
    ['equal ones', { equal: true }, ['nvme0n1', 'nvme1n1']],
    ['by model', { model: 'S9*', count: 2 }, ['nvme0n1', 'nvme1n1']],
    [
      'three equal ones',
      { count: 3, equal: true },
      /There are not exactly 3 equal disks that fit; the machine has \/dev\/sda \(BOOT_sda\), /,
    ],
    ['one of two', { count: 1, type: 'nvme' }, /2 disks fit, not 1/],
    ['three of two', { count: 3, type: 'nvme' }, /2 disks fit, not 3/],
    ['none', { model: 'X' }, /No disk fits/],
    ['no stick, whatever its model', { model: 'STICK' }, /No disk fits/],
    ['no eMMC', { model: 'EMMC' }, /No disk fits/],
    ['a wrong key', { cuont: 2 }, /There is no key 'cuont'/],
    ['a wrong count', { count: 0 }, /whole number from 1 to 32/],
    ['a wrong type', { type: 'floppy' }, /no such type/],
    ['a broken glob', { model: 'a**' }, /The glob/],
    ['no table', 2, /must be a table/],
  ];
  for (const [name, selector, wanted] of rows) {
    if (wanted instanceof RegExp) {
      t.match(findingsOf(mirror(selector), facts)[0], { code: 'answer.select-disks', message: wanted }, name);
    } else {
      const { answer } = buildAnswer(request({ answer: mirror(selector), machine: facts }));
      t.match(answer, { 'disk-setup': { 'disk-list': wanted, disks: undefined } }, name);
    }
  }
  const single: ReadonlyArray<readonly [Json, string]> = [
    [{ type: 'ssd' }, 'sda'],
    [{ type: 'hdd' }, 'sdb'],
    [{ serial: 'DATA_*' }, 'sdb'],
  ];
  for (const [selector, wanted] of single) {
    t.match(buildAnswer(request({ answer: pool(selector), machine: facts })).answer, {
      'disk-setup': { 'disk-list': [wanted] },
    });
  }
  const four = machine([...RACK, { name: 'sdd', model: 'PAIR' }, { name: 'sde', model: 'PAIR' }]);
  t.match(findingsOf(mirror({ count: 2, equal: true }), four)[0], { message: /more than one set/ });
  const both = withValue(mirror({ count: 2 }), ['disk-setup', 'disk-list'], ['sda', 'sdb']);
  t.match(findingsOf(both, facts)[0], { message: /cannot stand beside/ });
  t.end();
});

test('disks of a machine that has told nothing', (t) => {
  const answer = mirror({ count: 2, equal: true, type: 'nvme' });
  const ports = parseMachineFacts('{"network_interfaces": [{"link": "eno1", "mac": "bc:24:11:00:00:01"}]}');
  for (const facts of [undefined, ports]) {
    t.match(findingsOf(answer, facts)[0], {
      code: 'answer.select-disks',
      message: /Nothing is known/,
      remedy: /Install it once/,
    });
  }
  t.end();
});

test('ports by their role', (t) => {
  const facts = machine(RACK);
  const at = (port: Json): JsonMap =>
    withValue(PROFILE_ANSWER, ['network'], {
      source: 'from-answer',
      cidr: '192.0.2.10/24',
      gateway: '192.0.2.1',
      dns: '192.0.2.53',
      port,
    });
  const bootMac = parseMac('bc:24:11:00:00:02');
  const rows: ReadonlyArray<readonly [Json, string | RegExp]> = [
    ['booted', '*bc2411000002'],
    ['eno1', '*bc2411000001'],
    ['eno2', '*bc2411000002'],
    ['BC:24:11:00:00:01', '*bc2411000001'],
    ['bc:24:11:00:00:09', /no port bc:24:11:00:00:09; it has eno1 \(bc:24:11:00:00:01\), eno2/],
    ['eno9', /no port 'eno9'; it has eno1/],
    [7, /must be a text/],
  ];
  for (const [port, wanted] of rows) {
    const build = () => buildAnswer(request({ answer: at(port), machine: facts, bootMac }));
    if (wanted instanceof RegExp)
      t.match(findingsOf(at(port), facts)[0], { code: 'answer.select-port', message: wanted });
    else t.match(build().answer, { network: { filter: { ID_NET_NAME_MAC: wanted }, port: undefined } }, String(port));
  }
  t.match(findingsOf(at('eno1'), undefined)[0], { message: /Nothing is known of this machine's ports/ });
  t.match(findingsOf(withValue(at('booted'), ['network', 'filter'], { ID_PATH: 'x' }), facts)[0], {
    message: /both choose/,
  });
  const pinned = withValue(PROFILE_ANSWER, ['network', 'interface-name-pinning'], {
    enabled: true,
    mapping: { booted: 'lan0', eno1: 'lan1' },
  });
  t.match(buildAnswer(request({ answer: pinned, machine: facts, bootMac })).answer, {
    network: { 'interface-name-pinning': { mapping: { 'bc:24:11:00:00:02': 'lan0', 'bc:24:11:00:00:01': 'lan1' } } },
  });
  t.end();
});

test('a profile with selectors is checked before there is a machine', (t) => {
  const check = (answer: JsonMap) =>
    checkProfileAnswer({ answer, product: undefined, release: undefined, install: {} } as never).map(
      ({ code }) => code,
    );
  t.same(check(mirror({ count: 2, equal: true, type: 'nvme' })), []);
  t.same(check(mirror({ count: 1, type: 'nvme' })), ['answer.disk-count'], 'the stand-ins count');
  t.same(check(pool({ count: 1, type: 'nvme' })), ['answer.unwise-single-disk']);
  t.same(check(mirror({ cuont: 2 })), ['answer.select-disks', 'answer.disk-selection-missing']);
  t.end();
});

test('an answer is made as findings weigh', (t) => {
  const answer = withValue(PROFILE_ANSWER, ['global', 'root-ssh-keys'], ['junk']);
  t.match(findingsOf(answer, undefined), [{ code: 'answer.ssh-key' }]);
  const severities = parseSeverities(['answer.ssh-key=off', 'answer.unwise-dhcp=off']);
  t.same(buildAnswer(request({ answer, severities })).warnings, []);
  const strict = parseSeverities(['answer.unwise-dhcp=error']);
  t.throws(() => buildAnswer(request({ severities: strict })), {
    code: 'answer.invalid',
    field: 'answer.network.source',
  });
  t.end();
});

test('what is shown of a served answer is its text, with the secrets masked', (t) => {
  const answer = withValue(PROFILE_ANSWER, ['global', 'subscription-key'], 'pve2c-0123456789');
  const webhook = {
    url: 'https://192.0.2.2:8443/installer/secret-token.of_run/webhook',
    certFingerprint: 'AB:'.repeat(31).concat('AB'),
  };
  const built = buildAnswer(request({ answer, webhook, allowSecretsInAnswer: true, dialect: answerDialect('9.2') }));
  for (const text of [built.toml, serialiseAnswerAsJson(built.answer)]) {
    const masked = maskAnswer(text);
    for (const secret of [HASH, 'pve2c-0123456789', 'secret-token']) t.notMatch(masked, secret);
    t.match(masked, 'https://192.0.2.2:8443/installer/(masked)/webhook');
    t.match(masked, 'pve1.lab.example');
    t.equal(masked.split('\n').length, text.split('\n').length);
  }
  t.equal(maskAnswer('not = an = answer'), '(masked: unreadable)\n');
  t.match(maskAnswer('global.root-password = "a$&b"'), 'global.root-password = "(masked)"');
  t.end();
});
