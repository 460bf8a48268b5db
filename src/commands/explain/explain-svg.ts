import { html } from '../../observe/html.ts';
import { spanText } from '../../terminal.ts';
import type { Step } from '../../walk/walk.ts';
import { noteOf } from './explain-text.ts';
import { type Explanation, LONGEST_LOOKUP, type Lookup } from './explanation.ts';

const LABEL_WIDTH = 320;
const CHART_WIDTH = 400;
const NOTE_WIDTH = 330;
const ROW_HEIGHT = 20;
const MARGIN = 12;
/** Through sidestub and directly. Both colours are legible on white and distinct for readers with colour blindness. */
const COLOURS = { sidestub: '#0072b2', direct: '#d55e00' } as const;

/** The same picture as {@link explainText} draws, for a page or a ticket. */
export function explainSvg({ name, lookups, warnings }: Explanation): string {
  const span = Math.max(1, ...lookups.map(({ walk }) => walk?.elapsed ?? LONGEST_LOOKUP));
  const rows = lookups.flatMap((lookup) => rowsOf(lookup, span));
  const lines = [...rows, ...warnings.map((warning) => html`<text>warning: ${warning}</text>`)];
  const width = 2 * MARGIN + LABEL_WIDTH + CHART_WIDTH + NOTE_WIDTH;
  const height = 2 * MARGIN + lines.length * ROW_HEIGHT;
  const placed = lines.map(
    (line, index) =>
      html`<g transform="translate(${MARGIN} ${MARGIN + (index + 1) * ROW_HEIGHT - 6})">${line}</g>\n`,
  );
  const { text } =
    html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="monospace" font-size="12">
<title>How ${name} is looked up</title>
<rect width="100%" height="100%" fill="white"/>
${placed}</svg>
`;
  return text;
}

function rowsOf(lookup: Lookup, span: number) {
  const { client, path, walk } = lookup;
  const outcome = walk === undefined ? 'given up' : `${walk.outcome}, ${spanText(walk.elapsed)}`;
  const where = path === 'direct' ? 'directly' : 'through sidestub';
  const title = html`<text font-weight="bold">${client} ${where}: ${outcome}</text>`;
  return [title, ...(walk?.steps ?? []).map((step) => stepRow(step, lookup, span))];
}

function stepRow(step: Step, lookup: Lookup, span: number) {
  const scale = CHART_WIDTH / span;
  const from = LABEL_WIDTH + step.started * scale;
  const length = Math.max(1, (step.ended - step.started) * scale);
  const note = LABEL_WIDTH + CHART_WIDTH + MARGIN;
  return html`<text>${clipped(step.name)}</text><rect x="${from.toFixed(1)}" y="-9" width="${length.toFixed(1)}" height="11" fill="${COLOURS[lookup.path]}"/><text x="${note}">${noteOf(step, lookup)}</text>`;
}

/** Seven pixels a character. */
function clipped(name: string): string {
  const longest = Math.floor(LABEL_WIDTH / 7.3);
  return name.length > longest ? `${name.slice(0, longest - 1)}…` : name;
}
