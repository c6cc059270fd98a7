/** TLS: the installations of a node beside the present one: all of them, and one more like the last. */
import type { FastifyInstance } from 'fastify';
import { NodeParams, NodeView, RunList } from '../api/schemas.ts';
import { runView } from '../api/views.ts';
import { retryNode } from '../journey/arm.ts';
import type { Journey } from '../journey/journey.ts';
import { findNode } from '../journey/registry.ts';
import { guardOf } from './identity.ts';
import { CONTEXT, nodeViewOf } from './node-view.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

/** Newest first; nobody installs a machine more often and reads it all. */
const RUNS = 200;

export function registerRuns(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, nameOf, entry } = guardOf(journey);

  app.get(
    '/api/v1/nodes/:id/runs',
    {
      ...needs('viewer'),
      schema: {
        tags: ['runs'],
        summary: 'All installations of a node, newest first',
        params: NodeParams,
        response: { 200: RunList },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const runs = await journey.store.runs.listOf(node.id, RUNS);
      return { items: runs.map((run) => runView(run, CONTEXT)) };
    },
  );

  app.post(
    '/api/v1/nodes/:id/retry',
    {
      ...needs('operator'),
      schema: {
        tags: ['runs'],
        summary: 'Arm one more installation like the last',
        params: NodeParams,
        response: { 201: NodeView },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      await retryNode(journey, node, {
        by: nameOf(request),
        audit: ({ id, mediaId }) =>
          entry(request, 'run.armed', node.fqdn, { before: null, after: { run: id, media: mediaId }, retry: true }),
      });
      return reply.code(201).send(await nodeViewOf(journey, node));
    },
  );
}
