import { parse } from 'smol-toml';
import { test } from 'tap';
import { DIALECT_RELEASES, dialectFor, newestDialect } from '../../../src/answers/dialect.ts';
import { renderModeFile } from '../../../src/answers/mode-file.ts';

const PIN = 'AB:'.repeat(31).concat('CD');
const PLACE = { baseUrl: 'https://10.0.0.2:8443', certFingerprint: PIN, token: 'abc-_.def' };

test('the mode file, byte for byte, in both forms', (t) => {
  t.equal(
    renderModeFile(PLACE, dialectFor('8.4')),
    `mode = "http"\n\n[http]\nurl = "https://10.0.0.2:8443/installer/abc-_.def/answer"\ncert_fingerprint = "${PIN}"\n`,
  );
  t.equal(
    renderModeFile(PLACE, newestDialect),
    `mode = "http"\n\n[http]\nurl = "https://10.0.0.2:8443/installer/answer"\ncert_fingerprint = "${PIN}"\ntoken = "abc-_.def"\n`,
  );
  t.end();
});

test('the token stands in the header where the release sends one, else in the URL, and never in both', (t) => {
  for (const release of DIALECT_RELEASES) {
    const text = renderModeFile(PLACE, dialectFor(release));
    const { url, token } = parse(text).http as { url: string; token?: string };
    const inHeader = release === '9.2';
    t.equal(token, inHeader ? PLACE.token : undefined, `${release}: header`);
    t.equal(url.includes(PLACE.token), !inHeader, `${release}: URL`);
    t.equal(text.split(PLACE.token).length, 2, `${release}: once in the file`);
  }
  t.end();
});

test('what the live system could not use is refused here', (t) => {
  for (const baseUrl of [
    '',
    '10.0.0.2',
    'ftp://10.0.0.2',
    'https://',
    'https://a b',
    'https://h"\nmode="iso"',
    'https://u:p@h',
    'https://h/#x',
  ]) {
    for (const dialect of [newestDialect, dialectFor('8.4')])
      t.throws(
        () => renderModeFile({ ...PLACE, baseUrl }, dialect),
        { code: 'mode-file.url' },
        JSON.stringify(baseUrl),
      );
  }
  for (const certFingerprint of ['', 'zz', PIN.slice(3), `${PIN}:00`, PIN.replace(':', '-'), `${PIN}\n`]) {
    t.throws(() => renderModeFile({ ...PLACE, certFingerprint }, newestDialect), { code: 'mode-file.fingerprint' });
  }
  for (const token of ['', 'a b', 'a/b', 'a\nb', 'a\r\nX: y', 'a?b', 'a#b', 'a%2fb', 'ü']) {
    for (const dialect of [newestDialect, dialectFor('8.4')])
      t.throws(() => renderModeFile({ ...PLACE, token }, dialect), { code: 'mode-file.token' }, JSON.stringify(token));
  }
  t.end();
});
