import * as yaml from 'yaml';
import type { Problem } from '../input-error.ts';
import { didYouMean } from './closest.ts';
import { describe, type Written } from './kind.ts';
import type { Entry, Layer } from './layer.ts';
import { isSettingKey, SETTING_KEYS } from './schema.ts';

/**
 * All settings fill a page. A larger file is not one of ours, and the parser would need some hundred times its size.
 */
const MAX_CHARACTERS = 1_000_000;
/** One missing bracket can cause a thousand errors; the first ones show where. */
const MAX_SYNTAX_ERRORS = 10;

/**
 * The settings in a YAML file.
 *
 * Scalars keep the text they have in the file (`0x10` and `1e3` are not numbers here). Aliases are refused: a value has
 * one place, and ten aliases can stand for a billion nodes.
 *
 * @param path - Used only in the places of problems.
 */
export function yamlLayer(text: string, path: string): Layer {
  const reader = new YamlReader(path);
  reader.read(text);
  const { entries, problems, broken } = reader;
  return { entries, problems, broken };
}

class YamlReader {
  readonly entries: Entry[] = [];
  readonly problems: Problem[] = [];
  broken = false;
  private readonly path: string;
  private readonly lines = new yaml.LineCounter();

  constructor(path: string) {
    this.path = path;
  }

  read(text: string): void {
    if (text.length > MAX_CHARACTERS) {
      this.broken = true;
      this.problems.push({ place: this.path, reason: `longer than ${MAX_CHARACTERS} characters` });
      return;
    }
    const document = yaml.parseDocument(text, { lineCounter: this.lines, prettyErrors: false });
    this.syntax([...document.errors, ...document.warnings]);
    const { contents } = document;
    // A file with comments only sets nothing.
    if (this.broken || contents === null || isNull(contents)) return;
    if (yaml.isMap(contents)) this.mapping(contents, '');
    else
      this.problem(
        startOf(contents),
        `${describe(this.written(contents))}, not a mapping of settings`,
      );
  }

  /**
   * Reports the syntax errors of the YAML parser. After an error nothing is read from the text, because it could be
   * misread.
   */
  private syntax(errors: readonly (yaml.YAMLError | yaml.YAMLWarning)[]): void {
    this.broken = errors.some(({ code }) => code !== 'DUPLICATE_KEY');
    for (const { pos, message } of errors.slice(0, MAX_SYNTAX_ERRORS))
      this.problem(pos[0], message);
    const more = errors.length - MAX_SYNTAX_ERRORS;
    if (more > 0) this.problems.push({ place: this.path, reason: `and ${more} more such errors` });
  }

  private mapping(map: yaml.YAMLMap, section: string): void {
    for (const pair of map.items) {
      const word = yaml.isScalar(pair.key) ? String(pair.key.value) : '';
      const key = section + word;
      if (isSettingKey(key)) this.entry(key, pair);
      else if (section === '' && sections().has(word)) this.section(word, pair);
      else this.problem(startOf(pair.key), `unknown key: ${key}${this.hint(word, section)}`);
    }
  }

  private section(word: string, pair: yaml.Pair): void {
    const { value } = pair;
    if (yaml.isMap(value)) this.mapping(value, `${word}.`);
    // `tcp:` with everything below it commented out.
    else if (!isNull(value)) this.problem(startOf(value), `${word} is not a mapping of settings`);
  }

  private entry(key: Entry['key'], pair: yaml.Pair): void {
    const written = this.written(pair.value);
    if (written === undefined) return;
    const at = this.lines.linePos(startOf(pair.key));
    this.entries.push({
      key,
      written,
      origin: { kind: 'file', path: this.path, line: at.line },
      placeOf: (path, what = 'value') => this.place(startOf(descend(pair, path, what))),
    });
  }

  /** The value of a node; `undefined` if part of it is reported here as a problem. */
  private written(node: unknown): Written | undefined {
    if (yaml.isSeq(node)) return whole(node.items.map((item) => this.written(item)));
    if (yaml.isMap(node)) {
      const values = node.items.map((pair) => this.written(pair.value));
      const words = node.items.map(({ key }) => (yaml.isScalar(key) ? String(key.value) : ''));
      const all = whole(values);
      return all && Object.fromEntries(words.map((word, index) => [word, all[index] ?? null]));
    }
    if (yaml.isAlias(node)) {
      this.problem(startOf(node), `alias: *${node.source}; write the value out`);
      return undefined;
    }
    if (!yaml.isScalar(node) || isNull(node)) return null;
    return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
  }

  private hint(word: string, section: string): string {
    const siblings = SETTING_KEYS.filter((key) => key.startsWith(section));
    const words = siblings.map((key) => key.slice(section.length).split('.')[0] ?? '');
    const near = didYouMean(word, new Set(words));
    if (near !== '') return near;
    // The right word in the wrong section.
    const meant = SETTING_KEYS.find((key) => key.split('.').at(-1) === word);
    return meant === undefined ? '' : ` (did you mean ${meant}?)`;
  }

  private problem(offset: number, reason: string): void {
    this.problems.push({ place: this.place(offset), reason });
  }

  private place(offset: number): string {
    const { line, col } = this.lines.linePos(offset);
    return `${this.path}:${line}:${col}`;
  }
}

/** The node at a path below a pair's value, or the deepest one that exists. */
function descend(pair: yaml.Pair, path: readonly unknown[], what: 'value' | 'key'): unknown {
  let node: unknown = pair.value ?? pair.key;
  for (const [depth, step] of path.entries()) {
    const atKey = what === 'key' && depth === path.length - 1;
    const next = yaml.isSeq(node) ? itemOf(node, step) : partOf(pairOf(node, step), atKey);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

function itemOf(list: yaml.YAMLSeq, index: unknown): unknown {
  return typeof index === 'number' ? list.items[index] : undefined;
}

function partOf(pair: yaml.Pair | undefined, atKey: boolean): unknown {
  return atKey || !yaml.isNode(pair?.value) ? pair?.key : pair.value;
}

function pairOf(node: unknown, key: unknown): yaml.Pair | undefined {
  if (!yaml.isMap(node)) return undefined;
  return node.items.find((pair) => yaml.isScalar(pair.key) && String(pair.key.value) === key);
}

function isNull(node: unknown): boolean {
  return node === null || (yaml.isScalar(node) && node.value === null);
}

function startOf(node: unknown): number {
  return yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function whole(values: readonly (Written | undefined)[]): readonly Written[] | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.length === values.length ? present : undefined;
}

function sections(): ReadonlySet<string> {
  return new Set(
    SETTING_KEYS.filter((key) => key.includes('.')).map((key) => key.split('.')[0] ?? ''),
  );
}
