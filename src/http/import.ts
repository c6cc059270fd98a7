/** TLS: nodes in and out as files. */
import type { FastifyInstance } from 'fastify';
import { FileQuery, ImportQuery, ImportView, Text } from '../api/schemas.ts';
import { invalid } from '../errors.ts';
import { type ExchangeFormat, MAX_ROWS } from '../exchange/rows.ts';
import { exportNodes } from '../journey/export-nodes.ts';
import { importNodes } from '../journey/import-nodes.ts';
import type { Journey } from '../journey/journey.ts';
import { toldOfNode } from '../journey/registry.ts';
import { refuseValuesOfAdmin } from '../journey/values-rights.ts';
import { guardOf } from './identity.ts';
import { filterOf } from './node-filter.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

const FILE_BYTES = 16 * 1024 * 1024;

const TYPES = {
  csv: 'text/csv; charset=utf-8',
  yaml: 'application/yaml; charset=utf-8',
  json: 'application/json; charset=utf-8',
} as const satisfies Readonly<Record<ExchangeFormat, string>>;

const FILE = { type: 'string', description: `At most ${MAX_ROWS} rows.` };

export function registerImport(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, roleOf, entry } = guardOf(journey);
  // As text, JSON too: what is wrong is told by its line.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['text/csv', 'application/yaml', 'text/yaml', 'application/x-yaml', 'application/json'],
    { parseAs: 'string', bodyLimit: FILE_BYTES },
    (_request, body, done) => done(null, body),
  );

  app.post(
    '/api/v1/nodes/import',
    {
      ...needs('operator', {
        documentedBody: {
          content: {
            'text/csv': { schema: FILE },
            'application/yaml': { schema: FILE },
            'application/json': {
              schema: {
                type: 'array',
                items: { type: 'object' },
                examples: [[{ fqdn: 'pve1.lab.example', macs: ['bc:24:11:00:00:01'] }]],
              },
            },
          },
        },
      }),
      bodyLimit: FILE_BYTES,
      schema: {
        tags: ['nodes'],
        summary: 'Register many machines, all or none; with dry_run nothing is written',
        querystring: ImportQuery,
        response: { 200: ImportView },
      },
    },
    async (request) => {
      const type = String(request.headers['content-type']);
      const format = request.query.format ?? (type.includes('csv') ? 'csv' : type.includes('yaml') ? 'yaml' : 'json');
      if (typeof request.body !== 'string')
        throw invalid(
          'import.no-file',
          'body',
          'the request holds no file',
          'Send it as text/csv, application/yaml or application/json.',
        );
      const dryRun = request.query.dry_run === true;
      const { rows } = await importNodes(journey, request.body, format, {
        dryRun,
        refuse: ({ fqdn, values }) => refuseValuesOfAdmin(roleOf(request), values, fqdn),
        audit: (node) =>
          entry(request, 'node.added', node.fqdn, {
            before: null,
            after: { ...toldOfNode(node), imported: true },
          }),
      });
      const created = rows.filter(({ result }) => result === 'created').length;
      return { dryRun, created, unchanged: rows.length - created, rows: [...rows] };
    },
  );

  app.get(
    '/api/v1/exports/nodes',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'The registered machines as a file that an import takes',
        produces: ['text/csv', 'application/yaml', 'application/json'],
        querystring: FileQuery,
        response: { 200: Text },
      },
    },
    async (request, reply) => {
      const { format = 'csv', ...query } = request.query;
      const text = await exportNodes(journey, format, filterOf(query));
      return reply.type(TYPES[format]).send(text);
    },
  );
}
