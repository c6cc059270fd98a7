/** TLS: the administrator's API, `/api/v1`. Shapes are in src/api, what is done is in src/journey; here one is put to the other. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  ArmedView,
  DiscoveredList,
  EventPage,
  EventsQuery,
  ExplanationView,
  InstallInput,
  MacParams,
  MediaHeaders,
  MediaInput,
  MediaList,
  MediaParams,
  MediaView,
  NodeDetails,
  NodeInput,
  NodeList,
  NodeParams,
  NodesQuery,
  NodeView,
  Nothing,
  PageQuery,
  ReportList,
  RootPasswordView,
  SecretInput,
  SecretList,
  SecretParams,
  StatusView,
} from '../api/schemas.ts';
import { discoveredView, eventView, mediaView, nodeDetails, nodeView, reportView, runView } from '../api/views.ts';
import type { Artefacts } from '../artefacts/artefacts.ts';
import { invalid } from '../errors.ts';
import { armNode, cancelRun, trustRun } from '../journey/arm.ts';
import { explain } from '../journey/explain.ts';
import { addImage, removeImage } from '../journey/images.ts';
import type { Journey } from '../journey/journey.ts';
import type { MediaRecord } from '../journey/ports.ts';
import { addNode, discoveredMachines, findNode, toldOfNode } from '../journey/registry.ts';
import { removeNode } from '../journey/retire.ts';
import { readRootPassword } from '../journey/root-password.ts';
import { putSecret, removeSecret, type SecretAges } from '../journey/secrets.ts';
import { notStaged, statusOf } from '../journey/status.ts';
import { refuseValuesOfAdmin } from '../journey/values-rights.ts';
import { viewNode } from '../journey/view.ts';
import { parseMac } from '../net/mac.ts';
import type { Run } from '../runs/run.ts';
import type { Readiness } from './health.ts';
import { guardOf } from './identity.ts';
import type { PacketCounts } from './metrics.ts';
import { filterOf } from './node-filter.ts';
import { CONTEXT, nodeViewOf } from './node-view.ts';
import { keyOf, pageOf } from './paging.ts';
import { etagOf, isKnown, revisionAsked } from './preconditions.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

/** Imports an image; media's catalogue. */
export interface ImageImport {
  add(request: {
    readonly source: AsyncIterable<Uint8Array> | string;
    readonly sizeBytes?: number | undefined;
    readonly expectedSha256?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<MediaRecord>;
  /** Removes the file of an image. */
  remove(id: string): Promise<void>;
}

export interface AdminRoutes {
  readonly packets: () => PacketCounts;
  readonly journey: Journey;
  readonly artefacts: Artefacts;
  readonly readiness: Readiness;
  readonly catalogue: ImageImport;
  readonly version: string;
  readonly startedAt: number;
}

/** The largest image that is taken: a cpio member ends at 4 GiB. */
const IMAGE_BYTES = 4 * 1024 ** 3;

/** The bytes are a stream that ajv cannot look at, so the route checks its body itself. */
const IMAGE_BODY = {
  content: {
    'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
    'application/json': { schema: MediaInput },
  },
};

const DAMAGED =
  'the database is damaged (the log says where): copy its file, then restore a backup with npx ironwake restore FILE';

export function registerAdmin(
  plugin: FastifyInstance,
  { journey, artefacts, readiness, catalogue, packets, version, startedAt }: AdminRoutes,
): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { store } = journey;

  const { needs, nameOf, roleOf, entry } = guardOf(journey);

  app.get(
    '/api/v1/status',
    {
      ...needs('viewer'),
      schema: {
        tags: ['daemon'],
        summary: 'The daemon at a glance: networks, counts, what needs an administrator',
        response: { 200: StatusView },
      },
    },
    async () => {
      const { dhcp, dhcpMalformed, tftp } = packets();
      const { problems, ...counts } = await statusOf(journey, await artefacts.missing());
      return {
        version,
        site: journey.settings.site,
        startedAt: new Date(startedAt).toISOString(),
        fingerprint: journey.identity.fingerprint,
        segments: journey
          .segments()
          .map(({ interfaceName, address, httpUrl, httpsUrl }) => ({ interfaceName, address, httpUrl, httpsUrl })),
        counts,
        counters: { dhcp: { ...dhcp }, dhcpMalformed: { ...dhcpMalformed }, tftp: { ...tftp } },
        problems: [...((await readiness.problems()).includes('integrity') ? [DAMAGED] : []), ...problems],
      };
    },
  );

  // --- nodes ---

  app.get(
    '/api/v1/nodes',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'Nodes with their newest run, by name',
        querystring: NodesQuery,
        response: { 200: NodeList },
      },
    },
    async (request, reply) => {
      const { cursor, limit = 100, ...query } = request.query;
      const after = keyOf(cursor, { fqdn: 'string', id: 'string' });
      const found = await store.nodes.page({
        ...filterOf(query),
        after: after?.fqdn,
        afterId: after?.id,
        limit: limit + 1,
      });
      const { rows, next } = pageOf(request, reply, found, limit, ({ fqdn, id }) => ({ fqdn, id }));
      const runs = await store.runs.latestOfEach(rows.map(({ id }) => id));
      const runOf = new Map(runs.map((run) => [run.nodeId, run]));
      const rules = await store.rules.namesOf(rows.flatMap(({ ruleId }) => ruleId ?? []));
      const items = rows.map((node) => {
        const run = runOf.get(node.id);
        const rule = node.ruleId === undefined ? undefined : rules.get(node.ruleId);
        return { node: nodeDetails(node, rule), run: run === undefined ? null : runView(run, CONTEXT) };
      });
      return { items, next };
    },
  );

  app.post(
    '/api/v1/nodes',
    {
      ...needs('operator'),
      schema: { tags: ['nodes'], summary: 'Register a machine', body: NodeInput, response: { 201: NodeDetails } },
    },
    async (request, reply) => {
      const { mac, macs = [], ...rest } = request.body;
      refuseValuesOfAdmin(roleOf(request), rest.values);
      const allMacs = mac === undefined ? macs : [mac, ...macs];
      const node = await addNode(journey, { ...rest, macs: allMacs }, (added) =>
        entry(request, 'node.added', added.fqdn, {
          before: null,
          after: toldOfNode(added),
        }),
      );
      return reply.code(201).header('Location', `/api/v1/nodes/${node.id}`).send(nodeDetails(node, undefined));
    },
  );

  app.get(
    '/api/v1/nodes/:id',
    {
      ...needs('viewer', { conditional: true }),
      schema: {
        tags: ['nodes'],
        summary: 'State, timeline in words, and what the node waits for',
        params: NodeParams,
        response: { 200: NodeView },
      },
    },
    async (request, reply) => {
      const picture = await viewNode(journey, await findNode(journey, request.params.id));
      const { node, rule, run, timeline } = picture;
      // The rule may be renamed or removed, and nothing else of the answer changes.
      const etag = etagOf(
        node.revision,
        run?.revision ?? 0,
        timeline.at(-1)?.id ?? 0,
        ...(rule === undefined ? [] : [rule]),
      );
      if (isKnown(request, reply, etag)) return reply;
      return nodeView(picture, CONTEXT);
    },
  );

  app.delete(
    '/api/v1/nodes/:id',
    {
      ...needs('operator', { conditional: true }),
      schema: {
        tags: ['nodes'],
        summary: 'Remove a node and its history',
        params: NodeParams,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      await removeNode(
        journey,
        node,
        entry(request, 'node.removed', node.fqdn, { before: toldOfNode(node), after: null }),
        revisionAsked(request),
      );
      return reply.code(204).send();
    },
  );

  app.get(
    '/api/v1/nodes/:id/reports',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'Every step of the first-boot plan with its output',
        params: NodeParams,
        response: { 200: ReportList },
      },
    },
    async (request) => {
      const { run } = await viewNode(journey, await findNode(journey, request.params.id));
      const reports = run === undefined ? [] : await store.runs.reports(run.id);
      return { items: reports.map(reportView) };
    },
  );

  /** Readable once, by an admin only; erased and audited in the same transaction. A POST: nothing may ask for it ahead, or twice by itself. */
  app.post(
    '/api/v1/nodes/:id/root-password',
    {
      // No Idempotency-Key: the answer of a password that is erased is not kept for a day.
      ...needs('admin', { keyless: true }),
      schema: {
        tags: ['access'],
        summary: 'The random root password of what is installed, the one time that it can be read; audited',
        params: NodeParams,
        response: { 200: RootPasswordView },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      const { run, password, replaced } = await readRootPassword(journey, node, nameOf(request), ({ id }) =>
        entry(request, 'root-password.read', node.fqdn, {
          run: id,
          before: { readable: true },
          after: { readable: false },
        }),
      );
      return reply
        .header('Cache-Control', 'no-store')
        .send({ password, run: run.id, armedAt: new Date(run.armedAt).toISOString(), replaced });
    },
  );

  // --- runs ---

  app.post(
    '/api/v1/nodes/:id/install',
    {
      ...needs('operator'),
      schema: {
        tags: ['runs'],
        summary: 'Arm one installation',
        params: NodeParams,
        body: InstallInput,
        response: { 201: ArmedView },
      },
    },
    async (request, reply) => {
      const node = await findNode(journey, request.params.id);
      await armNode(journey, node, {
        ...request.body,
        by: nameOf(request),
        audit: ({ id, mediaId }) =>
          entry(request, 'run.armed', node.fqdn, { before: null, after: { run: id, media: mediaId } }),
      });
      const missing = await artefacts.missing();
      return reply.code(201).send({
        ...(await nodeViewOf(journey, node)),
        ...(missing.length > 0 && { warnings: missing.map(notStaged) }),
      });
    },
  );

  for (const [action, decide, summary] of [
    ['cancel', cancelRun, 'End the run under way; its tokens are worthless from now on'],
    ['trust', trustRun, 'Let a contested run go on, after you looked at the machine'],
  ] as const) {
    app.post(
      `/api/v1/nodes/:id/${action}`,
      { ...needs('operator'), schema: { tags: ['runs'], summary, params: NodeParams, response: { 200: NodeView } } },
      async (request) => {
        const node = await findNode(journey, request.params.id);
        await decide(journey, node, nameOf(request), ({ before, after }) =>
          entry(request, `run.${action}`, node.fqdn, {
            run: before.id,
            before: stateOf(before),
            after: stateOf(after),
          }),
        );
        return nodeViewOf(journey, node);
      },
    );
  }

  app.get(
    '/api/v1/events',
    {
      ...needs('viewer'),
      schema: {
        tags: ['events'],
        summary: 'All timelines as one feed',
        querystring: EventsQuery,
        response: { 200: EventPage },
      },
    },
    async (request) => {
      const { after = 0, limit = 200 } = request.query;
      const events = await store.events.since(after, limit);
      return { items: events.map(eventView), next: events.at(-1)?.id ?? after };
    },
  );

  // --- images ---

  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));

  app.get(
    '/api/v1/media',
    { ...needs('viewer'), schema: { tags: ['media'], summary: 'Images', response: { 200: MediaList } } },
    async () => ({
      items: await Promise.all(
        (await store.media.list()).map(async (image) => mediaView(image, await journey.images.present(image))),
      ),
    }),
  );

  /** The image as the body, or the path of a file on this host (JSON): the latter reads any file of the daemon's user, hence admin. */
  app.post(
    '/api/v1/media',
    {
      ...needs('admin', { documentedBody: IMAGE_BODY, keyless: true }),
      bodyLimit: IMAGE_BYTES,
      schema: {
        tags: ['media'],
        summary: 'Import an installer image: its bytes, or a file on the server',
        headers: MediaHeaders,
        response: { 201: MediaView },
      },
    },
    async (request, reply) => {
      const record = await catalogue.add(importOf(request));
      const listed = await addImage(journey, record, ({ name, id }) =>
        entry(request, 'media.added', name, { before: null, after: { id } }),
      );
      return reply.code(201).send(mediaView(listed, await journey.images.present(listed)));
    },
  );

  app.delete(
    '/api/v1/media/:id',
    {
      ...needs('admin'),
      schema: { tags: ['media'], summary: 'Remove an image', params: MediaParams, response: { 204: Nothing } },
    },
    async (request, reply) => {
      await removeImage(
        journey,
        request.params.id,
        (id) => catalogue.remove(id),
        ({ name, id }) => entry(request, 'media.removed', name, { before: { id }, after: null }),
      );
      return reply.code(204).send();
    },
  );

  // --- secrets ---

  const setAt = (at: number | undefined): { readonly setAt: string } | null =>
    at === undefined ? null : { setAt: new Date(at).toISOString() };
  const ages = ({ before, after }: SecretAges) => ({ before: setAt(before), after: setAt(after) });

  app.get(
    '/api/v1/secrets',
    { ...needs('operator'), schema: { tags: ['access'], summary: 'Names of secrets', response: { 200: SecretList } } },
    async () => ({
      items: (await store.secrets.list()).map(({ name, updatedAt }) => ({
        name,
        updatedAt: new Date(updatedAt).toISOString(),
      })),
    }),
  );

  app.put(
    '/api/v1/secrets/:name',
    {
      ...needs('admin'),
      schema: {
        tags: ['access'],
        summary: 'Set a secret; a value never comes out again',
        params: SecretParams,
        body: SecretInput,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      await putSecret(journey, name, request.body.value, (done) => entry(request, 'secret.set', name, ages(done)));
      return reply.code(204).send();
    },
  );

  app.delete(
    '/api/v1/secrets/:name',
    {
      ...needs('admin'),
      schema: { tags: ['access'], summary: 'Remove a secret', params: SecretParams, response: { 204: Nothing } },
    },
    async (request, reply) => {
      const { name } = request.params;
      await removeSecret(journey, name, (done) => entry(request, 'secret.removed', name, ages(done)));
      return reply.code(204).send();
    },
  );

  // --- what the wire says ---

  app.get(
    '/api/v1/explain/:mac',
    {
      ...needs('viewer'),
      schema: {
        tags: ['discovery'],
        summary: 'What this machine would be offered now, and why',
        params: MacParams,
        response: { 200: ExplanationView },
      },
    },
    async (request) => {
      const { mac, node, run, offers } = await explain(journey, parseMac(request.params.mac), artefacts.isStaged);
      return {
        mac,
        node: node === undefined ? null : { id: node.id, fqdn: node.fqdn, profile: node.profile },
        run: run === undefined ? null : runView(run, CONTEXT),
        offers: offers.map(({ remedy, ...offer }) => ({ ...offer, ...(remedy !== undefined && { remedy }) })),
      };
    },
  );

  app.get(
    '/api/v1/discovered',
    {
      ...needs('viewer'),
      schema: {
        tags: ['discovery'],
        summary: 'Machines that asked for a boot file and that nobody registered',
        querystring: PageQuery,
        response: { 200: DiscoveredList },
      },
    },
    async (request, reply) => {
      const { cursor, limit = 100 } = request.query;
      const before = keyOf(cursor, { lastSeenAt: 'number', mac: 'string' });
      const found = await discoveredMachines(journey, limit + 1, before);
      const { rows, next } = pageOf(request, reply, found, limit, ({ lastSeenAt, mac }) => ({ lastSeenAt, mac }));
      return { items: rows.map(discoveredView), next };
    },
  );
}

