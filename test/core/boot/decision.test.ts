import { test } from 'tap';
import { type BootDecision, type BootSituation, decideBoot, describeReason } from '../../../src/boot/decision.ts';
import type { ClientFacts } from '../../../src/boot/facts.ts';
import { LOADERS } from '../../../src/boot/loaders.ts';
import { archOf } from '../../../src/net/arch.ts';
import { parseIpv4 } from '../../../src/net/ipv4.ts';
import { parseMac } from '../../../src/net/mac.ts';
import type { Segment } from '../../../src/net/segment.ts';
import { RUN_STATES, type RunState } from '../../../src/runs/run.ts';

const SEGMENT: Segment = {
  interfaceName: 'eno1',
  address: parseIpv4('10.0.0.2'),
  prefixLength: 24,
  httpUrl: 'http://10.0.0.2:8080',
  httpsUrl: 'https://10.0.0.2:8443',
};

const SCRIPT = 'http://10.0.0.2:8080/boot/script/bc-24-11-00-00-01';

function facts(
  kind: ClientFacts['kind'],
  archNumber: number | undefined,
  more: Partial<ClientFacts> = {},
): ClientFacts {
  return {
    kind,
    mac: parseMac('bc:24:11:00:00:01'),
    message: 'discover',
    port: 67,
    arch: archNumber === undefined ? undefined : archOf(archNumber),
    archNumber,
    uuid: undefined,
    vendorClass: undefined,
    userClass: undefined,
    hostName: undefined,
    secs: 0,
    relay: undefined,
    address: undefined,
    serverId: undefined,
    ...more,
  };
}

const STRANGER: BootSituation = { registered: false, run: undefined };
const IDLE: BootSituation = { registered: true, run: undefined };
const inState = (state: RunState, contested = false): BootSituation => ({
  registered: true,
  run: { id: 'run-1', state, contested },
});
const ARMED = inState('armed');

const ROWS: ReadonlyArray<{
  readonly name: string;
  readonly facts: ClientFacts;
  readonly situation: BootSituation;
  readonly decision: Omit<BootDecision, 'because'> & { readonly file?: string; readonly url?: string };
  readonly because: string;
}> = [
  {
    name: 'BIOS ROM, armed',
    facts: facts('pxe', 0),
    situation: ARMED,
    decision: { kind: 'loader', file: 'undionly.kpxe' },
    because: 'armed',
  },
  {
    name: 'UEFI PXE, armed',
    facts: facts('pxe', 7),
    situation: ARMED,
    decision: { kind: 'loader', file: 'ipxe-x86_64.efi' },
    because: 'armed',
  },
  {
    name: 'old UEFI that says EBC, armed',
    facts: facts('pxe', 9),
    situation: ARMED,
    decision: { kind: 'loader', file: 'ipxe-x86_64.efi' },
    because: 'armed',
  },
  {
    name: 'UEFI on arm64, armed',
    facts: facts('pxe', 11),
    situation: ARMED,
    decision: { kind: 'loader', file: 'ipxe-arm64.efi' },
    because: 'armed',
  },
  {
    name: '32-bit UEFI, armed',
    facts: facts('pxe', 6),
    situation: ARMED,
    decision: { kind: 'silent' },
    because: 'no-loader-for-architecture',
  },
  {
    name: 'unknown architecture, armed',
    facts: facts('pxe', 4711),
    situation: ARMED,
    decision: { kind: 'silent' },
    because: 'no-loader-for-architecture',
  },
  {
    name: 'no architecture, armed',
    facts: facts('pxe', undefined),
    situation: ARMED,
    decision: { kind: 'silent' },
    because: 'no-loader-for-architecture',
  },
  {
    name: 'UEFI HTTP boot, armed',
    facts: facts('http-boot', 16),
    situation: ARMED,
    decision: { kind: 'http-loader', url: 'http://10.0.0.2:8080/boot/loaders/ipxe-x86_64.efi' },
    because: 'armed',
  },
  {
    name: 'request on 4011, armed',
    facts: facts('pxe', 7, { port: 4011, message: 'request' }),
    situation: ARMED,
    decision: { kind: 'loader', file: 'ipxe-x86_64.efi' },
    because: 'armed',
  },
  {
    name: 'request on 67 is for the DHCP server',
    facts: facts('pxe', 7, { message: 'request' }),
    situation: ARMED,
    decision: { kind: 'silent' },
    because: 'request-for-the-dhcp-server',
  },
  {
    name: 'iPXE, armed',
    facts: facts('ipxe', 0),
    situation: ARMED,
    decision: { kind: 'script', url: SCRIPT },
    because: 'armed',
  },
  {
    name: 'iPXE, nothing armed: the script says so',
    facts: facts('ipxe', 7),
    situation: IDLE,
    decision: { kind: 'script', url: SCRIPT },
    because: 'no-armed-run',
  },
  {
    name: 'firmware, nothing armed',
    facts: facts('pxe', 7),
    situation: IDLE,
    decision: { kind: 'local-disk' },
    because: 'no-armed-run',
  },
  {
    name: 'firmware, contested',
    facts: facts('pxe', 7),
    situation: inState('live', true),
    decision: { kind: 'local-disk' },
    because: 'run-contested',
  },
  {
    name: 'stranger: firmware',
    facts: facts('pxe', 7),
    situation: STRANGER,
    decision: { kind: 'silent' },
    because: 'not-registered',
  },
  {
    name: 'stranger: iPXE',
    facts: facts('ipxe', 7),
    situation: STRANGER,
    decision: { kind: 'silent' },
    because: 'not-registered',
  },
  {
    name: 'stranger: HTTP boot',
    facts: facts('http-boot', 16),
    situation: STRANGER,
    decision: { kind: 'silent' },
    because: 'not-registered',
  },
  {
    name: 'an ordinary DHCP client, armed',
    facts: facts('other', undefined),
    situation: ARMED,
    decision: { kind: 'silent' },
    because: 'not-a-netboot-client',
  },
  {
    name: 'the live system, armed',
    facts: facts('installer', undefined),
    situation: ARMED,
    decision: { kind: 'silent' },
    because: 'not-a-netboot-client',
  },
];

for (const { name, facts, situation, decision, because } of ROWS)
  test(name, (t) => {
    const { because: reason, ...rest } = decideBoot(facts, situation, SEGMENT);
    t.strictSame(rest, decision);
    t.equal(reason.code, because);
    t.match(describeReason(reason), /\w{3}/);
    t.end();
  });

test('from the claimed answer on the disk is booted, in every state', (t) => {
  const installs = RUN_STATES.filter((state) => decideBoot(facts('pxe', 7), inState(state), SEGMENT).kind === 'loader');
  t.strictSame(installs, ['armed', 'booting', 'loading', 'live']);
  t.end();
});

test('each loader has one firmware and processor', (t) => {
  t.equal(new Set(LOADERS.map((loader) => `${loader.firmware} ${loader.cpu}`)).size, LOADERS.length);
  t.end();
});
