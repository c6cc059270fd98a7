/**
 * The contract of the HTTP API, once: the server checks and documents with these schemas, the client and the command line take their types
 * from here. Times are RFC 3339 in UTC. Schemas hold shapes and lengths; what a MAC or a name may be, the journey says, in sentences.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { EXCHANGE_FORMATS } from '../exchange/rows.ts';
import { EXPORT_NAMES } from '../exports/format-names.ts';
import { closed, listOf, maybe, time } from './words.ts';

export const pagedListOf = <T extends TSchema>(item: T) =>
  Type.Object(
    {
      items: Type.Array(item),
      next: maybe(Type.String({ description: 'Cursor of the next page; null on the last.' })),
    },
    closed,
  );
/** What every list in pages is asked with. */
export const page = {
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description: '`next` of the page before.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Rows of a page.' })),
};
export const PageQuery = Type.Object(page, closed);
const Sha256 = Type.String({ pattern: '^[0-9a-fA-F]{64}$', examples: ['ab'.repeat(32)] });
const FQDN = ['pve1.lab.example'];
const MAC = ['bc:24:11:00:00:01'];
const Id = Type.String({
  description: 'Opaque; never used twice.',
  examples: ['0199b6a4-7d4e-7c58-9c3a-0f6f8c1d2e3a'],
});

/** RFC 9457. Every refusal of the API looks like this, as application/problem+json. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'What happened.' }),
  code: Type.String({ description: 'Stable, for programs: `node.mac-taken`.' }),
  remedy: Type.String({ description: 'What to do about it.' }),
  field: Type.Optional(Type.String({ description: 'The field that is wrong.' })),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        line: Type.Integer(),
        field: Type.Optional(Type.String()),
        code: Type.String(),
        message: Type.String(),
        remedy: Type.String(),
      }),
      { description: 'Of a file: everything that is wrong in it, line by line.' },
    ),
  ),
  reference: Type.Optional(Type.String({ description: 'Number under which the timeline tells the reason.' })),
});
export type Problem = Static<typeof Problem>;

/** Of an answer without a body. */
export const Nothing = Type.Unsafe<undefined>({ type: 'null', description: 'Done.' });
/** Of an answer that is no JSON. */
export const Bytes = Type.Unsafe<NodeJS.ReadableStream>({ type: 'string', format: 'binary', description: 'A file.' });
export const Text = Type.Unsafe<string>({ type: 'string', description: 'A text for another program.' });
export const EventStream = Type.Unsafe<never>({ type: 'string', description: 'Events `timeline` and `run`.' });
export const JsonSchema = Type.Unsafe<string>({ type: 'object', description: 'A JSON Schema.' });

/** What an administrator may say of a node beside its name, its ports and its profile. */
export const nodeFields = {
  tags: Type.Array(Type.String({ minLength: 1, maxLength: 63, examples: ['rack-a'] }), {
    maxItems: 32,
    description: 'Labels; tags/NAME.yaml beside the profiles goes over the profile of every node with the tag.',
  }),
  values: Type.Record(Type.String(), Type.Unknown(), {
    description: "What goes over the profile for this node, in the profile's own shape.",
  }),
  notes: Type.String({ maxLength: 8192, description: 'Free text.', examples: ['loaned from the test rack'] }),
  installPolicy: Type.Union([Type.Literal('once'), Type.Literal('always'), Type.Literal('never')], {
    description:
      '`always`: armed again at the next netboot after each installation that was ready. `never`: cannot be armed.',
  }),
  protected: Type.Boolean({ description: 'Arming is refused until the protection is taken away.' }),
};

