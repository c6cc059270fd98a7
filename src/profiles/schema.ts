/** The shape of a profile's file. The sections of `answer` and the parameters of modules are checked by the rooms that own them. */
import { type TSchema, Type } from '@sinclair/typebox';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { ProfileFinding } from './finding.ts';
import { isMap, isSecretReference, type PlainMap } from './merge.ts';
import { nearest } from './nearest.ts';
import { VALUE_TYPES } from './value-types.ts';

/** A profile's name is its file's name without `.yaml`. One that begins with `_` is only there to be extended. */
export const PROFILE_NAME = /^_?[a-z0-9][a-z0-9-]{0,62}$/;

/** A node's tag; `tags/NAME.yaml` goes over the profile of every node that has it. */
export const TAG_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** A layer may remove what a parent set, therefore `null` everywhere. */
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false };
const MapOfMaps = Type.Record(Type.String(), orNull(Type.Record(Type.String(), Type.Unknown())));

const KernelArgs = Type.Array(
  Type.String({ pattern: '^[!-~]{1,200}$', description: 'One word of printable ASCII for each entry.' }),
  { maxItems: 32, description: "Words for the installer's kernel command line; most of them stay on the node." },
);

const InstallSchema = Type.Object(
  {
    expiresMinutes: Type.Optional(
      orNull(
        Type.Integer({ minimum: 1, maximum: 10_080, description: 'An armed run ends after this; at most a week.' }),
      ),
    ),
    kernelArgs: Type.Optional(orNull(KernelArgs)),
    'kernelArgs+': Type.Optional(KernelArgs),
    release: Type.Optional(orNull(Type.Union([Type.Literal('auto'), Type.Literal('confirm')]))),
    allowSecretsInAnswer: Type.Optional(orNull(Type.Boolean())),
    rootPassword: Type.Optional(
      orNull(
        Type.Union(
          [
            Type.Literal('once'),
            Type.Literal('never'),
            Type.Object({ secret: Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' }) }, closed),
          ],
          {
            description:
              'What the installer sets: a random password that an admin may read once (once) or nobody (never), or that of a secret, whose hash then stands in the answer (needs allowSecretsInAnswer).',
          },
        ),
      ),
    ),
  },
  closed,
);

const VALUE_NAME = '^[A-Za-z][A-Za-z0-9_-]{0,62}\\+?$';
const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const ValuesSchema = Type.Record(
  Type.String({ pattern: VALUE_NAME }),
  orNull(Type.Union([Scalar, Type.Array(Scalar, { maxItems: 100 })])),
  {
    ...closed,
    description: 'Values for templates: {{values.NAME}}. A name is letters, digits, hyphens and underscores.',
  },
);

const TypeSchema = Type.Object(
  {
    type: Type.Union(VALUE_TYPES.map((name) => Type.Literal(name))),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    minimum: Type.Optional(Type.Integer()),
    maximum: Type.Optional(Type.Integer()),
    choices: Type.Optional(Type.Array(Scalar, { minItems: 1, maxItems: 100 })),
    example: Type.Optional(Scalar),
  },
  {
    ...closed,
    description:
      'type, and if wanted minimum, maximum, choices, description, and an example for checks without a node.',
  },
);

const PoolSchema = Type.Object(
  {
    range: Type.String({
      maxLength: 60,
      description: 'First and last address, 192.0.2.20-192.0.2.99, or a network, 192.0.2.0/24.',
    }),
    except: Type.Optional(Type.Array(Type.String({ maxLength: 60 }), { maxItems: 1000 })),
  },
  { ...closed, description: 'range, and if wanted except: a list of addresses that nobody may get.' },
);

const CounterSchema = Type.Object(
  {
    from: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999 })),
    to: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999 })),
    width: Type.Optional(Type.Integer({ minimum: 1, maximum: 9, description: 'Digits; zeros go before.' })),
  },
  { ...closed, description: 'from (1), to (9999) and width; {} is a counter from 1.' },
);
const named = <T extends TSchema>(schema: T, description: string) =>
  Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,62}$' }), orNull(schema), { ...closed, description });

/** What a layer over a profile can say: a tag's file, and most of a profile. */
const LayerProperties = {
  description: Type.Optional(orNull(Type.String({ maxLength: 500 }))),
  values: Type.Optional(orNull(ValuesSchema)),
  answer: Type.Optional(orNull(MapOfMaps)),
  postInstall: Type.Optional(orNull(MapOfMaps)),
  install: Type.Optional(orNull(InstallSchema)),
};

