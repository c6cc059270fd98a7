/** Signatures: the specification's own vector, what a receiver must refuse, and what a secret is. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { test } from 'tap';
import type { IronwakeError } from '../../../src/errors.ts';
import { keyOfSecret, makeSecret, sign, TOLERANCE_SECONDS, verify } from '../../../src/webhooks/signature.ts';

/** From the test suites of the reference libraries (github.com/standard-webhooks/standard-webhooks). */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  message: { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' },
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};
const { secret, message, signature } = VECTOR;
const key = keyOfSecret(secret);
const headersOf = (changes: Readonly<Record<string, string | undefined>> = {}) => ({
  'webhook-id': message.id,
  'webhook-timestamp': String(message.timestamp),
  'webhook-signature': signature,
  ...changes,
});

test("the specification's vector", (t) => {
  t.equal(sign(message, [key]), signature);
  t.equal(verify(headersOf(), message.body, key, message.timestamp), 'good');
  t.equal(keyOfSecret(secret.slice('whsec_'.length)).byteLength, 24, 'the prefix may be missing');
  t.end();
});

test('what a receiver makes of a request', (t) => {
  const other = sign(message, [Buffer.alloc(32, 1)]);
  const at = message.timestamp;
  for (const [name, headers, body, now, expected] of [
    ['several signatures, the right one last', { 'webhook-signature': `${other} ${signature}` }, undefined, at, 'good'],
    ['a version that is not known beside it', { 'webhook-signature': `v1a,xyz ${signature}` }, undefined, at, 'good'],
    ['by another secret', { 'webhook-signature': other }, undefined, at, 'wrong-signature'],
    ['empty', { 'webhook-signature': '' }, undefined, at, 'wrong-signature'],
    ['without its version', { 'webhook-signature': signature.slice(3) }, undefined, at, 'wrong-signature'],
    ['another body', {}, '{"test": 2432232315}', at, 'wrong-signature'],
    ['another id', { 'webhook-id': 'msg_other' }, undefined, at, 'wrong-signature'],
    ['another time', { 'webhook-timestamp': String(at + 1) }, undefined, at, 'wrong-signature'],
    ['just young enough', {}, undefined, at + TOLERANCE_SECONDS, 'good'],
    ['too old', {}, undefined, at + TOLERANCE_SECONDS + 1, 'too-old'],
    ['just late enough', {}, undefined, at - TOLERANCE_SECONDS, 'good'],
    ['of the future', {}, undefined, at - TOLERANCE_SECONDS - 1, 'too-new'],
    ['no id', { 'webhook-id': undefined }, undefined, at, 'no-headers'],
    ['no signature', { 'webhook-signature': undefined }, undefined, at, 'no-headers'],
    ['a time that is no number', { 'webhook-timestamp': '1e9' }, undefined, at, 'no-headers'],
  ] as const)
    t.equal(verify(headersOf(headers), body ?? message.body, key, now), expected, name);
  t.end();
});

test('two secrets of an overlap sign both, the present one first', (t) => {
  const old = keyOfSecret(makeSecret((size) => new Uint8Array(size).fill(7)));
  const both = sign(message, [key, old]).split(' ');
  t.equal(both.length, 2);
  t.equal(both[0], signature);
  for (const each of [key, old])
    t.equal(verify(headersOf({ 'webhook-signature': both.join(' ') }), message.body, each, message.timestamp), 'good');
  t.end();
});

test('a secret that is made can be used; whatever the body, it is signed as its UTF-8', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.string({ unit: 'binary', maxLength: 40 }),
      (bytes, body) => {
        const made = makeSecret(() => bytes);
        const used = keyOfSecret(made);
        const expected = createHmac('sha256', Buffer.from(made.slice(6), 'base64'))
          .update(Buffer.from(`msg_1.7.${body}`, 'utf8'))
          .digest('base64');
        return sign({ id: 'msg_1', timestamp: 7, body }, [used]) === `v1,${expected}`;
      },
    ),
    { numRuns: 50 },
  );
  t.end();
});

test('what is no secret is refused, and never repeated', (t) => {
  for (const text of ['', 'whsec_', 'hunter2hunter2', 'whsec_AAAA', `whsec_${'A'.repeat(92)}`, 'whsec_€€€€', 'a b c d'])
    t.throws(() => keyOfSecret(text), { code: 'webhook.secret', field: 'secret' }, text);
  try {
    keyOfSecret('whsec_hunter2');
  } catch (error) {
    t.notMatch((error as IronwakeError).line, 'hunter2');
  }
  t.end();
});
