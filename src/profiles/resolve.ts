/** From files to the profile that a run uses: parents looked up, layers merged, a version made of the content. */
import { createHash } from 'node:crypto';
import { type LoadedProfile, ProfileError } from './load.ts';
import {
  isMap,
  type Layer,
  type Merged,
  mergeLayers,
  type Origin,
  type Origins,
  type Plain,
  type PlainMap,
  pointer,
} from './merge.ts';
import { nearest } from './nearest.ts';

export interface InstallSettings {
  readonly expiresMinutes: number;
  readonly kernelArgs: readonly string[];
  /** Whether secrets of the plan are released by themselves or after a person confirmed. */
  readonly release: 'auto' | 'confirm';
  readonly allowSecretsInAnswer: boolean;
  /** Root's password as the installer sets it: random and readable once, random and kept nowhere, or that of a secret. */
  readonly rootPassword: 'once' | 'never' | { readonly secret: string };
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
  /** For templates, and what they must be; `types`, `pools` and `counters` as they stand in the file. */
  readonly values: PlainMap;
  readonly types: PlainMap;
  readonly pools: PlainMap;
  readonly counters: PlainMap;
  readonly origins: Origins;
}

const INSTALL_DEFAULTS: InstallSettings = {
  expiresMinutes: 60,
  kernelArgs: [],
  release: 'auto',
  allowSecretsInAnswer: false,
  rootPassword: 'once',
};

type Lookup = (name: string) => LoadedProfile | undefined;

/**
 * Parents in the order of `extends`, each with its own parents below it, then the mix-ins in the order of `mixins`, then the profile itself on
 * top. A file that is reached several times is laid once, where it is reached first: what its heirs changed stays changed.
 * @param lookup the file of a name
 * @param names all names that there are, to suggest one
 * @throws ProfileError `profile.unknown-parent`, `profile.inheritance-loop`, `profile.append`, `profile.empty-module`
 */
export function resolveProfile(profile: LoadedProfile, lookup: Lookup, names: Iterable<string>): ResolvedProfile {
  const layers = [...new Set(layersOf(profile, lookup, [...names], []))];
  // A mix-in alone may well be there to leave something out.
  if (!profile.name.startsWith('_')) refuseEmptyModules(layers);
  return profileOfLayers(profile.name, layers);
}

/** @throws ProfileError `profile.append` where a layer appends to what is not a list */
export function profileOfLayers(name: string, layers: readonly Layer[]): ResolvedProfile {
  const merged = mergeLayers(layers);
  refuseConflicts(merged);
  return fromBody(name, merged.body, merged.origins);
}

function refuseConflicts({ conflicts }: Merged): void {
  const [first, ...more] = conflicts.map(({ path, origin }) => ({
    code: 'profile.append',
    severity: 'error' as const,
    path,
    message: `'${(path.at(-1) ?? '').slice(0, 60)}+' appends to something that is not a list`,
    remedy: 'Leave out the + to replace it.',
    ...origin,
  }));
  if (first !== undefined) throw new ProfileError([first, ...more]);
}

/**
 * `ssh:` with nothing behind it is null in YAML, and null removes. Where no layer has the module, there is nothing to remove: its author meant the
 * defaults, and would get a node that is not hardened. Not asked of tags and nodes: they go over many profiles, and leave out what some have.
 */
function refuseEmptyModules(layers: readonly Layer[]): void {
  const modules = layers.flatMap((layer) =>
    Object.entries(mapIn(layer.body.postInstall)).map(([name, value]) => ({ name, value, layer })),
  );
  const [first, ...more] = modules
    .filter(
      ({ name, value }) => value === null && !modules.some((other) => other.name === name && other.value !== null),
    )
    .map(({ name, layer }) => {
      const shown = name.slice(0, 60);
      const path = ['postInstall', name];
      return {
        code: 'profile.empty-module',
        severity: 'error' as const,
        path,
        message: `'${shown}:' with nothing behind it leaves the module out, and nothing here has it`,
        remedy: `Write ${shown}: {} for its defaults, or remove the line.`,
        ...layer.originOf(path),
      };
    });
  if (first !== undefined) throw new ProfileError([first, ...more]);
}

