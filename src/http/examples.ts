/** An example of a shape, made from the examples of its parts: written once, beside the field that it is an example of. */

export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minimum?: number;
}

interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: unknown;
}
type Content = Readonly<Record<string, Media>>;

/** An operation with an example for every JSON body that it takes and gives. */
export function withExamples<T extends Readonly<Record<string, unknown>>>(operation: T): T {
  const done: Record<string, unknown> = { ...operation };
  const body = operation.requestBody as { readonly content?: Content } | undefined;
  if (body?.content !== undefined) done.requestBody = { ...body, content: exemplified(body.content) };
  const responses = (operation.responses ?? {}) as Readonly<Record<string, { readonly content?: Content }>>;
  done.responses = Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      response.content === undefined ? response : { ...response, content: exemplified(response.content) },
    ]),
  );
  return done as T;
}

function exemplified(content: Content): Content {
  return Object.fromEntries(
    Object.entries(content).map(([type, media]) => {
      const known = media.example !== undefined || media.examples !== undefined || media.schema === undefined;
      return [type, known || !type.includes('json') ? media : { ...media, example: exampleOf(media.schema) }];
    }),
  );
}

/** @returns a value that the schema accepts */
export function exampleOf(schema: Schema | undefined): unknown {
  if (schema === undefined) return {};
  if (schema.example !== undefined) return schema.example;
  if (schema.examples !== undefined && schema.examples.length > 0) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined && schema.enum.length > 0) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf !== undefined) return exampleOf(schema.anyOf[0]);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, part]) => [name, exampleOf(part)]));
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(schema.items)];
    case 'string':
      return 'text';
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return false;
    default:
      return null;
  }
}
