import t from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { MAX_OUTPUT, MAX_REPORTS, parseFinished, parseReports } from '../../../src/postinstall/reports.ts';
import type { StepReport } from '../../../src/runs/run.ts';

const run = '0199aaaa-0000-7000-8000-000000000001';
const report = {
  seq: 1,
  module: 'ssh',
  step: 'apply',
  result: 'changed',
  startedAt: 1_800_000_000_000,
  durationMs: 12,
  output: '',
  detail: '',
};

t.test('reports', async (t) => {
  // The compiler holds the two rooms together: what is parsed here is what a run takes.
  const reports: readonly StepReport[] = parseReports({ run, reports: [report] }).reports;
  t.strictSame(reports, [report]);
  const bad: ReadonlyArray<[string, unknown, string]> = [
    ['nothing', undefined, 'body'],
    ['a text', 'x', 'body'],
    ['no run', { reports: [report] }, 'run'],
    ['a run that is none', { run: "' OR 1", reports: [report] }, 'run'],
    ['no reports', { run, reports: [] }, 'reports'],
    ['too many', { run, reports: Array.from({ length: MAX_REPORTS + 1 }, () => report) }, 'reports'],
    ['seq 0', { run, reports: [{ ...report, seq: 0 }] }, 'reports.0.seq'],
    ['a broken seq', { run, reports: [{ ...report, seq: 1.5 }] }, 'reports.0.seq'],
    ['a module that is a path', { run, reports: [{ ...report, module: '../x' }] }, 'reports.0.module'],
    ['a step nobody knows', { run, reports: [{ ...report, step: 'guess' }] }, 'reports.0.step'],
    ['a result nobody knows', { run, reports: [{ ...report, result: 'maybe' }] }, 'reports.0.result'],
    ['too much output', { run, reports: [{ ...report, output: 'x'.repeat(MAX_OUTPUT + 1) }] }, 'reports.0.output'],
    ['a negative duration', { run, reports: [{ ...report, durationMs: -1 }] }, 'reports.0.durationMs'],
    ['one key more', { run, reports: [{ ...report, root: true }] }, 'reports.0.root'],
  ];
  for (const [name, body, field] of bad) t.throws(() => parseReports(body), { code: 'reports.malformed', field }, name);
});

t.test('finished', async (t) => {
  t.strictSame(parseFinished({ run, result: 'ok' }), { run, result: 'ok' });
  for (const body of [undefined, {}, { run }, { run, result: 'perhaps' }, { run, result: 'ok', more: 1 }])
    t.throws(() => parseFinished(body), IronwakeError);
});