/** A resolved profile as a layer that others go over. */
export function layerOf(profile: ResolvedProfile): Layer {
  const { description, product, release, values, types, pools, counters, answer, postInstall, install, origins } =
    profile;
  const body = { description, product, release, values, types, pools, counters, answer, postInstall, install };
  return {
    body: Object.fromEntries(
      Object.entries(body).flatMap(
        ([key, value]): Array<[string, Plain]> =>
          value === undefined ? [] : [[key, key === 'install' ? { ...install } : (value as Plain)]],
      ),
    ),
    originOf: (path) => nearestOrigin(origins, path) ?? { file: 'default of Ironwake', line: 0, column: 0 },
  };
}

/** The place of a value, or of the nearest thing above it that has one. */
export function nearestOrigin(origins: Origins, path: readonly string[]): Origin | undefined {
  for (let length = path.length; length > 0; length--) {
    const origin = origins[pointer(path.slice(0, length))];
    if (origin !== undefined) return origin;
  }
  return undefined;
}

/** The same; where neither the value nor anything above it has one (a map that lacks something), of the first thing in it. */
export function originAround(origins: Origins, path: readonly string[]): Origin | undefined {
  const nearest = nearestOrigin(origins, path);
  for (let length = path.length; nearest === undefined && length > 1; length--) {
    const below = `${pointer(path.slice(0, length))}/`;
    const inside = Object.keys(origins).find((each) => each.startsWith(below));
    if (inside !== undefined) return origins[inside];
  }
  return nearest;
}

function layersOf(
  profile: LoadedProfile,
  lookup: Lookup,
  names: readonly string[],
  above: readonly string[],
): LoadedProfile[] {
  const chain = [...above, profile.name];
  const below = [
    ...profile.parents.map((parent) => ({ parent, key: 'extends' })),
    ...profile.mixins.map((parent) => ({ parent, key: 'mixins' })),
  ];
  const parents = below.flatMap(({ parent, key }) => {
    const place: Origin = profile.originOf([key]);
    if (chain.includes(parent)) {
      const loop = [...chain.slice(chain.indexOf(parent)), parent].join(' -> ');
      throw new ProfileError([
        {
          code: 'profile.inheritance-loop',
          severity: 'error',
          path: [key],
          message: `The profiles extend each other in a circle: ${loop}`,
          remedy: `Remove one of these from its '${key}'.`,
          ...place,
        },
      ]);
    }
    const loaded = lookup(parent);
    if (loaded === undefined) throw unknownParent(parent, names, profile.name, key, place);
    return layersOf(loaded, lookup, names, chain);
  });
  return [...parents, profile];
}

function unknownParent(
  parent: string,
  names: readonly string[],
  child: string,
  key: string,
  place: Origin,
): ProfileError {
  const others = names.filter((name) => name !== child);
  const close = nearest(parent, others);
  return new ProfileError([
    {
      code: 'profile.unknown-parent',
      severity: 'error',
      path: [key],
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
  const inputs = {
    values: mapIn(body.values),
    types: mapIn(body.types),
    pools: mapIn(body.pools),
    counters: mapIn(body.counters),
  };
  const content = { product, release, answer, postInstall, install };
  // What is not used does not count: a profile without templates keeps the version that it always had.
  const used = Object.fromEntries(Object.entries(inputs).filter(([, map]) => Object.keys(map).length > 0));
  return {
    name,
    version: createHash('sha256')
      .update(canonicalJson({ ...content, ...used }))
      .digest('hex'),
    description: typeof body.description === 'string' ? body.description : undefined,
    ...content,
    ...inputs,
    origins,
  };
}

function mapIn(value: Plain | undefined): PlainMap {
  return isMap(value) ? value : {};
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
