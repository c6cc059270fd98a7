/** TLS: the part of the administrator's API that decides who is trusted: tokens, audit log, confirmation codes, node credentials, certificate. */
import type { FastifyInstance } from 'fastify';
import {
  AuditList,
  AuditQuery,
  CertificateInput,
  CertificateView,
  ConfirmInput,
  CredentialList,
  CredentialView,
  IssuedTokenView,
  NodeParams,
  NodeView,
  Nothing,
  PageQuery,
  RotateInput,
  TokenInput,
  TokenList,
  TokenParams,
} from '../api/schemas.ts';
import { IronwakeError } from '../errors.ts';
import { addToken, type IssuedToken, removeToken, rotateToken } from '../journey/api-tokens.ts';
import {
  allCredentials,
  type CredentialPicture,
  confirmNode,
  credentialOf,
  revokeCredential,
} from '../journey/confirm.ts';
import type { Journey } from '../journey/journey.ts';
import type { ApiToken } from '../journey/ports.ts';
import { findNode } from '../journey/registry.ts';
import { dependentsOf, rotateCertificate } from '../journey/rotation.ts';
import { guardOf } from './identity.ts';
import { nodeViewOf } from './node-view.ts';
import { keyOf, pageOf } from './paging.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | undefined): string | null => (at === undefined ? null : iso(at));

