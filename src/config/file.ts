/** The configuration file: YAML, every value with the line it stands on, so that an error can be found without searching. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Node, YAMLMap } from 'yaml';
import { invalid, messageOf } from '../errors.ts';

/** Loaded by who has such a file: a command without one answers sooner by the time that 72 files take. */
const yaml = (): typeof import('yaml') => createRequire(import.meta.url)('yaml');

export interface FileEntry {
  /** `ports.http` */
  readonly key: string;
  readonly value: unknown;
  /** `ironwake.yaml:7` */
  readonly where: string;
}

/**
 * Reads a file into its entries. `isSetting` tells which keys hold a value; mappings above them are gone through.
 * @throws IronwakeError `config.file-unreadable`, `config.file-malformed`
 */
export function readConfigFile(file: string, isSetting: (key: string) => boolean): readonly FileEntry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid(
      'config.file-unreadable',
      file,
      `the configuration file cannot be read (${messageOf(cause)})`,
      'Check the name after --config and the permissions of the file.',
    );
  }
  const { isMap, isScalar, LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined)
    throw invalid(
      'config.file-malformed',
      `${file}:${lines.linePos(problem.pos[0]).line}`,
      problem.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? 'not YAML',
      'Correct this line; the file is YAML (docs/configuration.md has an example).',
    );
  const { contents } = document;
  // An empty file and one with comments only set nothing.
  if (contents === null || (isScalar(contents) && contents.value === null)) return [];
  if (!isMap(contents))
    throw invalid(
      'config.file-malformed',
      `${file}:1`,
      'the file is not a mapping',
      'Write settings as `key: value` lines (docs/configuration.md has an example).',
    );
  const where = (node: Node | null | undefined): string => `${file}:${lines.linePos(node?.range?.[0] ?? 0).line}`;
  const entries: FileEntry[] = [];
  const walk = (map: YAMLMap, path: readonly string[]): void => {
    for (const { key, value } of map.items) {
      const name = [...path, String(isScalar(key) ? key.value : key)];
      const node = value as Node | null;
      if (isMap(node) && !isSetting(name.join('.'))) walk(node, name);
      else
        entries.push({
          key: name.join('.'),
          value: node === null ? null : node.toJS(document),
          where: where(key as Node),
        });
    }
  };
  walk(contents, []);
  return entries;
}
