/** A person confirms a node by the code on its screen; and what its credential is, and how it ends. */
import { IronwakeError } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import { pinList } from '../postinstall/bundle.ts';
import type { Run, RunState } from '../runs/run.ts';
import { isConfirmationCode } from '../trust/confirmation-code.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';
import type { AuditOf } from './ports.ts';
import { profileOf } from './snapshot.ts';

/**
 * Releases the modules that carry secrets, if the code is the node's.
 * @throws IronwakeError `run.none`, `run.no-confirmation`, `run.contested`, `run.code-too-early`, `run.nothing-withheld` (409),
 *   `run.wrong-code` (403), `run.too-many-codes` (429)
 */
export async function confirmNode(
  journey: Journey,
  node: Node,
  code: string,
  by: string,
  audit?: AuditOf<Run>,
): Promise<Run> {
  const run = await journey.store.runs.activeOf(node.id);
  if (run === undefined)
    throw conflict('run.none', `${node.fqdn} has no installation under way`, `npx ironwake node install ${node.fqdn}`);
  if (profileOf(run).install.release !== 'confirm') {
    throw conflict(
      'run.no-confirmation',
      `the profile of ${node.fqdn} releases secrets without a code`,
      'Set install.release: confirm in the profile, if a person is to confirm the node.',
    );
  }
  if (run.contested)
    throw conflict(
      'run.contested',
      `the installation of ${node.fqdn} is contested`,
      `Look at the machine; then npx ironwake node trust ${node.fqdn}, or npx ironwake node cancel ${node.fqdn}.`,
    );
  const { provedFingerprint, toldPins = journey.identity.pins } = run.data;
  if (provedFingerprint === undefined) {
    throw conflict(
      'run.code-too-early',
      `${node.fqdn} has not proved its host key yet (state ${run.state})`,
      'Wait until its screen shows the code.',
    );
  }
  const right = isConfirmationCode(code, {
    hostKeyFingerprint: provedFingerprint,
    pins: pinList(toldPins),
    runId: run.id,
  });
  const seen = await observe(journey, run.id, { kind: 'code-entered', right, by }, async (repositories, confirmed) => {
    if (audit !== undefined) await repositories.audit.append(audit(confirmed));
  });
  if (seen.kind === 'accepted') return seen.run;
  if (seen.reason === 'wrong-code') {
    throw new IronwakeError({
      kind: 'refused',
      code: 'run.wrong-code',
      field: 'code',
      message: `this is not the code of ${node.fqdn}`,
      remedy:
        "Read it again from the machine's own screen. If it is typed right, somebody else answers as this node: cancel the run.",
    });
  }
  if (seen.reason === 'too-many-codes') {
    throw new IronwakeError({
      kind: 'limited',
      code: 'run.too-many-codes',
      message: `too many wrong codes for ${node.fqdn}`,
      remedy: 'Wait ten minutes. If the code was typed right, cancel the run: somebody else answers as this node.',
    });
  }
  throw conflict(
    'run.nothing-withheld',
    `nothing of the plan of ${node.fqdn} waits for a code`,
    `See: npx ironwake node show ${node.fqdn}`,
  );
}

/** What may be told of a node's credential: never the credential, and not its hash either. */
export interface CredentialPicture {
  readonly runId: string;
  readonly valid: boolean;
  readonly issuedAt: number | undefined;
  readonly revokedAt: number | undefined;
  /** The host key by which it was got. */
  readonly hostKey: string | undefined;
  /** The address from which it was got. */
  readonly address: string | undefined;
}

/** The credential of the node's newest run, or undefined when none was ever issued for it. */
export async function credentialOf(journey: Journey, node: Node): Promise<CredentialPicture | undefined> {
  const run = await journey.store.runs.latestOf(node.id);
  return run === undefined ? undefined : pictureOf(run);
}

export interface NodeCredential extends CredentialPicture {
  readonly node: Node;
}

/** So many nodes are looked at at once: most of them have a credential. */
const LOOKED_AT = 200;

/**
 * The credentials of all living nodes that were ever given one, by full name; archiving a node revokes its credential.
 * @param after full name of the last one that was seen
 */
export async function allCredentials(
  { store }: Journey,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<readonly NodeCredential[]> {
  const found: NodeCredential[] = [];
  for (let last = after; found.length < limit; ) {
    const nodes = await store.nodes.page({ after: last, limit: LOOKED_AT });
    const runs = await store.runs.latestOfEach(nodes.map(({ id }) => id));
    const latest = new Map(runs.map((run) => [run.nodeId, run]));
    for (const node of nodes) {
      const run = latest.get(node.id);
      const picture = run === undefined ? undefined : pictureOf(run);
      if (picture !== undefined) found.push({ node, ...picture });
    }
    last = nodes.at(-1)?.fqdn;
    if (nodes.length < LOOKED_AT) break;
  }
  return found.slice(0, limit);
}

/** What ended otherwise than ready gives nothing to its node any more. */
const WORTHLESS: ReadonlySet<RunState> = new Set(['failed', 'expired', 'cancelled']);

function pictureOf({ id, state, data }: Run): CredentialPicture | undefined {
  const { credentialHash, credentialIssuedAt, credentialRevokedAt, provedFingerprint, nodeAddress } = data;
  if (credentialHash === undefined && credentialRevokedAt === undefined) return undefined;
  return {
    runId: id,
    valid: credentialHash !== undefined && !WORTHLESS.has(state),
    issuedAt: credentialIssuedAt,
    revokedAt: credentialRevokedAt,
    hostKey: provedFingerprint,
    address: nodeAddress,
  };
}

/**
 * The next request with the credential is answered 401. The node then proves its host key again and gets another one: who has only copied
 * the credential does not. To stop the node itself, cancel its run.
 * @throws IronwakeError `node.no-credential` (409)
 */
export async function revokeCredential(
  journey: Journey,
  node: Node,
  by: string,
  audit?: AuditOf<CredentialPicture>,
): Promise<CredentialPicture> {
  const run = await journey.store.runs.latestOf(node.id);
  const seen =
    run === undefined
      ? undefined
      : await observe(journey, run.id, { kind: 'credential-revoked', by }, async (repositories, revoked) => {
          const after = pictureOf(revoked);
          if (audit !== undefined && after !== undefined) await repositories.audit.append(audit(after));
        });
  const picture = seen?.kind === 'accepted' ? pictureOf(seen.run) : undefined;
  if (picture !== undefined) return picture;
  throw conflict(
    'node.no-credential',
    `${node.fqdn} has no valid credential`,
    `See: npx ironwake node credential ${node.fqdn}`,
  );
}

function conflict(code: string, message: string, remedy: string): IronwakeError {
  return new IronwakeError({ kind: 'conflict', code, message, remedy });
}
