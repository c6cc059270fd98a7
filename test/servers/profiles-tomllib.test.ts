/** Values that reach an answer through a template, read back by a TOML reader that shares nothing with the one that wrote them: Python's tomllib. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { test } from 'tap';
import { previewAnswer } from '../../src/answers/preview.ts';
import { parseFqdn } from '../../src/net/fqdn.ts';
import { parseMac } from '../../src/net/mac.ts';
import { emptyLibrary, nextLibrary } from '../../src/profiles/library.ts';
import { ProfileError } from '../../src/profiles/load.ts';
import { type ProfileSubject, profileForNode, renderForCheck } from '../../src/profiles/node-profile.ts';

const PROFILE = `types: { model: { type: text } }
answer:
  global: { keyboard: en-us, country: us, timezone: UTC, mailto: admin@lab.example }
  network: { source: from-dhcp }
  disk-setup: { filesystem: ext4, filter: { ID_MODEL: 'x{{values.model}}' } }
postInstall: { ssh: {} }
`;
const { resolved } = nextLibrary(emptyLibrary, [{ file: 'a.yaml', text: PROFILE, failure: undefined }], [], 0);
const profile = resolved.get('a');

/** The answer with this value in it, or undefined where it is refused because of a control character. */
function answerWith(model: string): string | undefined {
  if (profile === undefined) throw new Error('the profile is broken');
  const subject: ProfileSubject = {
    fqdn: parseFqdn('pve1.lab.example'),
    macs: [parseMac('bc:24:11:00:00:01')],
    site: 'default',
    tags: [],
    values: { values: { model } },
  };
  try {
    const rendered = renderForCheck(
      profileForNode(profile, () => undefined, subject),
      subject,
    );
    const pinned = { baseUrl: 'https://192.0.2.1', certFingerprint: Array.from({ length: 32 }, () => '00').join(':') };
    return previewAnswer({ profile: rendered, node: subject, product: 'pve', release: '9.2', ...pinned }).toml;
  } catch (error) {
    if (error instanceof ProfileError && error.code === 'profile.template') return undefined;
    throw error;
  }
}

const READER = `
import json, sys, tomllib
print(json.dumps([tomllib.loads(text)["disk-setup"]["filter"]["ID_MODEL"] for text in json.load(sys.stdin)]))
`;

test('any text in a value comes out unchanged, or is refused for a control character', (t) => {
  const nasty = fc.array(
    fc.oneof(
      fc.constantFrom(
        '"',
        "'",
        '"""',
        "'''",
        '\\',
        '\\n',
        '\\u0041',
        '#',
        ' = ',
        '[global]',
        '{{host}}',
        '{',
        '}',
        '\n',
        '\r\n',
        '\u0000',
        '\u2028',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.string({ unit: 'grapheme', maxLength: 6 }),
    ),
    { maxLength: 6 },
  );
  // What is a glob is another rule's business (answer.glob).
  const values = fc.sample(nasty, 1500).map((parts) => parts.join('').replaceAll(/[[\]*?]/g, ''));
  const served = values.flatMap((value) => {
    const toml = answerWith(value);
    return toml === undefined ? [] : [{ value, toml }];
  });
  const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/u;
  t.equal(served.length, values.filter((value) => !control.test(value)).length, 'exactly those with one are refused');
  t.ok(served.length > 200 && served.length < values.length, `${served.length} of ${values.length}`);
  const run = spawnSync('python3', ['-c', READER], {
    input: JSON.stringify(served.map(({ toml }) => toml)),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  t.equal(run.status, 0, run.stderr);
  t.strictSame(
    JSON.parse(run.stdout),
    served.map(({ value }) => `x${value}`),
  );
  t.end();
});
