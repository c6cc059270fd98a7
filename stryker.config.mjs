/** The quick ones; in this order they are asked until one notices. */
const TESTS = [
  'test/core/answers/validate.test.ts',
  'test/core/answers/verdict.test.ts',
  'test/core/answers/formats.test.ts',
  'test/core/answers/page.test.ts',
  'test/core/answers/dialect.test.ts',
  'test/core/answers/globs.test.ts',
  'test/core/profiles/merge.test.ts',
];

/**
 * The test of the file's own name first: it notices most.
 * @param {string} mutated
 */
function inOrder(mutated) {
  const own = mutated.replace(/^src\/(.*)\.ts$/, 'test/core/$1.test.ts');
  return [...TESTS.filter((file) => file === own), ...TESTS.filter((file) => file !== own)];
}

/**
 * `npm run mutation`: whether the tests notice a wrong line in what decides about answers: validator, key table, profile merge. The report with its
 * survivors is docs/mutation.md.
 * @satisfies {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  mutate: [
    'src/answers/keys.ts',
    'src/answers/dialect.ts',
    'src/answers/validate.ts',
    'src/answers/spelling.ts',
    'src/answers/rules.ts',
    'src/answers/network-rules.ts',
    'src/answers/disk-rules.ts',
    'src/answers/formats.ts',
    'src/answers/addresses.ts',
    'src/answers/globs.ts',
    'src/profiles/merge.ts',
  ],
  testRunner: 'tap',
  plugins: ['@stryker-mutator/tap-runner'],
  tap: {
    testFiles: inOrder(process.env.MUTATED_FILE ?? ''),
  },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 20_000,
  tempDirName: '.cache/stryker',
  ignorePatterns: ['/.cache', '/data', '/tftproot', '/systemd', '/test/lab'],
  reporters: ['progress-append-only', 'json'],
  jsonReporter: { fileName: '.cache/mutation.json' },
};
