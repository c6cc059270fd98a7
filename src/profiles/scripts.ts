/**
 * The administrator's own scripts in a profile (`postInstall.custom-scripts`): written there as text, or as `{file: scripts/NAME}` beside the
 * profiles. They are shell, so they are taken as they are: `{{` in them means nothing to us.
 */
import { type PlacedFinding, ProfileError } from './load.ts';
import { isMap, type Layer, type Plain, type PlainMap } from './merge.ts';
import { nearest } from './nearest.ts';

/** The directory below that of the profiles that holds them. */
export const SCRIPTS = 'scripts';

const FILE = /^scripts\/([A-Za-z0-9][A-Za-z0-9._-]{0,100})$/;

/** Whether this is a script's file by its name inside the profile directory. */
export function isScriptFile(file: string): boolean {
  return FILE.test(file);
}

/** Whether the value at this path is a script: never a template. */
export function isScript(path: readonly string[]): boolean {
  const [section, module, list, , key, ...more] = path;
  return (
    section === 'postInstall' &&
    module === 'custom-scripts' &&
    list === 'scripts' &&
    (key === 'run' || key === 'verify') &&
    more.length === 0
  );
}

/**
 * The layer with the content of files in place of `{file: scripts/NAME}`.
 * @param textOf the content of a file, or why there is none
 * @throws ProfileError `profile.script`, naming file and line of the profile
 */
export function withScripts<T extends Layer>(
  layer: T,
  textOf: (file: string) => { readonly text: string | undefined; readonly failure: string | undefined } | undefined,
  names: readonly string[],
): T {
  const problems: PlacedFinding[] = [];
  const contentOf = (file: string, path: readonly string[]): string => {
    const found = FILE.test(file) ? textOf(file) : undefined;
    if (found?.text !== undefined) return found.text;
    const close = nearest(file, names);
    problems.push({
      code: 'profile.script',
      severity: 'error',
      path,
      message:
        found === undefined
          ? `There is no script '${file.slice(0, 120)}' beside the profiles`
          : `The script ${file} cannot be read: ${found.failure}`,
      remedy:
        close === undefined || found !== undefined
          ? 'Put it into the folder scripts of the profile directory, and write {file: scripts/NAME}.'
          : `Did you mean ${close}?`,
      ...layer.originOf(path),
    });
    return '';
  };
  const replace = (value: Plain, path: readonly string[]): Plain => {
    if (!isMap(value)) return value;
    if (isScript(path)) {
      const { file } = value;
      return typeof file === 'string' && Object.keys(value).length === 1 ? contentOf(file, path) : value;
    }
    return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, replace(below, [...path, key])]));
  };
  const { postInstall } = layer.body;
  if (!isMap(postInstall) || !isMap(postInstall['custom-scripts'])) return layer;
  const body: PlainMap = { ...layer.body, postInstall: replace(postInstall, ['postInstall']) };
  const [first, ...more] = problems;
  if (first !== undefined) throw new ProfileError([first, ...more]);
  return { ...layer, body };
}