export const NodeInput = Type.Object(
  {
    mac: Type.Optional(
      Type.String({ maxLength: 40, description: 'In any usual notation; or several in `macs`.', examples: MAC }),
    ),
    macs: Type.Optional(Type.Array(Type.String({ maxLength: 40, examples: MAC }), { minItems: 1, maxItems: 64 })),
    fqdn: Type.String({ minLength: 1, maxLength: 300, examples: FQDN }),
    profile: Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Name of a profile: its file without .yaml.',
      examples: ['default'],
    }),
    tags: Type.Optional(nodeFields.tags),
    values: Type.Optional(nodeFields.values),
    notes: Type.Optional(nodeFields.notes),
    installPolicy: Type.Optional(nodeFields.installPolicy),
    protected: Type.Optional(nodeFields.protected),
  },
  closed,
);
export type NodeInput = Static<typeof NodeInput>;

export const NodeDetails = Type.Object(
  {
    id: Id,
    fqdn: Type.String({ examples: FQDN }),
    macs: Type.Array(Type.String({ examples: MAC })),
    profile: Type.String({ examples: ['default'] }),
    tags: Type.Optional(Type.Array(Type.String({ examples: ['rack-a'] }))),
    values: Type.Record(Type.String(), Type.Unknown()),
    notes: Type.Optional(Type.String()),
    installPolicy: Type.Optional(nodeFields.installPolicy),
    protected: Type.Optional(Type.Boolean()),
    archivedAt: Type.Optional(time('Since when it is out of the lists; absent for a node that is not.')),
    formerMacs: Type.Optional(Type.Array(Type.String(), { description: 'The ports that an archived node had.' })),
    site: Type.String(),
    revision: Type.Integer(),
    createdAt: time('When it was registered.'),
    rule: Type.Optional(
      Type.String({
        description: 'The rule that registered it; absent when a person did, or when the rule is gone.',
        examples: ['rack-a'],
      }),
    ),
  },
  closed,
);
export type NodeDetails = Static<typeof NodeDetails>;

export const RunView = Type.Object(
  {
    id: Id,
    state: Type.String({ examples: ['installing'] }),
    ended: Type.Boolean({ description: 'Nothing leaves this state any more.' }),
    contested: Type.Boolean(),
    failure: maybe(Type.String({ description: 'Code of the reason, for `failed`.' })),
    mediaId: Sha256,
    profile: Type.String({ examples: ['default'] }),
    armedAt: time('When an administrator armed it.'),
    stateSince: time('Since when it is in this state.'),
    deadlineAt: maybe(time('When it counts as stalled, or expires while it is only armed.')),
    endedAt: maybe(time('When it ended.')),
    stalledSince: maybe(time('Since when nothing has been heard that should have been.')),
    address: maybe(Type.String({ description: 'Where the installer runs, once that is known.' })),
    progress: maybe(
      Type.Object(
        { sentBytes: Type.Integer(), totalBytes: Type.Integer() },
        { ...closed, description: 'The image on its way to the machine.' },
      ),
    ),
    withheld: Type.Optional(
      Type.Array(Type.String(), { description: 'Modules of the plan that wait for the confirmation code.' }),
    ),
    fingerprints: Type.Array(Type.String(), { description: "The node's SSH host keys, SHA256:..., once reported." }),
  },
  closed,
);
export type RunView = Static<typeof RunView>;

