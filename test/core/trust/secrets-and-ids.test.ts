import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { verify } from 'unixcrypt';
import { allows, hashApiToken, makeApiToken, ROLES } from '../../../src/trust/api-token.ts';
import { sameSecret } from '../../../src/trust/compare.ts';
import { hashPassword, randomPassword } from '../../../src/trust/password.ts';
import { randomText } from '../../../src/trust/random.ts';
import { isUuid, uuidFromBytes, uuidToBytes, uuidv7 } from '../../../src/trust/uuid.ts';
import { countingBytes } from './counting-bytes.ts';

test('UUIDv7: version, variant, time in front (RFC 9562, A.6)', async (t) => {
  const id = uuidv7(0x017f22e279b0, () =>
    Uint8Array.from([0xcc, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]),
  );
  t.equal(id, '017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  t.ok(isUuid(id));
  t.equal(uuidFromBytes(uuidToBytes(id)), id);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 47 }), fc.integer({ min: 1, max: 1e9 }), (ms, step) => {
      return uuidv7(ms, countingBytes(255)) < uuidv7(ms + step, countingBytes(0));
    }),
  );
  for (const text of ['', id.toUpperCase(), id.replaceAll('-', ''), `${id}0`]) t.notOk(isUuid(text), text);
});

test('passwords: readable, hashed as the system hashes them', async (t) => {
  const random = countingBytes();
  const password = randomPassword(random);
  t.match(password, /^[a-km-zA-HJ-NP-Z2-9]{24}$/);
  const hash = hashPassword(password, random);
  t.match(hash, /^\$6\$(rounds=5000\$)?[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/);
  t.ok(verify(password, hash));
  t.notOk(verify(`${password}x`, hash));
});

test('random text prefers no letter', async (t) => {
  const counts = new Map<string, number>();
  // Every byte equally often: 256 bytes, of which the last 6 are thrown away by an alphabet of 10.
  for (const letter of randomText('0123456789', 250, countingBytes(0)))
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
  t.strictSame(
    [...counts.values()],
    Array.from({ length: 10 }, () => 25),
  );
});

test('API tokens and roles', async (t) => {
  const token = makeApiToken(countingBytes());
  t.match(token, /^iw_[\w-]{43}$/);
  t.equal(hashApiToken('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'FIPS 180-2, B.1');
  const table = ROLES.map((role) => ROLES.map((needed) => allows(role, needed)));
  t.strictSame(table, [
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ]);
});

test('secrets are compared in one place', async (t) => {
  t.ok(sameSecret('abc', Buffer.from('abc')));
  t.notOk(sameSecret('abc', 'abd'));
  t.notOk(sameSecret('abc', 'abcd'));
  t.ok(sameSecret('', ''));
});

test('the linter finds secrets that are compared elsewhere', async (t) => {
  const root = join(import.meta.dirname, '..', '..', '..');
  // The project's own configuration, over a tree of its own.
  const settings = readFileSync(join(root, 'biome.json'), 'utf8').replace('"./scripts', `"${root}/scripts`);
  /** Of each file the numbers of the lines that are refused. One start of the linter for all. */
  const lint = (files: Readonly<Record<string, readonly string[]>>) => {
    const tree = t.testdir({ 'biome.json': settings });
    for (const [path, lines] of Object.entries(files)) {
      mkdirSync(join(tree, dirname(path)), { recursive: true });
      writeFileSync(join(tree, path), `${lines.join('\n')}\n`);
    }
    const args = ['lint', '--max-diagnostics=1000', '--colors=off', 'src'];
    const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/biome'), args, { cwd: tree, encoding: 'utf8' });
    const linesOf = (path: string) =>
      [...`${stdout}${stderr}`.matchAll(new RegExp(`${path}:(\\d+):\\d+ (plugin|lint/style/noRestrictedImports)`, 'g'))]
        .map(([, line]) => Number(line))
        .sort((a, b) => a - b);
    return Object.fromEntries(Object.keys(files).map((path) => [path, linesOf(path)]));
  };
  const refused = [
    "import { timingSafeEqual } from 'node:crypto';",
    'if (presented.hash === stored) use();',
    'if (wanted !== token) use();',
    'use(a == run.data.credentialHash);',
    'use(stored.equals(signature));',
    'use(hashApiToken(x) !== nonce);',
    'use(stored?.equals(apiKey));',
    'use(token.compare(stored));',
    'use(stored?.compare(token));',
    'use(Buffer.compare(stored, secret) === 0);',
    'use(secret.localeCompare(stored));',
    'use(stored?.localeCompare(password));',
    'use(stored.startsWith(token));',
    'use(passphrase?.startsWith(typed));',
    'use(stored.endsWith(token));',
    'use(credential?.endsWith(stored));',
    'use(Object.is(token, stored));',
    'use(isDeepStrictEqual(stored, secret));',
    'use(known.has(token));',
    'use(known?.has(token));',
    'use([stored].includes(token));',
    'use(known?.includes(run.secret));',
    'use(known.indexOf(token) >= 0);',
    'use(known?.indexOf(token));',
    'use(privateKey === stored);',
  ];
  /** A confirmation code, a key: words that mean something else in the other rooms. */
  const refusedHere = [
    'if (code === other.code) use();',
    'if (other.key !== code) use();',
    'use(stored.equals(key));',
    'use(confirmationCode(run) === typed);',
    'use(typed.startsWith(codeOf(run)));',
    'use(stored === wantedCode);',
  ];
  const allowed = [
    "import { createHmac } from 'node:crypto';",
    'if (token === undefined || null !== secret) use();',
    "if (typeof token === 'string' || token !== '') use();",
    'use(a === b);',
    'use(tokens.length === 0);',
    "if (code === 'answer.missing' || key === undefined) use();",
    'use(CODES.has(code), KEYS.includes(key));',
    "use(view.has('global.root-password'));",
    "use(token.startsWith('iw_'), a.name.localeCompare(b.name));",
  ];
  const all = (lines: readonly string[]) => lines.map((_, at) => at + 1);
  const rows: ReadonlyArray<readonly [path: string, lines: readonly string[], found: readonly number[]]> = [
    ...['journey', 'http', 'trust', 'runs'].map(
      (room) =>
        [
          `src/${room}/example.ts`,
          [...refused, ...refusedHere, ...allowed],
          all([...refused, ...refusedHere]),
        ] as const,
    ),
    ...['store', 'cli', 'postinstall', 'answers'].map(
      (room) => [`src/${room}/example.ts`, [...refused, ...refusedHere, ...allowed], all(refused)] as const,
    ),
    // But where it belongs.
    ['src/trust/compare.ts', refused.slice(0, 1), []],
  ];
  const found = lint(Object.fromEntries(rows.map(([path, lines]) => [path, lines])));
  for (const [path, , expected] of rows) t.strictSame(found[path], expected, path);
});

test('programs are started where no secret is known, so none can stand in arguments', async (t) => {
  const source = join(import.meta.dirname, '..', '..', '..', 'src');
  const starters = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      name.endsWith('.ts') &&
      /(from|import\(|require\() ?['"](node:)?(child_process|cluster)['"]/.test(
        readFileSync(join(source, name), 'utf8'),
      ),
  );
  // The doctor is a command and knows no secret; `ping` is given an address.
  t.strictSame(starters.sort(), ['doctor/tool.ts', 'ssh/reach.ts']);
});
