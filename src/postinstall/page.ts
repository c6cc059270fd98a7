/** docs/modules.md, made from the modules themselves. */
import type { TSchema } from '@sinclair/typebox';
import { type PostInstallModule, PRODUCTS, type Product } from './module.ts';
import { MODULES } from './modules/index.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const PRODUCT_NAMES: Readonly<Record<Product, string>> = {
  pve: 'Proxmox VE',
  pbs: 'Backup Server',
  pmg: 'Mail Gateway',
  pdm: 'Datacenter Manager',
};

/** One parameter of a module, as a person reads it. */
export interface ParameterRow {
  /** With dots; `[]` stands for each item of a list: `bridges[].name`. */
  readonly path: string;
  /** `text`, `whole number, 1 to 20`, `` `a` `b` ``. */
  readonly type: string;
  /** As JSON; undefined when there is none. */
  readonly standard: string | undefined;
  readonly required: boolean;
  readonly description: string;
}

/** Every parameter of a module, those inside of tables and lists too, in the order of the schema. */
export function parameterRows(module: PostInstallModule): readonly ParameterRow[] {
  return rowsOf(module.parameters, '');
}

function rowsOf(schema: TSchema, prefix: string): readonly ParameterRow[] {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, TSchema>>;
  const required = (schema.required ?? []) as readonly string[];
  return Object.entries(properties).flatMap(([key, below]) => {
    const path = `${prefix}${key}`;
    const row: ParameterRow = {
      path,
      type: typeOf(below),
      standard: below.default === undefined ? undefined : JSON.stringify(below.default),
      required: required.includes(key) && below.default === undefined,
      description: below.description ?? '',
    };
    const items = (below.items ?? {}) as TSchema;
    return [row, ...rowsOf(below, `${path}.`), ...rowsOf(items, `${path}[].`)];
  });
}

function typeOf(schema: TSchema): string {
  const options = schema.anyOf as readonly TSchema[] | undefined;
  if (options !== undefined) {
    const all = options.map(typeOf);
    return all.join(options.every((option) => option.const !== undefined) ? ' ' : ' or ');
  }
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'integer':
    case 'number': {
      const bounds = [schema.minimum, schema.maximum].filter((bound) => bound !== undefined);
      return bounds.length === 2 ? `whole number, ${bounds.join(' to ')}` : 'whole number';
    }
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list of ${typeOf((schema.items ?? {}) as TSchema)}`;
    case 'object':
      return schema.properties === undefined ? 'table by name' : 'table';
    default:
      return 'any value';
  }
}

/** The whole page. */
export function modulesPage(modules: readonly PostInstallModule[] = MODULES): string {
  return [
    '# Modules of the post-install plan',
    '',
    '<!-- Made by scripts/modules-page.ts from src/postinstall/modules; change it there. -->',
    '',
    'What a profile may declare under `postInstall:`, in the order in which it runs where nothing says otherwise. `{}` takes the defaults, `false` leaves a',
    'module out that a parent has. How a plan is shown, exported, applied again and watched: [plan.md](plan.md). How to write one: [CONTRIBUTING](../CONTRIBUTING.md).',
    '',
    `| module | what | ${PRODUCTS.map((product) => PRODUCT_NAMES[product]).join(' | ')} | belongs to |`,
    `| --- | --- | ${PRODUCTS.map(() => '---').join(' | ')} | --- |`,
    ...modules.map(
      ({ name, title, supports, scope }) =>
        `| [${name}](#${name}) | ${cell(title)} | ${PRODUCTS.map((product) => supports[product]?.join(', ') ?? '–').join(' | ')} | ${scope} |`,
    ),
    '',
    ...modules.flatMap(section),
  ].join('\n');
}

function section(module: PostInstallModule): readonly string[] {
  const rows = parameterRows(module);
  const names = (list: readonly string[]) => list.map((name) => `\`${name}\``).join(', ');
  return [
    `## ${module.name}`,
    '',
    `${module.title}. ${module.why}`,
    '',
    ...(module.requires.length === 0
      ? []
      : [`Skipped when one of these is in the plan and failed: ${names(module.requires)}.`, '']),
    ...(module.after.length === 0 ? [] : [`Runs after ${names(module.after)}.`, '']),
    ...(module.scope === 'cluster'
      ? ['Belongs to the cluster: its nodes run it one at a time, and whoever comes second finds it done.', '']
      : []),
    ...(rows.length === 0
      ? ['No parameters.', '']
      : [
          '| parameter | type | default | meaning |',
          '| --- | --- | --- | --- |',
          ...rows.map(
            ({ path, type, standard, required, description }) =>
              `| \`${path}\` | ${cell(type)} | ${required ? '**required**' : standard === undefined ? '' : `\`${cell(standard)}\``} | ${cell(description)} |`,
          ),
          '',
        ]),
    '| shown by | on |',
    '| --- | --- |',
    ...module.proof.map(({ test, on }) => `| \`test/${test}.test.ts\` | ${cell(on)} |`),
    '',
  ];
}
