/** Reading a profile's file: YAML 1.2 with positions, so that every complaint names file, line and column. */
import {
  type Alias,
  type Document,
  isCollection,
  isScalar,
  isMap as isYamlMap,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { IronwakeError } from '../errors.ts';
import type { ProfileFinding } from './finding.ts';
import { isMap, type Layer, type Origin } from './merge.ts';
import { checkProfileShape, checkTagShape, PROFILE_NAME, TAG_NAME } from './schema.ts';
import { soundsSecret } from './secret-names.ts';

/** One file, read and of the right shape. Its parents are not looked up yet. */
export interface LoadedProfile extends Layer {
  readonly name: string;
  /** The file's name as shown to people. */
  readonly file: string;
  readonly parents: readonly string[];
  /** Laid over the parents and below the profile itself. */
  readonly mixins: readonly string[];
}

/** The file of a tag: goes over the profile of every node that has the tag. */
export interface LoadedTag extends Layer {
  readonly name: string;
  /** `tags/NAME.yaml` */
  readonly file: string;
}

/** A file that cannot be used. `problems` holds everything that was found, the message the first of them. */
export class ProfileError extends IronwakeError {
  readonly problems: readonly PlacedFinding[];

  constructor(problems: readonly [PlacedFinding, ...PlacedFinding[]]) {
    const [first, ...more] = problems;
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    super({
      kind: 'invalid',
      code: first.code,
      message: `${placeOf(first)}: ${first.message}${others}`,
      remedy: first.remedy,
    });
    this.problems = problems;
  }
}

/** A finding with the place that it is about. */
export interface PlacedFinding extends ProfileFinding, Origin {}

/** `default.yaml:12:5`, as editors and terminals understand it. */
export function placeOf(place: Origin): string {
  if (place.line === 0) return place.file;
  return `${place.file}:${place.line}:${place.column}`;
}

/** @throws ProfileError if there is an error among them */
export function throwErrors(findings: readonly PlacedFinding[]): void {
  const [first, ...more] = findings.filter((found) => found.severity === 'error');
  if (first !== undefined) throw new ProfileError([first, ...more]);
}

/** The name of the profile in a file, or undefined for a file that is none (`.default.yaml.swp`, `README.md`). */
export function profileNameOf(file: string): string | undefined {
  const match = /^([^.][^/]*)\.ya?ml$/.exec(file);
  return match?.[1];
}

/** The tag whose file this is (`tags/rack-a.yaml`), or undefined. */
export function tagNameOf(file: string): string | undefined {
  const match = /^tags\/([^./][^/]*)\.ya?ml$/.exec(file);
  return match?.[1];
}

/**
 * @param file the file's name, shown in errors; without its extension it is the profile's name
 * @throws ProfileError `profile.yaml`, `profile.shape`, `profile.unknown-key`, `profile.clear-password` ..., naming file, line and column
 */
export function readProfile(file: string, text: string): LoadedProfile {
  const name = profileNameOf(file) ?? '';
  if (!PROFILE_NAME.test(name)) {
    throw wrongName(file, `'${name}' cannot be the name of a profile`, 'web-node.yaml');
  }
  const { body, originOf } = readLayer(file, text, checkProfileShape);
  const { extends: parents, mixins, ...own } = body;
  return { name, file, parents: namesIn(parents), mixins: namesIn(mixins), body: own, originOf };
}

/**
 * @param file `tags/NAME.yaml`
 * @throws ProfileError as `readProfile`
 */
export function readTag(file: string, text: string): LoadedTag {
  const name = tagNameOf(file) ?? '';
  if (!TAG_NAME.test(name)) throw wrongName(file, `'${name}' cannot be the name of a tag`, 'tags/rack-a.yaml');
  return { name, file, ...readLayer(file, text, checkTagShape) };
}

function wrongName(file: string, message: string, example: string): ProfileError {
  const remedy = `Name the file with lower-case letters, digits and hyphens, for example ${example}.`;
  return new ProfileError([
    { code: 'profile.name', severity: 'error', path: [], message, remedy, file, line: 1, column: 1 },
  ]);
}

function readLayer(file: string, text: string, check: (body: unknown) => ProfileFinding[]): Layer {
  const lines = new LineCounter();
  const at = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const fail = (code: string, offset: number, message: string, remedy: string): ProfileError =>
    new ProfileError([{ code, severity: 'error', path: [], message, remedy, ...at(offset) }]);

  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', stringKeys: true });
  const syntax = document.errors[0] ?? document.warnings[0];
  if (syntax !== undefined) {
    const message = isInSecret(text, syntax.pos[0])
      ? 'What stands here is not YAML (it is not shown, because it may be a password)'
      : (syntax.message.split('\n')[0] ?? '');
    throw fail('profile.yaml', syntax.pos[0], message, 'Correct the YAML there; indent with blanks, never with tabs.');
  }
  const dangling = danglingAlias(document);
  if (dangling !== undefined) {
    const offset = dangling.range?.[0] ?? 0;
    const isSecret = isInSecret(text, offset);
    throw fail(
      'profile.yaml',
      offset,
      isSecret ? 'There is no anchor of this name' : `There is no anchor '${dangling.source.slice(0, 60)}'`,
      isSecret
        ? 'Put the text in quotes; the asterisk in front makes it an alias.'
        : `Define it before with &${dangling.source}, or put the text in quotes.`,
    );
  }
  let body: unknown;
  try {
    body = document.toJS({ maxAliasCount: 50 });
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause;
    throw fail('profile.yaml', 0, cause.message, 'Use fewer anchors and aliases; extends does the same more clearly.');
  }
  const originOf = (path: readonly string[]): Origin => at(offsetOf(document.contents, path));
  throwErrors(check(body).map((found) => ({ ...found, ...originOf(found.path) })));
  if (!isMap(body)) throw new Error('the shape was checked above');
  return { body, originOf };
}

/** Whether what stands at an offset may be, or belong to, the value of a password: by the line, and by the key that comes last before it. */
function isInSecret(text: string, offset: number): boolean {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  const keys = text.slice(Math.max(0, start - 2000), start).match(/[^\s,{[]+[ \t]*:(?=\s)/g);
  return soundsSecret(text.slice(start, end === -1 ? undefined : end)) || soundsSecret(keys?.at(-1) ?? '');
}

/** An alias (`*name`) without its anchor; the parser takes it and only the conversion would fail, without a place. */
function danglingAlias(document: Document.Parsed): Alias.Parsed | undefined {
  let found: Alias.Parsed | undefined;
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return undefined;
      found = node as Alias.Parsed;
      return visit.BREAK;
    },
  });
  return found;
}

function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Where the key at a path begins, or the nearest thing above it that is in the file. */
function offsetOf(root: Node | null, path: readonly string[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const part of path) {
    if (!isCollection(node)) break;
    if (isYamlMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === part);
      if (pair === undefined || !isScalar(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else {
      const item: unknown = node.items[Number(part)];
      if (!isScalar(item) && !isCollection(item)) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    }
  }
  return offset;
}
