/**
 * `npm run mutation`: whether the tests notice a wrong line in what decides about answers: validator, key table, profile merge. The report with its
 * survivors is docs/mutation.md.
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
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
    // The quick ones, in the order in which they are asked: the tables of verdicts first, the page of the whole table last.
    testFiles: [
      'test/core/answers/validate.test.ts',
      'test/core/answers/formats.test.ts',
      'test/core/answers/globs.test.ts',
      'test/core/answers/dialect.test.ts',
      'test/core/answers/verdict.test.ts',
      'test/core/profiles/merge.test.ts',
      'test/core/answers/page.test.ts',
    ],
  },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 20_000,
  tempDirName: '.cache/stryker',
  ignorePatterns: ['/.cache', '/data', '/tftproot', '/systemd', '/test/lab'],
  incrementalFile: '.cache/stryker-incremental.json',
  reporters: ['progress-append-only', 'json'],
  jsonReporter: { fileName: '.cache/mutation.json' },
};
