/**
 * The page's style: one column on a phone, two where there is room, in the reader's colour scheme.
 *
 * Served as a file of its own, since the page's policy allows nothing inline. Every text has a contrast of at least 4.5
 * : 1 to its background (WCAG 2.2, 1.4.3); the browser test measures it.
 */
export const STATUS_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9;
  --card: #ffffff;
  --line: #d5dae1;
  --text: #1a2230;
  --soft: #4c5667;
  --accent: #0b5cad;
  --good: #10682f;
  --bad: #b1201b;
  --warn: #7a4b00;
  --good-ground: #ddf3e4;
  --bad-ground: #fde4e2;
  --warn-ground: #fdeccd;
  --plain-ground: #e6eaf0;
  --bar: #7fb2e5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11151c;
    --card: #1a202a;
    --line: #36404f;
    --text: #e7ebf1;
    --soft: #abb5c4;
    --accent: #82bbf5;
    --good: #7fdc9c;
    --bad: #ffa29c;
    --warn: #ffcf7d;
    --good-ground: #163523;
    --bad-ground: #45201e;
    --warn-ground: #43310f;
    --plain-ground: #2a323f;
    --bar: #3c76b0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto;
  max-width: 76rem;
  padding: 1rem;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 0 0 .5rem; font-size: 1.1rem; }
h3 { margin: 0 0 .25rem; font-size: 1rem; display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; overflow-wrap: anywhere; }
ul { list-style: none; margin: 0; padding: 0; }
.findings li { display: flex; gap: .75rem; align-items: baseline; padding: .25rem 0; }
.findings .badge { min-width: 5.5rem; text-align: center; }
.servers li + li { border-top: 1px solid var(--line); margin-top: .75rem; padding-top: .75rem; }
p { margin: 0 0 .5rem; }
.soft { color: var(--soft); }
.badge { padding: .1rem .6rem; border-radius: 1rem; font-size: .9rem; font-weight: 600; white-space: nowrap; background: var(--plain-ground); }
.good { background: var(--good-ground); color: var(--good); }
.bad { background: var(--bad-ground); color: var(--bad); }
.warn { background: var(--warn-ground); color: var(--warn); }
.cards { display: grid; gap: 1rem; margin-top: 1rem; grid-template-columns: minmax(0, 1fr); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; min-width: 0; }
@media (min-width: 60rem) {
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .wide { grid-column: 1 / -1; }
}
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem; margin: 0; }
dl div { min-width: 0; }
dt { color: var(--soft); font-size: .9rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
dd small { color: var(--soft); font-size: .85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding-bottom: .25rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; }
td.number, th.number { text-align: right; white-space: nowrap; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
.scroll + dl { margin-top: 1rem; }
dl + p, svg + p { margin-top: .75rem; }
svg { display: block; width: 100%; height: 3rem; margin-top: .75rem; }
svg.step { height: .9rem; margin: .3rem 0 0; min-width: 6rem; }
svg.share { height: .25rem; margin: .2rem 0 .1rem; }
svg polyline { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; }
svg rect { fill: var(--bar); }
details { border-top: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; }
summary code { overflow-wrap: anywhere; }
.figure { font-weight: 600; white-space: nowrap; }
.why { display: block; margin: .15rem 0 0 1.1rem; }
.walk { margin-top: .5rem; }
.walk td, .walk th { border-top: 0; padding-top: .1rem; padding-bottom: .1rem; }
.walk .under th { border-top: 1px solid var(--line); padding-top: .35rem; overflow-wrap: anywhere; }
.walk td.line, .walk th.line { width: 40%; }
dl.settings { display: block; }
.settings div { display: grid; grid-template-columns: 17rem minmax(0, 1fr) minmax(0, 16rem); gap: 0 1rem; padding: .25rem 0; border-top: 1px solid var(--line); }
.settings dt { color: var(--text); font-weight: 600; }
.settings dd { font-size: 1rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: .75rem; }
  section { padding: .75rem; }
  .findings li { display: block; padding: .4rem 0; }
  .findings .badge { display: inline-block; min-width: 0; margin-bottom: .15rem; }
  dl { grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); }
  th, td { padding-right: .4rem; }
  .why { margin-left: 0; }
  .walk { font-size: .85rem; }
  .walk .line { display: none; }
  .settings div { grid-template-columns: minmax(0, 1fr); padding: .4rem 0; }
}
button {
  font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--soft);
  border-radius: .4rem; padding: .25rem .9rem; min-height: 2.25rem; cursor: pointer;
}
footer { margin-top: 1rem; }
`;
