/**
 * JSON Schema (draft 7, which editors know best) of the answer file of a release, made from the key table, so that editors complete and check.
 * It is a help for typing, not the verdict: rules over several keys are here only as far as a schema can say them simply.
 */
import type { Dialect } from './dialect.ts';
import { exampleValue } from './examples.ts';
import {
  type AnswerKey,
  formerName,
  hasUnderscoreAlias,
  isInRelease,
  isRequiredIn,
  keysBelow,
  nameIn,
  ownName,
  REQUIRED_SECTIONS,
  SECTIONS,
  type Section,
  sectionSince,
} from './keys.ts';
import { compareReleases, PRODUCT_NAMES, type Product } from './release.ts';

export type JsonSchema = { readonly [key: string]: unknown };

export function answerSchema(dialect: Dialect, product: Product = 'pve'): JsonSchema {
  const sections = SECTIONS.filter((section) => compareReleases(dialect.release, sectionSince(section)) >= 0);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: `urn:ironwake:answer:${product}:${dialect.release}`,
    title: `Answer file of the automated installer, ${PRODUCT_NAMES[product]}, dialect ${dialect.release}`,
    type: 'object',
    additionalProperties: false,
    required: [...REQUIRED_SECTIONS],
    properties: Object.fromEntries(sections.map((section) => [section, tableSchema(section, '', dialect, product)])),
  };
}

function tableSchema(section: Section, prefix: string, dialect: Dialect, product: Product): JsonSchema {
  const entries = keysBelow(section, prefix).filter((entry) => isInRelease(entry, dialect.release));
  const properties: [string, JsonSchema][] = [];
  const required: string[] = [];
  const alternatives: JsonSchema[] = [];
  for (const entry of entries) {
    const name = nameIn(entry, dialect.release);
    const schema = keySchema(entry, dialect, product);
    properties.push([name, schema]);
    const alias = dialect.takesHyphens && hasUnderscoreAlias(entry) ? ownName(entry).replaceAll('-', '_') : undefined;
    if (alias !== undefined) {
      properties.push([alias, { ...schema, deprecated: true, description: `Old spelling of ${name}.` }]);
      alternatives.push({ not: { required: [name, alias] } });
    }
    if (isRequiredIn(entry, dialect.release)) required.push(name);
  }
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(properties),
    ...(alternatives.length > 0 ? { allOf: alternatives } : {}),
  };
}

function keySchema(entry: AnswerKey, dialect: Dialect, product: Product): JsonSchema {
  const ignored = entry.products !== undefined && !entry.products.includes(product);
  const former = formerName(entry);
  const notes = [
    entry.text,
    ...(entry.default === undefined ? [] : [`Default: ${entry.default}.`]),
    ...(ignored ? [`Not for ${PRODUCT_NAMES[product]}.`] : []),
    ...(former !== undefined && dialect.takesHyphens ? [`${former} before 8.4.`] : []),
  ];
  return { description: notes.join(' '), ...valueSchema(entry, dialect, product), ...exampleOf(entry) };
}

/** Examples of plain values; those of maps are no JSON. */
function exampleOf(entry: AnswerKey): JsonSchema {
  const value = exampleValue(entry);
  if (value.startsWith('{')) return {};
  return { examples: [JSON.parse(value)] };
}

const PATTERNS: Readonly<Partial<Record<NonNullable<AnswerKey['format']>, string>>> = {
  country: '^[a-z]{2}$',
  fqdn: '^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$',
  address: '^[0-9A-Fa-f:.]+$',
  cidr: '^[0-9A-Fa-f:.]+(/[+]?[0-9]+)?$',
};

/** What only we find wrong must not be red in an editor: formats that the installer does not look at have no pattern. */
const CHECKED = new Set(['country', 'fqdn', 'address', 'cidr']);

function textSchema(entry: AnswerKey): JsonSchema {
  const pattern = entry.format !== undefined && CHECKED.has(entry.format) ? PATTERNS[entry.format] : undefined;
  return { type: 'string', ...(pattern === undefined ? {} : { pattern }) };
}

function valueSchema(entry: AnswerKey, dialect: Dialect, product: Product): JsonSchema {
  switch (entry.type) {
    case 'string':
      return textSchema(entry);
    case 'boolean':
      return { type: 'boolean' };
    case 'integer':
      return {
        type: 'integer',
        minimum: 0,
        ...(dialect.largestWholeNumber < 2n ** 53n ? { maximum: Number(dialect.largestWholeNumber) } : {}),
      };
    case 'number':
      return { type: 'number' };
    case 'enum': {
      const values = entry.values ?? [];
      const upperCase =
        entry.upperCaseSince !== undefined && compareReleases(dialect.release, entry.upperCaseSince) >= 0
          ? values.map((value) => value.toUpperCase())
          : [];
      return { type: 'string', enum: [...values, ...upperCase] };
    }
    case 'strings':
      return { type: 'array', items: textSchema(entry) };
    case 'globs':
    case 'mapping':
      return { type: 'object', additionalProperties: { type: 'string' } };
    case 'table':
      return tableSchema(entry.section, entry.key, dialect, product);
    case 'name-or-table': {
      const text = textSchema(entry);
      const hasTable = compareReleases(dialect.release, entry.tableSince ?? '0') >= 0;
      return hasTable ? { anyOf: [text, tableSchema(entry.section, entry.key, dialect, product)] } : text;
    }
  }
}
