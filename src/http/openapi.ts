/**
 * The OpenAPI 3.1 document, made from the schemas that the routes are checked by. What holds for all of them (the token, the problem, the names
 * of operations, examples) is added here, so that a route says only what is its own: `tags`, `summary`, and its shapes.
 */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../api/schemas.ts';
import { mayBeAbsent } from './absent-body.ts';
import { type Schema, withExamples } from './examples.ts';
import { API_PREFIX, takesKey } from './route-config.ts';

/** The nouns of the API, in the order of a first day. */
const TAGS: ReadonlyArray<{ readonly name: string; readonly description: string }> = [
  { name: 'nodes', description: 'Registered machines.' },
  { name: 'runs', description: 'Installations: arm, watch, decide.' },
  { name: 'discovery', description: 'Machines that were seen, and what each would be offered.' },
  { name: 'rules', description: 'What registers machines that nobody registered one by one.' },
  { name: 'profiles', description: 'What a machine is installed by.' },
  { name: 'plans', description: 'What is done on a node after its installation.' },
  { name: 'media', description: 'Installer images.' },
  { name: 'events', description: 'What happened, as pages and live.' },
  { name: 'webhooks', description: 'Endpoints that are told what happens, and every delivery to them.' },
  { name: 'access', description: 'Tokens, secrets, certificate, audit log.' },
  { name: 'daemon', description: 'The daemon itself.' },
];

const DESCRIPTION = `Times are RFC 3339 in UTC, ids are opaque, every refusal is a problem (RFC 9457) with a stable \`code\` and a \`remedy\`.
A node is named by its id, its full name, its host name or one of its MACs. The roles: viewer reads, operator also changes, admin also
administers; each operation names its own in \`x-role\`. The pages of the project say more: docs/api.md.`;

type Operation = Record<string, unknown> & {
  readonly parameters?: Parameter[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema?: unknown }>>;
  };
  readonly responses: Record<string, unknown>;
  readonly tags?: readonly string[];
};
type Parameter = Record<string, unknown> & { readonly schema?: Schema; readonly name: string };
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly tags: unknown[];
}

/** Must be called before the routes are registered: it listens to them. */
export async function registerOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    hideUntagged: true,
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Ironwake',
        version,
        summary: 'From power-on to a hardened Proxmox host.',
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'This daemon, by HTTPS.' }],
      tags: [...TAGS],
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A token of the API: `iw_...`.' } },
      },
    },
    transform: ({ schema, url, route }) => {
      const { role, documentedBody, conditional } = route.config ?? {};
      const described: Record<string, unknown> = {
        ...schema,
        ...(documentedBody !== undefined && { body: documentedBody }),
        operationId: operationId(String(route.method), url),
        security: role === undefined ? [] : [{ token: [] }],
        ...(role !== undefined && { 'x-role': role }),
        headers: headersOf(schema?.headers, String(route.method), takesKey(route), conditional === true),
      };
      return { schema: described, url };
    },
    transformObject: (found) => finish(('openapiObject' in found ? found.openapiObject : {}) as unknown as Document),
  });

  // No token: a generator of clients has none, and there is nothing in it that the documentation does not say.
  app.get(
    `${API_PREFIX}/openapi.json`,
    {
      schema: {
        tags: ['daemon'],
        summary: 'This document',
        response: { 200: { type: 'object', description: 'OpenAPI 3.1.' } },
      },
    },
    async (_request, reply) => {
      text ??= JSON.stringify(app.swagger());
      await reply.type('application/json; charset=utf-8').send(text);
    },
  );
  let text: string | undefined;
}

/** `GET /api/v1/nodes/:id/runs` -> `getNodesByIdRuns`. */
function operationId(method: string, url: string): string {
  const words = url
    .slice(API_PREFIX.length)
    .split(/[/.]/)
    .filter((part) => part !== '')
    .map((part) => (part.startsWith(':') ? `by-${part.slice(1)}` : part));
  const camel = words.join('-').replaceAll(/(^|-)([a-z])/g, (_, _dash: string, letter: string) => letter.toUpperCase());
  return `${method.toLowerCase()}${camel}`;
}

