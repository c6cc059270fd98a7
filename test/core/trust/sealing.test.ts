import fc from 'fast-check';
import { test } from 'tap';
import { instanceKey } from '../../../src/trust/instance-key.ts';
import { seal, unseal, unsealText } from '../../../src/trust/sealing.ts';
import { countingBytes } from './counting-bytes.ts';

const key = instanceKey(new Uint8Array(32).fill(7));
const random = countingBytes();

test('what was sealed opens with the same key and purpose', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, purpose) => {
      const sealed = seal(key, purpose, bytes, random);
      return /^v1\.[\w-]+$/.test(sealed) && Buffer.from(unseal(key, purpose, sealed)).equals(Buffer.from(bytes));
    }),
  );
});

test('text keeps its letters', async (t) => {
  t.equal(unsealText(key, 'p', seal(key, 'p', 'Grüße ✓', random)), 'Grüße ✓');
});

test('the same secret sealed twice looks different', async (t) => {
  t.not(seal(key, 'p', 'x', random), seal(key, 'p', 'x', random));
});

test('what does not open', async (t) => {
  const sealed = seal(key, 'secret a', 'hunter2', random);
  const other = instanceKey(new Uint8Array(32).fill(8));
  const cases: ReadonlyArray<readonly [string, () => unknown]> = [
    ['another key', () => unseal(other, 'secret a', sealed)],
    ['another purpose', () => unseal(key, 'secret b', sealed)],
    ['no version', () => unseal(key, 'secret a', sealed.slice(3))],
    ['a later version', () => unseal(key, 'secret a', sealed.replace('v1.', 'v2.'))],
    ['empty', () => unseal(key, 'secret a', 'v1.')],
    ['cut', () => unseal(key, 'secret a', sealed.slice(0, -4))],
  ];
  for (const [name, work] of cases) t.throws(work, { code: 'seal.broken' }, name);
});

test('every changed byte is noticed', async (t) => {
  const body = Buffer.from(seal(key, 'p', 'hunter2', random).slice(3), 'base64url');
  for (let i = 0; i < body.length; i += 1) {
    const changed = Buffer.from(body);
    changed[i] = (changed[i] ?? 0) ^ 1;
    t.throws(() => unseal(key, 'p', `v1.${changed.toString('base64url')}`), { code: 'seal.broken' }, `byte ${i}`);
  }
});
