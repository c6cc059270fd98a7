/** Rows for the store's tests: complete, and changed by what a test gives. */
import type { ClaimRequest, Repositories } from '../../../src/journey/ports.ts';
import type { Fqdn } from '../../../src/net/fqdn.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { type Node, PLAIN_NODE } from '../../../src/nodes/node.ts';
import type { Rule } from '../../../src/rules/rule.ts';
import type { EventCode } from '../../../src/runs/events.ts';
import type { Run, StepReport } from '../../../src/runs/run.ts';
import type { Delivery, Webhook } from '../../../src/webhooks/webhook.ts';

export const MAC1 = 'bc:24:11:00:00:01' as Mac;
export const MAC2 = 'bc:24:11:00:00:02' as Mac;
export const MAC3 = 'bc:24:11:00:00:03' as Mac;

export function aNode(changes: Partial<Node> = {}): Node {
  return {
    id: 'node-1',
    fqdn: 'pve1.lab.example' as Fqdn,
    macs: [MAC1],
    profile: 'default',
    tags: ['rack-a'],
    values: { answer: { network: { address: '10.0.0.5' } } },
    ...PLAIN_NODE,
    site: 'local',
    revision: 1,
    createdAt: 1000,
    ...changes,
  };
}

export function aRun(changes: Partial<Run> = {}): Run {
  return {
    id: 'run-1',
    nodeId: 'node-1',
    state: 'armed',
    failure: undefined,
    contested: false,
    generation: 1,
    mediaId: 'a'.repeat(64),
    armedAt: 1000,
    stateSince: 1000,
    deadlineAt: 5000,
    endedAt: undefined,
    revision: 1,
    data: {
      expiresAt: 5000,
      profileVersion: 'v',
      profileName: 'default',
      profile: { answer: {} },
      sealedRootPassword: 'v1.x',
      rootPasswordHash: '$6$x',
    },
    ...changes,
  };
}

export function anEvent(changes: Partial<Parameters<Repositories['events']['append']>[0][number]> = {}) {
  return {
    at: 1000,
    mac: MAC1,
    nodeId: 'node-1',
    runId: 'run-1',
    code: 'run.armed' as EventCode,
    data: { n: 1 },
    ...changes,
  };
}

export function aReport(changes: Partial<StepReport> = {}): StepReport {
  return {
    seq: 1,
    module: 'ssh-hardening',
    step: 'apply',
    result: 'changed',
    startedAt: 1000,
    durationMs: 12.5,
    output: 'ok',
    detail: 'wrote a drop-in',
    ...changes,
  };
}

export function aMachine(changes: Partial<Parameters<Repositories['discovered']['record']>[0]> = {}) {
  return {
    mac: MAC3,
    lastSeenAt: 1000,
    arch: 'bios',
    uuid: undefined,
    vendorClass: 'PXEClient',
    hostName: undefined,
    interfaceName: 'eno1',
    address: '10.0.0.9' as Ipv4,
    ...changes,
  };
}

export function aMedium(id: string, addedAt: number) {
  return {
    id,
    name: 'proxmox-ve_9.2-1',
    product: 'pve',
    release: '9.2',
    isoRelease: '1',
    sizeBytes: 1_700_000_000,
    kernelPath: '/boot/linux26',
    initrdPath: '/boot/initrd.img',
    addedAt,
  } as const;
}

export function aRule(changes: Partial<Rule> = {}): Rule {
  return {
    id: 'rule-1',
    revision: 1,
    name: 'racks',
    priority: 0,
    conditions: ['mac:bc:24:11:*'],
    gives: { fqdn: 'pve{{counter.rack}}.lab.example', profile: 'default', tags: [], values: {}, installPolicy: 'once' },
    mayArm: false,
    machines: 2,
    registered: 0,
    expiresAt: undefined,
    createdAt: 1000,
    createdBy: 'admin',
    ...changes,
  };
}

export function aClaim(changes: Partial<ClaimRequest> = {}): ClaimRequest {
  return { nodeId: 'node-1', scope: 'address', pool: 'lan', from: 10, to: 19, except: [], at: 1000, ...changes };
}

export function aBornSecret(changes: Partial<Parameters<Repositories['bornSecrets']['insert']>[0]> = {}) {
  return {
    id: 'born-1',
    nodeId: 'node-1',
    runId: 'run-1',
    module: 'admin-user',
    name: 'password-ops',
    delivery: 'd1',
    sealed: 'v1.sealed',
    bornAt: 1000,
    ...changes,
  };
}

export function aWebhook(changes: Partial<Webhook> = {}): Webhook {
  return {
    id: 'hook-1',
    name: 'chat-ops',
    revision: 1,
    url: 'https://hooks.example.net/ironwake',
    events: ['run.*'],
    severities: [],
    allowHttp: false,
    allowLoopback: false,
    ca: undefined,
    secret: 'v1.s',
    secretAt: 1000,
    oldSecret: undefined,
    off: undefined,
    createdAt: 1000,
    createdBy: 'admin',
    ...changes,
  };
}

export function aDelivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    seq: 1,
    id: 'msg_1',
    webhookId: 'hook-1',
    eventId: undefined,
    code: 'webhook.test',
    body: '{}',
    state: 'waiting',
    tries: 0,
    createdAt: 1000,
    queuedAt: 1000,
    dueAt: 1000,
    lastTryAt: undefined,
    endedAt: undefined,
    status: undefined,
    failure: undefined,
    ...changes,
  };
}