export const EventView = Type.Object(
  {
    id: Type.Integer({ description: 'Rises with time: the cursor of the feed.' }),
    at: time('When it happened.'),
    mac: maybe(Type.String()),
    nodeId: maybe(Type.String()),
    runId: maybe(Type.String()),
    code: Type.String({ examples: ['run.armed'] }),
    severity: Type.Union([Type.Literal('info'), Type.Literal('good'), Type.Literal('warning'), Type.Literal('alarm')]),
    text: Type.String(),
    cause: Type.Optional(Type.String()),
    remedy: Type.Optional(Type.String()),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  closed,
);
export type EventView = Static<typeof EventView>;

export const WaitingView = Type.Object(
  { for: Type.String(), until: maybe(time('When the present budget ends.')), do: Type.String() },
  closed,
);
export type WaitingView = Static<typeof WaitingView>;

export const NodeView = Type.Object(
  {
    node: NodeDetails,
    run: maybe(RunView),
    timeline: Type.Array(EventView, { description: 'Oldest first.' }),
    waiting: maybe(WaitingView),
  },
  closed,
);
export type NodeView = Static<typeof NodeView>;

/** Answer to the arming of a node. */
export const ArmedView = Type.Object(
  {
    ...NodeView.properties,
    warnings: Type.Optional(
      Type.Array(Type.String(), {
        description: 'What may keep the machine from its installation, and the remedy.',
      }),
    ),
  },
  closed,
);
export type ArmedView = Static<typeof ArmedView>;

/** All installations of a node, newest first. */
export const RunList = listOf(RunView);

/** What the live stream sends beside events: where a node is now, whenever that changes. */
export const RunFrame = Type.Object(
  {
    node: Type.Object({ id: Id, fqdn: Type.String({ examples: FQDN }) }, closed),
    run: RunView,
    waiting: maybe(WaitingView),
  },
  closed,
);
export type RunFrame = Static<typeof RunFrame>;

export const StreamQuery = Type.Object(
  {
    node: Type.Optional(Type.String({ minLength: 1, maxLength: 300, description: 'Only this node.' })),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}$',
        description: 'From the event after this id; header Last-Event-ID wins.',
      }),
    ),
  },
  closed,
);

export const BackupQuery = Type.Object(
  {
    keys: Type.Optional(
      Type.Union([Type.Literal('yes'), Type.Literal('no')], {
        description: 'Whether instance key and certificate go into the backup. Default: no.',
      }),
    ),
  },
  closed,
);

/** One line of `node list`: the node and its newest run. */
export const NodeSummary = Type.Object({ node: NodeDetails, run: maybe(RunView) }, closed);
export type NodeSummary = Static<typeof NodeSummary>;
export const NodeList = pagedListOf(NodeSummary);
export type NodeList = Static<typeof NodeList>;
export const NodesQuery = Type.Object(
  {
    ...page,
    state: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 30,
        description: 'State of the newest run; `none`: never armed.',
        examples: ['installing'],
      }),
    ),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 63, examples: ['rack-a'] })),
    profile: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['default'] })),
    q: Type.Optional(Type.String({ minLength: 1, maxLength: 300, description: 'Part of the name or of a MAC.' })),
    archived: Type.Optional(
      Type.Boolean({ description: 'The archived nodes instead of the others; `q` alone narrows them.' }),
    ),
  },
  closed,
);
export type NodesQuery = Static<typeof NodesQuery>;

export const ExportParams = Type.Object({ format: Type.Union(EXPORT_NAMES.map((name) => Type.Literal(name))) }, closed);
const { state, tag, profile, q } = NodesQuery.properties;
export const ExportQuery = Type.Object(
  {
    state,
    tag,
    profile,
    q,
    port: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65_535, default: 9100, description: 'Of the targets, for prometheus.' }),
    ),
  },
  closed,
);
export type ExportQuery = Static<typeof ExportQuery>;

