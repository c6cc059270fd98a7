/** From files to the profile that a run uses: parents looked up, layers merged, a version made of the content. */
import { createHash } from 'node:crypto';
import { type LoadedProfile, ProfileError } from './load.ts';
import { isMap, mergeLayers, type Origin, type Origins, type Plain, type PlainMap } from './merge.ts';
import { nearest } from './nearest.ts';

export interface InstallSettings {
  readonly expiresMinutes: number;
  readonly kernelArgs: readonly string[];
  /** Whether secrets of the plan are released by themselves or after a person confirmed. */
  readonly release: 'auto' | 'confirm';
  readonly allowSecretsInAnswer: boolean;
}

/** A profile with everything that it inherits. Plain data: it can be stored as JSON with a run. Secrets are references only. */
export interface ResolvedProfile {
  readonly name: string;
  /** SHA-256 (hex) of the content as canonical JSON: equal content, equal version, whatever the files look like. */
  readonly version: string;
  readonly description: string | undefined;
  readonly product: 'pve' | 'pbs' | 'pmg' | 'pdm' | undefined;
  /** The product release that it is meant for, if it says so: `9.2`. */
  readonly release: string | undefined;
  readonly answer: PlainMap;
  /** Parameters by the name of the module. */
  readonly postInstall: Readonly<Record<string, PlainMap>>;
  readonly install: InstallSettings;
  readonly origins: Origins;
}

const INSTALL_DEFAULTS: InstallSettings = {
  expiresMinutes: 60,
  kernelArgs: [],
  release: 'auto',
  allowSecretsInAnswer: false,
};

type Lookup = (name: string) => LoadedProfile | undefined;

/**
 * Parents in the order of `extends`, each with its own parents below it, then the profile itself on top.
 * @param lookup the file of a name
 * @param names all names that there are, to suggest one
 * @throws ProfileError `profile.unknown-parent`, `profile.inheritance-loop`
 */
export function resolveProfile(profile: LoadedProfile, lookup: Lookup, names: Iterable<string>): ResolvedProfile {
  const merged = mergeLayers(layersOf(profile, lookup, [...names], []));
  return fromBody(profile.name, merged.body, merged.origins);
}

function layersOf(
  profile: LoadedProfile,
  lookup: Lookup,
  names: readonly string[],
  above: readonly string[],
): LoadedProfile[] {
  const chain = [...above, profile.name];
  const parents = profile.parents.flatMap((parent) => {
    const place: Origin = profile.originOf(['extends']);
    if (chain.includes(parent)) {
      const loop = [...chain.slice(chain.indexOf(parent)), parent].join(' -> ');
      throw new ProfileError([
        {
          code: 'profile.inheritance-loop',
          severity: 'error',
          path: ['extends'],
          message: `The profiles extend each other in a circle: ${loop}`,
          remedy: `Remove one of these from its 'extends'.`,
          ...place,
        },
      ]);
    }
    const loaded = lookup(parent);
    if (loaded === undefined) throw unknownParent(parent, names, profile.name, place);
    return layersOf(loaded, lookup, names, chain);
  });
  return [...parents, profile];
}

function unknownParent(parent: string, names: readonly string[], child: string, place: Origin): ProfileError {
  const others = names.filter((name) => name !== child);
  const close = nearest(parent, others);
  return new ProfileError([
    {
      code: 'profile.unknown-parent',
      severity: 'error',
      path: ['extends'],
      message: `There is no profile '${parent.slice(0, 60)}' to extend`,
      remedy:
        close === undefined
          ? `Create ${parent.slice(0, 60)}.yaml, or extend one of: ${others.join(', ') || '(there is no other)'}.`
          : `Did you mean ${close}?`,
      ...place,
    },
  ]);
}

function fromBody(name: string, body: PlainMap, origins: Origins): ResolvedProfile {
  const install: InstallSettings = { ...INSTALL_DEFAULTS, ...(isMap(body.install) ? withoutNulls(body.install) : {}) };
  const answer = isMap(body.answer) ? body.answer : {};
  const postInstall = modulesOf(body.postInstall);
  // The shape was checked when the file was read.
  const product = body.product as ResolvedProfile['product'];
  const release = typeof body.release === 'string' ? body.release : undefined;
  const content = { product, release, answer, postInstall, install };
  return {
    name,
    version: createHash('sha256').update(canonicalJson(content)).digest('hex'),
    description: typeof body.description === 'string' ? body.description : undefined,
    ...content,
    origins,
  };
}

function withoutNulls(map: PlainMap): PlainMap {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null));
}

function modulesOf(value: Plain | undefined): Readonly<Record<string, PlainMap>> {
  if (!isMap(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, PlainMap] => isMap(entry[1])));
}

/** JSON with the keys of every object in order of their code units, without blanks; undefined members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isMap(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) : item,
  );
}
