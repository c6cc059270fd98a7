/**
 * Every state times every observation, also the impossible pairs, contested or not. What becomes of a run in each cell is kept in
 * docs/run-states.md: a rule that changes shows there. Run this file with IRONWAKE_WRITE=1 to write the page anew, then read the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { DEFAULT_BUDGETS } from '../../../src/runs/budgets.ts';
import { describeEvent } from '../../../src/runs/events.ts';
import type { Observation, Source } from '../../../src/runs/observation.ts';
import { ENDED_STATES, RUN_STATES, type Run, type RunData, type RunState } from '../../../src/runs/run.ts';
import { type Transition, transition } from '../../../src/runs/transition.ts';

const PAGE = new URL('../../../docs/run-states.md', import.meta.url);
const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const NODE: Source = { address: '10.0.0.50' as Ipv4, interfaceName: 'eno1', mac: 'bc:24:11:00:00:01' as Mac };
const STRANGER: Source = { address: '10.0.0.66' as Ipv4, interfaceName: 'eno1', mac: undefined };
const REPORT = {
  seq: 4,
  module: 'ssh',
  step: 'apply',
  result: 'changed',
  startedAt: NOW,
  durationMs: 9,
  output: '',
  detail: '',
} as const;
const WEBHOOK = {
  kind: 'webhook',
  source: NODE,
  digest: 'd1',
  readable: true,
  document: {},
  hostKeys: {},
  fqdn: 'pve1.lab.example',
  product: 'pve',
  version: '9.2.1',
} as const;
const CLAIM = { kind: 'answer-claimed', source: NODE, answer: '[global]', product: 'pve', release: '9.2' } as const;

/** At least one of each kind (the compiler counts), and those that mean another thing when somebody else or somebody twice makes them. */
const SEEN = {
  'firmware-asked': [{ kind: 'firmware-asked', signal: 'discover', arch: 'bios', stage: 'PXE', interfaceName: 'eno1' }],
  'loader-fetched': [{ kind: 'loader-fetched', file: 'undionly.kpxe', via: 'TFTP', bytes: 70_000 }],
  'script-served': [{ kind: 'script-served', source: NODE }],
  'kernel-requested': [{ kind: 'kernel-requested', source: NODE }],
  'image-requested': [
    { kind: 'image-requested', source: NODE, totalBytes: 1000, fingerprint: 'AA' },
    { kind: 'image-requested', source: STRANGER, totalBytes: 1000, fingerprint: 'AA' },
  ],
  'image-progress': [{ kind: 'image-progress', bytes: 500 }],
  'image-delivered': [{ kind: 'image-delivered', bytes: 1000, durationMs: 8000 }],
  'image-cut': [{ kind: 'image-cut', bytes: 500, because: 'client' }],
  'installer-seen': [{ kind: 'installer-seen' }],
  'answer-claimed': [CLAIM, { ...CLAIM, source: STRANGER }],
  'answer-requested': [
    { kind: 'answer-requested', source: NODE },
    { kind: 'answer-requested', source: STRANGER },
  ],
  'answer-unusable': [{ kind: 'answer-unusable', source: NODE, message: 'not JSON' }],
  'answer-invalid': [{ kind: 'answer-invalid', message: 'country', remedy: 'Mend it.' }],
  'hook-fetched': [
    { kind: 'hook-fetched', source: NODE, pins: [] },
    { kind: 'hook-fetched', source: STRANGER, pins: [] },
  ],
  webhook: [WEBHOOK, { ...WEBHOOK, digest: 'd2' }, { ...WEBHOOK, source: STRANGER }],
  'node-proved': [
    { kind: 'node-proved', keyType: 'ssh-ed25519', fingerprint: 'SHA256:x', credentialHash: 'h', source: NODE },
  ],
  'plan-fetched': [{ kind: 'plan-fetched', modules: ['ssh'], probePublicKey: 'p', sealedProbeKey: 'v1.y' }],
  'step-reported': [
    { kind: 'step-reported', report: REPORT },
    { kind: 'step-reported', report: { ...REPORT, seq: 1 } },
  ],
  probe: [{ kind: 'probe', result: 'ok', detail: '' }],
  'plan-finished': [
    { kind: 'plan-finished', result: 'ok' },
    { kind: 'plan-finished', result: 'failed' },
  ],
  contest: [{ kind: 'contest', reason: 'another-source', address: STRANGER.address }],
  'code-awaited': [{ kind: 'code-awaited' }],
  'code-entered': [
    { kind: 'code-entered', right: true, by: 'admin' },
    { kind: 'code-entered', right: false, by: 'admin' },
  ],
  'credential-revoked': [{ kind: 'credential-revoked', by: 'admin' }],
  'password-read': [{ kind: 'password-read', by: 'admin' }],
  trust: [{ kind: 'trust', by: 'admin' }],
  cancel: [{ kind: 'cancel', by: 'admin' }],
  'clock-jumped': [{ kind: 'clock-jumped', byMs: 3_600_000 }],
  deadline: [{ kind: 'deadline' }],
} as const satisfies { [K in Observation['kind']]: ReadonlyArray<Extract<Observation, { kind: K }>> };

