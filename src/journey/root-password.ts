/**
 * Root's password as the installer sets it: made for the run, or that of a secret. The answer holds its hash. The plan may set another one on
 * the first boot (postInstall: admin-user: rootPassword), where no stranger has seen a hash of it.
 */
import { IronwakeError, invalid } from '../errors.ts';
import type { Node } from '../nodes/node.ts';
import { isMap } from '../profiles/merge.ts';
import type { InstallSettings } from '../profiles/resolve.ts';
import type { Run, RunData } from '../runs/run.ts';
import { hashPassword, randomPassword } from '../trust/password.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';
import type { AuditOf } from './ports.ts';
import { profileOf } from './snapshot.ts';

const purpose = (runId: string): string => `root-password ${runId}`;

/** As the installer asks of a clear one; it sees the hash only. */
const SHORTEST = 8;
const LONGEST = 512;

/** Why a profile's `install.rootPassword` cannot be used; undefined when it can. */
export function refusedRootPassword({
  rootPassword,
  allowSecretsInAnswer,
}: InstallSettings): { readonly code: string; readonly message: string; readonly remedy: string } | undefined {
  if (typeof rootPassword !== 'object' || allowSecretsInAnswer) return undefined;
  return {
    code: 'profile.password-in-answer',
    message: 'the hash of a lasting password would stand in the answer, which whoever is first with the MAC can read',
    remedy:
      'Let the plan set it: postInstall: { admin-user: { rootPassword: { secret: NAME } } }. Or allow it with install.allowSecretsInAnswer: true.',
  };
}

/**
 * What a run keeps of its root password.
 * @param open the value of a secret
 * @throws IronwakeError `profile.password-in-answer`, `secret.unknown`, `install.root-password` (too short or long, or several lines)
 */
export function rootPasswordFor(
  journey: Journey,
  runId: string,
  install: InstallSettings,
  open: (name: string) => string,
): Pick<RunData, 'rootPasswordHash' | 'sealedRootPassword'> {
  const { keys } = journey;
  const { rootPassword } = install;
  const refused = refusedRootPassword(install);
  if (refused !== undefined) throw invalid(refused.code, 'install.rootPassword', refused.message, refused.remedy);
  if (typeof rootPassword === 'object') {
    // A file ends with a line feed; nobody types one at a login prompt.
    const given = open(rootPassword.secret).replace(/\r?\n$/, '');
    const length = Buffer.byteLength(given);
    if (length < SHORTEST || length > LONGEST || /[\0-\x1f\x7f]/.test(given)) {
      throw invalid(
        'install.root-password',
        'install.rootPassword',
        `the secret '${rootPassword.secret}' is no password that can be typed`,
        `Set one of ${SHORTEST} to ${LONGEST} bytes in one line: npx ironwake secret set ${rootPassword.secret}.`,
      );
    }
    return { rootPasswordHash: hashPassword(given, keys.randomBytes), sealedRootPassword: undefined };
  }
  const made = randomPassword(keys.randomBytes);
  return {
    rootPasswordHash: hashPassword(made, keys.randomBytes),
    sealedRootPassword: rootPassword === 'never' ? undefined : keys.seal(purpose(runId), made),
  };
}

export interface ReadRootPassword {
  readonly run: Run;
  readonly password: string;
  /** The plan has set another one since: this one opens nothing any more. */
  readonly replaced: boolean;
}

/**
 * The random root password of what is on the node's disk, the one time that it can be read: for a person at the console of a machine whose keys
 * do not let him in, during the installation or after it. It is erased as it is read.
 * @throws IronwakeError `node.no-root-password` (409) with the reason
 */
export async function readRootPassword(
  journey: Journey,
  node: Node,
  by: string,
  audit?: AuditOf<Run>,
): Promise<ReadRootPassword> {
  const run = await onDisk(journey, node);
  if (run === undefined) throw none(node, 'it has never been armed', `Arm it: npx ironwake node install ${node.fqdn}.`);
  let password: string | undefined;
  const seen = await observe(journey, run.id, { kind: 'password-read', by }, async (repositories, after, before) => {
    const sealed = before.data.sealedRootPassword;
    password = sealed === undefined ? undefined : journey.keys.unseal(purpose(run.id), sealed);
    if (audit !== undefined) await repositories.audit.append(audit(after));
  });
  if (seen.kind === 'accepted' && password !== undefined)
    return { run: seen.run, password, replaced: isReplaced(seen.run) };
  throw whyNone(node, run);
}

/** The run whose password the machine has: the newest that was handed its answer, else the one that is under way. */
async function onDisk(journey: Journey, node: Node): Promise<Run | undefined> {
  const runs = await journey.store.runs.listOf(node.id, 100);
  return runs.find(({ data }) => data.claimedAt !== undefined) ?? (await journey.store.runs.latestOf(node.id));
}

function isReplaced(run: Run): boolean {
  const { postInstall } = profileOf(run);
  const account = isMap(postInstall) ? postInstall['admin-user'] : undefined;
  return isMap(account) && account.rootPassword !== undefined && run.data.results?.['admin-user']?.verify === 'ok';
}

function whyNone(node: Node, { data, state }: Run): IronwakeError {
  const { rootPassword } = profileOf({ data }).install;
  const rescue = "Log in by a key, or set another one from the machine's console (rescue mode), or install it again.";
  if (data.rootPasswordReadAt !== undefined)
    return none(
      node,
      `it was read before (${new Date(data.rootPasswordReadAt).toISOString()}), and is kept no longer`,
      rescue,
    );
  if (typeof rootPassword === 'object')
    return none(node, `it is the value of the secret '${rootPassword.secret}', which nobody reads back`, rescue);
  if (rootPassword === 'never')
    return none(node, 'its profile says that nobody reads it (install.rootPassword: never)', rescue);
  return none(node, `the installation ended (${state}) before the machine got it`, 'Arm it again.');
}

function none(node: Node, why: string, remedy: string): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'node.no-root-password',
    message: `there is no root password of ${node.fqdn} to read: ${why}`,
    remedy,
  });
}
