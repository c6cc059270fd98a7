/** TLS: the plan of a node as it would run now, against the last one, and written out. */
import type { FastifyInstance } from 'fastify';
import {
  NodeParams,
  type PlanChangeView,
  PlanDiffView,
  PlanExportInput,
  PlanExportView,
  PlanImpactList,
  PlanView,
  WatchList,
  WatchView,
} from '../api/schemas.ts';
import { watchView } from '../api/views.ts';
import { IronwakeError } from '../errors.ts';
import type { Journey } from '../journey/journey.ts';
import { exportPlan, planDiffOf, planImpact, planOfNode } from '../journey/plan.ts';
import { findNode } from '../journey/registry.ts';
import { orderPlan, watchedNodes } from '../journey/watch.ts';
import type { PlanChange } from '../postinstall/describe.ts';
import { guardOf } from './identity.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

const changeView = ({ module, change, path, before, after, origin }: PlanChange): PlanChangeView => ({
  module,
  change,
  path: path ?? null,
  before: before ?? null,
  after: after ?? null,
  origin: origin ?? null,
});

export function registerPlans(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, nameOf, audit, entry } = guardOf(journey);

  app.get(
    '/api/v1/nodes/:id/plan',
    {
      ...needs('viewer'),
      schema: {
        tags: ['plans'],
        summary:
          'What will be done on the first boot, in order, and which line of the profile wants it; secrets masked',
        params: NodeParams,
        response: { 200: PlanView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const { product, release, profile, modules } = await planOfNode(journey, node);
      return {
        node: node.fqdn,
        product,
        release,
        profile: profile.name,
        profileVersion: profile.version,
        modules: modules.map((module) => ({
          ...module,
          requires: [...module.requires],
          after: [...module.after],
          parameters: module.parameters.map(({ path, value, origin }) => ({ path, value, origin: origin ?? null })),
        })),
      };
    },
  );

  app.get(
    '/api/v1/nodes/:id/plan/diff',
    {
      ...needs('viewer'),
      schema: {
        tags: ['plans'],
        summary: 'The plan as it would run now, against the one that ran last',
        params: NodeParams,
        response: { 200: PlanDiffView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const { last, profileVersion, changes } = await planDiffOf(journey, node);
      return {
        node: node.fqdn,
        last: last === undefined ? null : { profileVersion: last.profileVersion, at: new Date(last.at).toISOString() },
        profileVersion,
        changes: changes.map(changeView),
      };
    },
  );

  app.get(
    '/api/v1/plans/impact',
    {
      ...needs('viewer'),
      schema: {
        tags: ['plans'],
        summary: 'Installed nodes whose profile wants another plan by now',
        response: { 200: PlanImpactList },
      },
    },
    async () => ({
      items: (await planImpact(journey)).map(({ node, changes }) => ({
        node: node.fqdn,
        changes: changes.map(changeView),
      })),
    }),
  );

  app.post(
    '/api/v1/nodes/:id/plan/export',
    {
      // No Idempotency-Key: it changes nothing, and a script with secrets is not kept for a day.
      ...needs('admin', { keyless: true }),
      schema: {
        tags: ['plans'],
        summary: 'The plan as a script that runs by hand and without this daemon',
        params: NodeParams,
        body: PlanExportInput,
        response: { 200: PlanExportView },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      const { secrets = false } = request.body;
      const { script, left } = await exportPlan(journey, node, secrets);
      if (secrets) await audit(request, 'plan.exported', node.fqdn, { before: null, after: null, secrets });
      return reply.header('Cache-Control', 'no-store').send({ node: node.fqdn, script, left: [...left] });
    },
  );

  app.get(
    '/api/v1/drift',
    {
      ...needs('viewer'),
      schema: {
        tags: ['plans'],
        summary: 'Installed nodes that look at themselves: what no longer holds, since when',
        response: { 200: WatchList },
      },
    },
    async () => ({ items: (await watchedNodes(journey)).map(({ node, watch }) => watchView(node.fqdn, watch)) }),
  );

  app.get(
    '/api/v1/nodes/:id/drift',
    {
      ...needs('viewer'),
      schema: {
        tags: ['plans'],
        summary: 'What no longer holds on a node, since when, and what the difference is',
        params: NodeParams,
        response: { 200: WatchView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const watch = await journey.store.watches.of(node.id);
      if (watch === undefined)
        throw new IronwakeError({
          kind: 'not-found',
          code: 'drift.not-watched',
          message: `${node.fqdn} has not looked at itself yet`,
          remedy: 'A node begins with it some minutes after it was ready.',
        });
      return watchView(node.fqdn, watch);
    },
  );

  app.post(
    '/api/v1/nodes/:id/plan/apply',
    {
      ...needs('operator'),
      schema: {
        tags: ['plans'],
        summary: 'Order the plan, as the profile wants it now: the node fetches it when it asks the next time',
        params: NodeParams,
        response: { 202: WatchView },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      const watch = await orderPlan(journey, node, nameOf(request), ({ run }) =>
        entry(request, 'plan.ordered', node.fqdn, { before: null, after: { run } }),
      );
      return reply.code(202).send(watchView(node.fqdn, watch));
    },
  );
}
