/** TLS: profiles as they are in force, what they make of a node, and their JSON Schema (which needs no token: editors have none). */
import type { FastifyInstance } from 'fastify';
import {
  AnswerPreviewView,
  NodeParams,
  NodeProfileView,
  ProfileList,
  ProfileParams,
  ProfileView,
} from '../api/schemas.ts';
import type { Journey } from '../journey/journey.ts';
import { nodeProfileOf } from '../journey/node-profile.ts';
import { answerPreviewOf, installedRunOf } from '../journey/preview.ts';
import { profileSchema } from '../journey/profile-schema.ts';
import { findNode } from '../journey/registry.ts';
import { maskedProfile, maskedSnapshot } from '../journey/snapshot.ts';
import { guardOf } from './identity.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

/** The view of a profile, as journey masks it. */
function profileView(profile: ReturnType<typeof maskedProfile>): ProfileView {
  const { name, version, description, product, release, install, origins, ...trees } = profile;
  return {
    name,
    version,
    description: description ?? null,
    product: product ?? null,
    release: release ?? null,
    ...trees,
    install: { ...install, kernelArgs: [...install.kernelArgs] },
    origins: { ...origins },
  };
}

export function registerProfiles(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs } = guardOf(journey);

  app.get('/schemas/profile.json', async (_request, reply) => {
    await reply.type('application/schema+json; charset=utf-8').send(JSON.stringify(profileSchema()));
  });

  app.get(
    '/api/v1/profiles',
    {
      ...needs('viewer'),
      schema: {
        tags: ['profiles'],
        summary: 'Profiles, and what is wrong in their files',
        response: { 200: ProfileList },
      },
    },
    async () => ({
      items: journey.profiles.list().map(({ name, description }) => ({ name, description: description ?? null })),
      problems: journey.profiles.problems().map(({ affects, at, ...problem }) => ({
        ...problem,
        affects: [...affects],
        at: new Date(at).toISOString(),
      })),
    }),
  );

  app.get(
    '/api/v1/profiles/:name',
    {
      ...needs('viewer'),
      schema: {
        tags: ['profiles'],
        summary: 'A profile with everything that it inherits',
        params: ProfileParams,
        response: { 200: ProfileView },
      },
    },
    async (request) => profileView(maskedProfile(journey.profiles.require(request.params.name))),
  );

  app.get(
    '/api/v1/nodes/:id/profile',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'The profile of a node: tags, values and templates worked in',
        params: NodeParams,
        response: { 200: NodeProfileView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const { profile, holdings } = await nodeProfileOf(journey, journey.store, node, 'look');
      const run = await installedRunOf(journey, node);
      return {
        node: node.fqdn,
        tags: [...node.tags],
        profile: profileView(maskedProfile(profile)),
        holdings: [...holdings],
        installed:
          run === undefined
            ? null
            : {
                run: run.id,
                name: run.data.profileName,
                version: run.data.profileVersion,
                armedAt: new Date(run.armedAt).toISOString(),
                ...maskedSnapshot(run),
              },
      };
    },
  );

  app.get(
    '/api/v1/nodes/:id/answer-preview',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'The answer as it would be served now, secrets masked',
        params: NodeParams,
        response: { 200: AnswerPreviewView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const { product, release, media, toml, warnings } = await answerPreviewOf(journey, node);
      return {
        node: node.fqdn,
        product,
        release,
        media: media ?? null,
        toml,
        warnings: [...warnings],
      };
    },
  );
}