const ORDER: readonly RunState[] = RUN_STATES.slice(0, RUN_STATES.indexOf('ready') + 1);
const reached = (state: RunState, other: RunState): boolean => ORDER.indexOf(state) >= ORDER.indexOf(other);

/** A run as it is when it has come to a state the usual way, its deadline just over. */
function runIn(state: RunState, contested: boolean, withheld = false): Run {
  const ended = ENDED_STATES.has(state);
  const data: RunData = {
    profileName: 'default',
    profileVersion: 'v1',
    profile: {},
    sealedRootPassword: 'v1.x',
    rootPasswordHash: '$6$x',
    expiresAt: NOW + 55 * MINUTE,
    ...(reached(state, 'loading') ? { boundAddress: NODE.address, boundMac: NODE.mac, binding: 'neighbour' } : {}),
    ...(reached(state, 'claimed') ? { claimedAt: NOW - 4 * MINUTE } : {}),
    ...(reached(state, 'installed') ? { webhookDigest: 'd1' } : {}),
    ...(reached(state, 'configuring')
      ? {
          credentialHash: 'h',
          provedFingerprint: 'SHA256:x',
          planModules: ['ssh'],
          results: { ssh: { verify: 'ok', reapply: 'unchanged' } },
          ...(withheld ? { withheld: ['admin-user'] } : {}),
          probePublicKey: 'p',
          lastReportSeq: 3,
        }
      : {}),
  };
  return {
    id: 'run',
    nodeId: 'node',
    state,
    failure: state === 'failed' ? 'silent' : undefined,
    contested,
    generation: 1,
    mediaId: 'media',
    armedAt: NOW - 5 * MINUTE,
    stateSince: NOW - MINUTE,
    deadlineAt: ended ? undefined : NOW,
    endedAt: ended ? NOW - MINUTE : undefined,
    revision: 7,
    data,
  };
}

/** One cell in a word or two. */
function cell(run: Run, result: Transition): string {
  const contest = result.run.contested && !run.contested;
  if (result.kind === 'refused') return contest ? `contest: ${result.reason}` : `refused: ${result.reason}`;
  if (result.run.state !== run.state) return `**${result.run.state}**`;
  if (contest) return 'contested';
  if (run.contested && !result.run.contested) return 'trusted';
  if (result.run.data.stalledSince !== run.data.stalledSince && result.run.data.stalledSince !== undefined)
    return 'stalled';
  if (result.events.length > 0) return 'noted';
  return result.run === run ? '-' : 'kept';
}

function label(observation: Observation): string {
  const who = 'source' in observation && observation.source === STRANGER ? ', another machine' : '';
  const what =
    observation.kind === 'webhook' && observation.digest === 'd2'
      ? ', another body'
      : observation.kind === 'step-reported' && observation.report.seq === 1
        ? ', again'
        : observation.kind === 'plan-finished'
          ? ` ${observation.result}`
          : observation.kind === 'code-entered'
            ? observation.right
              ? ', right'
              : ', wrong'
            : '';
  return `${observation.kind}${what}${who}`;
}

const ALL: readonly Observation[] = Object.values(SEEN).flat();

