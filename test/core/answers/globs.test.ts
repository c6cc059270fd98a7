/** Globs of the installer's filters. */
import { test } from 'tap';
import { compileGlob, globProblem, matchesGlob } from '../../../src/answers/globs.ts';

test('globs match as the installer matches them', (t) => {
  const rows: ReadonlyArray<readonly [string, string, boolean]> = [
    ['*', '', true],
    ['*', '/dev/sda', true],
    ['/dev/sd?', '/dev/sda', true],
    ['/dev/sd?', '/dev/sdaa', false],
    ['/dev/[sv]da', '/dev/vda', true],
    ['/dev/[!s]da', '/dev/sda', false],
    ['[0-9]*[a-c]', '1xxb', true],
    ['[]]', ']', true],
    ['[a-]', '-', true],
    ['*ABC*', 'xabcx', false],
    ['a*b*c', 'a1b2b3c', true],
    ['a*b*c', 'a1b2b3', false],
    ['ä?', 'ä😀', true],
    ['[b-d]', 'a', false],
    ['[axc]', 'b', false],
    ['[a]', ']', false],
    ['[a[]x', '[x', true],
    ['x[!a]', 'x!', true],
    ['x[!a]', 'xa', false],
    ['*b', 'ab', true],
    ['sd*', 'sda', true],
    ['sd*', 'vsda', false],
    ['sda', 'sda', true],
    ['sda', 'sdab', false],
    [`${'*a'.repeat(30)}b`, 'a'.repeat(5000), false],
    [`${'*'.repeat(2)}/${'*a'.repeat(30)}b`, 'a'.repeat(5000), false],
  ];
  for (const [glob, text, matches] of rows) {
    t.equal(globProblem(glob), undefined, glob);
    t.equal(matchesGlob(glob, text), matches, `${glob} ${text.slice(0, 20)}`);
    t.equal(compileGlob(glob)(text), matches, `${glob} ${text.slice(0, 20)}, compiled`);
  }
  t.end();
});

test('globs that do not compile, and why', (t) => {
  const rows: ReadonlyArray<readonly [string, RegExp | undefined]> = [
    ['***', /three or more/],
    ['a/****', /three or more/],
    ['a**', /beside other characters/],
    ['**a', /beside other characters/],
    ['a/**b', /beside other characters/],
    ['**', undefined],
    ['**/a', undefined],
    ['a/**', undefined],
    ['a/**/b', undefined],
    ['[a', /does not close/],
    ['[]', /does not close/],
    ['[!]', /does not close/],
    ['[!]]', undefined],
    ['[]a]', undefined],
    ['[a][b', /does not close/],
    ['[a]]', undefined],
    ['[a[]', undefined],
    ['', undefined],
  ];
  for (const [glob, wanted] of rows) {
    if (wanted === undefined) t.equal(globProblem(glob), undefined, glob);
    else t.match(globProblem(glob), wanted, glob);
  }
  t.end();
});

test('a text that only nearly matches', (t) => {
  const rows: ReadonlyArray<readonly [string, string, boolean]> = [
    ['', '', true],
    ['', 'a', false],
    ['a', '', false],
    ['?', '', false],
    ['a*', 'b', false],
    ['*a', 'ab', false],
    ['**', 'a/b', true],
    ['[a-c]', 'd', false],
    ['[a-c]', 'c', true],
    ['[!a-c]', 'b', false],
    ['[!a-c]', 'd', true],
    ['[!]]', ']', false],
    ['[!]]', 'a', true],
    ['[ab]c', 'bc', true],
    ['[ab]c', 'b', false],
    ['x[', 'x[', false],
    ['x[', '', false],
    ['a?c*', 'abcd', true],
  ];
  for (const [glob, text, matches] of rows) t.equal(matchesGlob(glob, text), matches, `${glob} ${text}`);
  t.end();
});
