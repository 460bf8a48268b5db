/**
 * Keeps the page live: it fetches the sections every two seconds while the page is visible and not paused (WCAG 2.2,
 * 2.2.2). Sections that the reader has expanded stay open, and the focus stays where it is.
 *
 * Plain script, served as a file of its own: nothing builds or bundles it.
 */
export const STATUS_SCRIPT = `'use strict';
const EVERY = 2000;
const button = document.getElementById('pause');
const said = document.getElementById('said');
let paused = false;
const shown = new Map();
let wasReady = document.querySelector('[data-ready]')?.dataset.ready;
let wasBad = isBad();

function isBad() {
  return document.querySelector('#findings .bad') !== null;
}

function say(text) {
  if (said.textContent !== text) said.textContent = text;
}

function renew(section, fresh) {
  // Compared with what was last inserted, not with the page: there, sections may be expanded.
  const before = shown.get(section.id) ?? section.innerHTML;
  shown.set(section.id, fresh.innerHTML);
  if (before === fresh.innerHTML) return;
  const open = new Set(Array.from(section.querySelectorAll('details[open]'), (each) => each.dataset.key));
  const focused = section.contains(document.activeElement)
    ? document.activeElement.closest('[data-key]')?.dataset.key
    : undefined;
  const scrolled = Array.from(section.querySelectorAll('.scroll'), (each) => each.scrollLeft);
  section.replaceChildren(...fresh.childNodes);
  section.querySelectorAll('.scroll').forEach((each, at) => { each.scrollLeft = scrolled[at] ?? 0; });
  for (const details of section.querySelectorAll('details')) {
    if (open.has(details.dataset.key)) details.open = true;
    if (details.dataset.key === focused) details.querySelector('summary').focus();
  }
}

async function load() {
  const reply = await fetch('/live', { cache: 'no-store', signal: AbortSignal.timeout(EVERY) });
  if (!reply.ok) throw new Error(String(reply.status));
  const fresh = new DOMParser().parseFromString(await reply.text(), 'text/html');
  for (const section of document.querySelectorAll('[data-live]')) {
    const twin = fresh.getElementById(section.id);
    if (twin !== null) renew(section, twin);
  }
  const ready = document.querySelector('[data-ready]')?.dataset.ready;
  if (ready !== wasReady) say(ready === 'true' ? 'sidestub is ready' : 'sidestub is not ready');
  else if (isBad() !== wasBad) say(wasBad ? 'Nothing is wrong any more' : 'Something is wrong: see what stands out');
  wasReady = ready;
  wasBad = isBad();
}

async function turn() {
  if (!paused && document.visibilityState === 'visible') {
    try {
      await load();
      if (said.textContent.startsWith('No answer')) say('sidestub answers again');
    } catch {
      say('No answer from sidestub: what is shown is old');
    }
  }
  setTimeout(turn, EVERY);
}

button.hidden = false;
document.getElementById('still').hidden = true;
button.addEventListener('click', () => {
  paused = !paused;
  button.setAttribute('aria-pressed', String(paused));
  button.textContent = paused ? 'Go on' : 'Pause';
});
setTimeout(turn, EVERY);
`;
