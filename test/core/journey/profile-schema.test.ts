/** The published JSON Schema: fresh, and of one mind with the check of the files where it says something. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { test } from 'tap';
import { parse } from 'yaml';
import { profileSchema } from '../../../src/journey/profile-schema.ts';
import { MODULES } from '../../../src/postinstall/modules/index.ts';
import { NodeValuesSchema, ProfileSchema, TagSchema } from '../../../src/profiles/schema.ts';

const ROOT = join(import.meta.dirname, '../../..');
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(profileSchema());

test('docs/schemas/profile.schema.json is what scripts/profile-schema.ts writes', (t) => {
  const written = readFileSync(join(ROOT, 'docs/schemas/profile.schema.json'), 'utf8');
  t.equal(written, `${JSON.stringify(profileSchema(), null, 2)}\n`, 'run: npx node scripts/profile-schema.ts');
  t.end();
});

test('the schemas of the files are right: a daemon that starts takes that for granted', (t) => {
  for (const schema of [ProfileSchema, TagSchema, NodeValuesSchema])
    t.type(new Ajv({ strict: true }).compile(schema), 'function');
  t.end();
});

test('it takes every file that is shipped', (t) => {
  for (const directory of ['answers', 'answers/tags']) {
    for (const file of readdirSync(join(ROOT, directory)).filter((name) => name.endsWith('.yaml'))) {
      const good = validate(parse(readFileSync(join(ROOT, directory, file), 'utf8')));
      t.ok(good, `${directory}/${file} ${JSON.stringify(validate.errors?.[0])}`);
    }
  }
  t.end();
});

const ROWS: ReadonlyArray<readonly [name: string, good: boolean, yaml: string]> = [
  ['an empty map', true, '{}'],
  ['a template where words are given', true, 'answer: {global: {keyboard: "{{values.keyboard}}"}}'],
  ['null removes a key', true, 'answer: {global: {mailto: null}, network: null}'],
  ['a list is appended', true, 'answer: {global: {root-ssh-keys+: [x]}, disk-setup: {disk-list+: [sdb]}}'],
  ['a list of a module is appended', true, 'postInstall: {admin-user: {keys+: ["{{values.key}}"]}}'],
  ['a module without its required parameters', true, 'postInstall: {admin-user: {name: a}}'],
  ['a module is taken out', true, 'postInstall: {ssh: null}'],
  ['a secret in the plan', true, 'postInstall: {repositories: {mirror: {secret: mirror}}}'],
  ['a root password in the answer, even by reference', false, 'answer: {global: {root-password: {secret: root}}}'],
  ['a root password in the plan', true, 'postInstall: {admin-user: {rootPassword: {secret: root}}}'],
  [
    'pools, counters, types, values',
    true,
    'pools: {lan: {range: 192.0.2.0/24}}\ncounters: {n: {width: 2}}\ntypes: {a: {type: text}}\nvalues: {a: b, l: [1]}',
  ],
  ['a wrong section', false, 'answer: {golbal: {}}'],
  ['a wrong key of the answer', false, 'answer: {global: {keybord: de}}'],
  ['a word that is none', false, 'answer: {global: {keyboard: klingon}}'],
  ['a wrong type', false, 'answer: {global: {reboot-on-error: "yes"}}'],
  ['a clear password', false, 'answer: {global: {root-password: hunter2hunter2}}'],
  ['the host name', false, 'answer: {global: {fqdn: a.b}}'],
  ['a section of our own', false, 'answer: {first-boot: {source: from-iso}}'],
  ['a module that there is not', false, 'postInstall: {networks: {}}'],
  ['a parameter that there is not', false, 'postInstall: {repositories: {chanel: test}}'],
  ['a word of a parameter that is none', false, 'postInstall: {repositories: {channel: wild}}'],
  ['a wrong key', false, 'answr: {}'],
  ['text appended', false, 'answer: {global: {root-ssh-keys+: x}}'],
  ['a release as a number', false, 'release: 9.2'],
];

test('what an editor marks', (t) => {
  for (const [name, good, yaml] of ROWS) t.equal(validate(parse(yaml)), good, name);
  t.end();
});

test('every key of a profile and every module is in it', (t) => {
  const { properties } = profileSchema() as {
    properties: Record<string, { anyOf?: ReadonlyArray<{ properties?: object }> }>;
  };
  t.same(Object.keys(properties).sort(), Object.keys(ProfileSchema.properties).sort());
  t.same(
    Object.keys(properties.postInstall?.anyOf?.[0]?.properties ?? {}).sort(),
    MODULES.map(({ name }) => name).sort(),
  );
  t.end();
});
