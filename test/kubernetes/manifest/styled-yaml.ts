/** Draws a number from 0 to below `count`. */
export type Choose = (count: number) => number;

/** Writes JSON as YAML in a style that is drawn anew at each place: block or flow, quotes, comments, blank lines. */
export function styledYaml(value: unknown, choose: Choose): string {
  const writer = new StyledWriter(choose);
  const body = writer.lines(value, 0).join('\n');
  const head = ['', '---\n', '# a document\n', '--- # first\n\n'][choose(4)] ?? '';
  const text = `${head}${body}${['\n', '', '\n# the end\n', '\n\n\n'][choose(4)]}`;
  return choose(4) === 0 ? text.replaceAll('\n', '\r\n') : text;
}

class StyledWriter {
  private readonly step: number;
  private readonly listStep: number;
  private readonly choose: Choose;

  constructor(choose: Choose) {
    this.choose = choose;
    this.step = 2 + choose(3);
    this.listStep = choose(2) === 0 ? 0 : this.step;
  }

  /** The lines of a value that stands in lines of its own. */
  lines(value: unknown, column: number): string[] {
    if (!isFilled(value)) return [`${' '.repeat(column)}${this.inline(value)}`];
    const indent = ' '.repeat(column);
    const parts = Array.isArray(value)
      ? value.map((element) => this.element(element, column))
      : Object.entries(value).map(([key, member]) => this.pair(key, member, column));
    return parts.flatMap((lines) => [
      ...this.noise(column),
      ...lines.map((line, index) => (index === 0 ? indent + line : line)),
    ]);
  }

  private pair(key: string, value: unknown, column: number): string[] {
    const name = this.key(key);
    if (value === null)
      return [`${name}:${[' null', ' ~', '', ''][this.choose(4)]}${this.comment()}`];
    if (
      typeof value === 'string' &&
      this.choose(6) === 0 &&
      /^[a-z]/.test(value) &&
      !/^y/.test(value)
    ) {
      return [
        `${name}: ${this.choose(2) === 0 ? '|-' : '>-'}`,
        `${' '.repeat(column + this.step)}${value}`,
      ];
    }
    if (!isFilled(value) || this.choose(5) === 0)
      return [`${name}: ${this.inline(value)}${this.comment()}`];
    const anchor = this.choose(8) === 0 ? ` &a${this.choose(100_000)}` : '';
    const step = Array.isArray(value) ? this.listStep : this.step;
    return [`${name}:${anchor}${this.comment()}`, ...this.lines(value, column + step)];
  }

  private element(value: unknown, column: number): string[] {
    if (!isFilled(value) || this.choose(5) === 0)
      return [`- ${this.inline(value)}${this.comment()}`];
    if (this.choose(6) === 0) return ['-', ...this.lines(value, column + this.step)];
    const [first = '', ...rest] = new StyledWriter(this.choose).compact(value, column + 2, this);
    return [`- ${first.trimStart()}`, ...rest];
  }

  /** Without noise before the first line, which stands behind a dash. */
  private compact(value: unknown, column: number, style: StyledWriter): string[] {
    const lines = style.lines(value, column);
    const from = lines.findIndex((line) => !/^\s*(?:#.*)?$/.test(line));
    return lines.slice(from);
  }

  private inline(value: unknown): string {
    if (value === null) return ['null', '~', 'Null'][this.choose(3)] ?? 'null';
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object') return String(value);
    const gap = this.choose(3) === 0 ? ' ' : '';
    const comma = [', ', ',', ' , '][this.choose(3)] ?? ', ';
    if (Array.isArray(value)) {
      return `[${gap}${value.map((each) => this.inline(each)).join(comma)}${gap}]`;
    }
    const members = Object.entries(value).map(
      ([key, each]) => `${this.key(key)}: ${this.inline(each)}`,
    );
    return `{${gap}${members.join(comma)}${gap}}`;
  }

  private key(key: string): string {
    return this.choose(6) === 0 ? JSON.stringify(key) : key;
  }

  private text(text: string): string {
    const mustBeQuoted = !/^[a-z][a-z./-]*$/.test(text) || /^(?:y|n|yes|no|on|off)$/.test(text);
    const style = this.choose(3);
    if (style === 0 && !mustBeQuoted) return text;
    return style === 1 ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text);
  }

  private comment(): string {
    return ['', '', '', ' # why', '\t# tab', '  '][this.choose(6)] ?? '';
  }

  private noise(column: number): string[] {
    const lines = [[], [], [], [], [''], [`${' '.repeat(column)}# here`], ['# far left']];
    return lines[this.choose(7)] ?? [];
  }
}

function isFilled(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}
