/** The exact record of an answer that was served, for people: secrets masked. */
import { maskAnswer } from '../answers/mask.ts';
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import type { Journey } from './journey.ts';
import { findNode } from './registry.ts';

export interface ServedAnswer {
  readonly run: Run;
  readonly node: Node | undefined;
  readonly format: 'toml' | 'json';
  /** As it was sent, but for the masks. */
  readonly text: string;
}

/**
 * @param reference id of a run, or a node: then its newest run that got an answer
 * @throws IronwakeError `run.unknown`, `run.no-answer` (404), and those of `findNode`
 */
export async function servedAnswerOf(journey: Journey, reference: string): Promise<ServedAnswer> {
  const { runs, nodes } = journey.store;
  const run = (await runs.byId(reference.trim().toLowerCase())) ?? (await newestAnswered(journey, reference));
  const { answer } = run.data;
  if (answer === undefined) {
    throw new IronwakeError({
      kind: 'not-found',
      code: 'run.no-answer',
      message: 'no answer has been served in this run',
      remedy: 'It is served when the installer asks for it; see npx ironwake node show.',
    });
  }
  return {
    run,
    node: await nodes.byId(run.nodeId),
    format: answer.startsWith('{') ? 'json' : 'toml',
    text: maskAnswer(answer),
  };
}

async function newestAnswered(journey: Journey, reference: string): Promise<Run> {
  const node = await nodeOf(journey, reference);
  const runs = await journey.store.runs.listOf(node.id);
  const [newest] = runs.toSorted((a, b) => b.armedAt - a.armedAt);
  const answered = runs.filter(({ data }) => data.answer !== undefined).sort((a, b) => b.armedAt - a.armedAt)[0];
  const run = answered ?? newest;
  if (run !== undefined) return run;
  throw unknown(reference);
}

async function nodeOf(journey: Journey, reference: string): Promise<Node> {
  try {
    return await findNode(journey, reference);
  } catch (error) {
    if (error instanceof IronwakeError && error.code === 'node.unknown') throw unknown(reference);
    throw error;
  }
}

function unknown(reference: string): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'run.unknown',
    message: `there is no run '${reference.slice(0, 80)}'`,
    remedy: 'Give the id of a run (npx ironwake node show --json), or the name of a node that has one.',
  });
}
