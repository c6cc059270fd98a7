import fc from 'fast-check';
import { parse } from 'smol-toml';
import { test } from 'tap';
import { buildAnswer } from '../../../src/answers/build.ts';
import { dialectFor } from '../../../src/answers/dialect.ts';
import { AnswerInvalid } from '../../../src/answers/findings.ts';
import { serialiseAnswer } from '../../../src/answers/serialise.ts';
import { parseMac } from '../../../src/net/mac.ts';
import { FINGERPRINT, HASH, type Json, PROFILE_ANSWER, request, SSH_KEY, withValue } from '../../support/answers.ts';

function findingsOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof AnswerInvalid) {
      return error.findings.filter(({ severity }) => severity === 'error').map(({ code, path }) => `${code} ${path}`);
    }
    throw error;
  }
  return [];
}

test('the answer of a machine, as the installer gets it', (t) => {
  const { toml, answer, warnings } = buildAnswer(request());
  t.equal(
    toml,
    `[global]
keyboard = "de"
country = "at"
fqdn = "pve1.lab.example"
mailto = "admin@example.org"
timezone = "Europe/Vienna"
root-password-hashed = "${HASH}"

[network]
source = "from-dhcp"

[disk-setup]
filesystem = "ext4"

[disk-setup.filter]
DEVNAME = "/dev/[sv]da"

[post-installation-webhook]
url = "https://192.0.2.2:8443/w/abc"
cert-fingerprint = "${FINGERPRINT}"

[first-boot]
source = "from-url"
ordering = "fully-up"
url = "https://192.0.2.2:8443/h/abc"
cert-fingerprint = "${FINGERPRINT}"
`,
  );
  t.same(parse(toml), answer, 'reads back as the value');
  t.same(
    warnings.map(({ code }) => code),
    ['answer.unwise-dhcp'],
    'an opinion about the profile, none about the sections that are ours',
  );
  t.end();
});

test('the order of keys does not depend on the order of the profile', (t) => {
  const reversed = (value: Json): Json =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, below]) => [key, reversed(below)]),
        )
      : value;
  const turned = reversed(PROFILE_ANSWER) as typeof PROFILE_ANSWER;
  t.equal(buildAnswer(request({ answer: turned })).toml, buildAnswer(request()).toml);
  t.end();
});

test('the network source is always written', (t) => {
  for (const release of ['8.4', '9.2']) {
    const answer = withValue(PROFILE_ANSWER, ['network'], undefined);
    const dialect = dialectFor(release);
    t.match(buildAnswer(request({ answer, dialect })).answer, { network: { source: 'from-dhcp' } });
  }
  t.end();
});

test('a static address comes from the node and goes to its port', (t) => {
  const network = { cidr: '192.0.2.11/24', gateway: '192.0.2.1', dns: '192.0.2.53' };
  const first = buildAnswer(request({ values: { network } })).answer;
  t.same(first.network, { source: 'from-answer', ...network, filter: { ID_NET_NAME_MAC: '*bc2411000001' } });
  const booted = buildAnswer(request({ values: { network }, bootMac: parseMac('bc:24:11:00:00:02') })).answer;
  t.match(booted.network, { filter: { ID_NET_NAME_MAC: '*bc2411000002' } });
  const chosen = buildAnswer(request({ values: { network: { ...network, filter: { ID_PATH: 'pci-*' } } } })).answer;
  t.match(chosen.network, { filter: { ID_PATH: 'pci-*' } });
  t.end();
});

test('a profile gives the network, the node its address', (t) => {
  const answer = withValue(PROFILE_ANSWER, ['network'], {
    source: 'from-answer',
    gateway: '192.0.2.1',
    dns: '192.0.2.53',
  });
  const values = { network: { cidr: '192.0.2.11/24' } };
  t.match(buildAnswer(request({ answer, values })).answer, {
    network: { cidr: '192.0.2.11/24', gateway: '192.0.2.1' },
  });
  t.same(
    findingsOf(() => buildAnswer(request({ answer }))),
    ['answer.address-missing network.cidr'],
  );
  const wrong = { network: { cidr: '198.51.100.11/24' } };
  t.same(
    findingsOf(() => buildAnswer(request({ answer, values: wrong }))),
    ['answer.gateway-outside network.gateway'],
  );
  t.end();
});

test('values of the node go over the profile, null removes', (t) => {
  const values = { answer: { global: { keyboard: 'fr' }, 'disk-setup': { filter: null, 'disk-list': ['nvme0n1'] } } };
  t.match(buildAnswer(request({ values })).answer, {
    global: { keyboard: 'fr', country: 'at' },
    'disk-setup': { filter: undefined, 'disk-list': ['nvme0n1'] },
  });
  t.throws(() => buildAnswer(request({ values: { netwrok: {} } })), { code: 'node.values', field: 'values.netwrok' });
  t.throws(() => buildAnswer(request({ values: { network: { cidr: 5 } } })), { code: 'node.values' });
  t.end();
});

test("the profile's own root password never reaches the answer", (t) => {
  for (const spelling of ['root-password', 'root_password']) {
    for (const password of ['hunter2hunter2', { secret: 'root' }]) {
      const { toml } = buildAnswer(request({ answer: withValue(PROFILE_ANSWER, ['global', spelling], password) }));
      t.notMatch(toml, /hunter2|secret|root-password =/);
      t.match(toml, HASH);
    }
  }
  t.end();
});

