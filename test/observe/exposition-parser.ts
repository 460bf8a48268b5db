/** One family of an exposition, as its lines tell it. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** What may follow a family's name, by type; a counter of Prometheus' text format is called as its family is. */
const suffixes = {
  text: { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] },
  openmetrics: { counter: ['_total'], gauge: [''], histogram: ['_bucket', '_sum', '_count'] },
} as const;

/**
 * Reads an exposition as strictly as the specifications allow: one HELP and one TYPE before a family's samples, families
 * together, no series twice, cumulative buckets that end at the count.
 *
 * @throws {Error} With the number of the line.
 */
export function parseExposition(text: string, format: 'text' | 'openmetrics'): Map<string, Family> {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('no # EOF at the end');
  const reader = new Reader(suffixes[format]);
  for (const [index, line] of lines.entries()) {
    // Only the older format may have empty lines.
    const reason = line === '' && format === 'text' ? undefined : reader.read(line);
    if (reason !== undefined) throw new Error(`line ${index + 1}: ${reason}: ${line}`);
  }
  for (const family of reader.families.values()) checkFamily(family);
  return reader.families;
}

class Reader {
  readonly families = new Map<string, Family>();
  private readonly allowed: Record<string, readonly string[]>;
  private help: { name: string; text: string } | undefined;
  private family: Family | undefined;

  constructor(allowed: Record<string, readonly string[]>) {
    this.allowed = allowed;
  }

  /** Says what is wrong with the line. */
  read(line: string): string | undefined {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment === null) return this.sample(line);
    const [, keyword, name = '', rest = ''] = comment;
    return keyword === 'HELP' ? this.begin(name, rest) : this.type(name, rest);
  }

  private begin(name: string, text: string): string | undefined {
    if (this.families.has(name)) return 'the family stands twice';
    this.help = { name, text };
    return undefined;
  }

  private type(name: string, type: string): string | undefined {
    if (this.help?.name !== name) return 'TYPE without HELP';
    this.family = { name, type, help: this.help.text, samples: [] };
    this.families.set(name, this.family);
    this.help = undefined;
    return undefined;
  }

  private sample(line: string): string | undefined {
    if (this.family === undefined || this.help !== undefined) return 'no TYPE before the sample';
    const sample = parseSample(line, this.family, this.allowed);
    if (sample === undefined) return 'not a sample of the family';
    this.family.samples.push(sample);
    return undefined;
  }
}

function parseSample(
  line: string,
  family: Family,
  allowed: Record<string, readonly string[]>,
): Sample | undefined {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) return undefined;
  const [, name = '', labelText = '', valueText = ''] = match;
  if (!allowed[family.type]?.some((suffix) => name === family.name + suffix)) return undefined;
  const labels = parseLabels(labelText);
  const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
  return labels === undefined || Number.isNaN(value) ? undefined : { name, labels, value };
}

function parseLabels(text: string): Map<string, string> | undefined {
  const labels = new Map<string, string>();
  const pattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null || labels.has(match[1] ?? '')) return undefined;
    const unescaped = (match[2] ?? '').replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    labels.set(match[1] ?? '', unescaped);
  }
  return text.endsWith(',') ? undefined : labels;
}

function checkFamily({ name, type, samples }: Family): void {
  const series = samples.map((sample) => seriesKey(sample));
  if (new Set(series).size !== series.length) throw new Error(`${name}: a series stands twice`);
  if (type !== 'histogram') return;
  const counts = new Map<string, number>();
  for (const sample of samples) {
    const { le, rest } = withoutBound(sample);
    if (sample.name === `${name}_bucket`) {
      if (sample.value < (counts.get(rest) ?? 0)) throw new Error(`${name}: bucket ${le} shrinks`);
      counts.set(rest, sample.value);
    } else if (sample.name === `${name}_count` && counts.get(rest) !== sample.value) {
      throw new Error(`${name}: the last bucket is not the count`);
    }
  }
}

function withoutBound({ labels }: Sample): { le: string | undefined; rest: string } {
  const rest = new Map(labels);
  rest.delete('le');
  return { le: labels.get('le'), rest: JSON.stringify([...rest]) };
}

/** Names a series: equal for two samples that Prometheus would take for one. */
export function seriesKey({ name, labels }: Sample): string {
  return `${name} ${JSON.stringify([...labels].sort())}`;
}
