/** The contract of rules: what registers machines that nobody registered one by one. */
import { type Static, Type } from '@sinclair/typebox';
import { nodeFields } from './schemas.ts';
import { closed, listOf, maybe, time } from './words.ts';

const Name = Type.String({ minLength: 1, maxLength: 63, examples: ['rack-a'] });

const gives = {
  fqdn: Type.String({
    minLength: 1,
    maxLength: 300,
    description: 'Template of the name: {{counter.NAME}}, {{serial}}, {{mac}}, {{uuid}}, {{arch}}, {{site}}.',
    examples: ['pve{{counter.rack}}.lab.example'],
  }),
  profile: Type.String({ minLength: 1, maxLength: 100, examples: ['default'] }),
};

export const RuleInput = Type.Object(
  {
    name: Name,
    priority: Type.Optional(
      Type.Integer({ minimum: -1000, maximum: 1000, default: 0, description: 'The highest is tried first.' }),
    ),
    when: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 512, examples: ['mac:bc:24:11:*'] }), {
        maxItems: 16,
        description: 'All must hold: `mac:GLOB`, or a JSON Pointer, `=`, and a glob; a segment `*` is any element.',
      }),
    ),
    default: Type.Optional(
      Type.Boolean({ description: 'It has no conditions: every machine that no other rule takes.' }),
    ),
    gives: Type.Object(
      {
        ...gives,
        tags: Type.Optional(nodeFields.tags),
        values: Type.Optional(nodeFields.values),
        installPolicy: Type.Optional(nodeFields.installPolicy),
      },
      closed,
    ),
    mayArm: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether what it registers is also armed, once.' }),
    ),
    machines: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, default: 32, description: 'How many it may register in all.' }),
    ),
    // Read by the journey, which says in words what is wrong with it.
    expiresAt: Type.Optional(
      Type.String({
        maxLength: 40,
        description: 'RFC 3339: from when on it matches nothing.',
        examples: ['2999-01-15T08:00:00.000Z'],
      }),
    ),
  },
  closed,
);
export type RuleInput = Static<typeof RuleInput>;

export const RuleView = Type.Object(
  {
    name: Name,
    revision: Type.Integer(),
    state: Type.Union([Type.Literal('active'), Type.Literal('expired'), Type.Literal('full')]),
    priority: Type.Integer(),
    when: Type.Array(Type.String()),
    default: Type.Boolean(),
    gives: Type.Object(
      { ...gives, tags: nodeFields.tags, values: nodeFields.values, installPolicy: nodeFields.installPolicy },
      closed,
    ),
    mayArm: Type.Boolean(),
    machines: Type.Integer(),
    registered: Type.Integer({ description: 'How many it has registered, also those that are gone since.' }),
    expiresAt: maybe(time('From when on it matches nothing.')),
    createdAt: time('When it was added.'),
    createdBy: Type.String({ description: 'Name of the token.' }),
  },
  closed,
);
export type RuleView = Static<typeof RuleView>;
export const RuleList = listOf(RuleView);

export const RuleImport = Type.Object({ items: Type.Array(RuleInput, { minItems: 1, maxItems: 1000 }) }, closed);
export type RuleImport = Static<typeof RuleImport>;

export const RuleParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }, closed);

/** A rule that is there, by name, or one that is not there yet. */
export const RuleTrial = Type.Object({ name: Type.Optional(Name), rule: Type.Optional(RuleInput) }, closed);
export type RuleTrial = Static<typeof RuleTrial>;

const because = Type.Union(
  [
    Type.Literal('matches'),
    Type.Literal('condition'),
    Type.Literal('expired'),
    Type.Literal('full'),
    Type.Literal('retired'),
  ],
  { description: '`retired`: a port of a node that was replaced, archived or removed; only a person takes it in.' },
);
const conditions = Type.Array(
  Type.Object(
    {
      condition: Type.String(),
      holds: Type.Boolean(),
      found: Type.Array(Type.String(), { description: 'What stood there; empty: nothing is known.' }),
    },
    closed,
  ),
);

export const RuleTrialView = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          mac: Type.String(),
          node: maybe(Type.String({ description: 'Registered already: no rule touches it.' })),
          because,
          conditions,
          first: maybe(Type.String({ description: 'The rule that would act on it, if it were no node.' })),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type RuleTrialView = Static<typeof RuleTrialView>;

export const RuleVerdictsView = Type.Object(
  {
    mac: Type.String(),
    node: maybe(Type.String()),
    known: Type.Boolean({ description: 'Whether it was ever seen.' }),
    items: Type.Array(Type.Object({ rule: Type.String(), because, conditions }, closed), {
      description: 'In the order in which they are tried: the first that matches acts.',
    }),
  },
  closed,
);
export type RuleVerdictsView = Static<typeof RuleVerdictsView>;