export const ProfileSchema = Type.Object(
  {
    ...LayerProperties,
    extends: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 16 })])),
    mixins: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 16 })])),
    types: Type.Optional(orNull(named(TypeSchema, 'What a value must be, by its name.'))),
    pools: Type.Optional(
      orNull(named(PoolSchema, 'Ranges of which each node gets an address of its own: {{pool.NAME}}.')),
    ),
    counters: Type.Optional(
      orNull(named(CounterSchema, 'Numbers of which each node gets one of its own: {{counter.NAME}}.')),
    ),
    product: Type.Optional(
      orNull(Type.Union([Type.Literal('pve'), Type.Literal('pbs'), Type.Literal('pmg'), Type.Literal('pdm')])),
    ),
    release: Type.Optional(
      orNull(Type.String({ pattern: '^\\d{1,3}\\.\\d{1,3}$', description: 'Write it as text, in quotes: "9.2".' })),
    ),
  },
  { ...closed, title: 'Ironwake profile' },
);

/** `tags/NAME.yaml`: goes over the profile of every node that has the tag. */
export const TagSchema = Type.Object(LayerProperties, { ...closed, title: 'Ironwake tag' });

/** Values of one node that go over its profile; `network` is short for `answer.network` with a static address. */
export const NodeValuesSchema = Type.Object(
  {
    network: Type.Optional(
      Type.Object(
        {
          cidr: Type.String(),
          gateway: Type.Optional(Type.String()),
          dns: Type.Optional(Type.String()),
          filter: Type.Optional(Type.Record(Type.String(), Type.String())),
        },
        closed,
      ),
    ),
    values: Type.Optional(ValuesSchema),
    answer: Type.Optional(MapOfMaps),
    postInstall: Type.Optional(MapOfMaps),
  },
  { ...closed, title: 'Values of a node' },
);

/**
 * Compiled when first needed: a command that reads no profile does not pay for it, nor a daemon without tags for theirs. The schemas are right by a
 * test, and a check is made once and run now and then: looking at them again and polishing the code takes longer than it saves.
 */
function checkOf(schema: TSchema): () => ValidateFunction {
  let made: ValidateFunction | undefined;
  return () => {
    ajv ??= new Ajv({ allErrors: true, strict: true, verbose: true, validateSchema: false, code: { optimize: false } });
    made ??= ajv.compile(schema);
    return made;
  };
}

let ajv: Ajv | undefined;
const checkProfile = checkOf(ProfileSchema);
const checkTag = checkOf(TagSchema);
const checkValues = checkOf(NodeValuesSchema);

/** What is wrong with the shape of a profile, and values that have no place in one. */
export function checkProfileShape(body: unknown): ProfileFinding[] {
  if (!isMap(body)) return [notAMap('A profile is a map', 'Begin with a line such as "answer:".')];
  return [...shapeFindings(checkProfile(), body), ...appends(body, []), ...misplaced(body, ['answer'])];
}

/** The same for the file of a tag. */
export function checkTagShape(body: unknown): ProfileFinding[] {
  if (!isMap(body)) return [notAMap('A tag is a map', 'Begin with a line such as "answer:".')];
  return [...shapeFindings(checkTag(), body), ...appends(body, []), ...misplaced(body, ['answer'])];
}

/** The same for the values of a node. */
export function checkNodeValuesShape(values: unknown): ProfileFinding[] {
  if (!isMap(values)) return [notAMap('The values of a node are a map', 'Write for example { "network": { ... } }.')];
  return [...shapeFindings(checkValues(), values), ...appends(values, []), ...misplaced(values, ['answer'])];
}

/** `key+` appends a list, and it is clear to what. */
function appends(map: PlainMap, path: readonly string[]): ProfileFinding[] {
  return Object.entries(map).flatMap(([key, value]) => {
    const at = [...path, key];
    if (isMap(value)) return appends(value, at);
    if (key.length < 2 || !key.endsWith('+')) return [];
    const target = key.slice(0, -1);
    const name = target.slice(0, 60);
    if (!Array.isArray(value)) {
      return [shape(at, `'${name}+' appends to a list, and this is none`, `Write a list, or '${name}' without the +.`)];
    }
    if (!Object.hasOwn(map, target)) return [];
    return [shape(at, `'${name}' and '${name}+' stand side by side`, `Write all of it under '${name}'.`)];
  });
}

function notAMap(message: string, remedy: string): ProfileFinding {
  return { code: 'profile.shape', severity: 'error', path: [], message, remedy };
}