const FileFormat = Type.Union(EXCHANGE_FORMATS.map((name) => Type.Literal(name)));
export const FileQuery = Type.Object({ state, tag, profile, q, format: Type.Optional(FileFormat) }, closed);
export type FileQuery = Static<typeof FileQuery>;
export const ImportQuery = Type.Object(
  {
    format: Type.Optional(FileFormat),
    dry_run: Type.Optional(Type.Boolean({ default: false, description: 'Say what would be done, and write nothing.' })),
  },
  closed,
);
export const ImportView = Type.Object(
  {
    dryRun: Type.Boolean(),
    created: Type.Integer(),
    unchanged: Type.Integer({ description: 'The registry had these very nodes already.' }),
    rows: Type.Array(
      Type.Object(
        {
          line: Type.Integer(),
          fqdn: Type.String({ examples: FQDN }),
          id: Id,
          result: Type.Union([Type.Literal('created'), Type.Literal('unchanged')]),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type ImportView = Static<typeof ImportView>;

export const ReportView = Type.Object(
  {
    seq: Type.Integer(),
    module: Type.String(),
    step: Type.String(),
    result: Type.String(),
    startedAt: time("By the node's clock."),
    durationMs: Type.Number(),
    detail: Type.String(),
    output: Type.String(),
  },
  closed,
);
export type ReportView = Static<typeof ReportView>;
export const ReportList = listOf(ReportView);

/** Readable by an admin, once. */
export const RootPasswordView = Type.Object(
  {
    password: Type.String(),
    run: Type.String({ description: 'Id of the installation that it belongs to.' }),
    armedAt: time('When that was armed.'),
    replaced: Type.Boolean({
      description: 'The plan has set another password for root since; this one opens nothing.',
    }),
  },
  closed,
);
export type RootPasswordView = Static<typeof RootPasswordView>;

/** A secret that was made on the node; its value is shown once, by another route. */
export const BornSecretView = Type.Object(
  {
    id: Id,
    module: Type.String({ description: 'Module, or step of one, that made it.' }),
    name: Type.String({ examples: ['password-ops'] }),
    run: Id,
    state: Type.Union([Type.Literal('unread'), Type.Literal('read'), Type.Literal('replaced')], {
      description: 'unread: can be read once. replaced: a newer value came before anybody had read this one.',
    }),
    bornAt: time('When it came here.'),
    readAt: maybe(time('When it was read.')),
    readBy: maybe(Type.String({ description: 'Name of the token.' })),
    replacedAt: maybe(time('When a newer one took its place.')),
  },
  closed,
);
export type BornSecretView = Static<typeof BornSecretView>;
export const BornSecretList = listOf(BornSecretView);
/** The only answer that ever holds the value. */
export const ReadBornSecretView = Type.Object(
  {
    id: Id,
    module: Type.String(),
    name: Type.String(),
    run: Id,
    bornAt: time('When it came here.'),
    value: Type.String(),
  },
  closed,
);
export type ReadBornSecretView = Static<typeof ReadBornSecretView>;

/** The answer as it was sent, secrets masked. */
export const ServedAnswerView = Type.Object(
  {
    run: Type.String(),
    node: maybe(Type.String()),
    servedAt: maybe(Type.String()),
    format: Type.Union([Type.Literal('toml'), Type.Literal('json')]),
    text: Type.String(),
  },
  closed,
);
export type ServedAnswerView = Static<typeof ServedAnswerView>;

export const AnswerSchemaQuery = Type.Object(
  {
    release: Type.Optional(Type.String({ maxLength: 20 })),
    product: Type.Optional(Type.String({ maxLength: 20 })),
  },
  closed,
);

export const InstallInput = Type.Object(
  {
    media: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'Id, its beginning, or name; else the newest that fits.',
      }),
    ),
    expiresMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 10080 })),
  },
  closed,
);
export type InstallInput = Static<typeof InstallInput>;

export const EventsQuery = Type.Object(
  {
    after: Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'The last id that is known already.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 200 })),
  },
  closed,
);
/** `next` is the value for `after` of the following request; the same as before when there was nothing new. */
export const EventPage = Type.Object({ items: Type.Array(EventView), next: Type.Integer() }, closed);
export type EventPage = Static<typeof EventPage>;

export const MediaView = Type.Object(
  {
    id: Type.String({ description: 'SHA-256 of the image.' }),
    name: Type.String(),
    product: Type.String(),
    release: Type.String(),
    isoRelease: Type.String(),
    sizeBytes: Type.Integer(),
    addedAt: time('When it was imported.'),
    present: Type.Boolean({
      description: 'Whether its file is there, as long as it was. One that is not cannot be installed from.',
    }),
  },
  closed,
);
export type MediaView = Static<typeof MediaView>;
export const MediaList = listOf(MediaView);

