/** Commands about who is trusted: `run confirm`, `node credential[s]`, `token ...`, `audit`, `certificate ...`. */
import { resolve } from 'node:path';
import type { CertificateView, CredentialView, IssuedTokenView, RoleName } from '../api/schemas.ts';
import { writePrivateFile } from '../trust/private-file.ts';
import { whole } from './option-values.ts';
import { print, type Session } from './session.ts';
import { facts, table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime, waitingLine } from './timeline.ts';

type Args = readonly string[];
type Options = Readonly<Record<string, unknown>>;

export async function confirm(session: Session, [node = '', code = '']: Args): Promise<ExitStatus> {
  const view = await session.client.confirm(node, code);
  const waiting = view.waiting === null ? '' : waitingLine(view.waiting);
  print(session, view, () => `confirmed ${printable(view.node.fqdn)}: its secrets are released\n${waiting}`);
  return 0;
}

export async function credential(session: Session, [node = '']: Args, options: Options): Promise<ExitStatus> {
  const revoke = options.revoke === true;
  const view = await (revoke ? session.client.revokeCredential(node) : session.client.credential(node));
  print(
    session,
    view,
    () => credentialFacts(view) + (revoke ? 'revoked: the node proves its host key again, or stops\n' : ''),
  );
  return 0;
}

export async function credentials(session: Session): Promise<ExitStatus> {
  const all = await session.client.credentials();
  print(session, all, () =>
    table(
      ['NODE', 'CREDENTIAL', 'ISSUED', 'REVOKED', 'ADDRESS', 'HOST KEY'],
      all.map(({ node, valid, issuedAt, revokedAt, address, hostKey }) => [
        node,
        valid ? 'valid' : 'none',
        issuedAt === null ? '' : dayAndTime(issuedAt),
        revokedAt === null ? '' : dayAndTime(revokedAt),
        address ?? '',
        hostKey ?? '',
      ]),
      'No node has got a credential yet: it gets one on its first boot, when it proves its host key.',
    ),
  );
  return 0;
}

function credentialFacts(view: CredentialView): string {
  return facts([
    ['credential', view.valid ? 'valid' : 'none'],
    ['issued', view.issuedAt === null ? undefined : dayAndTime(view.issuedAt)],
    ['revoked', view.revokedAt === null ? undefined : dayAndTime(view.revokedAt)],
    ['host key', view.hostKey],
    ['address', view.address],
    ['run', view.runId],
  ]);
}

// --- tokens ---

export async function addToken(session: Session, [name = '']: Args, options: Options): Promise<ExitStatus> {
  const issued = await session.client.addToken({
    name,
    role: String(options.role) as RoleName,
    ...(typeof options.expires === 'string' && { expiresDays: whole(options.expires, '--expires', 1, 3660) }),
  });
  return hand(session, issued, options);
}

export async function rotateToken(session: Session, [name = '']: Args, options: Options): Promise<ExitStatus> {
  const overlap = whole(String(options.overlap ?? '0'), '--overlap', 0, 10_080);
  return hand(session, await session.client.rotateToken(name, overlap), options);
}

/** The one time that the token is there: to the file, or to standard output. */
async function hand(session: Session, issued: IssuedTokenView, options: Options): Promise<ExitStatus> {
  const until = issued.expiresAt === null ? 'until it is revoked' : `until ${dayAndTime(issued.expiresAt)}`;
  const words = `token ${printable(issued.name)} (${issued.role}), valid ${until}`;
  if (typeof options.out === 'string') {
    const path = resolve(session.io.cwd, options.out);
    await writePrivateFile(path, `${issued.token}\n`);
    const { token: _, ...shown } = issued;
    print(session, { ...shown, file: path }, () => `${words}, written to ${printable(path)}\n`);
    return 0;
  }
  print(session, issued, () => `${issued.token}\n`);
  if (!session.json) session.io.err(`${words}; it is not shown again\n`);
  return 0;
}

export async function listTokens(session: Session): Promise<ExitStatus> {
  const tokens = await session.client.tokens();
  print(session, tokens, () =>
    table(
      ['NAME', 'ROLE', 'MADE', 'ENDS', 'ID'],
      tokens.map(({ name, role, createdAt, expiresAt, id }) => [
        name,
        role,
        dayAndTime(createdAt),
        expiresAt === null ? 'when revoked' : dayAndTime(expiresAt),
        id,
      ]),
      'There is no token.',
    ),
  );
  return 0;
}

export async function removeToken(session: Session, [name = '']: Args): Promise<ExitStatus> {
  await session.client.removeToken(name);
  print(session, { removed: name }, () => `revoked ${printable(name)}\n`);
  return 0;
}

// --- audit ---

export async function audit(session: Session, options: Options): Promise<ExitStatus> {
  const limit = whole(String(options.limit ?? '50'), '--limit', 1, 1000);
  const before =
    typeof options.before === 'string' ? whole(options.before, '--before', 1, Number.MAX_SAFE_INTEGER) : undefined;
  const entries = [...(await session.client.audit(limit, before))].reverse();
  print(session, entries, () =>
    table(
      ['ID', 'AT', 'WHO', 'FROM', 'WHAT', 'ON', 'BEFORE AND AFTER'],
      entries.map((entry) => [
        String(entry.id),
        dayAndTime(entry.at),
        entry.actor,
        entry.from,
        entry.action,
        entry.target,
        Object.entries(entry.data)
          .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
          .join(', '),
      ]),
      'Nothing was changed yet.',
    ),
  );
  return 0;
}

// --- certificate ---

export async function showCertificate(session: Session): Promise<ExitStatus> {
  const view = await session.client.certificate();
  print(session, view, () => certificateFacts(view));
  return 0;
}

export async function rotateCertificate(session: Session, options: Options): Promise<ExitStatus> {
  const view = await session.client.rotateCertificate({ now: options.now === true });
  print(session, view, () => {
    const verdict =
      view.next === null
        ? 'the certificate has changed\n'
        : 'the next certificate is prepared, and taken into use as soon as nothing depends on the present one\n';
    const broken = view.broken ?? [];
    const harm =
      broken.length === 0
        ? ''
        : `! these installations break, cancel and arm them again: ${printable(broken.join(', '))}\n`;
    return verdict + harm + certificateFacts(view);
  });
  return 0;
}

function certificateFacts({ fingerprint, publicKeyPin, expiresAt, next, waitsFor }: CertificateView): string {
  return facts([
    ['fingerprint', fingerprint],
    ['key pin', `sha256//${publicKeyPin}`],
    ['ends', dayAndTime(expiresAt)],
    ['next', next === null ? undefined : next.fingerprint],
    ['next pin', next === null ? undefined : `sha256//${next.publicKeyPin}`],
    ['waits for', waitsFor.length === 0 ? undefined : waitsFor.join(', ')],
  ]);
}