const text = (description: string, examples: readonly string[]) => ({ type: 'string', description, examples });

/** The header fields that the frame reads, beside those that the route reads itself. */
function headersOf(own: unknown, method: string, takes: boolean, conditional: boolean): unknown {
  const properties = typeof own === 'object' && own !== null && 'properties' in own ? own.properties : {};
  return {
    type: 'object',
    properties: {
      ...(typeof properties === 'object' ? properties : {}),
      ...(takes && {
        'Idempotency-Key': text('Sent again with the same key, it is done once and answered twice.', [
          '7f1c9b0e-rack-a',
        ]),
      }),
      ...(conditional &&
        (method === 'GET'
          ? {
              'If-None-Match': text('ETag of the answer that is there already: 304 when it still holds.', [
                '"3.17.240"',
              ]),
            }
          : { 'If-Match': text('ETag of what was seen: 412 when it was changed meanwhile.', ['"3"']) })),
    },
  };
}

const REFUSALS = 'A refusal: nothing was written.';

function finish(document: Document): never {
  const paths: Document['paths'] = {};
  for (const [path, operations] of Object.entries(document.paths)) {
    paths[path] = Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => [method, finishedOperation(operation)]),
    );
  }
  const components = 'components' in document ? (document.components as Record<string, unknown>) : {};
  return {
    ...document,
    paths,
    components: {
      ...components,
      schemas: { Problem },
      responses: {
        Problem: {
          description: REFUSALS,
          content: {
            'application/problem+json': {
              schema: { $ref: '#/components/schemas/Problem' },
              example: {
                type: 'urn:ironwake:error:mac.malformed',
                title: 'The request cannot be used',
                status: 400,
                detail: "'zz' is not a MAC address",
                code: 'mac.malformed',
                remedy: 'Write six hex pairs, for example bc:24:11:00:00:01.',
                field: 'mac',
              },
            },
          },
        },
      },
    },
  } as never;
}

function finishedOperation(operation: Operation): Operation {
  const problem = { $ref: '#/components/responses/Problem' };
  const shown = withExamples(operation);
  const { parameters, requestBody } = shown;
  return {
    ...shown,
    ...(requestBody !== undefined && {
      requestBody: {
        ...requestBody,
        required: !Object.values(requestBody.content).every((one) => mayBeAbsent(one.schema)),
      },
    }),
    ...(parameters !== undefined && { parameters: parameters.map(described) }),
    responses: { ...answersOf(shown), '4XX': problem, '5XX': problem },
  };
}

/** The header fields that the frame sends, and the answers that it gives. */
function answersOf({ parameters = [], responses }: Operation): Operation['responses'] {
  const takes = (name: string): boolean => parameters.some((parameter) => parameter.name === name);
  const headers = {
    ...(takes('If-None-Match') && { ETag: { description: 'Of this answer.', schema: { type: 'string' } } }),
    ...(takes('cursor') && { Link: { description: 'The next page, `rel="next"`.', schema: { type: 'string' } } }),
    ...(takes('Idempotency-Key') && {
      'Idempotency-Replayed': {
        description: '`true`: this is the answer of the first time.',
        schema: { type: 'string' },
      },
    }),
  };
  if (Object.keys(headers).length === 0) return responses;
  const good = Object.entries(responses).map(([status, answer]) => [status, { ...(answer as object), headers }]);
  const known = { 304: { description: 'The answer that is there already still holds.' } };
  return { ...Object.fromEntries(good), ...(takes('If-None-Match') && known) };
}

/** The words of a parameter stand in its schema; readers of the document look for them beside it. */
function described(parameter: Parameter): Parameter {
  const { schema } = parameter;
  const description = schema?.description ?? parameter.description;
  return { ...parameter, ...(description !== undefined && { description }) };
}
