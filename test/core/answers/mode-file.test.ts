import { test } from 'tap';
import { DIALECT_RELEASES, dialectFor } from '../../../src/answers/dialect.ts';
import { renderModeFile } from '../../../src/answers/mode-file.ts';

const PIN = 'AB:'.repeat(31).concat('CD');

test('the mode file, byte for byte', (t) => {
  t.equal(
    renderModeFile({ url: 'https://10.0.0.2:8443/installer/abc/answer', certFingerprint: PIN }),
    `mode = "http"\n\n[http]\nurl = "https://10.0.0.2:8443/installer/abc/answer"\ncert_fingerprint = "${PIN}"\n`,
  );
  t.end();
});

test('from 9.2 on it carries the bearer token as well; before, the token stands in the URL only', (t) => {
  for (const release of DIALECT_RELEASES) {
    const bearer = { token: 'abc.def', dialect: dialectFor(release) };
    const text = renderModeFile(
      { url: 'https://10.0.0.2:8443/installer/abc.def/answer', certFingerprint: PIN },
      bearer,
    );
    t.equal(text.includes('token = "abc.def"\n'), release === '9.2', release);
    t.match(text, 'url = "https://10.0.0.2:8443/installer/abc.def/answer"');
  }
  t.end();
});

test('what the live system could not use is refused here', (t) => {
  for (const url of [
    '',
    '10.0.0.2/answer',
    'ftp://10.0.0.2/',
    'https://',
    'https://a b/',
    'https://h/"\nmode="iso"',
    'https://u:p@h/',
    'https://h/#x',
  ]) {
    t.throws(() => renderModeFile({ url, certFingerprint: PIN }), { code: 'mode-file.url' }, JSON.stringify(url));
  }
  for (const certFingerprint of ['', 'zz', PIN.slice(3), `${PIN}:00`, PIN.replace(':', '-'), `${PIN}\n`]) {
    t.throws(() => renderModeFile({ url: 'https://h/', certFingerprint }), { code: 'mode-file.fingerprint' });
  }
  t.end();
});
