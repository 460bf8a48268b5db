import type { Written } from './kind.ts';
import { formatOrigin, type Origin } from './layer.ts';
import { SETTING_KEYS, type SettingKey, settingOf } from './schema.ts';
import { type Settings, settingAt } from './settings.ts';

/** One setting in effect. */
export interface EffectiveSetting {
  readonly key: SettingKey;
  /** In the form of the configuration file. */
  readonly value: Written;
  readonly origin: string;
}

/** Every setting in the order of the table. */
export function effectiveSettings(
  settings: Settings,
  origins: ReadonlyMap<SettingKey, Origin>,
): EffectiveSetting[] {
  return SETTING_KEYS.map((key) => ({
    key,
    value: settingOf(key).kind.format(settingAt(settings, key)),
    origin: formatOrigin(origins.get(key) ?? { kind: 'default' }),
  }));
}

/** A configuration file with the settings in effect, each with its origin as a comment. */
export function renderSettings(effective: readonly EffectiveSetting[]): string {
  let lines = '';
  let open = '';
  for (const { key, value, origin } of effective) {
    const [section = '', word] = key.split('.');
    if (word !== undefined && section !== open) lines += `${section}:\n`;
    open = word === undefined ? '' : section;
    lines += word === undefined ? line(key, value, origin, '') : line(word, value, origin, '  ');
  }
  return lines;
}

const WIDTH = 100;
/** Where the comments begin, unless a value reaches past it. */
const COMMENT_COLUMN = 44;
/** A list up to here stays on its line, so that most origins end before {@link WIDTH}. */
const SHORT = 72;

function line(word: string, value: Written, origin: string, indent: string): string {
  const head = `${indent}${word}:`;
  const short = `${head} ${flow(value)}`.padEnd(COMMENT_COLUMN);
  if (!isList(value) || short.length <= SHORT) return `${short} # ${origin}\n`;
  const items = value.map(flow);
  const below = value.every((item) => typeof item === 'string')
    ? wrapped(items, `${indent}  `)
    : items.map((item) => `${indent}  - ${item}\n`).join('');
  return `${head.padEnd(COMMENT_COLUMN)} # ${origin}\n${below}`;
}

/** A list of words on as few lines as it fits. */
function wrapped(items: readonly string[], indent: string): string {
  const lines = [`${indent}[`];
  for (const [index, item] of items.entries()) {
    const text = index === items.length - 1 ? `${item}]` : `${item}, `;
    const current = lines.at(-1) ?? '';
    if (current.length + text.length <= WIDTH) lines[lines.length - 1] = current + text;
    else lines.push(`${indent} ${text}`);
  }
  return lines.map((text) => `${text.trimEnd()}\n`).join('');
}

/** YAML on one line. */
function flow(value: Written): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return scalar(value);
  if (isList(value)) return `[${value.map(flow).join(', ')}]`;
  const pairs = Object.entries(value).map(([word, item]) => `${scalar(word)}: ${flow(item)}`);
  return `{${pairs.join(', ')}}`;
}

/** Plain when YAML reads it as the same text; else as JSON, which YAML reads as well (YAML 1.2 §1.2). */
function scalar(text: string): string {
  const plain = /^[a-z0-9/][a-z0-9/._:-]*$/i.test(text) && !text.endsWith(':');
  return plain && !/^null$/i.test(text) ? text : JSON.stringify(text);
}

/** `Array.isArray` does not see read-only arrays in a union. */
function isList(value: Written): value is readonly Written[] {
  return Array.isArray(value);
}
