/**
 * Tokens that open one step of one run (design: Trust). Nothing is stored for them: `HMAC-SHA256(key, run | step | generation)`, so the
 * same run has the same token and its image the same bytes after a restart; raising the generation makes all of them worthless.
 *
 * Text: `<base64url of the run's UUID, 22>.<base64url of the MAC, 43>`. The step is not in it: whoever checks knows which step is asked for.
 */
import { createHmac } from 'node:crypto';
import { sameSecret } from './compare.ts';
import type { InstanceKey } from './instance-key.ts';
import { uuidFromBytes, uuidToBytes } from './uuid.ts';

export interface StepTokenSubject {
  /** UUID of the run. */
  readonly runId: string;
  /** `image`, `answer`, `hook`, `webhook` (the words are the run's). */
  readonly step: string;
  readonly generation: number;
}

/** What a token says about itself, unchecked: whose it claims to be. */
export interface StepTokenClaim {
  readonly runId: string;
  readonly mac: Uint8Array;
}

const SHAPE = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/** URL-safe and safe in a shell word, 66 characters. */
export function makeStepToken(key: InstanceKey, subject: StepTokenSubject): string {
  const run = Buffer.from(uuidToBytes(subject.runId)).toString('base64url');
  return `${run}.${macOf(key, subject).toString('base64url')}`;
}

/** The run that a token names, or undefined when the text is no token. Says nothing about whether it is true. */
export function readStepToken(text: string): StepTokenClaim | undefined {
  const [, run, mac] = SHAPE.exec(text) ?? [];
  if (run === undefined || mac === undefined) return undefined;
  const runBytes = Buffer.from(run, 'base64url');
  const macBytes = Buffer.from(mac, 'base64url');
  // The last character carries unused bits: only one spelling of a token is a token.
  if (runBytes.toString('base64url') !== run || macBytes.toString('base64url') !== mac) return undefined;
  return { runId: uuidFromBytes(runBytes), mac: macBytes };
}

/** Whether the claim is this installation's token for exactly this run, step and generation. */
export function checkStepToken(key: InstanceKey, claim: StepTokenClaim, subject: StepTokenSubject): boolean {
  return claim.runId === subject.runId && sameSecret(claim.mac, macOf(key, subject));
}

function macOf(key: InstanceKey, { runId, step, generation }: StepTokenSubject): Buffer {
  return createHmac('sha256', key.subkey('step token')).update(`${runId}|${step}|${generation}`).digest();
}
