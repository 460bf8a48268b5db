import { RawScalar } from './raw-scalar.ts';
import type { TextStyle } from './text-style.ts';

/** The lines of `key: value` in a block map, without the indentation of the first. */
export function blockPair(key: string, value: unknown, column: number, style: TextStyle): string[] {
  const name = yamlText(key);
  if (!isFilled(value)) return [`${name}: ${blockScalar(value, style)}`];
  const step = Array.isArray(value) ? style.listStep : style.step;
  return [`${name}:`, ...blockLines(value, column + step, style)];
}

/** The lines of a list's element, without its dash and the indentation of the first. */
export function blockElement(value: unknown, column: number, style: TextStyle): string[] {
  if (!isFilled(value)) return [`-${' '.repeat(style.dash - 1)}${blockScalar(value, style)}`];
  const [first = '', ...rest] = blockLines(value, column + style.dash, style);
  return [`-${' '.repeat(style.dash - 1)}${first.trimStart()}`, ...rest];
}

/** A collection's lines, each with its indentation. */
export function blockLines(value: object, column: number, style: TextStyle): string[] {
  const indent = ' '.repeat(column);
  const parts = Array.isArray(value)
    ? value.map((element) => blockElement(element, column, style))
    : Object.entries(value).map(([key, member]) => blockPair(key, member, column, style));
  return parts.flatMap(([first = '', ...rest]) => [indent + first, ...rest]);
}

function blockScalar(value: unknown, style: TextStyle): string {
  return typeof value === 'string' ? yamlText(value) : flowYaml(value, style);
}

/** On one line of YAML. */
export function flowYaml(value: unknown, style: TextStyle): string {
  if (value instanceof RawScalar) return value.source === '' ? 'null' : value.source;
  if (typeof value === 'string') return yamlText(value, true);
  if (Array.isArray(value)) return `[${value.map((each) => flowYaml(each, style)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(
    ([key, member]) => `${yamlText(key, true)}: ${flowYaml(member, style)}`,
  );
  if (members.length === 0) return '{}';
  return `{${style.padding}${members.join(', ')}${style.padding}}`;
}

/**
 * As JSON: over several lines if the document has JSON over several lines, else on one line.
 *
 * @param indent - Of the line that the value begins in.
 */
export function jsonText(value: unknown, indent: string, style: TextStyle): string {
  if (value instanceof RawScalar) return value.source;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const inner = indent + style.jsonIndent;
  const gap = style.jsonIndent === '' ? style.jsonGap : ' ';
  const parts = Array.isArray(value)
    ? value.map((element) => jsonText(element, inner, style))
    : Object.entries(value).map(
        ([key, member]) => `${JSON.stringify(key)}:${gap}${jsonText(member, inner, style)}`,
      );
  if (parts.length === 0) return `${open}${close}`;
  if (style.jsonIndent === '') return `${open}${parts.join(`,${style.jsonGap}`)}${close}`;
  const { newline } = style;
  const lines = parts.join(`,${newline}${inner}`);
  return `${open}${newline}${inner}${lines}${newline}${indent}${close}`;
}

/** Text that YAML 1.1 and 1.2 both read as that text without quotes. */
const PLAIN =
  /^(?:(?:--)?[A-Za-z_/$][\w./$()@+-]*(?: [A-Za-z_/$(][\w./$()@+-]*)*|\d+(?:m|[KMG]i)|\d+(?:\.\d+){3})$/;
/** The same with `:`, which older readers do not take in flow collections. */
const PLAIN_IN_BLOCK = /^(?:[A-Za-z_/$][\w./$()@:+-]*[\w./$()@+-])$/;
/** Words that YAML 1.1 reads as something else. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function yamlText(text: string, inFlow = false): string {
  const plain = PLAIN.test(text) || (!inFlow && PLAIN_IN_BLOCK.test(text));
  if (plain && !WORDS.test(text)) return text;
  return /["\\]/.test(text) && /^[\x20-\x7e]*$/.test(text)
    ? `'${text.replaceAll("'", "''")}'`
    : JSON.stringify(text);
}

function isFilled(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || value instanceof RawScalar) return false;
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
}