function stateOf(run: Run): { readonly state: string; readonly contested: boolean } {
  return { state: run.state, contested: run.contested };
}

function importOf(request: FastifyRequest): Parameters<ImageImport['add']>[0] {
  const expectedSha256 = request.headers['x-expected-sha256'];
  const checksum = typeof expectedSha256 === 'string' ? expectedSha256 : undefined;
  const { body } = request;
  if (body instanceof Readable) {
    const length = Number(request.headers['content-length']);
    const aborted = new AbortController();
    request.raw.once('aborted', () => aborted.abort());
    return {
      source: body as AsyncIterable<Uint8Array>,
      expectedSha256: checksum,
      sizeBytes: Number.isSafeInteger(length) ? length : undefined,
      signal: aborted.signal,
    };
  }
  if (isMediaInput(body)) return { source: body.path, expectedSha256: body.sha256 ?? checksum };
  throw invalid(
    'media.no-image',
    'body',
    'the request holds no image',
    'Send the image as application/octet-stream, or {"path": "/srv/FILE.iso"} as JSON.',
  );
}

function isMediaInput(body: unknown): body is MediaInput {
  return (
    typeof body === 'object' &&
    body !== null &&
    'path' in body &&
    typeof body.path === 'string' &&
    body.path.startsWith('/')
  );
}
