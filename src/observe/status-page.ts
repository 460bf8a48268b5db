import type { FailureReason } from '../vocabulary.ts';
import { type Content, html, type Markup } from './html.ts';
import { configurationList } from './status-configuration.ts';
import { type Finding, findings } from './status-findings.ts';
import { lookupList } from './status-lookups.ts';
import { count, duration, octets, perSecond, share } from './status-text.ts';
import { quantile, type StatusView, type UpstreamView } from './status-view.ts';

/**
 * The whole page, readable without any script; the script only fetches {@link statusSections} again.
 *
 * Every value is escaped where it is inserted, whatever its source.
 */
export function statusPage(view: StatusView): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sidestub</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/status.css">
<script src="/status.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to what happens now</a>
<header>
<h1>sidestub</h1>
<div id="head" data-live>${head(view)}</div>
<button id="pause" type="button" aria-pressed="false" hidden>Pause</button>
</header>
<p id="said" role="status" class="soft"></p>
<p id="still" class="soft">Reload the page to see it renewed.</p>
<main id="main" class="cards">
${sections(view)}
</main>
<footer class="soft">
<p><a href="/metrics">Metrics</a> · <a href="/ready">Readiness</a> · <a href="/healthz">Health</a></p>
</footer>
</body>
</html>
`.text;
}

/** The sections that change from moment to moment, each with its ID on the page. */
export function statusSections(view: StatusView): string {
  return html`<div id="head">${head(view)}</div>${sections(view)}`.text;
}

function head({ ready, version, totals }: StatusView): Markup {
  const badge = ready
    ? html`<span class="badge good" data-ready="true">ready</span>`
    : html`<span class="badge bad" data-ready="false">not ready</span>`;
  return html`${badge} <span class="soft">version ${version}, running for ${duration(totals.uptimeSeconds)}</span>`;
}

/** In the order of an on-call engineer's questions: is it bad, since when, which part, which lookups. */
function sections(view: StatusView): Markup {
  const all: readonly (readonly [id: string, title: string, body: Markup, wide?: true])[] = [
    ['findings', 'What stands out', findingList(view), true],
    ['now', 'Now', now(view)],
    ['upstreams', 'Upstreams', upstreams(view)],
    ['lookups', 'Slow and failed lookups', lookupList(view), true],
    ['answers', 'Where answers come from', answers(view)],
    ['zones', 'Cluster zone and cache', zones(view)],
    ['configuration', 'Configuration in effect', configurationList(view.configuration), true],
  ];
  return html`${all.map(
    ([id, title, body, wide]) =>
      html`<section id="${id}" data-live${wide ? html` class="wide"` : ''} aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
  )}`;
}

const levels: Readonly<Record<Finding['level'], string>> = {
  bad: 'problem',
  warn: 'look',
  good: 'fine',
};

function findingList(view: StatusView): Markup {
  return html`<ul class="findings">${findings(view).map(
    ({ level, what, next }) =>
      html`<li><span class="badge ${level}">${levels[level]}</span> <span><strong>${what}</strong> ${next}</span></li>
`,
  )}</ul>`;
}

function now({ stretch, totals, history, inFlight }: StatusView): Markup {
  const { seconds, queries, upstreamQueries, saved, lookups, isWhole, resends } = stretch;
  const span = isWhole
    ? `since the start, ${duration(seconds)} ago`
    : `over the last ${duration(seconds)}`;
  return html`<p class="soft">${span}</p>
<dl>
${fact('Queries', perSecond(queries, seconds))}
${fact('Sent upstream', perSecond(upstreamQueries, seconds))}
${fact('Saved by proofs', perSecond(saved, seconds))}
${fact('Lookup, median', duration(quantile(lookups, 0.5)))}
${fact('Lookup, p99', duration(quantile(lookups, 0.99)))}
${fact('Sent again', share(resends, upstreamQueries))}
</dl>
${sparkline(history)}
<p class="soft">since the start</p>
<dl>
${fact('Slowest lookup', duration(totals.slowestMs / 1_000))}
${fact('Failed lookups', count(totals.failed), `of ${count(totals.lookups)}`)}
${fact('Above 1 s', count(totals.slow), 'lookups')}
${fact('Saved', duration(totals.savedSeconds), `${count(totals.savedQueries)} queries`)}
${fact('Stalls spared', count(totals.rescues), 'lost datagrams')}
${fact('In flight', count(inFlight), 'now')}
</dl>`;
}

function fact(title: string, value: string, more?: string): Markup {
  const small = more === undefined ? '' : html` <small>${more}</small>`;
  return html`<div><dt>${title}</dt><dd>${value}${small}</dd></div>`;
}

/** Drawn from readings that were made while a page was open; the same numbers are beside it as text. */
function sparkline(history: readonly number[]): Content {
  if (history.length < 2) return '';
  const most = Math.max(...history, 1);
  const points = history.map((rate, at) => {
    const x = (100 * at) / (history.length - 1);
    return `${x.toFixed(1)},${(30 - (28 * rate) / most).toFixed(1)}`;
  });
  const label = `Queries a second while this page is watched: now ${perSecond(history.at(-1) ?? 0, 1)}, at most ${perSecond(most, 1)}`;
  return html`<svg role="img" aria-label="${label}" viewBox="0 0 100 32" preserveAspectRatio="none"><polyline points="${points.join(' ')}"/></svg>`;
}

function answers({ answers, stretch, totals }: StatusView): Markup {
  const rows = answers.map(
    ({
      source,
      total,
    }) => html`<tr><th scope="row">${sourceMeaning[source]}${shareBar(total, totals.queries)}</th>
<td class="number">${perSecond(stretch.answered.get(source) ?? 0, stretch.seconds)}</td>
<td class="number">${count(total)}</td>
<td class="number">${share(total, totals.queries)}</td></tr>`,
  );
  return table(['Answered by', 'now', 'in all', 'share'], rows);
}

/** The same share is beside it as a number. */
function shareBar(part: number, whole: number): Markup {
  const width = whole === 0 ? 0 : Math.min(100, (100 * part) / whole);
  return html`<svg class="share" aria-hidden="true" viewBox="0 0 100 4" preserveAspectRatio="none"><rect width="${width.toFixed(1)}" height="4"/></svg>`;
}

const sourceMeaning: Readonly<Record<StatusView['answers'][number]['source'], string>> = {
  upstream: 'upstream',
  cache: 'the cache',
  stale: 'an answer past its TTL',
  cut: 'a cut: proven denial',
  pin: 'the configuration: a pin, or assumed',
  local: 'itself',
  failure: 'none: SERVFAIL',
};

function upstreams({ upstreams }: StatusView): Markup {
  return html`<ul class="servers">${upstreams.map(upstream)}</ul>`;
}

function upstream(server: UpstreamView): Markup {
  const { name, answers, unanswered, median, p99, isNow } = server;
  return html`<li><h3><code>${name}</code> ${serverState(server)}</h3>
<dl>
${fact('Round trip', duration(median), isNow ? 'now' : '')}
${fact('p99', duration(p99), isNow ? 'now' : '')}
${fact('Replies', count(answers))}
${fact('Unanswered', count(unanswered))}
</dl></li>
`;
}

function serverState({ dead, trouble = 'timeout', answers, unansweredNow }: UpstreamView): Markup {
  if (dead) return html`<span class="badge bad">${deadState[trouble]}</span>`;
  if (trouble === 'malformed') return html`<span class="badge warn">${deadState[trouble]}</span>`;
  if (unansweredNow > 0) return html`<span class="badge warn">loses questions</span>`;
  if (answers === 0) return html`<span class="badge">not asked yet</span>`;
  return html`<span class="badge good">answers</span>`;
}

const deadState: Readonly<Record<FailureReason, string>> = {
  timeout: 'silent',
  refused: 'refuses',
  network: 'cannot be reached',
  local: 'sending is refused here',
  malformed: 'malformed replies',
  untrusted: 'not trusted',
  full: 'no room',
  closed: 'closed',
};

const stateMeaning: Readonly<Record<string, Markup>> = {
  conforming: html`<span class="badge good">conforms</span> denials are proofs`,
  nonconforming: html`<span class="badge bad">does not conform</span> each step goes upstream`,
  unknown: html`<span class="badge">not tested yet</span> each step goes upstream`,
};

function zones({ zones, cuts, cache, hitRatio, evictions }: StatusView): Markup {
  const rows = zones.map(
    ({ zone, state }) =>
      html`<tr><th scope="row"><code>${zone}</code></th><td>${stateMeaning[state] ?? state}</td></tr>`,
  );
  const zoneTable =
    rows.length === 0
      ? html`<p>No cluster zone: no name is answered from proofs.</p>`
      : table(['Zone', 'State'], rows);
  return html`${zoneTable}
<dl>
${fact('Cuts that stand', count(cuts))}
${cache.map((part) => fact(`Cache, ${part.part}`, octets(part.octets), `${count(part.entries)} answers`))}
${fact('Cache hits', hitRatio === undefined ? '–' : share(hitRatio, 1))}
${fact('Evicted early', count(evictions))}
</dl>`;
}

/** The headers of numeric columns are in lower case; they are aligned with their numbers. */
function table(headers: readonly string[], rows: readonly Markup[]): Markup {
  const head = headers.map((title) => {
    const isNumber = title === title.toLowerCase();
    return html`<th scope="col"${isNumber ? html` class="number"` : ''}>${title}</th>`;
  });
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${headers.join(', ')}"><table>
<thead><tr>${head}</tr></thead>
<tbody>${rows}</tbody>
</table></div>`;
}
