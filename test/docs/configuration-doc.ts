import { readFileSync, writeFileSync } from 'node:fs';
import type { Written } from '../../src/config/kind.ts';
import {
  type DefaultValue,
  environmentName,
  SETTING_KEYS,
  type SettingKey,
  settingOf,
} from '../../src/config/schema.ts';

const file = new URL('../../docs/configuration.md', import.meta.url);
const BEGIN = '<!-- begin of the reference: made from src/config/schema.ts -->\n';
const END = '<!-- end of the reference -->\n';

/** docs/configuration.md as it is, and as the table of settings wants it. */
export function configurationDoc(): { readonly found: string; readonly expected: string } {
  const found = readFileSync(file, 'utf8');
  const [before, rest] = found.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error('docs/configuration.md: no markers');
  return { found, expected: `${before}${BEGIN}\n${reference()}${END}${after}` };
}

function reference(): string {
  return SETTING_KEYS.map(entry).join('');
}

function entry(key: SettingKey): string {
  const { meaning, rule, kind, default: fallback, flag } = settingOf(key);
  const flagText =
    flag === undefined
      ? 'none'
      : `\`--${flag.name} ${flag.hint}\`${flag.multiple ? ', repeatable' : ''}`;
  const cited = rule === undefined ? '' : ` (${rule})`;
  return `### ${key}

${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}${cited}.

| | |
| --- | --- |
| Allowed | ${kind.allowed.replaceAll('|', '\\|')} |
| Default | ${defaultText(fallback)} |
| Environment | \`${environmentName(key)}\` |
| Flag | ${flagText.replaceAll('|', '\\|')} |

`;
}

function defaultText(value: DefaultValue): string {
  if ('derived' in value) return value.derived;
  return value.summary ?? `\`${written(value.written)}\``;
}

function written(value: Written): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// `npx node test/docs/configuration-doc.ts` writes the reference anew.
if (import.meta.main) writeFileSync(file, configurationDoc().expected);