function page(): string {
  const table = (contested: boolean, states: readonly RunState[], withheld = false): string => {
    const rows = ALL.map(
      (seen) =>
        `| ${label(seen)} | ${states
          .map((state) => {
            const run = runIn(state, contested, withheld);
            return cell(run, transition(run, seen, NOW, DEFAULT_BUDGETS));
          })
          .join(' | ')} |`,
    );
    return `| seen | ${states.map((state) => (withheld ? `${state}, modules withheld` : state)).join(' | ')} |\n|${' --- |'.repeat(states.length + 1)}\n${rows.join('\n')}\n`;
  };
  const ongoing = RUN_STATES.filter((state) => !ENDED_STATES.has(state));
  return `# What becomes of a run

<!-- Written by test/core/runs/matrix.test.ts (IRONWAKE_WRITE=1) from src/runs/transition.ts. Do not edit. -->

Every observation in every state. **Bold**: the state that the run enters. \`noted\`: an event on the timeline, the state stays. \`kept\`: written to the run without
an event. \`-\`: taken, nothing changes (a repetition, or it comes too late to matter). \`refused\`: the machine reads the one refusing sentence, the reason stands on the
timeline. \`contest\`: refused, and the run is contested from now on. The deadline of the state has just passed in each of them, so that \`deadline\` shows what it does.

${table(false, ongoing)}
## While a code is needed

${table(false, ['configuring'], true)}
## While contested

${table(true, ongoing)}
## After the end

${table(false, [...ENDED_STATES])}`;
}

t.test('no cell breaks a rule', async (t) => {
  let cells = 0;
  for (const state of RUN_STATES) {
    for (const [contested, withheld] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      for (const seen of ALL) {
        const run = runIn(state, contested, withheld);
        const before = JSON.stringify(run);
        const result = transition(run, seen, NOW, DEFAULT_BUDGETS);
        const after = result.run;
        const name = `${state}${contested ? ' contested' : ''} x ${label(seen)}`;
        const rules: ReadonlyArray<readonly [string, boolean]> = [
          ['the run that was given is untouched', JSON.stringify(run) === before],
          ['nothing leaves an end', !ENDED_STATES.has(state) || after.state === state],
          [
            'an end has its time and no deadline, the others the reverse',
            ENDED_STATES.has(after.state) === (after.endedAt !== undefined) &&
              ENDED_STATES.has(after.state) === (after.deadlineAt === undefined),
          ],
          ['a failure has its reason, nothing else has', (after.state === 'failed') === (after.failure !== undefined)],
          [
            'what changes rises by one revision or two, what does not by none',
            after === run ? after.revision === 7 : after.revision > 7 && after.revision <= 9,
          ],
          ['events mean a new revision', result.events.length === 0 || after.revision > run.revision],
          ['a refusal moves no state', result.kind === 'accepted' || after.state === state],
          [
            'back goes only a machine that netboots again',
            ENDED_STATES.has(after.state) || reached(after.state, state) || after.state === 'booting',
          ],
          [
            'from the claim on nothing leads back',
            !reached(state, 'claimed') || ENDED_STATES.has(after.state) || reached(after.state, state),
          ],
          ['only a person ends a contest', !contested || after.contested || seen.kind === 'trust'],
          [
            'while contested nothing goes on but to an end',
            !contested || seen.kind === 'trust' || after.state === state || ENDED_STATES.has(after.state),
          ],
          ['a state that was entered begins now', after.state === state || after.stateSince === NOW],
          ['identity stays', after.id === run.id && after.nodeId === run.nodeId],
          [
            'when it was armed moves with the clock only, and the time that it was armed for never changes',
            (after.armedAt === run.armedAt || seen.kind === 'clock-jumped') &&
              after.data.expiresAt - after.armedAt === run.data.expiresAt - run.armedAt,
          ],
          ['nothing has happened in the future', after.armedAt <= NOW && after.stateSince <= NOW],
          [
            'every event has words',
            result.events.every(
              ({ code, data }) => !/undefined|\[object/.test(JSON.stringify(describeEvent(code, data))),
            ),
          ],
        ];
        for (const [rule, holds] of rules) if (!holds) t.fail(`${name}: ${rule}`);
        cells += 1;
      }
    }
  }
  t.equal(cells, RUN_STATES.length * 4 * ALL.length);
});

t.test('docs/run-states.md shows what the rules do', async (t) => {
  if (process.env.IRONWAKE_WRITE === '1') writeFileSync(PAGE, page());
  t.equal(readFileSync(PAGE, 'utf8'), page());
});