function shapeFindings(validate: ValidateFunction, value: unknown): ProfileFinding[] {
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  // A union reports each of its branches and then itself: the branch that is not `null` says what was meant.
  const told = errors.filter((error) => error.keyword !== 'anyOf' && error.keyword !== 'const' && !isNullBranch(error));
  const constants = errors.filter((error) => error.keyword === 'const');
  const findings = told.map((error) => describe(error));
  for (const path of new Set(constants.map((error) => error.instancePath))) {
    const values = constants
      .filter((error) => error.instancePath === path)
      .map((error) => String(error.params.allowedValue));
    findings.push(
      shape(partsOf(path), `This must be one of ${values.join(', ')}`, `Write one of ${values.join(', ')}.`),
    );
  }
  return findings.filter((found, i) => findings.findIndex((other) => same(found, other)) === i);
}

function same(a: ProfileFinding, b: ProfileFinding): boolean {
  return a.path.join('\0') === b.path.join('\0') && a.message === b.message;
}

function isNullBranch(error: ErrorObject): boolean {
  return error.keyword === 'type' && error.params.type === 'null';
}

function partsOf(instancePath: string): string[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function shape(path: readonly string[], message: string, remedy: string): ProfileFinding {
  return { code: 'profile.shape', severity: 'error', path, message, remedy };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function describe(error: ErrorObject): ProfileFinding {
  const path = partsOf(error.instancePath);
  if (error.keyword === 'additionalProperties') {
    const key = String(error.params.additionalProperty);
    const known = Object.keys(error.parentSchema?.properties ?? {});
    const close = nearest(key, known);
    return {
      code: 'profile.unknown-key',
      severity: 'error',
      path: [...path, key],
      message: `There is no key '${key.slice(0, 60)}' here`,
      remedy: close === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${close}?`,
    };
  }
  if (error.keyword === 'type') {
    const wanted = TYPE_WORDS[String(error.params.type)] ?? String(error.params.type);
    const hint = typeof error.data === 'number' && wanted === 'text' ? ` Put it in quotes: "${error.data}".` : '';
    const [first, module] = path;
    if (first === 'postInstall' && module !== undefined && path.length === 2) {
      const name = module.slice(0, 60);
      return shape(
        path,
        `This must be ${wanted}`,
        `Write ${name}: {} for its defaults, ${name}: null to leave out a parent's.`,
      );
    }
    return shape(path, `This must be ${wanted}`, `Write ${wanted}.${hint}`);
  }
  return shape(
    path,
    `This ${error.message ?? 'is not allowed'}`,
    String(error.parentSchema?.description ?? 'Correct the value.'),
  );
}

/** Sections that Ironwake writes itself for each run. */
const OWN_SECTIONS: readonly string[] = ['post-installation-webhook', 'first-boot'];

/** What a profile must not say: a clear password, and what belongs to the node or the run. */
function misplaced(body: unknown, path: readonly string[]): ProfileFinding[] {
  const answer = isMap(body) ? body.answer : undefined;
  if (!isMap(answer)) return [];
  const findings: ProfileFinding[] = [];
  for (const section of OWN_SECTIONS.filter((name) => Object.hasOwn(answer, name))) {
    findings.push({
      code: 'profile.own-section',
      severity: 'error',
      path: [...path, section],
      message: `[${section}] is written by Ironwake for each run`,
      remedy: 'Remove it; steps of the first boot belong under postInstall.',
    });
  }
  const global = answer.global;
  if (!isMap(global)) return findings;
  for (const key of Object.keys(global)) {
    const value = global[key];
    const at = [...path, 'global', key];
    if (key.replaceAll('_', '-').replace(/\+$/, '') === 'root-password' && value !== null) {
      findings.push(rootPassword(at, isSecretReference(value)));
    }
    if (key === 'fqdn') {
      findings.push({
        code: 'profile.fqdn',
        severity: 'error',
        path: at,
        message: 'The host name belongs to the node, not to its profile',
        remedy: "Remove it; it is given with 'npx ironwake node add --fqdn'.",
      });
    }
  }
  return findings;
}

/** The answer travels before the node can prove itself, so root has a random password until the plan sets another. */
function rootPassword(path: readonly string[], isReference: boolean): ProfileFinding {
  const remedy = 'Write it under postInstall: admin-user: { rootPassword: { secret: NAME } }';
  if (isReference) {
    return {
      code: 'profile.root-password',
      severity: 'error',
      path,
      message: 'The answer never holds a password of yours: root has a random one until the plan sets another',
      remedy: `${remedy}.`,
    };
  }
  return {
    code: 'profile.clear-password',
    severity: 'error',
    path,
    message: 'A password in clear text has no place in a profile',
    remedy: `Remove it: root has a random one for each run. For your own: npx ironwake secret set NAME. ${remedy}.`,
  };
}
