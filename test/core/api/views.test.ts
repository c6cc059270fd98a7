import { FormatRegistry, type TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { test } from 'tap';
import * as schemas from '../../../src/api/schemas.ts';
import { discoveredView, eventView, mediaView, nodeView, reportView, runView } from '../../../src/api/views.ts';
import type { Ipv4 } from '../../../src/net/ipv4.ts';
import type { Run } from '../../../src/runs/run.ts';
import { aMachine, aMedium, aNode, anEvent, aReport, aRun } from '../store/fixtures.ts';

FormatRegistry.Set('date-time', (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value));

const context = { fingerprintOf: (key: string) => `SHA256:${key.length}` };
const SECRET = 'SEALED-OR-HASHED';

/** A run that knows everything a run can know; whatever must not leave says so. */
const full: Run = aRun({
  state: 'loading',
  data: {
    ...aRun().data,
    sealedRootPassword: SECRET,
    rootPasswordHash: SECRET,
    answer: SECRET,
    webhookDigest: SECRET,
    webhook: { x: SECRET },
    credentialHash: SECRET,
    sealedProbeKey: SECRET,
    profile: { answer: SECRET },
    hostKeys: { ed25519: 'ssh-ed25519 AAAA' },
    boundAddress: '10.0.0.5' as Ipv4,
    imageBytes: 1024,
    imageTotalBytes: 4096,
  },
});

test('every view has the shape of the contract', async (t) => {
  const event = { ...anEvent({ data: { media: 'm', by: 'admin', expiresInMs: 60_000 } }), id: 7 };
  const rare = { ...anEvent({ mac: undefined, nodeId: undefined, runId: undefined }), id: 8 };
  const cases: ReadonlyArray<readonly [string, TSchema, unknown]> = [
    [
      'a node without a run',
      schemas.NodeView,
      nodeView({ node: aNode(), rule: undefined, run: undefined, timeline: [] }, context),
    ],
    [
      'a node with everything',
      schemas.NodeView,
      nodeView({ node: aNode(), rule: 'racks', run: full, timeline: [event, rare] }, context),
    ],
    ['a run just armed', schemas.RunView, runView(aRun(), context)],
    ['a run that failed', schemas.RunView, runView(aRun({ state: 'failed', failure: 'x', endedAt: 2 }), context)],
    ['an event', schemas.EventView, eventView(event)],
    ['a report', schemas.ReportView, reportView(aReport())],
    ['an image', schemas.MediaView, mediaView(aMedium('a'.repeat(64), 1), true)],
    ['a stranger', schemas.DiscoveredView, discoveredView({ ...aMachine(), firstSeenAt: 1, packets: 3 })],
  ];
  for (const [name, schema, value] of cases) {
    t.strictSame(
      [...Value.Errors(schema, value)].map((error) => `${error.path} ${error.message}`),
      [],
      name,
    );
    t.strictSame(JSON.parse(JSON.stringify(value)), value, `${name}: survives JSON`);
  }
});

test('nothing secret leaves with a run', async (t) => {
  t.notMatch(JSON.stringify(nodeView({ node: aNode(), rule: undefined, run: full, timeline: [] }, context)), SECRET);
});

test('a view says what the run waits for, until when, and what to do', async (t) => {
  const { run, waiting } = nodeView({ node: aNode(), rule: undefined, run: full, timeline: [] }, context);
  t.strictSame(run?.progress, { sentBytes: 1024, totalBytes: 4096 });
  t.strictSame(run?.fingerprints, ['SHA256:16']);
  t.equal(waiting?.until, '1970-01-01T00:00:05.000Z');
  t.match(waiting?.for, /1\.0 KiB of 4\.0 KiB/);
  t.ok(waiting?.do);
  t.equal(
    nodeView({ node: aNode(), rule: undefined, run: aRun({ state: 'ready' }), timeline: [] }, context).waiting,
    null,
    'an ended run waits for nothing',
  );
});

test('an event carries its words', async (t) => {
  const view = eventView({ ...anEvent({ data: { media: 'pve-9.2', by: 'anna', expiresInMs: 3_600_000 } }), id: 1 });
  t.equal(view.severity, 'info');
  t.match(view.text, /pve-9\.2 armed by anna/);
  t.equal(view.at, '1970-01-01T00:00:01.000Z');
});

test('input schemas refuse what does not belong', async (t) => {
  const cases: ReadonlyArray<readonly [string, TSchema, unknown, boolean]> = [
    ['a node', schemas.NodeInput, { mac: 'aa', fqdn: 'a.b', profile: 'default' }, true],
    [
      'a node with several MACs',
      schemas.NodeInput,
      { macs: ['aa'], fqdn: 'a.b', profile: 'p', values: { a: 1 } },
      true,
    ],
    ['no profile', schemas.NodeInput, { mac: 'aa', fqdn: 'a.b' }, false],
    ['an unknown field', schemas.NodeInput, { mac: 'aa', fqdn: 'a.b', profile: 'p', root: 1 }, false],
    ['nothing to install with', schemas.InstallInput, {}, true],
    ['an expiry of no time', schemas.InstallInput, { expiresMinutes: 0 }, false],
    ['an empty secret', schemas.SecretInput, { value: '' }, false],
    ['a secret without a name', schemas.SecretParams, { name: '' }, false],
    ['a checksum that is none', schemas.MediaInput, { path: '/x.iso', sha256: 'abc' }, false],
  ];
  for (const [name, schema, value, expected] of cases) t.equal(Value.Check(schema, value), expected, name);
});
