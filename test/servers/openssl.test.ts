/** Certificates and password hashes against openssl's own reading of them. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'tap';
import { CERTIFICATE_FILE, loadCertificate } from '../../src/trust/certificate.ts';
import { hashPassword } from '../../src/trust/password.ts';

const openssl = (arguments_: readonly string[], input: string | Buffer = ''): Buffer =>
  execFileSync('openssl', arguments_, { input, stdio: ['pipe', 'pipe', 'ignore'] });

test('the certificate as openssl reads it', async (t) => {
  const directory = t.testdir();
  const options = { directory, hostNames: ['boot.lab.example'], addresses: ['10.0.0.2'], now: Date.now() };
  const made = await loadCertificate(options);
  const fingerprint = openssl(['x509', '-noout', '-fingerprint', '-sha256'], made.certPem).toString().trim();
  t.equal(fingerprint.split('=')[1], made.fingerprint);
  // The line of curl's manual for --pinnedpubkey.
  const spki = openssl(['pkey', '-pubin', '-outform', 'der'], openssl(['x509', '-noout', '-pubkey'], made.certPem));
  const pin = openssl(['dgst', '-sha256', '-binary'], spki).toString('base64');
  t.equal(pin, made.publicKeyPin);
  const text = openssl(['x509', '-noout', '-text'], made.certPem).toString();
  for (const words of ['Version: 3', 'prime256v1', 'ecdsa-with-SHA256', 'CA:FALSE', 'TLS Web Server Authentication'])
    t.match(text, words);
  t.match(text, /DNS:boot\.lab\.example, IP Address:10\.0\.0\.2/);
  const path = join(directory, CERTIFICATE_FILE);
  t.match(openssl(['verify', '-CAfile', path, path]).toString(), 'OK');
});

test('a password hash equals openssl passwd -6 with the same salt', async (t) => {
  const hash = hashPassword('correct horse', randomBytes);
  const salt = hash.split('$').at(-2) ?? '';
  // openssl leaves the default rounds out of the text.
  const expected = openssl(['passwd', '-6', '-salt', salt, '-stdin'], 'correct horse\n').toString().trim();
  t.equal(hash.replace('rounds=5000$', ''), expected);
});
