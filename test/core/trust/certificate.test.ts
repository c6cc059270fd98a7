import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { certificateFingerprint, loadCertificate } from '../../../src/trust/certificate.ts';

const NOW = Date.UTC(2027, 0, 15);
const names = { hostNames: ['boot.lab.example', 'boot'], addresses: ['10.0.0.2', '127.0.0.1'], now: NOW };

test('made on first start, kept afterwards', async (t) => {
  const directory = join(t.testdir(), 'data');
  const made = await loadCertificate({ directory, ...names });
  const certificate = new X509Certificate(made.certPem);
  t.equal(statSync(join(directory, 'tls.pem')).mode & 0o777, 0o600);
  t.equal(made.fingerprint, certificate.fingerprint256, "Node's own");
  t.equal(made.fingerprint, certificateFingerprint(certificate.raw));
  t.match(made.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  t.equal(
    made.publicKeyPin,
    createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64'),
  );
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.equal(certificate.ca, false);
  t.ok(certificate.verify(certificate.publicKey), 'signed by itself');
  t.strictSame(certificate.subjectAltName, 'DNS:boot.lab.example, DNS:boot, IP Address:10.0.0.2, IP Address:127.0.0.1');
  t.equal(Date.parse(certificate.validFrom), NOW - 3_600_000);
  t.equal(made.expiresAt, Date.UTC(2037, 0, 15));
  t.strictSame(made.missing, []);
  t.strictSame(await loadCertificate({ directory, ...names, now: NOW + 1e9 }), made);
});

test('a new address is named as missing; the certificate stays, because pins hang on it', async (t) => {
  const directory = t.testdir();
  const made = await loadCertificate({ directory, ...names });
  const later = await loadCertificate({ directory, ...names, addresses: ['10.0.0.2', '10.9.9.9'] });
  t.equal(later.fingerprint, made.fingerprint);
  t.strictSame(later.missing, ['10.9.9.9']);
});

test('two starts at once end with the same certificate', async (t) => {
  const directory = t.testdir();
  const made = await Promise.all([1, 2, 3].map(() => loadCertificate({ directory, ...names })));
  t.equal(new Set(made.map((one) => one.fingerprint)).size, 1);
});

test('a file that is none is refused with its name', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'tls.pem');
  await loadCertificate({ directory, ...names });
  const mine = readFileSync(path, 'utf8');
  const other = await loadCertificate({ directory: join(directory, 'other'), ...names });
  const cases: ReadonlyArray<readonly [string, string]> = [
    ['empty', ''],
    ['the certificate alone', mine.slice(mine.indexOf('-----BEGIN CERTIFICATE'))],
    ['the key of another', other.keyPem + mine.slice(mine.indexOf('-----BEGIN CERTIFICATE'))],
    ['damaged', mine.replace(/MII/, 'AAA')],
  ];
  for (const [name, text] of cases) {
    writeFileSync(path, text);
    await t.rejects(
      loadCertificate({ directory, ...names }),
      { code: 'certificate.malformed', message: /tls\.pem/ },
      name,
    );
  }
});
