import type { Milliseconds } from '../../clock.ts';
import { bar } from '../../demo/waterfall.ts';
import type { Paint } from '../../terminal.ts';
import { spanText } from '../../terminal.ts';
import type { Step } from '../../walk/walk.ts';
import { rcodeName } from '../../wire/codes.ts';
import { type Explanation, LONGEST_LOOKUP, type Lookup } from './explanation.ts';

const LABEL_COLUMNS = 30;
const NOTE_COLUMNS = 32;

/** The lookups for a terminal: a bar for each name that was asked for, on one time axis for all. */
export function explainText(explanation: Explanation, columns: number, paint: Paint): string {
  const { lookups, warnings, name } = explanation;
  const span = Math.max(1, ...lookups.map(elapsed));
  const scale = { span, columns: Math.max(10, columns - LABEL_COLUMNS - NOTE_COLUMNS - 4) };
  const lines = lookups.flatMap((lookup) => [
    headline(lookup, paint),
    ...(lookup.walk?.steps ?? []).map((step) => {
      const label = clipped(labelOf(step, name), LABEL_COLUMNS);
      const colour = lookup.path === 'direct' ? paint.slow : paint.good;
      return `  ${label} ${colour(bar(step, scale))} ${noteOf(step, lookup)}`;
    }),
    '',
  ]);
  const told = warnings.map((warning) => `${paint.bad('warning')}: ${warning}`);
  return `${[...lines, ...told].join('\n').trimEnd()}\n`;
}

function headline({ client, path, walk }: Lookup, paint: Paint): string {
  const where = path === 'direct' ? 'directly' : 'through sidestub';
  if (walk === undefined)
    return paint.strong(`${client} ${where}: given up after ${LONGEST_LOOKUP / 1_000} s`);
  const queries = walk.steps.reduce((sum, step) => sum + step.queries, 0);
  const what = walk.outcome === 'found' ? walk.addresses.join(' ') : walk.outcome;
  return paint.strong(`${client} ${where}: ${what}, ${spanText(walk.elapsed)}, ${queries} queries`);
}

/** What a client was told at a step, from where, and how many queries it sent for it. */
export function noteOf(step: Step, { sources }: Lookup): string {
  const { rcodeA, rcodeAAAA, addresses, name, suffix, queries } = step;
  const word = (rcode: number | undefined) => (rcode === undefined ? 'silence' : rcodeName(rcode));
  const [a, aaaa] = [word(rcodeA), word(rcodeAAAA)];
  const said = addresses[0] ?? (a === aaaa ? a : `${a}/${aaaa}`);
  const told = (sources.get(name) ?? []).map((each) => shortened(each, suffix));
  const from = sourcesOf(told);
  return `${from === '' ? said : `${said} (${from})`}, ${queries} q`;
}

/** One word when both families came from the same source. */
function sourcesOf(told: readonly string[]): string {
  const places = new Set(told.map((each) => each.slice(each.indexOf(' ') + 1)));
  return places.size === 1 ? ([...places][0] ?? '') : [...new Set(told)].join(', ');
}

/** `A cut of com` for `A cut com.svc.cluster.local.`, where the step's own suffix says the rest. */
function shortened(told: string, suffix: string | undefined): string {
  const [type = '', source = '', proof] = told.split(' ');
  if (proof === undefined) return told;
  const isOwn = suffix !== undefined && proof.endsWith(`.${suffix}`);
  return `${type} ${source} of ${proof.slice(0, isOwn ? -suffix.length - 1 : -1)}`;
}

function labelOf({ suffix }: Step, name: string): string {
  return suffix === undefined ? name : `….${suffix.slice(0, -1)}`;
}

function clipped(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, columns - 1)}…` : text.padEnd(columns);
}

function elapsed({ walk }: Lookup): Milliseconds {
  return walk?.elapsed ?? LONGEST_LOOKUP;
}
