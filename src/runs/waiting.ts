/** What a run is waiting for: the last line of every timeline. */
import { ENDED_STATES, type Run, type RunState } from './run.ts';
import { signalOf, stallOf } from './stalls.ts';
import { formatBytes } from './words.ts';

export interface Waiting {
  readonly for: string;
  /** Epoch milliseconds: when the present budget ends. */
  readonly until: number | undefined;
  readonly do: string;
}

const WAITS: Readonly<Partial<Record<RunState, { readonly for: string; readonly do: string }>>> = {
  armed: { for: 'the machine to boot from the network', do: 'Power it on, with network boot first in its boot order.' },
  booting: {
    for: 'the boot loader to fetch kernel and image',
    do: 'Nothing; the screen of the machine shows each step.',
  },
  loading: { for: 'the kernel and the installer to start', do: 'Nothing; the image is on its way or being unpacked.' },
  live: { for: 'the installer to ask for its answer', do: 'Nothing; this takes some seconds.' },
  claimed: { for: 'the installer to accept the answer', do: 'Nothing; it fetches the first-boot executable next.' },
  installing: { for: 'the installer to finish', do: 'Nothing; installation takes some minutes.' },
  installed: { for: 'the node to boot from its disk and prove its host key', do: 'Nothing; it restarts by itself.' },
  configuring: { for: "the node's report about its plan", do: 'Nothing; each step is reported here.' },
};

/** @returns undefined for a run that has ended */
export function waitingOf(run: Run): Waiting | undefined {
  if (ENDED_STATES.has(run.state)) return undefined;
  if (run.contested) {
    return {
      for: 'your decision: the run is contested',
      until: run.deadlineAt,
      do: 'Look at the machine; then npx ironwake node trust NAME, or npx ironwake node cancel NAME.',
    };
  }
  const { withheld = [], confirmedAt, waitingForCodeSince } = run.data;
  if (run.state === 'configuring' && withheld.length > 0 && confirmedAt === undefined) {
    const meanwhile = waitingForCodeSince === undefined ? ' (the rest of the plan goes on meanwhile)' : '';
    return {
      for: `the confirmation code of the node${meanwhile}`,
      until: run.deadlineAt,
      do: "Read it on the machine's screen or serial console; then npx ironwake run confirm NAME CODE.",
    };
  }
  const wait = WAITS[run.state] ?? { for: 'the next step', do: 'Nothing.' };
  const stall = run.data.stalledSince === undefined ? undefined : stallOf(signalOf(run), run.data.arch);
  const { imageBytes, imageTotalBytes, imageDeliveredAt } = run.data;
  const progress =
    run.state === 'loading' && imageDeliveredAt === undefined && imageTotalBytes !== undefined
      ? ` (${formatBytes(imageBytes ?? 0)} of ${formatBytes(imageTotalBytes)} sent)`
      : '';
  return {
    for: `${wait.for}${progress}`,
    until: run.deadlineAt,
    do: stall === undefined ? wait.do : `${stall.remedy} Likely cause: ${stall.cause}.`,
  };
}