test('a lasting secret needs permission', (t) => {
  const own = `$5$salt$${'a'.repeat(43)}`;
  const answer = withValue(PROFILE_ANSWER, ['global', 'root-password-hashed'], own);
  t.same(
    findingsOf(() => buildAnswer(request({ answer }))),
    ['answer.secret global.root-password-hashed'],
  );
  t.match(buildAnswer(request({ answer, allowSecretsInAnswer: true })).toml, own);
  t.end();
});

test('a key that the release lacks is an error, not a silent omission', (t) => {
  const answer = withValue(PROFILE_ANSWER, ['network', 'interface-name-pinning'], { enabled: true });
  t.same(
    findingsOf(() => buildAnswer(request({ answer }))),
    [],
  );
  const path = 'network.interface-name-pinning';
  t.same(
    findingsOf(() => buildAnswer(request({ answer, dialect: dialectFor('8.4') }))),
    [`answer.not-in-release ${path}`],
  );
  t.end();
});

test('the error names the first finding and what to do', (t) => {
  const answer = withValue(withValue(PROFILE_ANSWER, ['global', 'country'], 'uk'), ['global', 'keyboard'], 'us');
  t.throws(() => buildAnswer(request({ answer })), {
    name: 'IronwakeError',
    code: 'answer.invalid',
    status: 400,
    field: 'answer.global.country',
    message: "The answer for pve1.lab.example is not valid: global.country: 'uk' is not a country code (and 1 more)",
  });
  t.end();
});

test('findings name the place in the profile', (t) => {
  const at = (line: number, file = 'default.yaml') => ({ file, line, column: 5 });
  const origins = {
    '/answer/global/country': at(3),
    '/answer/global/root_ssh_keys/1': at(7),
    '/answer/disk-setup/disks/count': at(9),
    '/answer/network/source': at(0, 'values of pve1.lab.example'),
  };
  const rows: ReadonlyArray<readonly [string, readonly string[], Json | undefined, string | undefined]> = [
    ['a value', ['global', 'country'], 'uk', 'default.yaml:3:5'],
    ['an item, in the old spelling', ['global', 'root_ssh_keys'], [SSH_KEY, 'junk'], 'default.yaml:7:5'],
    ['what a map lacks: the first that it has', ['global', 'keyboard'], undefined, 'default.yaml:3:5'],
    ['a selector', ['disk-setup'], { filesystem: 'ext4', disks: { count: 1 } }, 'default.yaml:9:5'],
    ['a value of the node', ['network', 'source'], 'dhcp', 'values of pve1.lab.example'],
    ['nothing known', ['extra'], {}, undefined],
  ];
  for (const [name, path, value, origin] of rows) {
    try {
      buildAnswer(request({ answer: withValue(PROFILE_ANSWER, path, value), origins }));
      t.fail(name);
    } catch (error) {
      if (!(error instanceof AnswerInvalid)) throw error;
      const [first] = error.findings.filter(({ severity }) => severity === 'error');
      t.equal(first?.origin, origin, name);
      t.equal(error.message.includes(`(${origin})`), origin !== undefined, name);
    }
  }
  t.end();
});

test('old spellings are taken, folded and mentioned', (t) => {
  const answer = withValue(PROFILE_ANSWER, ['global', 'reboot_on_error'], true);
  const built = buildAnswer(request({ answer }));
  t.match(built.toml, 'reboot-on-error = true');
  t.match(built.warnings, [{ code: 'answer.old-spelling' }]);
  t.end();
});

/** Any Unicode, and the characters that TOML or a shell gives a meaning to, often. */
const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      '"',
      "'",
      '\\',
      '\n',
      '\r',
      '\u0000',
      '\u007f',
      '\u0085',
      '\u2028',
      '[',
      ']',
      '=',
      '#',
      '{',
      'u',
      '\ud800',
    ),
    maxLength: 12,
  }),
);

test('property: no string value ever breaks the TOML or smuggles in a control character', (t) => {
  fc.assert(
    fc.property(nasty, nasty, nasty, (serial, property, path) => {
      const answer = withValue(
        withValue(PROFILE_ANSWER, ['disk-setup', 'filter'], { [property]: serial }),
        ['network'],
        {
          source: 'from-answer',
          cidr: '192.0.2.11/24',
          gateway: '192.0.2.1',
          dns: '192.0.2.53',
          filter: { ID_PATH: path },
        },
      );
      let built: ReturnType<typeof buildAnswer> | undefined;
      try {
        built = buildAnswer(request({ answer }));
      } catch (error) {
        // Refusing is always allowed; anything else that is thrown is a defect.
        if (!(error instanceof AnswerInvalid)) throw error;
        return;
      }
      const back = parse(built.toml);
      t.strictSame(JSON.stringify(back), JSON.stringify(built.answer));
      t.notMatch(built.toml, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
    { numRuns: 500 },
  );
  t.end();
});

test('property: printable text is never refused for being text, and comes back unchanged', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }), (text) => {
      const answer = { 'disk-setup': { filter: { [text]: text }, filesystem: 'ext4' } };
      const back = JSON.stringify(parse(serialiseAnswer(answer)));
      t.equal(back, JSON.stringify({ 'disk-setup': { filesystem: 'ext4', filter: { [text]: text } } }));
    }),
    { numRuns: 300 },
  );
  t.end();
});