/** Instead of the bytes themselves (application/octet-stream): a file that lies on the server already. */
export const MediaInput = Type.Object(
  { path: Type.String({ minLength: 1, maxLength: 4096 }), sha256: Type.Optional(Sha256) },
  closed,
);
export type MediaInput = Static<typeof MediaInput>;
/** The checksum that uploaded bytes must have. */
export const MediaHeaders = Type.Object({ 'x-expected-sha256': Type.Optional(Sha256) });

/** Values go in and never come out again. */
export const SecretInput = Type.Object({ value: Type.String({ minLength: 1, maxLength: 65_536 }) }, closed);
export type SecretInput = Static<typeof SecretInput>;
export const SecretView = Type.Object({ name: Type.String(), updatedAt: time('When it was set last.') }, closed);
export type SecretView = Static<typeof SecretView>;
export const SecretList = listOf(SecretView);
/** What a name may be the journey says in words. */
export const SecretParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }, closed);

export const RoleName = Type.Union([Type.Literal('viewer'), Type.Literal('operator'), Type.Literal('admin')]);
export type RoleName = Static<typeof RoleName>;

export const TokenInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    role: RoleName,
    expiresDays: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3660, description: 'Else it lives until revoked.' }),
    ),
  },
  closed,
);
export type TokenInput = Static<typeof TokenInput>;

export const RotateInput = Type.Object(
  {
    overlapMinutes: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 10_080, default: 0, description: 'How long the old one still works.' }),
    ),
  },
  closed,
);
export type RotateInput = Static<typeof RotateInput>;

const tokenFields = {
  id: Id,
  name: Type.String({ examples: ['ci'] }),
  role: RoleName,
  createdAt: time('When it was made.'),
  expiresAt: maybe(time('From when on it is refused.')),
};
export const TokenView = Type.Object(tokenFields, closed);
export type TokenView = Static<typeof TokenView>;
export const TokenList = listOf(TokenView);
/** The only answer that ever holds the token itself. */
export const IssuedTokenView = Type.Object({ ...tokenFields, token: Type.String() }, closed);
export type IssuedTokenView = Static<typeof IssuedTokenView>;
export const TokenParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) }, closed);

export const AuditQuery = Type.Object(
  {
    ...page,
    before: Type.Optional(Type.Integer({ minimum: 1, description: 'Only what is older than this id.' })),
  },
  closed,
);
export const AuditView = Type.Object(
  {
    id: Type.Integer(),
    at: time('When it was done.'),
    actor: Type.String({ description: 'Name of the token; of a restore: the user of the host.' }),
    from: Type.String({ description: 'Address of the connection; `local`: at the host itself.' }),
    action: Type.String(),
    target: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown(), { description: 'What was before and what is after; no secrets.' }),
  },
  closed,
);
export type AuditView = Static<typeof AuditView>;
export const AuditList = pagedListOf(AuditView);

export const ConfirmInput = Type.Object(
  { code: Type.String({ minLength: 1, maxLength: 40, description: "As the node's own screen shows it." }) },
  closed,
);
export type ConfirmInput = Static<typeof ConfirmInput>;

const credentialFields = {
  runId: Id,
  valid: Type.Boolean(),
  issuedAt: maybe(time('When the node proved its host key.')),
  revokedAt: maybe(time('When one was revoked last.')),
  hostKey: maybe(Type.String({ description: 'SHA256:... of the host key that was proved.' })),
  address: maybe(Type.String()),
};
/** The credential of a node's newest run; the credential itself is known to the node alone. */
export const CredentialView = Type.Object(credentialFields, closed);
export type CredentialView = Static<typeof CredentialView>;

export const NodeCredentialView = Type.Object(
  { node: Type.String({ description: 'Full name.' }), nodeId: Id, ...credentialFields },
  closed,
);
export type NodeCredentialView = Static<typeof NodeCredentialView>;
export const CredentialList = pagedListOf(NodeCredentialView);

