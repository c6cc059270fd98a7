/**
 * Asks our own daemon the way machines do, through clients that we did not write: a registered machine's DISCOVER (`dhcp` package) and a
 * loader by TFTP (`tftp2` package).
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeSummary } from '../api/schemas.ts';
import { messageOf, systemCode } from '../errors.ts';
import type { Segment } from '../net/segment.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { runForeign } from './tool.ts';

const DHCP_WAIT_MS = 3000;
const TFTP_LIMIT_MS = 8000;
/** Start of a process and its imports, on a slow and busy machine. */
const START_MS = 10_000;
/** tftp2 stops for ever at block 65536 of 512 bytes. */
const TFTP2_MAX_BYTES = 32 * 1024 * 1024;

/** An OFFER as the `dhcp` package reads it. */
export interface ForeignOffer {
  readonly yiaddr: string;
  readonly file: string;
  readonly server?: string;
  readonly vendorClass?: string;
  readonly bootFile?: string;
}

/**
 * The MAC to ask with. Our daemon knows the doctor's packets and does nothing about their machine; one that it would not arm or advance anyway is still
 * preferred, because a daemon of an older release may run here.
 */
export function askableMac(nodes: readonly NodeSummary[]): string | undefined {
  const idle = nodes.find(({ node, run }) => node.installPolicy !== 'always' && (run === null || run.ended));
  return (idle ?? nodes[0])?.node.macs[0];
}

export async function checkOwnDhcp(
  segment: Segment,
  nodes: readonly NodeSummary[],
  canHear: boolean,
): Promise<Finding> {
  const mac = askableMac(nodes);
  if (mac === undefined)
    return warning(
      'own dhcp',
      'own-dhcp.nobody-registered',
      'our own DHCP was not asked: it answers registered machines only, and nobody is registered',
      'Register one (npx ironwake node add --mac MAC --fqdn NAME) and run this again.',
    );
  const { address, interfaceName } = segment;
  const asked = await runForeign(
    'dhcp-client',
    [interfaceName, address, mac, String(DHCP_WAIT_MS), address],
    DHCP_WAIT_MS + START_MS,
  );
  if (!asked.ok)
    return warning(
      'own dhcp',
      'own-dhcp.unknown',
      `our own DHCP could not be asked (${asked.reason})`,
      'Run it again.',
    );
  const { failure, offers = [] } = asked.value as {
    readonly failure?: { readonly message: string; readonly remedy: string };
    readonly offers?: readonly ForeignOffer[];
  };
  if (failure !== undefined)
    return warning(
      'own dhcp',
      'own-dhcp.unknown',
      `our own DHCP could not be asked: ${failure.message}`,
      failure.remedy,
    );
  return judgeOwnOffers(offers, segment, mac, canHear);
}

/** Pure. */
export function judgeOwnOffers(
  offers: readonly ForeignOffer[],
  segment: Segment,
  mac: string,
  canHear: boolean,
): Finding {
  const where = `on ${segment.interfaceName}`;
  const ours = offers.find(({ server, yiaddr }) => server === segment.address && yiaddr === '0.0.0.0');
  if (ours === undefined)
    return canHear
      ? problem(
          'own dhcp',
          'own-dhcp.silent',
          `our own DHCP did not answer the registered machine ${mac} ${where}`,
          'Look at the log of the daemon, and at the findings about ports and firewall above.',
        )
      : warning(
          'own dhcp',
          'own-dhcp.deaf',
          `whether our own DHCP answers ${where} is unknown: a packet filter of this host drops answers to UDP 68`,
          'Accept UDP 68 for this check, or trust what the machines show.',
        );
  const load = ours.file || ours.bootFile || '';
  if (ours.vendorClass !== 'PXEClient' || !load.startsWith(`${segment.httpUrl}/`))
    return problem(
      'own dhcp',
      'own-dhcp.wrong',
      `our own DHCP answers ${mac} ${where} with '${load}' and class '${ours.vendorClass ?? ''}', not with its script`,
      'Restart the daemon; if it stays, report it with this line.',
    );
  return ok('own dhcp', 'own-dhcp.answers', `our own DHCP answers the registered machine ${mac} ${where}`);
}

/** Fetches every staged loader. @param loaders names of files in `tftproot` */
export async function checkOwnTftp(
  segment: Segment,
  port: number,
  tftproot: string,
  loaders: readonly string[],
): Promise<readonly Finding[]> {
  if (loaders.length === 0)
    return [
      warning(
        'own tftp',
        'own-tftp.nothing-staged',
        'our own TFTP was not asked: no boot loader is staged',
        'Stage them: npm run setup -- serve.',
      ),
    ];
  return Promise.all(loaders.map((file) => fetchLoader(segment, port, tftproot, file)));
}

async function fetchLoader(segment: Segment, port: number, tftproot: string, file: string): Promise<Finding> {
  const path = join(tftproot, file);
  const staged = await readFile(path).catch((error: unknown) => systemCode(error) ?? messageOf(error));
  if (typeof staged === 'string')
    return warning(
      'own tftp',
      'own-tftp.unreadable',
      `our own TFTP was not asked for ${file}: ${path} cannot be read here (${staged})`,
      'Run it as root: sudo npx ironwake doctor.',
    );
  if (staged.length >= TFTP2_MAX_BYTES)
    return ok('own tftp', 'own-tftp.too-large', `our own TFTP was not asked: ${file} is too large for the client`);
  const fetched = await runForeign('tftp-client', [segment.address, String(port), file], TFTP_LIMIT_MS);
  const where = `${file} from ${segment.address}:${port}`;
  if (!fetched.ok)
    return problem(
      'own tftp',
      'own-tftp.no-answer',
      `our own TFTP did not deliver ${where} (${fetched.reason})`,
      'Look at the log of the daemon, and at the findings about ports, firewall and loaders.',
    );
  const { bytes, sha256 } = fetched.value as { readonly bytes: number; readonly sha256: string };
  if (sha256 === createHash('sha256').update(staged).digest('hex'))
    return ok('own tftp', 'own-tftp.delivers', `our own TFTP delivers ${where}: ${bytes} bytes, SHA-256 equal`);
  return problem(
    'own tftp',
    'own-tftp.differs',
    `our own TFTP delivers ${where} with other content than ${path} (${bytes} and ${staged.length} bytes)`,
    'Is the daemon started with another --tftproot? Then say the same configuration here (--config).',
  );
}
