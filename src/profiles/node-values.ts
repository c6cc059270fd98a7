/** What one node says over its profile. The short form `network: { cidr, gateway, dns }` is a static address. */
import { invalid } from '../errors.ts';
import { isMap, mergeOver, type Plain, type PlainMap } from './merge.ts';
import { checkNodeValuesShape } from './schema.ts';

/** The values of a node, short forms written out. */
export interface NodeOverrides {
  readonly answer: PlainMap;
  readonly postInstall: PlainMap;
  /** For templates. */
  readonly values?: PlainMap;
}

/**
 * @param values as stored with the node (nodes/node.ts)
 * @throws IronwakeError `node.values` naming the field
 */
export function readNodeValues(values: unknown): NodeOverrides {
  const [first] = checkNodeValuesShape(values);
  if (first !== undefined) {
    throw invalid('node.values', ['values', ...first.path].join('.'), first.message, first.remedy);
  }
  const map = isMap(values) ? values : {};
  const answer = mapOf(map.answer);
  const others = { postInstall: mapOf(map.postInstall), ...(isMap(map.values) && { values: map.values }) };
  if (!isMap(map.network)) return { answer, ...others };
  const network: PlainMap = { source: 'from-answer', ...map.network };
  // Still a layer: a null or `key+` in it is about what lies below.
  return { answer: { ...answer, network: { ...mapOf(answer.network), ...network } }, ...others };
}

function mapOf(value: Plain | undefined): PlainMap {
  return isMap(value) ? value : {};
}

/** The answer and the plan's parameters of one node: its values over its profile's. Takes a profile as it was stored with a run, too. */
export function overrideProfile(
  profile: { readonly answer: PlainMap; readonly postInstall: Readonly<Record<string, PlainMap>> },
  values: unknown,
): NodeOverrides {
  const overrides = readNodeValues(values);
  return {
    answer: mergeOver(profile.answer, overrides.answer),
    postInstall: mergeOver(profile.postInstall, overrides.postInstall),
  };
}
