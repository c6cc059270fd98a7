import fc from 'fast-check';
import { test } from 'tap';
import { instanceKey } from '../../../src/trust/instance-key.ts';
import { checkStepToken, makeStepToken, readStepToken } from '../../../src/trust/step-token.ts';

const key = instanceKey(new Uint8Array(32).fill(1));
const RUN = '01949f3a-7c00-7abc-8def-0123456789ab';
const subject = { runId: RUN, step: 'answer', generation: 1 } as const;

test('the same run has the same token, and it is known by its own run only', async (t) => {
  const token = makeStepToken(key, subject);
  t.match(token, /^[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/, 'URL-safe');
  t.equal(token, makeStepToken(instanceKey(new Uint8Array(32).fill(1)), { ...subject }));
  const claim = readStepToken(token);
  t.equal(claim?.runId, RUN);
  if (claim === undefined) return;
  const cases = [
    ['itself', key, subject, true],
    ['another step', key, { ...subject, step: 'image' }, false],
    ['a later generation', key, { ...subject, generation: 2 }, false],
    ['another run', key, { ...subject, runId: RUN.replace('01949', '01950') }, false],
    ['another installation', instanceKey(new Uint8Array(32).fill(2)), subject, false],
  ] as const;
  for (const [name, withKey, as, expected] of cases) t.equal(checkStepToken(withKey, claim, as), expected, name);
});

test('a MAC under another run id is worth nothing', async (t) => {
  const other = RUN.replace('01949', '01950');
  const [, mac] = makeStepToken(key, subject).split('.');
  const [run] = makeStepToken(key, { ...subject, runId: other }).split('.');
  const claim = readStepToken(`${run}.${mac}`);
  t.equal(claim?.runId, other);
  t.equal(claim && checkStepToken(key, claim, { ...subject, runId: other }), false);
});

test('no other text is a token', async (t) => {
  const token = makeStepToken(key, subject);
  const last = token.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twin = alphabet[alphabet.indexOf(last) ^ 1] ?? '';
  const cases: ReadonlyArray<readonly [string, string]> = [
    ['empty', ''],
    ['cut', token.slice(0, -1)],
    ['longer', `${token}A`],
    ['standard base64', token.replace(/./, '+')],
    ['a line break', `${token}\n`],
    ['another spelling of the same bytes', token.slice(0, -1) + twin],
  ];
  for (const [name, text] of cases) t.equal(readStepToken(text), undefined, name);
});

test('whatever is read is the only spelling of its bytes', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary-ascii', maxLength: 80 }),
      (text) => readStepToken(text) === undefined || text.length === 66,
    ),
  );
});

test('any changed character is refused', async (t) => {
  const token = makeStepToken(key, subject);
  for (let i = 0; i < token.length; i += 1) {
    const changed = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1);
    const claim = readStepToken(changed);
    if (claim !== undefined && checkStepToken(key, claim, { ...subject, runId: claim.runId })) t.fail(`character ${i}`);
  }
  t.throws(() => makeStepToken(key, { ...subject, runId: 'no-uuid' }), /not a UUID/);
});
