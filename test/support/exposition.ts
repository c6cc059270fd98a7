/**
 * A strict reader of the Prometheus text format 0.0.4, written from its specification and not from what we print. It refuses what a lenient
 * scraper would let pass: a family in two pieces, a sample before its TYPE, a counter without _total, a histogram that does not add up.
 */

export interface Exposition {
  /** The sample with exactly these labels. @throws when there is none */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
  readonly families: ReadonlyMap<string, string>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;
/** Names that end in a unit that is not a base unit. */
const WRONG_UNIT = /_(ms|milliseconds|minutes|hours|kb|mb|kilobytes|megabytes|percent)(_|$)/;

/** @throws Error naming the line that is wrong */
export function parseExposition(text: string): Exposition {
  const families = new Map<string, string>();
  const samples = new Map<string, number>();
  const done = new Set<string>();
  let helped: string | undefined;
  let current: string | undefined;
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    const help = HELP.exec(line);
    if (help !== null) {
      if (families.has(help[1] ?? '')) fail('a family in two pieces');
      if ((help[2] ?? '').trim() === '') fail('help says nothing');
      helped = help[1];
      continue;
    }
    const type = TYPE.exec(line);
    if (type !== null) {
      const [, name = '', kind = ''] = type;
      if (name !== helped) fail('TYPE without its HELP');
      if (families.has(name)) fail('a family in two pieces');
      if (kind === 'counter' && !name.endsWith('_total')) fail('a counter without _total');
      if (kind !== 'counter' && name.endsWith('_total')) fail('_total on what is no counter');
      if (WRONG_UNIT.test(name)) fail('not a base unit');
      if (!/^(ironwake|process)_[a-z0-9_]+$/.test(name)) fail('a name without its prefix');
      if (current !== undefined) done.add(current);
      families.set(name, kind);
      current = name;
      continue;
    }
    const sample = SAMPLE.exec(line) ?? fail('no sample');
    const [, name = '', labelText = '', valueText = ''] = sample;
    const owner = current ?? fail('a sample before its TYPE');
    const allowed =
      families.get(owner) === 'histogram' ? [`${owner}_bucket`, `${owner}_sum`, `${owner}_count`] : [owner];
    if (!allowed.includes(name)) fail(`not of the family ${owner}`);
    const labels = labelsOf(labelText, fail);
    if (name.endsWith('_bucket') && labels.le === undefined) fail('a bucket without le');
    const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
    if (Number.isNaN(value)) fail('not a number');
    if (families.get(owner) !== 'gauge' && value < 0) fail('a negative count');
    const key = keyOf(name, labels);
    if (samples.has(key)) fail('the same sample twice');
    samples.set(key, value);
  }
  checkHistograms(families, samples);
  return {
    families,
    value(name, labels = {}) {
      const value = samples.get(keyOf(name, labels));
      if (value === undefined) throw new Error(`no sample ${keyOf(name, labels)} in:\n${text}`);
      return value;
    },
  };
}

function labelsOf(text: string, fail: (why: string) => never): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const found = LABEL.exec(rest) ?? fail('labels');
    const [whole, name = '', value = ''] = found;
    if (name in labels) fail('a label twice');
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name} ${JSON.stringify(Object.entries(labels).sort(([a], [b]) => a.localeCompare(b)))}`;
}

/** Buckets rise, end in +Inf, and the last equals the count. */
function checkHistograms(families: ReadonlyMap<string, string>, samples: ReadonlyMap<string, number>): void {
  for (const [name, kind] of families) {
    if (kind !== 'histogram') continue;
    const series = new Map<string, Array<readonly [number, number]>>();
    for (const [key, value] of samples) {
      if (!key.startsWith(`${name}_bucket `)) continue;
      const labels = JSON.parse(key.slice(name.length + 8)) as Array<[string, string]>;
      const others = Object.fromEntries(labels.filter(([label]) => label !== 'le'));
      const le = labels.find(([label]) => label === 'le')?.[1] ?? '';
      const list = series.get(keyOf(`${name}_count`, others)) ?? [];
      list.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), value]);
      series.set(keyOf(`${name}_count`, others), list);
    }
    for (const [countKey, buckets] of series) {
      buckets.sort(([a], [b]) => a - b);
      if (buckets.at(-1)?.[0] !== Number.POSITIVE_INFINITY) throw new Error(`${name}: no +Inf bucket`);
      if (buckets.some(([, value], index) => index > 0 && value < (buckets[index - 1]?.[1] ?? 0)))
        throw new Error(`${name}: buckets fall`);
      if (samples.get(countKey) !== buckets.at(-1)?.[1]) throw new Error(`${name}: count is not the last bucket`);
      if (!samples.has(countKey.replace('_count ', '_sum '))) throw new Error(`${name}: no sum`);
    }
  }
}