const certificateFields = {
  fingerprint: Type.String({ description: 'SHA-256 of the certificate, AA:BB:...' }),
  publicKeyPin: Type.String({ description: "For curl's --pinnedpubkey sha256//PIN." }),
  expiresAt: time('When it ends.'),
};
export const CertificateView = Type.Object(
  {
    ...certificateFields,
    next: maybe(
      Type.Object(certificateFields, {
        ...closed,
        description: 'Prepared; its pin is given out beside the present one.',
      }),
    ),
    waitsFor: Type.Array(Type.String(), { description: 'Nodes whose runs still depend on the present one.' }),
    broken: Type.Optional(Type.Array(Type.String(), { description: 'Nodes whose runs a change at once has broken.' })),
  },
  closed,
);
export type CertificateView = Static<typeof CertificateView>;

export const CertificateInput = Type.Object(
  { now: Type.Optional(Type.Boolean({ description: 'Do not wait for the runs that depend on the present one.' })) },
  closed,
);
export type CertificateInput = Static<typeof CertificateInput>;

export const ExplanationView = Type.Object(
  {
    mac: Type.String({ examples: MAC }),
    node: maybe(Type.Object({ id: Id, fqdn: Type.String({ examples: FQDN }), profile: Type.String() }, closed)),
    run: maybe(RunView),
    offers: Type.Array(
      Type.Object(
        {
          client: Type.String({ description: 'Who asks: `BIOS PXE`, `UEFI x64 PXE`, `iPXE`.' }),
          decision: Type.String(),
          what: Type.String({ description: 'File or URL that it would be given; empty when nothing.' }),
          because: Type.String(),
          remedy: Type.Optional(Type.String({ description: 'Where the loader of this offer is missing: what to do.' })),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type ExplanationView = Static<typeof ExplanationView>;

export const DiscoveredView = Type.Object(
  {
    mac: Type.String({ examples: MAC }),
    firstSeenAt: time('First packet.'),
    lastSeenAt: time('Last packet.'),
    packets: Type.Integer(),
    arch: maybe(Type.String()),
    uuid: maybe(Type.String()),
    vendorClass: maybe(Type.String()),
    hostName: maybe(Type.String()),
    interfaceName: Type.String(),
    address: maybe(Type.String()),
  },
  closed,
);
export type DiscoveredView = Static<typeof DiscoveredView>;
export const DiscoveredList = pagedListOf(DiscoveredView);
export type DiscoveredList = Static<typeof DiscoveredList>;

export const ProfileList = Type.Object(
  {
    items: Type.Array(Type.Object({ name: Type.String(), description: maybe(Type.String()) }, closed)),
    problems: Type.Array(
      Type.Object(
        {
          file: Type.String(),
          severity: Type.Union([Type.Literal('error'), Type.Literal('warning')], {
            description: 'With an error the last good version of the profile stays in force, if there was one.',
          }),
          code: Type.Optional(Type.String()),
          message: Type.String({ description: 'Begins with the place: `default.yaml:12:5: ...`.' }),
          remedy: Type.String(),
          line: Type.Optional(Type.Integer()),
          column: Type.Optional(Type.Integer()),
          affects: Type.Optional(Type.Array(Type.String(), { description: 'Profiles and tags (`tags/NAME`).' })),
          at: time('When it was found.'),
        },
        closed,
      ),
      { description: 'What is wrong or unwise in the files.' },
    ),
  },
  closed,
);
export type ProfileList = Static<typeof ProfileList>;

const Tree = Type.Record(Type.String(), Type.Unknown());
/** A profile with everything that it inherits; what is worth stealing is masked, secrets are references anyway. */
export const ProfileView = Type.Object(
  {
    name: Type.String(),
    version: Type.String({ description: 'SHA-256 of the content.' }),
    description: maybe(Type.String()),
    product: maybe(Type.String()),
    release: maybe(Type.String()),
    values: Tree,
    types: Tree,
    pools: Tree,
    counters: Tree,
    answer: Tree,
    postInstall: Tree,
    install: Tree,
    origins: Type.Record(
      Type.String(),
      Type.Object({ file: Type.String(), line: Type.Integer(), column: Type.Integer() }, closed),
      { description: 'Where each value was set, by JSON Pointer; line 0: not in a file.' },
    ),
  },
  closed,
);
export type ProfileView = Static<typeof ProfileView>;
export const ProfileParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }, closed);

/** The profile of one node: tags, values and templates worked in. */
export const NodeProfileView = Type.Object(
  {
    node: Type.String(),
    tags: Type.Array(Type.String()),
    profile: ProfileView,
    holdings: Type.Array(Type.Object({ kind: Type.String(), name: Type.String(), value: Type.String() }, closed), {
      description: 'Addresses of pools and numbers of counters that this node holds.',
    }),
    installed: maybe(
      Type.Object(
        {
          run: Type.String(),
          name: Type.String(),
          version: Type.String(),
          armedAt: time('When it was armed: the profile is as it was then.'),
          answer: Tree,
          postInstall: Tree,
          install: Tree,
        },
        { ...closed, description: 'What the node was made from last.' },
      ),
    ),
  },
  closed,
);
export type NodeProfileView = Static<typeof NodeProfileView>;

/** The answer as it would be served now, secrets masked. */
export const AnswerPreviewView = Type.Object(
  {
    node: Type.String(),
    product: Type.String(),
    release: Type.String(),
    media: maybe(Type.String({ description: 'Name of the image that would be taken; null when none fits yet.' })),
    toml: Type.String(),
    warnings: Type.Array(Type.String()),
  },
  closed,
);
export type AnswerPreviewView = Static<typeof AnswerPreviewView>;

export const PlanParameterView = Type.Object(
  {
    path: Type.String({ examples: ['keys[0]'] }),
    value: Type.String({ description: 'Text as it is, everything else as JSON; (secret NAME) for a reference.' }),
    origin: maybe(Type.String({ description: 'File and line of the profile; null for a default of the module.' })),
  },
  closed,
);

/** What will be done on a node's first boot, in order. */
export const PlanView = Type.Object(
  {
    node: Type.String({ examples: ['pve1.lab.example'] }),
    product: Type.String(),
    release: Type.String(),
    profile: Type.String(),
    profileVersion: Type.String(),
    modules: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          title: Type.String(),
          why: Type.String(),
          scope: Type.Union([Type.Literal('node'), Type.Literal('cluster')]),
          requires: Type.Array(Type.String()),
          after: Type.Array(Type.String()),
          parameters: Type.Array(PlanParameterView),
          withheld: Type.Boolean({ description: 'Waits until a person has confirmed the node.' }),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type PlanView = Static<typeof PlanView>;

const PlanChangeView = Type.Object(
  {
    module: Type.String(),
    change: Type.Union([Type.Literal('added'), Type.Literal('removed'), Type.Literal('changed')]),
    path: maybe(Type.String({ description: 'The parameter, where one has changed.' })),
    before: maybe(Type.String()),
    after: maybe(Type.String()),
    origin: maybe(Type.String()),
  },
  closed,
);
export type PlanChangeView = Static<typeof PlanChangeView>;

export const PlanDiffView = Type.Object(
  {
    node: Type.String(),
    last: maybe(
      Type.Object({ profileVersion: Type.String(), at: time('When the run was armed whose plan it is.') }, closed),
    ),
    profileVersion: Type.String(),
    changes: Type.Array(PlanChangeView),
  },
  closed,
);
export type PlanDiffView = Static<typeof PlanDiffView>;

export const PlanImpactList = listOf(Type.Object({ node: Type.String(), changes: Type.Array(PlanChangeView) }, closed));
export type PlanImpactView = Static<typeof PlanImpactList>['items'][number];

const DriftView = Type.Object(
  {
    module: Type.String(),
    since: time('When it was first seen not to hold.'),
    detail: Type.String(),
    differences: Type.Array(
      Type.Object({ what: Type.String(), expected: Type.String(), found: Type.String() }, closed),
    ),
    packages: Type.Array(Type.String(), { description: 'Packages that were changed just before.' }),
  },
  closed,
);

/** An installed node that looks at itself, and what it found. */
export const WatchView = Type.Object(
  {
    node: Type.String({ examples: ['pve1.lab.example'] }),
    seenAt: time('When it last asked.'),
    verifiedAt: maybe(time('When it last looked at itself.')),
    drift: Type.Array(DriftView),
    ordered: maybe(
      Type.Object(
        {
          by: Type.String(),
          at: time('When it was ordered.'),
          fetchedAt: maybe(time('When the node fetched it.')),
        },
        closed,
      ),
    ),
    applied: maybe(
      Type.Object(
        {
          by: Type.String(),
          at: time('When it had ended.'),
          result: Type.Union([Type.Literal('ok'), Type.Literal('failed')]),
          profileVersion: Type.String(),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type WatchView = Static<typeof WatchView>;
export const WatchList = listOf(WatchView);

export const PlanExportInput = Type.Object(
  { secrets: Type.Optional(Type.Boolean({ description: 'With the modules that carry secrets. Default: false.' })) },
  closed,
);

export const PlanExportView = Type.Object(
  {
    node: Type.String(),
    script: Type.String(),
    left: Type.Array(Type.String(), { description: 'Modules that are not in it, because they carry secrets.' }),
  },
  closed,
);
export type PlanExportView = Static<typeof PlanExportView>;

export const StatusView = Type.Object(
  {
    version: Type.String(),
    site: Type.String(),
    startedAt: time('When this daemon started.'),
    fingerprint: Type.String({ description: 'SHA-256 of the TLS certificate, AA:BB:...' }),
    segments: Type.Array(
      Type.Object(
        {
          interfaceName: Type.String(),
          address: Type.String(),
          httpUrl: Type.String(),
          httpsUrl: Type.String(),
        },
        closed,
      ),
    ),
    counts: Type.Object(
      {
        nodes: Type.Integer(),
        activeRuns: Type.Integer(),
        stalledRuns: Type.Integer(),
        contestedRuns: Type.Integer(),
        media: Type.Integer(),
        discovered: Type.Integer(),
      },
      closed,
    ),
    counters: Type.Object(
      {
        dhcp: Type.Record(Type.String(), Type.Integer(), { description: 'DHCP packets, by what became of them.' }),
        dhcpMalformed: Type.Record(Type.String(), Type.Integer(), {
          description: 'Malformed ones among them, by what was wrong.',
        }),
        tftp: Type.Record(Type.String(), Type.Integer(), { description: 'TFTP requests, by what became of them.' }),
      },
      { ...closed, description: 'What the protocol servers have counted since the start.' },
    ),
    problems: Type.Array(Type.String(), { description: 'What needs an administrator, one line each.' }),
  },
  closed,
);
export type StatusView = Static<typeof StatusView>;

export const NodeParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 300, description: 'UUID, full name, host name or MAC.' }) },
  closed,
);
export const BornSecretParams = Type.Object(
  {
    ...NodeParams.properties,
    secret: Type.String({ minLength: 1, maxLength: 100, description: 'Id of the secret.' }),
  },
  closed,
);
export const RunParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 300, description: 'UUID of a run, or a node: its newest run.' }) },
  closed,
);
export const MediaParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 300, description: 'Id, its beginning, or name.' }) },
  closed,
);
export const MacParams = Type.Object(
  { mac: Type.String({ minLength: 1, maxLength: 40, description: 'In any usual notation.', examples: MAC }) },
  closed,
);
