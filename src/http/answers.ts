/** TLS: the answers that were served, and the JSON Schema of the answer file (which needs no token: editors have none). */
import type { FastifyInstance } from 'fastify';
import { AnswerSchemaQuery, JsonSchema, RunParams, ServedAnswerView } from '../api/schemas.ts';
import { answerSchemaFor } from '../journey/answer-schema.ts';
import type { Journey } from '../journey/journey.ts';
import { servedAnswerOf } from '../journey/served-answer.ts';
import { guardOf } from './identity.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

export function registerAnswers(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs } = guardOf(journey);

  app.get(
    '/api/v1/schemas/answer',
    {
      schema: {
        tags: ['profiles'],
        summary: 'JSON Schema of answer files',
        produces: ['application/schema+json'],
        querystring: AnswerSchemaQuery,
        response: { 200: JsonSchema },
      },
    },
    async (request, reply) => {
      const { release, product } = request.query;
      await reply
        .type('application/schema+json; charset=utf-8')
        .send(JSON.stringify(answerSchemaFor(release, product)));
    },
  );

  app.get(
    '/api/v1/runs/:id/answer',
    {
      ...needs('viewer'),
      schema: {
        tags: ['runs'],
        summary: 'The answer that was served in a run, secrets masked',
        params: RunParams,
        response: { 200: ServedAnswerView },
      },
    },
    async (request, reply) => {
      const { run, node, format, text } = await servedAnswerOf(journey, request.params.id);
      const { claimedAt } = run.data;
      return reply.header('Cache-Control', 'no-store').send({
        run: run.id,
        node: node?.fqdn ?? null,
        servedAt: claimedAt === undefined ? null : new Date(claimedAt).toISOString(),
        format,
        text,
      });
    },
  );
}
