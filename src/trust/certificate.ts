/**
 * The daemon's TLS certificate: self-signed, P-256, made on first start. Nobody is asked to trust it by name; the installer and the command line
 * pin the certificate's SHA-256, the hook and the runner pin the public key.
 */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { IronwakeError } from '../errors.ts';
import { createPrivateFile, readPrivateFile } from './private-file.ts';

/** Private key and certificate in one file, so that they never belong to different pairs. */
export const CERTIFICATE_FILE = 'tls.pem';
/** The one that follows it, while it waits. */
export const NEXT_CERTIFICATE_FILE = 'tls-next.pem';

/** A pinned certificate that ends would cut every node off on one day; rotation, not expiry, is what replaces it. */
const VALID_YEARS = 10;

export interface ServerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** SHA-256 of the certificate (DER), as the installer wants it: `AA:BB:..`. */
  readonly fingerprint: string;
  /** Base64 of the SHA-256 of the public key (SPKI): `curl --pinnedpubkey sha256//PIN`. */
  readonly publicKeyPin: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** Names and addresses asked for that the present certificate does not carry: a browser will complain, pins hold all the same. */
  readonly missing: readonly string[];
}

export interface CertificateOptions {
  /** The data directory. */
  readonly directory: string;
  readonly hostNames: readonly string[];
  readonly addresses: readonly string[];
  /** Epoch milliseconds, for a new certificate's dates. */
  readonly now: number;
}

/**
 * The certificate of the data directory, made now if there is none.
 * @throws IronwakeError `certificate.malformed`, `file.not-private`, `file.unreadable`, `file.unwritable`
 */
export async function loadCertificate(
  options: CertificateOptions,
  file: string = CERTIFICATE_FILE,
): Promise<ServerCertificate> {
  const path = join(options.directory, file);
  const present = await readCertificate(options, file);
  if (present !== undefined) return present;
  await createPrivateFile(path, await generate(options));
  // Read back in any case: another process may have been faster.
  return parse((await readPrivateFile(path)) ?? '', path, options);
}

/** The certificate in that file of the data directory, if there is one. @throws what `loadCertificate` throws */
export async function readCertificate(
  options: CertificateOptions,
  file: string = CERTIFICATE_FILE,
): Promise<ServerCertificate | undefined> {
  const path = join(options.directory, file);
  const present = await readPrivateFile(path);
  return present === undefined ? undefined : parse(present, path, options);
}

/** SHA-256 of a certificate in DER, `AA:BB:..` in upper case. */
export function certificateFingerprint(der: Uint8Array): string {
  const hex = createHash('sha256').update(der).digest('hex').toUpperCase();
  return (hex.match(/../g) ?? []).join(':');
}

/** Base64 of the SHA-256 of the certificate's public key (SPKI, DER), the form of curl's `--pinnedpubkey sha256//`. */
export function publicKeyPin(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}

async function generate({ hostNames, addresses, now }: CertificateOptions): Promise<string> {
  // Imported here: 120 ms that only the first start pays.
  const { generate: selfSigned } = await import('selfsigned');
  const notAfterDate = new Date(now);
  notAfterDate.setUTCFullYear(notAfterDate.getUTCFullYear() + VALID_YEARS);
  const made = await selfSigned([{ name: 'commonName', value: hostNames[0]?.slice(0, 64) ?? 'ironwake' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // An hour back: a node's clock may be behind.
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...hostNames.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return `${made.private.trim()}\n${made.cert.trim()}\n`;
}

const KEY_BLOCK = /-----BEGIN (?:EC )?PRIVATE KEY-----[\s\S]+?-----END (?:EC )?PRIVATE KEY-----/;
const CERT_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/;

function parse(text: string, path: string, options: CertificateOptions): ServerCertificate {
  const keyPem = KEY_BLOCK.exec(text)?.[0];
  const certPem = CERT_BLOCK.exec(text)?.[0];
  try {
    if (keyPem === undefined || certPem === undefined) throw new Error('no private key and certificate in it');
    const certificate = new X509Certificate(certPem);
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error('key and certificate differ');
    return {
      certPem: `${certPem}\n`,
      keyPem: `${keyPem}\n`,
      fingerprint: certificateFingerprint(certificate.raw),
      publicKeyPin: publicKeyPin(certificate),
      expiresAt: Date.parse(certificate.validTo),
      missing: [
        ...options.hostNames.filter((name) => certificate.checkHost(name) === undefined),
        ...options.addresses.filter((address) => certificate.checkIP(address) === undefined),
      ],
    };
  } catch (error) {
    throw new IronwakeError({
      kind: 'unavailable',
      code: 'certificate.malformed',
      message: `${path} does not hold a private key and its certificate`,
      remedy: 'Restore it from a backup, or move it away for a new one (armed machines must then be armed again).',
      cause: error,
    });
  }
}
