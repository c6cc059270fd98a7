/**
 * A package mirror that stands for the vendor's: signed, empty no-subscription and test suites, and an enterprise archive that answers 401
 * as the real one does without a subscription. The tree is plain files, so any web server can serve it too.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';
import { must } from './container.ts';

const CODENAMES = ['bookworm', 'trixie'] as const;
const ARCHITECTURES = ['amd64', 'arm64'] as const;

/** Archive (path below the mirror) to its components by codename, as the vendor spells them. */
function archives(codename: (typeof CODENAMES)[number]): Readonly<Record<string, readonly string[]>> {
  const products = ['pve', 'pbs', 'pmg', 'pdm'].map((product) => [
    `debian/${product}`,
    [
      `${product}-no-subscription`,
      codename === 'bookworm' ? `${product}test` : `${product}-test`,
      `${product}-enterprise`,
    ],
  ]);
  return { ...Object.fromEntries(products), 'debian/ceph-squid': ['no-subscription', 'test', 'enterprise'] };
}

/**
 * Writes the tree below `dir` and the public key as `dir/keyring.asc` (ASCII-armoured).
 * @returns the public key's text
 */
export async function buildMirror(dir: string): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'ironwake-mirror-'));
  try {
    const gpg = (...args: string[]) =>
      must('gpg', ['--homedir', home, '--batch', '--yes', '--pinentry-mode', 'loopback', '--passphrase', '', ...args]);
    await gpg('--quick-generate-key', 'Ironwake test mirror', 'rsa3072', 'sign', 'never');
    for (const codename of CODENAMES) {
      for (const [archive, components] of Object.entries(archives(codename))) {
        const dist = join(dir, archive, 'dists', codename);
        const index = components.flatMap((component) =>
          ARCHITECTURES.flatMap((architecture) => writeIndex(dist, `${component}/binary-${architecture}`)),
        );
        const release = [
          'Origin: Proxmox',
          'Label: Proxmox Debian Repository',
          `Suite: ${codename}`,
          `Codename: ${codename}`,
          `Date: ${new Date().toUTCString().replace('GMT', 'UTC')}`,
          `Architectures: ${ARCHITECTURES.join(' ')}`,
          `Components: ${components.join(' ')}`,
          'SHA256:',
          ...index,
          '',
        ].join('\n');
        const plain = join(dist, 'Release');
        writeFileSync(plain, release);
        await gpg('--output', join(dist, 'InRelease'), '--clearsign', plain);
        await gpg('--output', join(dist, 'Release.gpg'), '--armor', '--detach-sign', plain);
      }
    }
    await gpg('--output', join(dir, 'keyring.asc'), '--armor', '--export');
    await must('gpgconf', ['--homedir', home, '--kill', 'all']);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
  return readFileSync(join(dir, 'keyring.asc'), 'utf8');
}

/** An empty package index, plain and compressed; returns their lines for the Release file. */
function writeIndex(dist: string, folder: string): string[] {
  mkdirSync(join(dist, folder), { recursive: true });
  const plain = Buffer.alloc(0);
  return [
    { name: 'Packages', bytes: plain },
    { name: 'Packages.gz', bytes: gzipSync(plain) },
  ].map(({ name, bytes }) => {
    writeFileSync(join(dist, folder, name), bytes);
    return ` ${createHash('sha256').update(bytes).digest('hex')} ${bytes.length} ${folder}/${name}`;
  });
}

/** What a subscription writes into /etc/apt/auth.conf.d: with it the enterprise archive is served. */
export const SUBSCRIPTION = { login: 'pve4c-0123456789', password: 'server-id' } as const;
const AUTHORISED = `Basic ${Buffer.from(`${SUBSCRIPTION.login}:${SUBSCRIPTION.password}`).toString('base64')}`;

export interface Mirror {
  /** `http://10.0.0.1:8081` */
  readonly url: string;
  /** Where a subscription is needed: `${url}/enterprise`, followed by `/debian/pve` and so on. */
  readonly enterpriseUrl: string;
  /** What was asked, as it stood in the request line: a whole URL when the mirror was used as a proxy. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Serves a tree of `buildMirror` over HTTP. What lies below `/enterprise/`, and everything asked of a host named `enterprise.*`, is 401 for
 * whoever has no subscription.
 * @param options.port 0 for any
 */
export async function startMirror(options: {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
}): Promise<Mirror> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    // A proxy is asked with the whole URL; its path is the same tree.
    const asked = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://mirror').pathname));
    const paid = asked.startsWith('/enterprise/') || request.headers.host?.startsWith('enterprise.') === true;
    const path = asked.replace(/^\/enterprise\//, '/');
    requests.push(request.url ?? '');
    if (paid && request.headers.authorization !== AUTHORISED) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="enterprise"', 'Content-Length': 0 }).end();
      return;
    }
    try {
      const file = join(options.dir, path);
      if (!statSync(file).isFile()) throw new Error('not a file');
      const body = readFileSync(file);
      response.writeHead(200, { 'Content-Length': body.length, 'Content-Type': 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404, { 'Content-Length': 0 }).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const url = `http://${options.host}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    enterpriseUrl: `${url}/enterprise`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
