/**
 * JSON Schema (draft 7, which editors know best) of a profile's file: the shape that `src/profiles` checks, with the keys of the answer from the
 * key table and the parameters of the modules. A help for typing, not the verdict: that is `ironwake profile check`.
 */
import { newestDialect } from '../answers/dialect.ts';
import { answerSchema } from '../answers/schema.ts';
import { SELECTOR_SCHEMAS } from '../answers/select.ts';
import { MODULES } from '../postinstall/modules/index.ts';
import { ProfileSchema } from '../profiles/schema.ts';

type Json = { readonly [key: string]: unknown };

const TEMPLATE = {
  type: 'string',
  pattern: '\\{\\{',
  description: 'A template: {{host}}, {{values.NAME}}, {{pool.NAME}}.',
};
const SECRET = {
  type: 'object',
  additionalProperties: false,
  required: ['secret'],
  properties: { secret: { type: 'string', description: "Name of a secret: 'npx ironwake secret set NAME'." } },
};

const SCRIPT = {
  type: 'object',
  additionalProperties: false,
  required: ['file'],
  properties: {
    file: {
      type: 'string',
      pattern: '^scripts/[A-Za-z0-9][A-Za-z0-9._-]*$',
      description: 'A file beside the profiles: scripts/NAME.',
    },
  },
};

/** What belongs to the node or to the run, and has no place in a profile. */
const NOT_IN_A_PROFILE = { global: ['fqdn', 'root-password', 'root_password'] } as const;
const OWN_SECTIONS = ['post-installation-webhook', 'first-boot'];

/** The same value each time; its JSON is docs/schemas/profile.schema.json. */
export function profileSchema(): Json {
  // Through JSON: TypeBox keeps what it needs for itself under symbols.
  const shape = JSON.parse(JSON.stringify(ProfileSchema)) as { properties: Record<string, Json> };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'urn:ironwake:profile',
    title: 'Ironwake profile',
    description:
      'A file of the profile directory. The file of a tag (tags/NAME.yaml) has the same keys, without extends, mixins, product, release, types, pools and counters.',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...shape.properties,
      answer: orNull({
        type: 'object',
        description: "What the automated installer gets: sections and keys of Proxmox' own answer file.",
        additionalProperties: false,
        properties: answerSections(),
      }),
      postInstall: orNull({
        type: 'object',
        description: 'What happens on the first boot: parameters by the name of the module. {} takes the defaults.',
        additionalProperties: false,
        properties: modules(),
      }),
    },
  };
}

function answerSections(): Record<string, unknown> {
  const { properties } = answerSchema(newestDialect) as { properties: Record<string, Json> };
  const sections = Object.entries(properties).filter(([name]) => !OWN_SECTIONS.includes(name));
  return Object.fromEntries(
    sections.map(([name, section]) => {
      const keys = Object.entries(propertiesOf(section)).filter(
        ([key]) => name !== 'global' || !(NOT_IN_A_PROFILE.global as readonly string[]).includes(key),
      );
      const properties = { ...Object.fromEntries(keys), ...SELECTOR_SCHEMAS[name] };
      return [name, orNull(layered({ ...section, properties }, false))];
    }),
  );
}

function modules(): Record<string, unknown> {
  return Object.fromEntries(
    MODULES.map(({ name, title, parameters }) => {
      const schema = JSON.parse(JSON.stringify(parameters)) as Json;
      return [name, orNull({ description: title, ...layered(schema, true) })];
    }),
  );
}

const propertiesOf = (schema: Json): Record<string, Json> => (schema.properties ?? {}) as Record<string, Json>;
const orNull = (schema: Json): Json => ({ anyOf: [schema, { type: 'null' }] });

/**
 * A layer may say less than the whole: nothing is required, null removes, `key+` appends to a list. A string may be a template, and in the plan
 * a reference to a secret.
 */
function layered(schema: Json, secrets: boolean): Json {
  const { required: _required, allOf: _allOf, default: standard, ...kept } = schema;
  const described = standard === undefined ? {} : { default: standard };
  if (schema.type === 'object' && schema.properties !== undefined) {
    const properties = Object.entries(propertiesOf(schema)).flatMap(([key, below]): Array<[string, Json]> => {
      const value = layered(below, secrets);
      return below.type === 'array'
        ? [
            [key, orNull(value)],
            [`${key}+`, value],
          ]
        : [[key, orNull(value)]];
    });
    return { ...kept, properties: Object.fromEntries(properties) };
  }
  if (schema.type === 'object' && schema.patternProperties !== undefined) {
    const patterns = Object.entries(schema.patternProperties as Record<string, Json>).map(([pattern, below]) => [
      pattern,
      orNull(layered(below, secrets)),
    ]);
    return { ...kept, patternProperties: Object.fromEntries(patterns) };
  }
  if (schema.type === 'object') {
    return { ...kept, additionalProperties: orNull(layered(schema.additionalProperties as Json, secrets)) };
  }
  if (schema.type === 'array') {
    const { minItems: _minItems, ...list } = kept as Json;
    return { ...list, items: layered(schema.items as Json, secrets) };
  }
  const isText = schema.type === 'string' || schema.anyOf !== undefined;
  if (!isText) return { ...kept, ...described };
  const { description, examples, ...rule } = kept as Json;
  return {
    ...(description === undefined ? {} : { description }),
    ...(examples === undefined ? {} : { examples }),
    ...described,
    // A script is never a template, and may be a file.
    anyOf: [rule, rule.contentMediaType === 'text/x-shellscript' ? SCRIPT : TEMPLATE, ...(secrets ? [SECRET] : [])],
  };
}
