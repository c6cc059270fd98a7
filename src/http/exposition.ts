/**
 * The text format that Prometheus reads (version 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/). Names follow its
 * conventions: base units, `_total` for counters, one family in one piece.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface Buckets {
  readonly labels?: Labels;
  /** Not cumulative; one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** A family of samples. A counter's name ends in `_total`. */
export function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  return head(name, type, help) + samples.map(({ labels, value }) => line(name, labels, value)).join('');
}

export function histogram(name: string, help: string, bounds: readonly number[], all: readonly Buckets[]): string {
  if (all.length === 0) return '';
  let text = head(name, 'histogram', help);
  for (const { labels, counts, sum } of all) {
    let below = 0;
    for (const [index, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
      below += counts[index] ?? 0;
      text += line(
        `${name}_bucket`,
        { ...labels, le: bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound) },
        below,
      );
    }
    text += line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, below);
  }
  return text;
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

function line(name: string, labels: Labels = {}, value: number): string {
  const pairs = Object.entries(labels).map(
    ([key, text]) => `${key}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}
