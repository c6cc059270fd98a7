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
  children: number;
  assertions: number;
  /** Failures counted in the blocks inside. */
  failedInside: number;
  /** What failed in this block itself. */
  readonly problems: string[];
}

export class TapCounter {
  passed = 0;
  failed = 0;
  /** Test files that reported a result. */
  files = 0;
  /** One paragraph each, for the end of the output. */
  readonly failures: string[] = [];
  readonly #print: (line: string) => void;
  readonly #parser = new Parser();
  readonly #root: Block;

  /** @param print shows progress: a line for each file and failure */
  constructor(print: (line: string) => void) {
    this.#print = print;
    this.#root = this.#watch(this.#parser, []);
  }

  write(chunk: Uint8Array): void {
    this.#parser.write(Buffer.from(chunk));
  }

  end(): void {
    this.#parser.end();
    if (this.#root.problems.length > 0) this.fail('tap', this.#root.problems.join('\n'));
  }

  /** Counts and shows a failure. */
  fail(what: string, why: string): void {
    this.failed += 1;
    const text = `FAILED  ${what}\n        ${why.trimEnd().replaceAll('\n', '\n        ')}`;
    this.failures.push(text);
    this.#print(text);
  }

  #watch(parser: Parser, path: readonly string[]): Block {
    const block: Block = { path, children: 0, assertions: 0, failedInside: 0, problems: [] };
    // The test point that follows a block closes it.
    let open: { readonly block: Block; readonly before: number } | undefined;
    parser.on('child', (child: Parser) => {
      block.children += 1;
      open = { block: this.#watch(child, [...path, child.name]), before: this.passed + this.failed };
    });
    parser.on('assert', (result: Result) => {
      if (open === undefined) {
        block.assertions += 1;
        const problem = problemOf(result);
        if (problem !== undefined) block.problems.push(problem);
        return;
      }
      const { block: closed, before } = open;
      open = undefined;
      const failures = this.#close(closed, result);
      block.failedInside += failures;
      if (path.length === 0) this.#showFile(closed, this.passed + this.failed - before, failures, result.time);
    });
    parser.on('bailout', (reason: string) => block.problems.push(`bailed out: ${reason}`));
    return block;
  }

  /** Counts a block that has ended; returns how many failures it adds up to. */
  #close(block: Block, result: Result): number {
    const isTest = block.children === 0;
    const problem = problemOf(result);
    // A red block whose red parts are counted already adds nothing new.
    if (problem !== undefined && block.problems.length === 0 && block.failedInside === 0) block.problems.push(problem);
    if (block.path.length === 1 && isTest && block.assertions === 0 && block.problems.length === 0)
      block.problems.push('there is no test in this file');
    if (block.problems.length > 0) {
      this.fail(block.path.join(' > '), block.problems.join('\n'));
      return block.failedInside + 1;
    }
    if (isTest) this.passed += 1;
    return block.failedInside;
  }

  #showFile(block: Block, tests: number, failures: number, timeMs: number | null): void {
    this.files += 1;
    const seconds = timeMs === null ? '' : `, ${(timeMs / 1000).toFixed(1)} s`;
    this.#print(`${failures === 0 ? 'ok    ' : 'NOT OK'}  ${block.path.join(' > ')} (${tests} tests${seconds})`);
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
