import { html, type Markup } from './html.ts';
import type { LookupStep, RecentLookup } from './lookup-watch.ts';
import { SLOW_LOOKUP } from './lookup-watch.ts';
import { duration } from './status-text.ts';
import type { StatusView } from './status-view.ts';

/** The last slow and failed lookups, each with its walk to open. */
export function lookupList({ recent, names }: StatusView): Markup {
  const hint = names
    ? ''
    : html`<p class="soft">Their names are not shown: what programs look up is theirs. <code>status.names: true</code> shows them.</p>`;
  if (recent.length === 0) {
    return html`<p>None so far: every lookup took less than ${duration(SLOW_LOOKUP / 1_000)} and got an answer.</p>`;
  }
  return html`${hint}${recent.map(lookup)}`;
}

function lookup(each: RecentLookup): Markup {
  const { endedAt, took, outcome, name, steps } = each;
  const badge =
    outcome === 'failed'
      ? html`<span class="badge bad">failed</span>`
      : html`<span class="badge">${outcome === 'found' ? 'slow' : 'slow, nothing there'}</span>`;
  const names = new Set(steps.map(({ suffix }) => suffix)).size;
  const time = new Date(endedAt).toISOString();
  const asked = `${names} ${names === 1 ? 'name' : 'names'} asked`;
  return html`<details data-key="${endedAt} ${took} ${steps.length}">
<summary>${badge} <code>${name?.replace(/\.$/, '') ?? 'a name'}</code> took ${duration(took / 1_000)}, ${asked}, <time datetime="${time}">${time.slice(11, 19)} UTC</time></summary>
${walk(each)}
</details>
`;
}

function walk({ steps, took }: RecentLookup): Markup {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Steps of the lookup"><table>
<thead><tr><th scope="col">Suffix</th><th scope="col">Type</th><th scope="col">Answer</th><th scope="col">From</th><th scope="col" class="number">after</th><th scope="col" class="number">took</th><th scope="col">Time line</th></tr></thead>
<tbody>${steps.map((step) => row(step, took))}</tbody>
</table></div>`;
}

function row(step: LookupStep, whole: number): Markup {
  const { suffix, type, rcode, hasData, source, at, took } = step;
  const said = rcode === 'NOERROR' && !hasData ? 'NODATA' : rcode;
  return html`<tr><td class="name"><code>${suffix === '' ? 'as it is' : suffix}</code></td>
<td>${type}</td><td>${said}</td><td>${source}</td>
<td class="number">${duration(at / 1_000)}</td><td class="number">${duration(took / 1_000)}</td>
<td>${bar(at, took, whole)}</td></tr>`;
}

/** The figures stand beside it: it is for the eye alone. */
function bar(at: number, took: number, whole: number): Markup {
  const scale = 100 / Math.max(whole, 1);
  const x = (at * scale).toFixed(2);
  const width = Math.max(took * scale, 0.5).toFixed(2);
  return html`<svg class="step" aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none"><rect x="${x}" y="1" width="${width}" height="8"/></svg>`;
}
