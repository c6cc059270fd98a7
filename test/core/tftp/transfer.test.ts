import t from 'tap';
import { negotiate } from '../../../src/tftp/terms.ts';
import { begin, deliveredBytes, type Input, type Step, step } from '../../../src/tftp/transfer.ts';

const T0 = 1_800_000_000_000;

/** A step in short: `oack`, `data 1-4`, `wait`, `end complete`. */
function brief({ action }: Step): string {
  switch (action.kind) {
    case 'wait':
      return 'wait';
    case 'send-oack':
      return 'oack';
    case 'send-data':
      return action.count === 1 ? `data ${action.first}` : `data ${action.first}-${action.first + action.count - 1}`;
    case 'end':
      return action.outcome.kind === 'aborted' ? `aborted: ${action.outcome.because}` : action.outcome.kind;
  }
}

const ack = (block: number): Input => ({ kind: 'ack', block });
const error = (code: number, message = ''): Input => ({ kind: 'error', code, message });
const deadline: Input = { kind: 'deadline' };
const repeated: Input = { kind: 'request-repeated' };
const closed: Input = { kind: 'port-closed' };

/** Runs `inputs` one millisecond apart and returns what was done, the beginning first. */
function run(asked: Record<string, string>, sizeBytes: number, inputs: readonly Input[]): readonly string[] {
  const limits = { maxBlksize: 65464, maxWindowsize: 64 };
  let current = begin(negotiate(new Map(Object.entries(asked)), sizeBytes, limits), sizeBytes, T0);
  const done = [brief(current)];
  inputs.forEach((input, index) => {
    current = step(current.transfer, input, T0 + index + 1);
    done.push(brief(current));
  });
  return done;
}

t.test('what is sent for what is heard', async (t) => {
  type Row = readonly [string, Record<string, string>, number, readonly Input[], readonly string[]];
  const rows: readonly Row[] = [
    ['no options: data at once', {}, 1000, [ack(1), ack(2)], ['data 1', 'data 2', 'complete']],
    [
      'a multiple of the block ends with an empty one',
      {},
      1024,
      [ack(1), ack(2), ack(3)],
      ['data 1', 'data 2', 'data 3', 'complete'],
    ],
    ['an empty file is one empty block', {}, 0, [ack(1)], ['data 1', 'complete']],
    ['options first', { blksize: '1000' }, 1500, [ack(0), ack(1), ack(2)], ['oack', 'data 1', 'data 2', 'complete']],
    ['an early ack of data does not confirm the options', { blksize: '1000' }, 1500, [ack(1)], ['oack', 'wait']],
    ['a window', { windowsize: '4' }, 3000, [ack(0), ack(4), ack(6)], ['oack', 'data 1-4', 'data 5-6', 'complete']],
    [
      'a gap: go on behind the last block that came',
      { windowsize: '4' },
      9000,
      [ack(0), ack(2)],
      ['oack', 'data 1-4', 'data 3-6'],
    ],
    [
      'lockstep: the same ack again is ignored (sorcerer)',
      {},
      5000,
      [ack(1), ack(1), ack(1)],
      ['data 1', 'data 2', 'wait', 'wait'],
    ],
    ['an ack of the past is ignored', {}, 5000, [ack(1), ack(2), ack(1)], ['data 1', 'data 2', 'data 3', 'wait']],
    ['an ack of the future is ignored', {}, 5000, [ack(2), ack(7)], ['data 1', 'wait', 'wait']],
    ['nothing heard: again', {}, 5000, [deadline, deadline, ack(1)], ['data 1', 'data 1', 'data 1', 'data 2']],
    ['nothing heard after the options: again', { tsize: '0' }, 5000, [deadline, ack(0)], ['oack', 'oack', 'data 1']],
    [
      'nothing heard in a window: the whole window again',
      { windowsize: '3' },
      9000,
      [ack(0), ack(3), deadline],
      ['oack', 'data 1-3', 'data 4-6', 'data 4-6'],
    ],
    [
      'edk2 asks for the size and says ERROR 8',
      { tsize: '0', blksize: '1468' },
      5000,
      [error(8, 'User aborted the transfer')],
      ['oack', 'probe'],
    ],
    ['ROMs end their size probe with ERROR 0', { tsize: '0' }, 5000, [error(0)], ['oack', 'probe']],
    ['ERROR 8 against the options without tsize', { blksize: '9' }, 5000, [error(8)], ['oack', 'probe']],
    ['another error after the options', { blksize: '9' }, 5000, [error(3, 'full')], ['oack', 'aborted: error 3: full']],
    ['an error in the middle', { tsize: '0' }, 5000, [ack(0), error(0)], ['oack', 'data 1', 'aborted: error 0']],
    ['GRUB repeats its request', { tsize: '0' }, 5000, [repeated, ack(0)], ['oack', 'oack', 'data 1']],
    ['a repeated request without options', {}, 5000, [repeated], ['data 1', 'data 1']],
    ['a repeated request that comes late', { tsize: '0' }, 5000, [ack(0), repeated], ['oack', 'data 1', 'wait']],
    ['a repeated request later still', {}, 5000, [ack(1), repeated], ['data 1', 'data 2', 'wait']],
    ['the port closes in the middle', {}, 5000, [ack(1), closed], ['data 1', 'data 2', 'aborted: port closed']],
    ['the port closes under the last block', {}, 1000, [ack(1), closed], ['data 1', 'data 2', 'complete']],
  ];
  for (const [name, asked, sizeBytes, inputs, done] of rows) t.same(run(asked, sizeBytes, inputs), done, name);
});

