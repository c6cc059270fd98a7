/** Requests made from the served OpenAPI document: what a route's own description allows, and what it does not. */
import fc from 'fast-check';

export interface Shape {
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Shape;
}
export interface Operation {
  readonly operationId: string;
  readonly 'x-role'?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Shape }>> };
}
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** As it goes over the wire. */
export interface FuzzedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | undefined;
}

/** Names that mean something to a daemon: with them a request comes behind the first look-up. */
export type Known = readonly string[];

/** Text that has broken programs before. */
export const NASTY = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  "' or 1=1 --",
  '"; drop table node; --',
  '$(id)`id`',
  '{{x}}{{{y}}}',
  '%00',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e',
  '\r\nSet-Cookie: a=b',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'a'.repeat(400),
  '-1',
  '1e309',
  'NaN',
  '9007199254740993',
  'Ⅷ',
  'İ',
  'e\u0301'.repeat(70),
  '٣',
] as const;

const odd = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom(...NASTY));
const anything = fc.oneof(
  odd,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(odd, { maxLength: 2 }),
  fc.dictionary(odd, odd, { maxKeys: 2 }),
);

/** What the schema allows, and one time in five something else. */
function valuesOf(shape: Shape, known: Known): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: allowed(shape, known), weight: 4 }, { arbitrary: anything, weight: 1 });
}

function allowed(shape: Shape, known: Known): fc.Arbitrary<unknown> {
  if (shape.const !== undefined) return fc.constant(shape.const);
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum);
  if (shape.anyOf !== undefined) return fc.oneof(...shape.anyOf.map((part) => allowed(part, known)));
  switch (shape.type) {
    case 'object': {
      const parts = Object.entries(shape.properties ?? {}).map(
        ([name, part]) => [name, valuesOf(part, known)] as const,
      );
      if (parts.length === 0) return fc.dictionary(odd, anything, { maxKeys: 3 });
      return fc.record(Object.fromEntries(parts), { requiredKeys: [...(shape.required ?? [])], noNullPrototype: true });
    }
    case 'array':
      return fc.array(valuesOf(shape.items ?? {}, known), { maxLength: 3 });
    case 'integer':
    case 'number':
      return fc.integer({ min: shape.minimum ?? -10, max: Math.min(shape.maximum ?? 1000, 2_000_000_000) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default: {
      const examples = (shape.examples ?? []).map((example) => fc.constant(example));
      return fc.oneof(fc.constantFrom(...known), odd, ...examples);
    }
  }
}

/** Bodies as text: mostly the JSON of a value, sometimes broken in a way that no value of JSON.stringify is. */
function bodiesOf(shape: Shape, known: Known): fc.Arbitrary<string> {
  const right = allowed(shape, known).map((value) => JSON.stringify(value) ?? 'null');
  return fc.oneof(
    { arbitrary: right, weight: 12 },
    { arbitrary: valuesOf(shape, known).map((value) => JSON.stringify(value) ?? ''), weight: 6 },
    // A key more, which must not reach the prototype of anything.
    { arbitrary: right.map((text) => text.replace(/^\{/, '{"__proto__":{"role":"admin"},')), weight: 1 },
    { arbitrary: right.map((text) => text.replace(/^\{/, '{"constructor":{"prototype":{"x":1}},')), weight: 1 },
    { arbitrary: right.map((text) => text.slice(0, Math.ceil(text.length / 2))), weight: 1 },
    { arbitrary: fc.constant(`${'['.repeat(20_000)}${']'.repeat(20_000)}`), weight: 1 },
    { arbitrary: fc.constant(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`), weight: 1 },
    { arbitrary: fc.constant(`"${'x'.repeat(2 * 1024 * 1024)}"`), weight: 1 },
    { arbitrary: odd.map(String), weight: 1 },
  );
}

const TYPES = [
  'application/json; charset=latin1',
  'text/plain',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json\u0000',
  '__proto__',
  '/',
];

/** What a header may hold on the wire. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

/** @param path as the document has it: `/api/v1/nodes/{id}` */
export function requestsTo(
  path: string,
  method: string,
  operation: Operation,
  known: Known,
): fc.Arbitrary<FuzzedRequest> {
  const { parameters = [], requestBody } = operation;
  const of = (place: string) =>
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === place)
        .map(({ name, schema }) => [name, place === 'path' ? namesOf(schema, known) : valuesOf(schema, known)]),
    );
  const contents = Object.entries(requestBody?.content ?? {});
  const headers = Object.fromEntries(
    Object.keys(of('header')).map((name) => [
      name,
      fc.oneof(headerText, fc.constantFrom('*', '"1"', '"1.1.1"', 'key-1')),
    ]),
  );
  const body: fc.Arbitrary<readonly [type: string | undefined, text: string | undefined]> =
    contents.length === 0
      ? fc.oneof(
          { arbitrary: fc.constant([undefined, undefined] as const), weight: 6 },
          { arbitrary: anything.map((value) => ['application/json', JSON.stringify(value)] as const), weight: 1 },
        )
      : fc.oneof(
          ...contents.map(([type, { schema }]) => ({
            arbitrary: bodiesOf(schema, known).map((text) => [type, text] as const),
            weight: 8,
          })),
          { arbitrary: fc.tuple(fc.constantFrom(...TYPES), bodiesOf({}, known)), weight: 1 },
          { arbitrary: fc.constant([undefined, undefined] as const), weight: 1 },
          { arbitrary: fc.constant(['application/json', ''] as const), weight: 1 },
        );
  return fc
    .record({
      inPath: fc.record(of('path')),
      query: fc.record(of('query'), { requiredKeys: [] }),
      more: fc.oneof(
        { arbitrary: fc.constant(undefined), weight: 9 },
        {
          arbitrary: fc.constantFrom('__proto__=1', 'limit=1&limit=2', 'a[b]=c', '%', '%ff', '=', '&&', '?'),
          weight: 1,
        },
      ),
      headers: fc.record(headers, { requiredKeys: [] }),
      body,
    })
    .map(({ inPath, query, more, headers: told, body: [type, text] }) => {
      const words = inPath as Readonly<Record<string, unknown>>;
      const written = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent(textOf(words[name]).toWellFormed()),
      );
      const search = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, textOf(value).toWellFormed()]),
      );
      const asked = [search.size > 0 ? String(search) : undefined, more].filter((part) => part !== undefined).join('&');
      return {
        method: method.toUpperCase(),
        url: asked === '' ? written : `${written}?${asked}`,
        headers: { ...(told as Record<string, string>), ...(type !== undefined && { 'content-type': type }) },
        payload: text,
      };
    });
}

/** In a path what is known comes more often: all else ends at the first look-up. */
function namesOf(schema: Shape, known: Known): fc.Arbitrary<unknown> {
  return fc.oneof(
    { arbitrary: fc.constantFrom(...known), weight: 3 },
    { arbitrary: valuesOf(schema, known), weight: 1 },
  );
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
