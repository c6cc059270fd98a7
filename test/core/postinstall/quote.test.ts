/** Nothing that a profile says may be executed: any text survives the way through a real shell. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { embedFile, shellQuote } from '../../../src/postinstall/quote.ts';

const dir = mkdtempSync(join(tmpdir(), 'ironwake-quote-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

const bash = (script: string) => execFileSync('bash', ['-eu'], { input: script, cwd: dir, maxBuffer: 8 << 20 });

/** Texts of every kind, and many of what means something to a shell. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom("'", '"', '$', '`', '\\', '(', ')', '\n', ' ', ';', '&', '!', '\t', 'a', 'EOF'),
    maxLength: 40,
  }),
);
const word = text.filter((value) => !value.includes('\0'));

t.test('any words arrive as they are', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const out = bash(`printf '%s\\0' ${words.map(shellQuote).join(' ')}`);
        return out.equals(Buffer.from(words.map((value) => `${value}\0`).join(''), 'utf8'));
      }),
      { numRuns: 60 },
    ),
  );
});

t.test('any file arrives as it is, and the script goes on behind it', async (t) => {
  const content = fc.oneof(text, fc.uint8Array({ maxLength: 300 }));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 10 }), (contents) => {
        const out = bash(`${contents.map((value, n) => embedFile(`file ' ${n}`, value)).join('')}echo behind\n`);
        return (
          out.toString() === 'behind\n' &&
          contents.every((value, n) => readFileSync(join(dir, `file ' ${n}`)).equals(Buffer.from(value)))
        );
      }),
      { numRuns: 60 },
    ),
  );
});

t.test('a text that holds the end mark of another text', async (t) => {
  const mark = /<< '(END_\w+)'/.exec(embedFile('a', 'hello\n'))?.[1] ?? '';
  const tricky = `hello\n${mark}\ntouch pwned\n`;
  bash(embedFile('a', 'hello\n') + embedFile('b', tricky));
  t.equal(readFileSync(join(dir, 'b'), 'utf8'), tricky);
  t.throws(() => readFileSync(join(dir, 'pwned')));
});

t.test('NUL cannot be a word', async (t) => {
  t.throws(() => shellQuote('a\0b'), RangeError);
});
