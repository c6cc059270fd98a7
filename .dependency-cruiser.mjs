/**
 * The import table: which room may import which. `npm run check` enforces it; test/core/imports.test.ts shows that a forbidden import fails.
 * No arrow runs up: words (errors, clock, net) <- pure cores <- journey <- adapters <- daemon <- command line. See docs/architecture.md.
 *
 * `may`: any import. `mayType`: `import type` only, words without code. `files` defaults to the directory src/NAME.
 */

/** Files of the two protocol rooms that touch sockets; everything else there is pure. */
const DHCP_SERVER = '^src/dhcp/(server|rarely)[.]ts$';
const TFTP_SERVER = '^src/tftp/(server|session|socket|gso|route|observation|frames)[.]ts$';

const CORES = [
  'net',
  'profiles',
  'media',
  'trust',
  'nodes',
  'runs',
  'answers',
  'postinstall',
  'boot',
  'rules',
  'exports',
  'exchange',
  'webhooks',
];

/** @type {Readonly<Record<string, { files?: string, except?: string, may: readonly string[] | 'all', mayType?: readonly string[] }>>} */
const ROOMS = {
  errors: { files: '^src/errors[.]ts$', may: [] },
  clock: { files: '^src/clock[.]ts$', may: [] },
  log: { files: '^src/log[.]ts$', may: [] },

  net: { may: [] },
  profiles: { may: ['net'] },
  media: { may: [] },
  trust: { may: [] },
  config: { may: ['net'] },

  nodes: { may: ['net'] },
  runs: { may: ['net'] },
  answers: { may: ['net', 'profiles'] },
  // A step report is part of a run's own words.
  postinstall: { may: ['net', 'profiles'], mayType: ['runs'] },

  // Globs are the answers' globs, templates the profiles' templates.
  rules: { may: ['net', 'profiles', 'answers', 'nodes'] },
  exports: { may: ['net'] },
  exchange: { may: [] },
  boot: { may: ['net'], mayType: ['nodes', 'runs'] },
  // The event catalogue and a run's states are part of the contract.
  api: { may: ['net', 'runs', 'exports', 'exchange'], mayType: ['nodes'] },

  // What is sent is what the contract says of an event.
  webhooks: { may: ['runs', 'api', 'trust'] },

  'dhcp codec': { files: '^src/dhcp/', except: DHCP_SERVER, may: ['net'], mayType: ['boot'] },
  'tftp codec': { files: '^src/tftp/', except: TFTP_SERVER, may: ['net'], mayType: ['media'] },

  journey: { may: CORES },

  artefacts: { may: ['net', 'media', 'boot', 'journey'] },
  // It writes what is sent out in the transaction of the event.
  store: { may: ['net', 'runs', 'nodes', 'webhooks'], mayType: ['journey', 'media', 'rules', 'api'] },
  ssh: { may: ['net'], mayType: ['journey'] },
  courier: { may: ['webhooks'], mayType: ['journey'] },
  'dhcp server': { files: DHCP_SERVER, may: ['net', 'dhcp codec', 'boot', 'journey'] },
  'tftp server': { files: TFTP_SERVER, may: ['net', 'tftp codec', 'artefacts'], mayType: ['journey', 'media'] },
  // The schema of a node's report is the post-install engine's; tokens are hashed and keys named before journey hears of them.
  http: {
    may: ['net', 'api', 'exchange', 'journey', 'artefacts', 'postinstall'],
    mayType: ['media', 'runs', 'nodes', 'trust'],
  },

  // The composition root and what it prints: files at the top, beside the ground's.
  daemon: { files: '^src/(?!(errors|clock|log)[.]ts$)[^/]+[.]ts$', may: 'all' },
  // Asks this host and its networks from outside, as the command that it serves: never a server's, the store's or the journey's insides.
  doctor: { may: ['net', 'boot', 'profiles', 'api', 'config', 'dhcp codec'] },
  cli: { may: [...CORES, 'api', 'config', 'doctor', 'daemon', 'dhcp codec', 'tftp codec'] },
};

/** Packages that belong to one room: the day one has to be replaced, that room alone changes. */
const OWNERS = {
  kysely: ['store'],
  'better-sqlite3': ['store'],
  fastify: ['http'],
  commander: ['cli'],
  'cli-table3': ['cli'],
  ssh2: ['ssh'],
  undici: ['courier'],
  dhcp: ['doctor'],
  tftp2: ['doctor'],
  'node-disk-info': ['doctor'],
  pino: ['log'],
  'pino-pretty': ['log'],
  selfsigned: ['trust'],
  unixcrypt: ['trust'],
  'smol-toml': ['answers'],
  koffi: ['net', 'media', 'tftp server', 'trust'],
};