t.test('block numbers wrap from 65535 to 0, also inside a window', async (t) => {
  const sizeBytes = 70_000 * 8 + 3;
  let current = begin(
    negotiate(
      new Map([
        ['blksize', '8'],
        ['windowsize', '16'],
      ]),
      sizeBytes,
      { maxBlksize: 1468, maxWindowsize: 16 },
    ),
    sizeBytes,
    T0,
  );
  current = step(current.transfer, ack(0), T0);
  const sent: number[] = [];
  while (current.action.kind === 'send-data') {
    const last = current.action.first + current.action.count - 1;
    sent.push(last);
    current = step(current.transfer, ack(last & 0xffff), T0);
  }
  t.equal(brief(current), 'complete');
  t.equal(sent.at(-1), 70_001);
  t.equal(deliveredBytes(current.transfer), sizeBytes);
});

t.test('a client that is silent is asked for at least 30 s, ever more slowly', async (t) => {
  for (const [name, asked] of [
    ['no options', {}],
    ['after the OACK', { tsize: '0' }],
    ['timeout of 1 s', { timeout: '1' }],
    ['timeout of 30 s', { timeout: '30' }],
  ] as const) {
    let current = begin(
      negotiate(new Map(Object.entries(asked)), 5000, { maxBlksize: 1468, maxWindowsize: 16 }),
      5000,
      T0,
    );
    const waits: number[] = [];
    let now = T0;
    while (current.action.kind !== 'end') {
      waits.push(current.transfer.deadlineAt - now);
      now = current.transfer.deadlineAt;
      current = step(current.transfer, deadline, now);
    }
    t.equal(brief(current), 'timeout', name);
    t.ok(now - T0 >= 30_000, `${name}: ${now - T0} ms in all`);
    t.ok(waits.length >= 5, `${name}: ${waits.length - 1} repetitions`);
    t.same(
      waits,
      [...waits].sort((a, b) => a - b),
      `${name}: waits ${waits.join(' ')}`,
    );
  }
});

t.test('a clock that is set back does not keep a transfer for ever', async (t) => {
  let current = begin(negotiate(new Map(), 5000, { maxBlksize: 1468, maxWindowsize: 16 }), 5000, T0);
  let steps = 0;
  while (current.action.kind !== 'end' && steps < 100) {
    steps++;
    current = step(current.transfer, deadline, T0 - 3_600_000);
  }
  t.equal(brief(current), 'timeout');
});

t.test('the first block of a window is lost: sent again soon, once', async (t) => {
  const terms = negotiate(new Map([['windowsize', '4']]), 9000, { maxBlksize: 1468, maxWindowsize: 16 });
  let current = step(begin(terms, 9000, T0).transfer, ack(0), T0);
  current = step(current.transfer, ack(0), T0 + 5);
  current = step(current.transfer, ack(0), T0 + 6);
  t.equal(brief(current), 'wait');
  t.equal(current.transfer.deadlineAt, T0 + 105, 'the wait is cut short, and not put off by more of the same');
  current = step(current.transfer, deadline, T0 + 105);
  t.equal(brief(current), 'data 1-4');

  const doubled = step(step(begin(terms, 9000, T0).transfer, ack(0), T0).transfer, ack(0), T0 + 5);
  const goesOn = step(doubled.transfer, ack(4), T0 + 9);
  t.equal(brief(goesOn), 'data 5-8');
  t.equal(goesOn.transfer.deadlineAt, T0 + 9 + 1000, 'a doubled packet costs nothing once the window is confirmed');
});
