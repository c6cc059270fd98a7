/** TLS: secrets that nodes made and handed over: which there are, and the value of one, the one time that it can be read. */
import type { FastifyInstance } from 'fastify';
import { BornSecretList, BornSecretParams, NodeParams, ReadBornSecretView } from '../api/schemas.ts';
import { bornSecretsOf, readBornSecret } from '../journey/born-secrets.ts';
import type { Journey } from '../journey/journey.ts';
import type { BornSecret } from '../journey/ports.ts';
import { findNode } from '../journey/registry.ts';
import { guardOf } from './identity.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | undefined): string | null => (at === undefined ? null : iso(at));

export function registerBornSecrets(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, nameOf, entry } = guardOf(journey);

  app.get(
    '/api/v1/nodes/:id/secrets',
    {
      ...needs('operator'),
      schema: {
        tags: ['access'],
        summary:
          'Secrets that were made on the node: which wait to be read, who read the others, newest first; no values',
        params: NodeParams,
        response: { 200: BornSecretList },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      return { items: (await bornSecretsOf(journey, node)).map(bornSecretView) };
    },
  );

  /** A POST: nothing may ask for it ahead, or twice by itself. */
  app.post(
    '/api/v1/nodes/:id/secrets/:secret/read',
    {
      // No Idempotency-Key: the answer of a secret that is erased is not kept for a day.
      ...needs('admin', { keyless: true }),
      schema: {
        tags: ['access'],
        summary:
          'The value of a secret that was made on the node, the one time that it can be read; erased, and audited',
        params: BornSecretParams,
        response: { 200: ReadBornSecretView },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      const { secret, value } = await readBornSecret(journey, node, request.params.secret, nameOf(request), (read) =>
        entry(request, 'node-secret.read', node.fqdn, {
          module: read.module,
          name: read.name,
          run: read.runId,
          before: { readable: true },
          after: { readable: false },
        }),
      );
      const { id, module, name, runId, bornAt } = secret;
      return reply
        .header('Cache-Control', 'no-store')
        .send({ id, module, name, run: runId, bornAt: iso(bornAt), value });
    },
  );
}

function bornSecretView({ id, module, name, runId, unread, bornAt, readAt, readBy, replacedAt }: BornSecret) {
  const state = unread ? ('unread' as const) : replacedAt === undefined ? ('read' as const) : ('replaced' as const);
  return {
    ...{ id, module, name, run: runId, state, bornAt: iso(bornAt) },
    ...{ readAt: isoOrNull(readAt), readBy: readBy ?? null, replacedAt: isoOrNull(replacedAt) },
  };
}
