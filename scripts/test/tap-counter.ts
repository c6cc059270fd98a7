/**
 * Counts tests in tap's own output. A test is a `test()` block without blocks inside; what fails outside of such a block (a crash, a
 * time-out, a wrong plan) counts as one more failure of the block around it. A skipped or todo test is a failure: here nothing is skipped.
 */
import { inspect } from 'node:util';
import { Parser, type Result } from 'tap-parser';

/** A block being read: the whole output, a file, or a test() inside it. */
interface Block {
  /** File, then the names of the tests around it. */
  readonly path: readonly string[];
  /** Of the whole output: the files that have ended. */
  readonly shown: Set<string>;
  /** The block inside that has begun and not ended: the test point that follows a block closes it. */
  open: Block | undefined;
  children: number;
  /** Tests counted in the blocks inside, green and red. */
  testsInside: number;
  assertions: number;
  /** Failures counted in the blocks inside. */
  failedInside: number;
  /** What failed in this block itself. */
  readonly problems: string[];
}

/** One program's output, on its way into the counter. */
export interface TapStream {
  write(chunk: Uint8Array): void;
  /**
   * There is no more output. A file that had begun and not ended is a failure, under the name of the test that had.
   * @param why how the program ended
   * @param file the file that the program was in, also when it has said nothing about it yet; it is a failure
   */
  end(why: string, file?: string): void;
}

export class TapCounter {
  passed = 0;
  failed = 0;
  /** Test files that reported a result, or whose end was reported for them. */
  files = 0;
  /** One paragraph each, for the end of the output. */
  readonly failures: string[] = [];
  readonly #print: (line: string) => void;

  /** @param print shows progress: a line for each file and failure */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** For the output of one program; several may be read at once. */
  stream(): TapStream {
    const parser = new Parser();
    const root = this.#watch(parser, []);
    return {
      write: (chunk) => {
        parser.write(Buffer.from(chunk));
      },
      end: (why, file) => {
        parser.end();
        if (root.open !== undefined) this.#breakOff(root.open, why);
        else if (file !== undefined) {
          this.fail(file, why);
          if (!root.shown.has(file)) this.#showFile([file], 1, 1, null);
        }
        // Bailing out is said on every level.
        const problems = root.problems.filter((problem) => root.open?.problems.includes(problem) !== true);
        if (problems.length > 0) this.fail('tap', problems.join('\n'));
      },
    };
  }

  /** Counts and shows a failure. */
  fail(what: string, why: string): void {
    this.failed += 1;
    const text = `FAILED  ${what}\n        ${why.trimEnd().replaceAll('\n', '\n        ')}`;
    this.failures.push(text);
    this.#print(text);
  }

  #watch(parser: Parser, path: readonly string[]): Block {
    const block: Block = {
      path,
      shown: new Set(),
      open: undefined,
      children: 0,
      testsInside: 0,
      assertions: 0,
      failedInside: 0,
      problems: [],
    };
    parser.on('child', (child: Parser) => {
      block.children += 1;
      block.open = this.#watch(child, [...path, child.name]);
    });
    parser.on('assert', (result: Result) => {
      const closed = block.open;
      if (closed === undefined) {
        block.assertions += 1;
        const problem = problemOf(result);
        if (problem !== undefined) block.problems.push(problem);
        return;
      }
      block.open = undefined;
      const { tests, failures } = this.#close(closed, result);
      block.testsInside += tests;
      block.failedInside += failures;
      if (path.length > 0) return;
      block.shown.add(closed.path.join(' > '));
      this.#showFile(closed.path, tests, failures, result.time);
    });
    parser.on('bailout', (reason: string) => block.problems.push(`bailed out: ${reason}`));
    return block;
  }

  /** The program has ended inside this file. */
  #breakOff(file: Block, why: string): void {
    let innermost = file;
    let tests = 1;
    for (let block: Block | undefined = file; block !== undefined; block = block.open) {
      innermost = block;
      tests += block.testsInside;
    }
    this.fail(innermost.path.join(' > '), [...innermost.problems, why].join('\n'));
    this.#showFile(file.path, tests, 1, null);
  }

  /** Counts a block that has ended; returns how many tests and failures it adds up to. */
  #close(block: Block, result: Result): { readonly tests: number; readonly failures: number } {
    const isTest = block.children === 0;
    const problem = problemOf(result);
    // A red block whose red parts are counted already adds nothing new.
    if (problem !== undefined && block.problems.length === 0 && block.failedInside === 0) block.problems.push(problem);
    if (block.path.length === 1 && isTest && block.assertions === 0 && block.problems.length === 0)
      block.problems.push('there is no test in this file');
    if (block.problems.length > 0) {
      this.fail(block.path.join(' > '), block.problems.join('\n'));
      return { tests: block.testsInside + 1, failures: block.failedInside + 1 };
    }
    if (isTest) this.passed += 1;
    return { tests: block.testsInside + (isTest ? 1 : 0), failures: block.failedInside };
  }

  #showFile(path: readonly string[], tests: number, failures: number, timeMs: number | null): void {
    this.files += 1;
    const seconds = timeMs === null ? '' : `, ${(timeMs / 1000).toFixed(1)} s`;
    this.#print(`${failures === 0 ? 'ok    ' : 'NOT OK'}  ${path.join(' > ')} (${tests} tests${seconds})`);
  }
}

/** What is wrong with a test point, with the part of its diagnostics that helps; undefined when it is right. */
function problemOf(result: Result): string | undefined {
  if (result.skip !== false) return `skipped: ${result.name} ${result.skip === true ? '' : result.skip}`.trimEnd();
  if (result.todo !== false) return `todo: ${result.name}`;
  if (result.ok) return undefined;
  const lines = [`not ok: ${result.name}`];
  const diagnostics: unknown = result.diag;
  if (typeof diagnostics === 'object' && diagnostics !== null)
    for (const [key, value] of Object.entries(diagnostics))
      if (!HIDDEN.has(key))
        lines.push(
          `${key}: ${typeof value === 'string' ? value.trimEnd() : inspect(value, { depth: 4, breakLength: 120 })}`,
        );
  return lines.join('\n');
}

/** Parts of tap's diagnostics that say nothing about the failure. */
const HIDDEN = new Set(['source', 'stdio', 'cwd', 'externalID', 'command', 'args', 'requestedTimeout']);
