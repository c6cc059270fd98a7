/** Secrets at rest: sealed in the store, opened only where a plan is made. */
import { IronwakeError, invalid } from '../errors.ts';
import { isSecretReference } from '../profiles/merge.ts';
import type { Journey } from './journey.ts';
import type { AuditOf, Repositories } from './ports.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const purpose = (name: string): string => `secret ${name}`;

/** All that is told of a secret: when it got its value, before and now. Epoch milliseconds; undefined: there is none. */
export interface SecretAges {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** @throws IronwakeError `secret.malformed-name`, `secret.too-long` */
export async function putSecret(
  journey: Journey,
  name: string,
  value: string,
  audit?: AuditOf<SecretAges>,
): Promise<void> {
  if (!NAME.test(name)) {
    throw invalid(
      'secret.malformed-name',
      'name',
      `'${name.slice(0, 80)}' is not a name for a secret`,
      'Use 1 to 64 lower-case letters, digits, dots, dashes and underscores.',
    );
  }
  if (value.length === 0 || Buffer.byteLength(value) > 65_536) {
    throw invalid(
      'secret.too-long',
      'value',
      'a secret holds 1 byte to 64 KiB',
      'Give the value on standard input or with --file.',
    );
  }
  const after = journey.clock.now();
  const sealed = journey.keys.seal(purpose(name), value);
  await journey.store.transaction(async ({ secrets, audit: log }) => {
    const before = await ageOf(secrets, name);
    await secrets.put(name, sealed, after);
    if (audit !== undefined) await log.append(audit({ before, after }));
  });
}

/** @throws IronwakeError `secret.unknown` */
export async function removeSecret(journey: Journey, name: string, audit?: AuditOf<SecretAges>): Promise<void> {
  await journey.store.transaction(async ({ secrets, audit: log }) => {
    const before = await ageOf(secrets, name);
    if (!(await secrets.remove(name))) throw unknownSecret(name);
    if (audit !== undefined) await log.append(audit({ before, after: undefined }));
  });
}

async function ageOf(secrets: Repositories['secrets'], name: string): Promise<number | undefined> {
  return (await secrets.list()).find((secret) => secret.name === name)?.updatedAt;
}

/** A function that opens secrets by name, for building a plan. */
export async function secretsOf(journey: Journey): Promise<(name: string) => string> {
  const sealed = new Map<string, string>();
  for (const { name } of await journey.store.secrets.list()) {
    const value = await journey.store.secrets.get(name);
    if (value !== undefined) sealed.set(name, value);
  }
  return (name) => {
    const value = sealed.get(name);
    if (value === undefined) throw unknownSecret(name);
    return journey.keys.unseal(purpose(name), value);
  };
}

/**
 * Parameters with every reference `{ secret: NAME }` replaced by its value. Only ever called where a plan is made; the result is never stored.
 * @throws IronwakeError `secret.unknown`
 */
export function withSecrets(value: unknown, open: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => withSecrets(item, open));
  if (typeof value !== 'object' || value === null) return value;
  if (isSecretReference(value)) return open(value.secret);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withSecrets(item, open)]));
}

function unknownSecret(name: string): IronwakeError {
  return new IronwakeError({
    kind: 'not-found',
    code: 'secret.unknown',
    message: `there is no secret named '${name}'`,
    remedy: `Set it: npx ironwake secret set ${name} < FILE`,
  });
}
