/** TLS: what is changed of nodes, how hardware comes and goes, what is known of it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AdoptInput, HardwareView, MacInput, NodeMacParams, NodePatch, ReplaceInput } from '../api/registry.ts';
import { MacParams, NodeDetails, NodeParams, Nothing } from '../api/schemas.ts';
import { nodeDetails } from '../api/views.ts';
import { adoptMachine, forgetMachine } from '../journey/adopt.ts';
import { addMac, type ChangeOptions, changeNode, differences, removeMac } from '../journey/change-node.ts';
import { type Hardware, hardwareOf } from '../journey/hardware.ts';
import type { Journey } from '../journey/journey.ts';
import type { AuditEntry } from '../journey/ports.ts';
import { findNode, toldOfNode } from '../journey/registry.ts';
import { archiveNode, replaceHardware, unarchiveNode } from '../journey/retire.ts';
import { refuseValuesOfAdmin } from '../journey/values-rights.ts';
import { ruleOfNode } from '../journey/view.ts';
import type { Node } from '../nodes/node.ts';
import { guardOf } from './identity.ts';
import { revisionAsked } from './preconditions.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

export function registerRegistry(plugin: FastifyInstance, journey: Journey): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, nameOf, roleOf, entry } = guardOf(journey);

  const details = async (node: Node) => nodeDetails(node, await ruleOfNode(journey, node));

  /** Who does it, and the line of the audit log: names of fields whose content is nobody's business, and what the others were and are. */
  const told = (request: FastifyRequest, action: string): ChangeOptions => ({
    by: nameOf(request),
    expectedRevision: revisionAsked(request),
    audit: (before, after): AuditEntry => {
      const fields = differences(before, after);
      const shown = (node: Node) =>
        Object.fromEntries(
          fields.map((field) => [field, field === 'values' || field === 'notes' ? '(changed)' : node[field]]),
        );
      return entry(request, action, before.fqdn, { before: shown(before), after: shown(after) });
    },
  });

  app.patch(
    '/api/v1/nodes/:id',
    {
      ...needs('operator', { conditional: true }),
      schema: {
        tags: ['nodes'],
        summary: 'Change a node: name, ports, profile, tags, values, notes, install policy, protection',
        params: NodeParams,
        body: NodePatch,
        response: { 200: NodeDetails },
      },
    },
    async (request) => {
      refuseValuesOfAdmin(roleOf(request), request.body.values);
      const node = await findNode(journey, request.params.id);
      return details(await changeNode(journey, node, request.body, told(request, 'node.changed')));
    },
  );

  app.post(
    '/api/v1/nodes/:id/macs',
    {
      ...needs('operator', { conditional: true }),
      schema: {
        tags: ['nodes'],
        summary: 'Add a port by which the machine may boot',
        params: NodeParams,
        body: MacInput,
        response: { 200: NodeDetails },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      return details(await addMac(journey, node, request.body.mac, told(request, 'node.changed')));
    },
  );

  app.delete(
    '/api/v1/nodes/:id/macs/:mac',
    {
      ...needs('operator', { conditional: true }),
      schema: {
        tags: ['nodes'],
        summary: 'Take a port away from a node',
        params: NodeMacParams,
        response: { 200: NodeDetails },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      return details(await removeMac(journey, node, request.params.mac, told(request, 'node.changed')));
    },
  );

  app.post(
    '/api/v1/nodes/:id/replace',
    {
      ...needs('operator', { conditional: true }),
      schema: {
        tags: ['nodes'],
        summary: 'Another machine takes its place: name, profile, values, addresses and history stay',
        params: NodeParams,
        body: ReplaceInput,
        response: { 200: NodeDetails },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      return details(await replaceHardware(journey, node, request.body.macs, told(request, 'node.replaced')));
    },
  );

  for (const [action, summary, work] of [
    ['archive', 'Take a node out of the lists; its history stays, its name, ports and addresses are free', archiveNode],
    ['unarchive', 'Bring an archived node back', unarchiveNode],
  ] as const) {
    app.post(
      `/api/v1/nodes/:id/${action}`,
      {
        ...needs('operator', { conditional: true }),
        schema: { tags: ['nodes'], summary, params: NodeParams, response: { 200: NodeDetails } },
      },
      async (request) => {
        const node = await findNode(journey, request.params.id);
        return details(await work(journey, node, told(request, `node.${action}d`)));
      },
    );
  }

  app.get(
    '/api/v1/nodes/:id/hardware',
    {
      ...needs('viewer'),
      schema: {
        tags: ['nodes'],
        summary: 'What the machine has said of itself: disks, ports, processor, memory, serial number, host keys',
        params: NodeParams,
        response: { 200: HardwareView },
      },
    },
    async (request) => {
      const node = await findNode(journey, request.params.id);
      await journey.discovered.flush();
      return hardwareView(await hardwareOf(journey, node));
    },
  );

  app.post(
    '/api/v1/discovered/:mac/adopt',
    {
      ...needs('operator'),
      schema: {
        tags: ['discovery'],
        summary: 'Register a machine that was seen',
        params: MacParams,
        body: AdoptInput,
        response: { 201: NodeDetails },
      },
    },
    async (request, reply) => {
      refuseValuesOfAdmin(roleOf(request), request.body.values);
      const node = await adoptMachine(journey, request.params.mac, request.body, (added) =>
        entry(request, 'node.adopted', added.fqdn, {
          before: null,
          after: toldOfNode(added),
        }),
      );
      return reply.code(201).header('Location', `/api/v1/nodes/${node.id}`).send(nodeDetails(node, undefined));
    },
  );

  app.delete(
    '/api/v1/discovered/:mac',
    {
      ...needs('operator'),
      schema: {
        tags: ['discovery'],
        summary: 'Forget a machine that was seen, until its next packet',
        params: MacParams,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      await forgetMachine(journey, request.params.mac, (mac) =>
        entry(request, 'discovered.forgotten', mac, { before: { mac }, after: null }),
      );
      return reply.code(204).send();
    },
  );
}

function hardwareView(hardware: Hardware | undefined): HardwareView {
  const { disks = [], ports = [], hostKeys = [], heard = [], sameUuid = [] } = hardware ?? {};
  return {
    uuid: hardware?.uuid ?? null,
    serial: hardware?.serial ?? null,
    manufacturer: hardware?.manufacturer ?? null,
    model: hardware?.model ?? null,
    assetTag: hardware?.assetTag ?? null,
    cpu: hardware?.cpu ?? null,
    memoryBytes: hardware?.memoryBytes ?? null,
    bootMode: hardware?.bootMode ?? null,
    arch: hardware?.arch ?? null,
    vendorClass: hardware?.vendorClass ?? null,
    networkChip: hardware?.networkChip ?? null,
    loader: hardware?.loader ?? null,
    disks: disks.map(({ device, text, sizeBytes }) => ({ device, text, sizeBytes: sizeBytes ?? null })),
    ports: ports.map(({ name, mac, known }) => ({ name, mac: mac ?? null, known })),
    hostKeys: [...hostKeys],
    heard: heard.map(({ source, at }) => ({ source, at: new Date(at).toISOString() })),
    sameUuid: [...sameUuid],
  };
}
