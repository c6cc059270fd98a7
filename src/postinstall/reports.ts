/** What a node sends about its plan, parsed at the border. Limits keep a broken or hostile node from filling the disk. */
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { IronwakeError } from '../errors.ts';

/** The runner sends at most 8 at once (shell/runner.sh). */
export const MAX_REPORTS = 64;
/** UTF-16 units; the runner cuts at 16 KiB of UTF-8, which is never more. */
export const MAX_OUTPUT = 16_384;
export const MAX_DETAIL = 500;
/** The largest body that a well-behaved node sends, with every character escaped, in bytes. */
export const MAX_REPORTS_BODY = 2 << 20;

const EPOCH_MS_LIMIT = 8_640_000_000_000_000;

/** One line of `expect` in a module's verify.sh: what the node should have, and what it has. */
export const DifferenceSchema = Type.Object(
  {
    what: Type.String({ maxLength: MAX_DETAIL }),
    expected: Type.String({ maxLength: MAX_DETAIL }),
    found: Type.String({ maxLength: MAX_DETAIL }),
  },
  { additionalProperties: false },
);
export const MAX_DIFFERENCES = 50;

const StepReportSchema = Type.Object(
  {
    seq: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    module: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
    step: Type.Union([
      Type.Literal('apply'),
      Type.Literal('verify'),
      Type.Literal('reapply'),
      Type.Literal('rollback'),
      Type.Literal('restart'),
    ]),
    result: Type.Union([
      Type.Literal('changed'),
      Type.Literal('unchanged'),
      Type.Literal('ok'),
      Type.Literal('failed'),
      Type.Literal('skipped'),
    ]),
    startedAt: Type.Integer({ minimum: 0, maximum: EPOCH_MS_LIMIT }),
    durationMs: Type.Integer({ minimum: 0, maximum: 604_800_000 }),
    output: Type.String({ maxLength: MAX_OUTPUT }),
    detail: Type.String({ maxLength: MAX_DETAIL }),
    differences: Type.Optional(Type.Array(DifferenceSchema, { maxItems: MAX_DIFFERENCES })),
  },
  { additionalProperties: false },
);

const RunId = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' });

/** Body of `POST /node/v1/reports`. */
export const ReportsSchema = Type.Object(
  { run: RunId, reports: Type.Array(StepReportSchema, { minItems: 1, maxItems: MAX_REPORTS }) },
  { additionalProperties: false },
);
/** Each report has the shape of a `StepReport` of the runs. */
export type Reports = Readonly<Static<typeof ReportsSchema>>;

/** Body of `POST /node/v1/watch`: what the node saw of itself; without `verifications` it only asks. */
export const WatchSchema = Type.Object(
  {
    run: RunId,
    verifications: Type.Optional(
      Type.Array(
        Type.Object(
          {
            module: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
            result: Type.Union([Type.Literal('ok'), Type.Literal('failed')]),
            detail: Type.String({ maxLength: MAX_DETAIL }),
            differences: Type.Optional(Type.Array(DifferenceSchema, { maxItems: MAX_DIFFERENCES })),
          },
          { additionalProperties: false },
        ),
        { maxItems: 64 },
      ),
    ),
    packages: Type.Optional(
      Type.Array(Type.String({ pattern: '^[!-~]{1,200}( [!-~]{1,200}){0,3}$' }), { maxItems: 50 }),
    ),
  },
  { additionalProperties: false },
);
export type WatchBody = Readonly<Static<typeof WatchSchema>>;

/** What a module may hand over at once (`born` in shell/module.sh says so before it is sent): a seed, a key, some recovery codes. */
export const MAX_BORN_BYTES = 8192;

/** Name of a secret that a module makes on the node. */
export const BORN_NAME = '^[a-z][a-z0-9_-]{0,62}$';

/** Body of `POST /node/v1/born`: a secret that was made on the node. */
export const BornSchema = Type.Object(
  {
    run: RunId,
    delivery: Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' }),
    module: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
    name: Type.String({ pattern: BORN_NAME }),
    /** Base64: a little longer than what it stands for. */
    value: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: Math.ceil(MAX_BORN_BYTES / 3) * 4 }),
  },
  { additionalProperties: false },
);
export type BornBody = Readonly<Static<typeof BornSchema>>;

/** Body of `POST /node/v1/finished`. */
export const FinishedSchema = Type.Object(
  { run: RunId, result: Type.Union([Type.Literal('ok'), Type.Literal('failed')]) },
  { additionalProperties: false },
);
export type Finished = Readonly<Static<typeof FinishedSchema>>;

/** @throws IronwakeError `reports.malformed`, naming the field; what the field holds is not repeated */
export function parseReports(body: unknown): Reports {
  const error = Value.Errors(ReportsSchema, body).First();
  if (error !== undefined) throw malformed(error.path, error.message);
  return body as Reports;
}

/** @throws IronwakeError `reports.malformed` */
export function parseFinished(body: unknown): Finished {
  const error = Value.Errors(FinishedSchema, body).First();
  if (error !== undefined) throw malformed(error.path, error.message);
  return body as Finished;
}

function malformed(path: string, message: string): IronwakeError {
  return new IronwakeError({
    kind: 'invalid',
    code: 'reports.malformed',
    field: path.split('/').slice(1).join('.') || 'body',
    message: `the report cannot be read: ${message}`,
    remedy: 'The node runs a plan of another version: arm it again.',
  });
}