export function registerTrust(plugin: FastifyInstance, { journey }: { readonly journey: Journey }): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { store } = journey;
  const { needs, nameOf, audit, entry } = guardOf(journey);

  // --- tokens ---

  app.get(
    '/api/v1/tokens',
    {
      ...needs('admin'),
      schema: { tags: ['access'], summary: 'Names, roles and ends of tokens', response: { 200: TokenList } },
    },
    async () => ({
      items: (await store.tokens.list()).map(tokenView),
    }),
  );

  app.post(
    '/api/v1/tokens',
    {
      ...needs('admin'),
      schema: {
        tags: ['access'],
        summary: 'Make a token; this answer is the only one that holds it',
        body: TokenInput,
        response: { 201: IssuedTokenView },
      },
    },
    async (request, reply) => {
      const issued = await addToken(journey, request.body, ({ token }) =>
        entry(request, 'token.added', token.name, { before: null, after: rights(token) }),
      );
      return reply.code(201).header('Cache-Control', 'no-store').send(issuedView(issued));
    },
  );

  app.post(
    '/api/v1/tokens/:id/rotate',
    {
      ...needs('admin'),
      schema: {
        tags: ['access'],
        summary: 'A new token in place of an old one',
        params: TokenParams,
        body: RotateInput,
        response: { 201: IssuedTokenView },
      },
    },
    async (request, reply) => {
      const { overlapMinutes = 0 } = request.body;
      const issued = await rotateToken(journey, request.params.id, overlapMinutes, ({ token, before }) =>
        entry(request, 'token.rotated', token.name, { before: rights(before), after: rights(token), overlapMinutes }),
      );
      return reply.code(201).header('Cache-Control', 'no-store').send(issuedView(issued));
    },
  );

  app.delete(
    '/api/v1/tokens/:id',
    {
      ...needs('admin'),
      schema: { tags: ['access'], summary: 'Revoke a token', params: TokenParams, response: { 204: Nothing } },
    },
    async (request, reply) => {
      await removeToken(journey, request.params.id, (token) =>
        entry(request, 'token.revoked', token.name, { before: rights(token), after: null }),
      );
      return reply.code(204).send();
    },
  );

  // --- what was changed ---

  app.get(
    '/api/v1/audit',
    {
      ...needs('admin'),
      schema: {
        tags: ['access'],
        summary: 'Who changed what, from where; newest first',
        querystring: AuditQuery,
        response: { 200: AuditList },
      },
    },
    async (request, reply) => {
      const { limit = 100, before, cursor } = request.query;
      const from = keyOf(cursor, { id: 'number' })?.id ?? before;
      const found = await store.audit.list(limit + 1, from);
      const { rows, next } = pageOf(request, reply, found, limit, ({ id }) => ({ id }));
      return { items: rows.map(({ at, data, ...entry }) => ({ ...entry, at: iso(at), data: { ...data } })), next };
    },
  );

  // --- nodes ---

  app.post(
    '/api/v1/nodes/:id/confirm',
    {
      ...needs('operator'),
      schema: {
        tags: ['runs'],
        summary: "Release what waits for the code that the node's screen shows",
        params: NodeParams,
        body: ConfirmInput,
        response: { 200: NodeView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      try {
        await confirmNode(journey, node, request.body.code, nameOf(request), ({ id, data }) =>
          entry(request, 'run.confirmed', node.fqdn, {
            before: { released: false },
            after: { released: true },
            run: id,
            modules: data.withheld,
            hostKey: data.provedFingerprint,
          }),
        );
      } catch (error) {
        if (error instanceof IronwakeError)
          await audit(request, 'run.confirm-refused', node.fqdn, { reason: error.code });
        throw error;
      }
      return nodeViewOf(journey, node);
    },
  );

  app.get(
    '/api/v1/nodes/:id/credential',
    {
      ...needs('viewer'),
      schema: {
        tags: ['access'],
        summary: 'The credential of a node: since when, by which host key',
        params: NodeParams,
        response: { 200: CredentialView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const picture = await credentialOf(journey, node);
      if (picture !== undefined) return credentialView(picture);
      throw new IronwakeError({
        kind: 'not-found',
        code: 'node.no-credential',
        message: `${node.fqdn} has got no credential yet`,
        remedy: 'It gets one on its first boot, when it proves its host key.',
      });
    },
  );

  app.get(
    '/api/v1/credentials',
    {
      ...needs('viewer'),
      schema: {
        tags: ['access'],
        summary: 'The credentials of all nodes that were given one, by full name; never the credentials themselves',
        querystring: PageQuery,
        response: { 200: CredentialList },
      },
    },
    async (request, reply) => {
      const { limit = 100, cursor } = request.query;
      const after = keyOf(cursor, { node: 'string' })?.node;
      const found = await allCredentials(journey, { after, limit: limit + 1 });
      const { rows, next } = pageOf(request, reply, found, limit, ({ node }) => ({ node: node.fqdn }));
      return {
        items: rows.map(({ node, ...picture }) => ({ node: node.fqdn, nodeId: node.id, ...credentialView(picture) })),
        next,
      };
    },
  );

  app.delete(
    '/api/v1/nodes/:id/credential',
    {
      ...needs('operator'),
      schema: {
        tags: ['access'],
        summary: 'Revoke the credential of a node',
        params: NodeParams,
        response: { 200: CredentialView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      const picture = await revokeCredential(journey, node, nameOf(request), ({ issuedAt }) =>
        entry(request, 'credential.revoked', node.fqdn, {
          before: { valid: true, issuedAt: isoOrNull(issuedAt) },
          after: { valid: false },
        }),
      );
      return credentialView(picture);
    },
  );

  // --- the daemon's own certificate ---

  const certificate = async () => {
    const { current, next } = journey.certificates;
    return {
      ...certificateFacts(current),
      next: next === undefined ? null : certificateFacts(next),
      waitsFor: [...(await dependentsOf(journey))],
    };
  };

  app.get(
    '/api/v1/certificate',
    {
      ...needs('viewer'),
      schema: {
        tags: ['access'],
        summary: "The daemon's certificate, and the one that follows",
        response: { 200: CertificateView },
      },
    },
    certificate,
  );

  app.post(
    '/api/v1/certificate/rotate',
    {
      ...needs('admin'),
      schema: {
        tags: ['access'],
        summary: 'Prepare the next certificate, or change to it at once',
        body: CertificateInput,
        response: { 200: CertificateView },
      },
    },
    async (request) => {
      const before = journey.identity.fingerprint;
      const { switched, dependents } = await rotateCertificate(journey, request.body.now === true, (done) => {
        const next = journey.certificates.next?.fingerprint ?? null;
        return done.switched
          ? entry(request, 'certificate.rotated', 'certificate', { before, after: next, broken: done.dependents })
          : entry(request, 'certificate.prepared', 'certificate', { before, next, waitsFor: done.dependents });
      });
      return { ...(await certificate()), ...(switched && { broken: [...dependents] }) };
    },
  );
}

function tokenView({ id, name, role, createdAt, expiresAt }: ApiToken) {
  return { id, name, role, createdAt: iso(createdAt), expiresAt: isoOrNull(expiresAt) };
}

function issuedView({ token, text }: IssuedToken) {
  return { ...tokenView(token), token: text };
}

/** What the audit log says of a token. */
function rights({ id, role, expiresAt }: ApiToken) {
  return { id, role, expiresAt: isoOrNull(expiresAt) };
}

function credentialView({ runId, valid, issuedAt, revokedAt, hostKey, address }: CredentialPicture) {
  return {
    runId,
    valid,
    issuedAt: isoOrNull(issuedAt),
    revokedAt: isoOrNull(revokedAt),
    hostKey: hostKey ?? null,
    address: address ?? null,
  };
}

function certificateFacts(certificate: Journey['certificates']['current']) {
  const { fingerprint, publicKeyPin, expiresAt } = certificate;
  return { fingerprint, publicKeyPin, expiresAt: iso(expiresAt) };
}
