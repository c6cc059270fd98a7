/** TLS: `GET /api/v1/exports/FORMAT`, the registry in the words of other programs. */
import type { FastifyInstance } from 'fastify';
import { ExportParams, ExportQuery, Text } from '../api/schemas.ts';
import { exportMachines } from '../journey/exports.ts';
import type { Journey } from '../journey/journey.ts';
import { guardOf } from './identity.ts';
import { filterOf } from './node-filter.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

export function registerExports(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs } = guardOf(journey);
  app.get(
    '/api/v1/exports/:format',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'The registry for Ansible, SSH, Prometheus, /etc/hosts, dnsmasq, Kea or OPNsense',
        produces: ['text/plain', 'application/yaml', 'text/csv', 'application/json'],
        params: ExportParams,
        querystring: ExportQuery,
        response: { 200: Text },
      },
    },
    async (request, reply) => {
      const { port = 9100, ...query } = request.query;
      const { contentType, text } = await exportMachines(journey, request.params.format, filterOf(query), { port });
      return reply.type(contentType).send(text);
    },
  );
}
