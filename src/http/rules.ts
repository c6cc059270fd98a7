/** TLS: rules, which register machines that nobody registered one by one. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  RuleImport,
  RuleInput,
  RuleList,
  RuleParams,
  RuleTrial,
  RuleTrialView,
  RuleVerdictsView,
  RuleView,
} from '../api/rules.ts';
import { MacParams, Nothing } from '../api/schemas.ts';
import { invalid } from '../errors.ts';
import type { Journey } from '../journey/journey.ts';
import {
  addRule,
  allRules,
  changeRule,
  importRules,
  type NewRule,
  type RuleAudit,
  removeRule,
  ruleCalled,
  ruleState,
  rulesAbout,
  toldOf,
  tryRule,
} from '../journey/rules.ts';
import { parseMac } from '../net/mac.ts';
import { guardOf } from './identity.ts';
import { etagOf, isKnown, revisionAsked } from './preconditions.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

type Rule = Awaited<ReturnType<typeof ruleCalled>>;

export function registerRules(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, nameOf, entry } = guardOf(journey);
  const { store, clock } = journey;
  const viewOf = (rule: Rule) => ruleView(rule, clock.now());
  const told =
    (request: FastifyRequest): RuleAudit =>
    (before, after) => {
      const action = before === undefined ? 'rule.added' : after === undefined ? 'rule.removed' : 'rule.changed';
      return entry(request, action, (after ?? before)?.name ?? '?', { before: toldOf(before), after: toldOf(after) });
    };

  app.get(
    '/api/v1/rules',
    {
      ...needs('viewer'),
      schema: {
        tags: ['rules'],
        summary: 'All rules, in the order in which they are tried',
        response: { 200: RuleList },
      },
    },
    async () => ({ items: (await allRules(store)).map(viewOf) }),
  );

  app.post(
    '/api/v1/rules',
    {
      ...needs('admin'),
      schema: { tags: ['rules'], summary: 'Add a rule', body: RuleInput, response: { 201: RuleView } },
    },
    async (request, reply) => {
      const rule = await addRule(journey, newRule(request.body), nameOf(request), told(request));
      return reply.code(201).header('Location', `/api/v1/rules/${rule.name}`).send(viewOf(rule));
    },
  );

  app.post(
    '/api/v1/rules/import',
    {
      ...needs('admin'),
      bodyLimit: 8 * 1024 * 1024,
      schema: {
        tags: ['rules'],
        summary: 'Add or replace rules by name, all of them or none',
        body: RuleImport,
        response: { 200: RuleList },
      },
    },
    async (request) => {
      const rules = await importRules(journey, request.body.items.map(newRule), nameOf(request), told(request));
      return { items: rules.map(viewOf) };
    },
  );

  app.post(
    '/api/v1/rules/test',
    {
      ...needs('viewer', { keyless: true }),
      schema: {
        tags: ['rules'],
        summary: 'Which known machines a rule matches, and why not the others; nothing is written',
        body: RuleTrial,
        response: { 200: RuleTrialView },
      },
    },
    async (request) => {
      const { name, rule } = request.body;
      if ((name === undefined) === (rule === undefined)) {
        throw invalid('rule.which', 'name', 'one of name and rule is needed', 'Name a rule, or send one.');
      }
      const found = await tryRule(journey, rule === undefined ? (name ?? '') : newRule(rule));
      return {
        items: found.map(({ mac, node, verdict, first }) => ({
          mac,
          node: node ?? null,
          ...verdictView(verdict),
          first: first ?? null,
        })),
      };
    },
  );

  app.get(
    '/api/v1/rules/explain/:mac',
    {
      ...needs('viewer'),
      schema: {
        tags: ['rules'],
        summary: 'What every rule says of one machine',
        params: MacParams,
        response: { 200: RuleVerdictsView },
      },
    },
    async (request) => {
      const mac = parseMac(request.params.mac);
      const { node, known, verdicts } = await rulesAbout(journey, mac);
      return {
        mac,
        node: node?.fqdn ?? null,
        known,
        items: verdicts.map((verdict) => ({ rule: verdict.rule.name, ...verdictView(verdict) })),
      };
    },
  );

  app.get(
    '/api/v1/rules/:name',
    {
      ...needs('viewer', { conditional: true }),
      schema: { tags: ['rules'], summary: 'One rule', params: RuleParams, response: { 200: RuleView } },
    },
    async (request, reply) => {
      const rule = await ruleCalled(store, request.params.name);
      if (isKnown(request, reply, etagOf(rule.revision, rule.registered, ruleState(rule, clock.now())))) return reply;
      return viewOf(rule);
    },
  );

  app.put(
    '/api/v1/rules/:name',
    {
      ...needs('admin', { conditional: true }),
      schema: {
        tags: ['rules'],
        summary: 'Replace a rule; what it has counted stays',
        params: RuleParams,
        body: RuleInput,
        response: { 200: RuleView },
      },
    },
    async (request) => {
      const { name } = request.params;
      const input = newRule(request.body);
      return viewOf(await changeRule(journey, name, input, nameOf(request), revisionAsked(request), told(request)));
    },
  );

  app.delete(
    '/api/v1/rules/:name',
    {
      ...needs('admin', { conditional: true }),
      schema: {
        tags: ['rules'],
        summary: 'Remove a rule; what it registered stays',
        params: RuleParams,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      await removeRule(journey, request.params.name, revisionAsked(request), told(request));
      return reply.code(204).send();
    },
  );
}

/** @throws IronwakeError `rule.malformed` for a time that is none */
function newRule({ expiresAt, ...input }: RuleInput): NewRule {
  if (expiresAt === undefined) return input;
  const at = Date.parse(expiresAt);
  if (Number.isFinite(at)) return { ...input, expiresAt: at };
  throw invalid('rule.malformed', 'expiresAt', 'this is no time', 'Write it like 2027-01-15T08:00:00Z.');
}

function ruleView(rule: Rule, now: number): RuleView {
  const { name, revision, priority, conditions, gives, mayArm, machines, registered, createdBy } = rule;
  return {
    name,
    revision,
    state: ruleState(rule, now),
    priority,
    when: [...conditions],
    default: conditions.length === 0,
    gives: { ...gives, tags: [...gives.tags], values: { ...gives.values } },
    mayArm,
    machines,
    registered,
    expiresAt: rule.expiresAt === undefined ? null : new Date(rule.expiresAt).toISOString(),
    createdAt: new Date(rule.createdAt).toISOString(),
    createdBy,
  };
}

type Verdict = Awaited<ReturnType<typeof rulesAbout>>['verdicts'][number];

function verdictView({ because, conditions }: Verdict) {
  return {
    because,
    conditions: conditions.map(({ condition, holds, found }) => ({ condition, holds, found: [...found] })),
  };
}
