/** What is wrong with the line of a password is said without the password: in no message, remedy or path, and not a single character of it. */
import { test } from 'tap';
import { answerDialect } from '../../../src/answers/dialect.ts';
import { readAnswer } from '../../../src/answers/document.ts';
import { isSecretPath, SECRET_KEYS } from '../../../src/answers/keys.ts';
import { reviewAnswer } from '../../../src/answers/review.ts';

/** Stands in no message of ours. */
const SIGN = '§';
const WORD = 'hunter2';

/** Behind the = of a secret key. */
const BROKEN_TOML: readonly string[] = [
  WORD,
  `${WORD} and more`,
  `${WORD}§`,
  `§${WORD}`,
  `"${WORD}`,
  `"${WORD}"§`,
  `'${WORD}'§x'`,
  `"${WORD}\\§"`,
  `"""${WORD}\\§"""`,
  `"""${WORD}`,
  `'''\n${WORD}`,
  `"${WORD}\n§"`,
  `[${WORD}]`,
  `[[${WORD}]]`,
  `["x", §${WORD}]`,
  `["x"]§`,
  `{ x = ${WORD} }`,
  `{ x = "${WORD}"§ }`,
  `{ §${WORD} = 1 }`,
  `{ x = [{ y = 1 }, ${WORD}] }`,
  '123456789012345678901234567890',
  '1e999',
  '0123456789',
  '2026-13-45',
];

const BROKEN_JSON: readonly string[] = [
  WORD,
  `"${WORD}\\§"`,
  `"${WORD}`,
  `"${WORD}"§`,
  `["${WORD}", §]`,
  `{ "x": §${WORD} }`,
  `"${WORD}\n"`,
];

const SHOWN = new RegExp(`${SIGN}|${WORD}|1234567890|1e999|2026-13`);
const NAMES = [
  ...new Set(
    SECRET_KEYS.map((path) => path.slice(path.lastIndexOf('.') + 1)).flatMap((name) => [
      name,
      name.replaceAll('-', '_'),
    ]),
  ),
  // Not even then.
  'password',
  'root-pasword',
  'RootPassword',
  'auth-tokn',
];

test('the names of all that is secret', (t) => {
  t.same(SECRET_KEYS, [
    'global.root-password',
    'global.root-password-hashed',
    'global.subscription-key',
    'post-installation-webhook.auth-token',
  ]);
  for (const name of NAMES) t.ok(isSecretPath(`global.${name}[0].x`), name);
  for (const path of ['global.root-ssh-keys', 'global.keyboard', 'network.filter.ID_PATH', 'first-boot.url', '']) {
    t.notOk(isSecretPath(path), path);
  }
  t.end();
});

test('TOML that cannot be read', (t) => {
  for (const name of NAMES) {
    for (const broken of BROKEN_TOML) {
      for (const text of [
        `[global]\n${name} = ${broken}\n`,
        `global.${name} = ${broken}\n`,
        `global = { "${name}" = ${broken} }\n`,
        `[[x]]\n[x.${name}]\ny = ${broken}`,
      ]) {
        const { accepted, findings } = reviewAnswer(text, {
          dialect: answerDialect('9.2'),
          product: 'pve',
          format: 'toml',
        });
        t.notOk(accepted, text);
        t.notMatch(JSON.stringify(findings), SHOWN, text);
      }
    }
    const [key] = [`${name}.§x = 1`].map((text) => readAnswer(text, 'toml'));
    t.match(key, { code: 'answer.syntax' });
    t.notMatch(JSON.stringify(key), SHOWN, 'a key that is cut off');
  }
  t.end();
});

test('JSON that cannot be read', (t) => {
  for (const name of NAMES) {
    for (const broken of BROKEN_JSON) {
      const text = `{ "global": { "${name}": ${broken} } }`;
      const { accepted, findings } = reviewAnswer(text, {
        dialect: answerDialect('9.2'),
        product: 'pve',
        format: 'json',
      });
      t.notOk(accepted, text);
      t.notMatch(JSON.stringify(findings), SHOWN, text);
    }
  }
  t.end();
});

test('what is no secret is quoted, which helps to find it', (t) => {
  const rows = [
    ['[global]\ncountry = at', /^'at' is not a value/],
    ['[global]\nroot-password = "x"\ncountry = at', /^'at' is not a value/],
    ['[global]\nroot-password = "x"\n[network]\nsource = "x" §', /^There is '§'/],
    ['{ "global": { "country": "\\q" } }', /^'\\q' is not an escape/],
  ] as const;
  for (const [text, message] of rows) t.match(readAnswer(text), { code: 'answer.syntax', message }, text);
  t.match(readAnswer('root-password = hunter2'), {
    message: 'This is not a value; text needs quotation marks',
    line: 1,
    column: 17,
  });
  t.end();
});
