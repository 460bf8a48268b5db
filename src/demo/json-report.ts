import type { Trial, TrialOptions } from './trial.ts';
import { brokenPromise } from './trials.ts';

/** The demo's findings as one document: times in milliseconds, to the hundredth. */
export function jsonReport(
  trials: readonly Trial[],
  { roundTrip, patience }: Pick<TrialOptions, 'roundTrip' | 'patience'>,
): object {
  const kept = trials.every((trial) => !isOurs(trial) || brokenPromise(trial) === undefined);
  return { roundTrip, patience, kept, trials: trials.map(trialEntry) };
}

function trialEntry(trial: Trial): object {
  const { story, libc, path, walk, elapsed, asked } = trial;
  return {
    story: story.id,
    lookup: story.lookup,
    libc,
    path,
    // A lookup that was given up has no outcome: its time is a lower bound.
    outcome: walk?.outcome ?? null,
    capped: walk === undefined,
    milliseconds: rounded(elapsed),
    queries: asked.length,
    addresses: walk?.addresses ?? [],
    steps: (walk?.steps ?? []).map((step) => ({
      ...step,
      started: rounded(step.started),
      ended: rounded(step.ended),
    })),
    ...(isOurs(trial) ? { brokenPromise: brokenPromise(trial) ?? null } : {}),
  };
}

function isOurs({ path }: Trial): boolean {
  return path === 'sidestub';
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