/** Node's modules that a pure room has no use for: time, sockets, processes. */
const IMPURE = '^(node:)?(dgram|http|https|http2|tls|child_process|worker_threads|cluster|os|timers)(/|$)';
const PURE = [
  'profiles',
  'nodes',
  'runs',
  'answers',
  'postinstall',
  'boot',
  'rules',
  'exports',
  'exchange',
  'api',
  'webhooks',
  'dhcp codec',
  'tftp codec',
  'trust',
];

const GROUND = ['errors', 'clock', 'log'];
const ALL_TYPES = ['type-only'];

/**
 * A name that is not in the table is a mistake in it: as a pattern it would match nothing, and forbid nothing.
 * @param {string} name
 */
function room(name) {
  const found = ROOMS[name];
  if (found === undefined) throw new Error(`.dependency-cruiser.mjs names the room '${name}', which is not in ROOMS`);
  return found;
}

/** @param {string} name */
const filesOf = (name) => room(name).files ?? `^src/${name}/`;
/**
 * A room as the `from` of a rule.
 * @param {string} name
 */
const from = (name) => {
  const { except } = room(name);
  return { path: filesOf(name), ...(except === undefined ? {} : { pathNot: except }) };
};
/**
 * Rooms as targets. A codec's pattern covers its server too: that one is taken out again by its own rule below.
 * @param {readonly string[]} names
 */
const targets = (names) => names.map(filesOf);

/** @param {string} name */
function rulesOf(name) {
  const { may, mayType = [] } = room(name);
  if (may === 'all') return [];
  const own = filesOf(name);
  const always = GROUND.includes(name) ? [] : targets(GROUND);
  const anyhow = [own, ...always, ...targets(may)];
  return [
    {
      name: `${name} imports a room that it may not`,
      severity: 'error',
      from: from(name),
      to: { path: '^src/', pathNot: [...anyhow, ...targets(mayType)] },
    },
    ...(mayType.length === 0
      ? []
      : [
          {
            name: `${name} may import types only`,
            severity: 'error',
            from: from(name),
            to: { path: targets(mayType), pathNot: anyhow, dependencyTypesNot: ALL_TYPES },
          },
        ]),
  ];
}

export default {
  forbidden: [
    ...Object.keys(ROOMS).flatMap(rulesOf),
    {
      name: 'a codec imports its server',
      severity: 'error',
      from: { path: '^src/(dhcp|tftp)/', pathNot: [DHCP_SERVER, TFTP_SERVER] },
      to: { path: [DHCP_SERVER, TFTP_SERVER] },
    },
    {
      name: 'only the daemon starts servers',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/[^/]+[.]ts$', '^src/(dhcp|tftp|http)/'] },
      to: { path: [DHCP_SERVER, TFTP_SERVER, '^src/http/'] },
    },
    {
      name: 'a file without a room',
      comment: 'Add the room to the table in .dependency-cruiser.mjs and to docs/architecture.md.',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(ROOMS).map(filesOf) },
      to: {},
    },
    ...Object.entries(OWNERS).map(([name, owners]) => ({
      name: `${name} belongs to ${owners.join(', ')}`,
      severity: 'error',
      from: { path: '^src/', pathNot: targets(owners) },
      to: { path: `(^|/)node_modules/${name}/` },
    })),
    {
      name: 'a pure room reaches for the world',
      severity: 'error',
      // The API's client talks to the daemon through this one file.
      from: { path: targets(PURE), pathNot: [DHCP_SERVER, TFTP_SERVER, '^src/api/transport[.]ts$'] },
      to: { path: IMPURE, dependencyTypes: ['core'] },
    },
    {
      name: 'the product imports tests or scripts',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts)/' },
    },
    {
      name: 'the product imports a development dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ALL_TYPES, pathNot: 'node_modules/@types/' },
    },
    {
      name: 'set-up scripts run before anything is installed',
      severity: 'error',
      from: { path: '^scripts/.*[.]js$' },
      to: { pathNot: '^scripts/.*[.]js$', dependencyTypesNot: ['core'] },
    },
    {
      name: 'a package that package.json does not list',
      severity: 'error',
      from: { path: '^(src|scripts)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'a file that does not exist', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'a circle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ALL_TYPES } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    moduleSystems: ['es6'],
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
    skipAnalysisNotInRules: false,
  },
};
