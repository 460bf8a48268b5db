import type { Milliseconds } from '../clock.ts';
import type { Paint } from '../terminal.ts';
import { spanText } from '../terminal.ts';
import type { Trial, TrialOptions } from './trial.ts';
import { brokenPromise } from './trials.ts';

/** What the demo is about to show, in the words of someone with a slow job. */
export function headline({ roundTrip }: Pick<TrialOptions, 'roundTrip'>, paint: Paint): string[] {
  return [
    paint.strong('What a name lookup costs in a Kubernetes pod: directly, and through sidestub'),
    '',
    'A pod has ndots:5 and a search list; here with four suffixes, and cluster DNS',
    `${roundTrip} ms away. Cluster, libcs and sidestub run in this process, over real UDP on`,
    '127.0.0.1. The libcs are models that follow the sources of musl and glibc.',
  ];
}

/** Stands above the waterfall. */
export function waterfallTitle(lookup: string, paint: Paint): string {
  return paint.strong(`One lookup of ${lookup}, the first of its kind, by musl`);
}

/** Stands above the table. */
export function tableTitle(paint: Paint): string {
  return paint.strong(
    'The same lookups, story by story: time to an answer, queries to cluster DNS',
  );
}

/** What the marks of the table mean; only what occurs in it. */
export function legend(trials: readonly Trial[], patience: Milliseconds): string[] {
  const capped = trials.some(({ walk }) => walk === undefined);
  const more = capped
    ? [`… given up after ${spanText(patience)}: how much longer it takes was not measured`]
    : [];
  return [
    '✓ right answer  ✗ lookup failed  q queries to cluster DNS, resends included',
    ...more,
    'A and AAAA go from sockets of their own and never at once, so that nothing',
    'can race.',
  ];
}

/** What was shown, or which promises were broken, and what to try next. */
export function closing(trials: readonly Trial[], paint: Paint): string[] {
  const ours = trials.filter(({ path }) => path === 'sidestub');
  const broken = ours.flatMap((trial) => {
    const reason = brokenPromise(trial);
    return reason === undefined ? [] : [`✗ ${trial.story.title}, ${trial.libc}: ${reason}`];
  });
  if (broken.length > 0) {
    const count = `${broken.length} of ${ours.length} lookups through sidestub were not as promised:`;
    return [paint.bad(paint.strong(count)), ...broken.map(paint.bad)];
  }
  const slowest = Math.max(...ours.map(({ elapsed }) => elapsed));
  return [
    paint.good(
      paint.strong(
        `All ${ours.length} lookups through sidestub got the right answer; the slowest took ${spanText(slowest)}.`,
      ),
    ),
    'Try next:  npx sidestub run --listen 127.0.0.1:5353',
    '           dig @127.0.0.1 -p 5353 git.example.com',
  ];
}
