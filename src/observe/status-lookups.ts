import { html, type Markup } from './html.ts';
import { type CauseKind, causeOf } from './lookup-cause.ts';
import type { LookupStep, RecentLookup } from './lookup-watch.ts';
import { SLOW_LOOKUP } from './lookup-watch.ts';
import { duration } from './status-text.ts';
import type { StatusView } from './status-view.ts';

/** The last slow and failed lookups, each with its cause and with its steps in a section to expand. */
export function lookupList({ recent, names }: StatusView): Markup {
  if (recent.length === 0) {
    return html`<p>None so far: every lookup took less than ${duration(SLOW_LOOKUP / 1_000)} and got an answer.</p>`;
  }
  const hint = names
    ? ''
    : html`<p class="soft">Their names are not shown: what programs look up is theirs. <code>status.names: true</code> shows them.</p>`;
  return html`${hint}${recent.map(lookup)}`;
}

function lookup(each: RecentLookup): Markup {
  const { endedAt, took, outcome, name, steps } = each;
  const badge =
    outcome === 'failed'
      ? html`<span class="badge bad">failed</span>`
      : html`<span class="badge warn">${outcome === 'found' ? 'slow' : 'slow, nothing there'}</span>`;
  const names = new Set(steps.map(({ suffix }) => suffix)).size;
  const time = new Date(endedAt).toISOString();
  const asked = `${names} ${names === 1 ? 'name' : 'names'} asked`;
  return html`<details data-key="${endedAt} ${took} ${steps.length}">
<summary>${badge} <code>${name?.replace(/\.$/, '') ?? 'a name'}</code> <span class="figure">${duration(took / 1_000)}</span> <span class="soft">${asked}, <time datetime="${time}">${time.slice(11, 19)} UTC</time></span>
<span class="why">${why(each)}</span></summary>
${walk(each)}
</details>
`;
}

/** One sentence that answers "why was this lookup slow?". */
function why(lookup: RecentLookup): string {
  const { kind, step, took } = causeOf(lookup);
  const question = step === undefined ? '' : `${step.type} ${under(step)}`;
  return sentences[kind](question, duration(took / 1_000));
}

const sentences: Readonly<Record<CauseKind, (question: string, took: string) => string>> = {
  servfail: (question) => `Upstream itself answered SERVFAIL to ${question}.`,
  silence: (question, took) => `No upstream answered ${question} in ${took}.`,
  malformed: (question) => `Upstream's replies to ${question} could not be read.`,
  refused: (question) => `Upstream refused ${question}: nothing listens there.`,
  network: (question) => `Upstream could not be reached for ${question}.`,
  local: (question) => `This machine refused to send ${question}.`,
  untrusted: (question) => `Upstream was not asked ${question}: it is not who it should be.`,
  full: (question) => `There was no room to ask upstream ${question}: too many questions were out.`,
  closed: (question) => `The upstream connection was closed before ${question} was answered.`,
  remembered: (question) =>
    `Upstream had failed for ${question} just before, and was not asked again.`,
  upstream: (question, took) => `Upstream took ${took}, the longest for ${question}.`,
  client: (_, took) => `The program paused ${took} between its questions: busy, or throttled.`,
  sidestub: (question, took) =>
    `sidestub itself took ${took}, the longest for ${question}: is it throttled by a CPU limit?`,
};

function under({ suffix }: LookupStep): string {
  return suffix === '' ? 'of the name as it is' : `under ${shownSuffix(suffix)}`;
}

function shownSuffix(suffix: string): string {
  return suffix.replace(/\.$/, '');
}

function walk({ steps, took }: RecentLookup): Markup {
  return html`<table class="walk">
<caption>What the program asked, name by name</caption>
<thead><tr><th scope="col">Type</th><th scope="col">Answer</th><th scope="col">From</th><th scope="col" class="number">After</th><th scope="col" class="number">Took</th><th scope="col" class="line">Time line</th></tr></thead>
${byName(steps).map((group) => rowsOf(group, took))}</table>`;
}

/** The questions about one name in order: both families, and the client's repetitions. */
function byName(steps: readonly LookupStep[]): LookupStep[][] {
  const groups: LookupStep[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last?.[0]?.suffix === step.suffix) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

function rowsOf(group: readonly LookupStep[], whole: number): Markup {
  const suffix = group[0]?.suffix ?? '';
  const name = suffix === '' ? 'the name as it is' : html`<code>${shownSuffix(suffix)}</code>`;
  return html`<tbody><tr class="under"><th scope="rowgroup" colspan="6">${suffix === '' ? '' : 'under '}${name}</th></tr>
${group.map((step) => row(step, whole))}</tbody>
`;
}

function row(step: LookupStep, whole: number): Markup {
  const { type, rcode, hasData, source, at, took } = step;
  const said = rcode === 'NOERROR' && !hasData ? 'NODATA' : rcode;
  return html`<tr><td>${type}</td><td>${said}</td><td>${source}</td>
<td class="number">${duration(at / 1_000)}</td><td class="number">${duration(took / 1_000)}</td>
<td class="line">${bar(at, took, whole)}</td></tr>`;
}

/** Decoration: the figures are beside it. */
function bar(at: number, took: number, whole: number): Markup {
  const scale = 100 / Math.max(whole, 1);
  const x = (at * scale).toFixed(2);
  const width = Math.max(took * scale, 0.5).toFixed(2);
  return html`<svg class="step" aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none"><rect x="${x}" y="1" width="${width}" height="8"/></svg>`;
}
