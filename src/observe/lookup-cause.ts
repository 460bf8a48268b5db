import type { Milliseconds } from '../clock.ts';
import type { AnswerSource, FailureReason } from '../vocabulary.ts';
import type { LookupStep, RecentLookup } from './lookup-watch.ts';

/**
 * Why a lookup was slow or failed: upstream's SERVFAIL; an upstream that was silent, unreachable or unreadable; a
 * remembered failure; or what took the time: upstream, the client between its questions, or sidestub.
 */
export type CauseKind =
  | 'servfail'
  | 'silence'
  | Exclude<FailureReason, 'timeout'>
  | 'remembered'
  | 'upstream'
  | 'client'
  | 'sidestub';

export interface LookupCause {
  readonly kind: CauseKind;
  /** The step that shows this cause; the longest one if several do. */
  readonly step: LookupStep | undefined;
  /** How much of the lookup's time the cause took. */
  readonly took: Milliseconds;
}

type Walked = Pick<RecentLookup, 'took' | 'outcome' | 'steps'>;

/** Answers that needed a question upstream. */
const WAITED: ReadonlySet<AnswerSource> = new Set(['upstream', 'stale', 'failure']);
/** A failure that comes faster than a server could answer was remembered (C6). */
const AT_ONCE: Milliseconds = 10;

/** Why a lookup was slow or failed, found from its steps. */
export function causeOf({ took, outcome, steps }: Walked): LookupCause {
  return (outcome === 'failed' ? causeOfFailure(steps) : undefined) ?? causeOfTime(took, steps);
}

function causeOfFailure(steps: readonly LookupStep[]): LookupCause | undefined {
  const failed = steps.filter(({ rcode }) => rcode !== 'NOERROR' && rcode !== 'NXDOMAIN');
  const said = longest(failed.filter(({ source }) => source === 'upstream'));
  if (said !== undefined) return { kind: 'servfail', step: said, took: said.took };
  const step = longest(failed);
  if (step === undefined) return undefined;
  return { kind: whyFailed(step), step, took: step.took };
}

function whyFailed({ took, failure = 'timeout' }: LookupStep): CauseKind {
  if (took < AT_ONCE) return 'remembered';
  return failure === 'timeout' ? 'silence' : failure;
}

/** Where most of the time was spent. */
function causeOfTime(took: Milliseconds, steps: readonly LookupStep[]): LookupCause {
  const waiting = steps.filter(({ source }) => WAITED.has(source));
  const upstream = covered(waiting);
  const answered = covered(steps);
  const shares: readonly (readonly [CauseKind, Milliseconds])[] = [
    ['upstream', upstream],
    ['sidestub', answered - upstream],
    ['client', took - answered],
  ];
  const [kind, most] = shares.reduce((best, each) => (each[1] > best[1] ? each : best));
  if (kind === 'client') return { kind, step: undefined, took: most };
  const concerned = kind === 'upstream' ? waiting : steps.filter((step) => !waiting.includes(step));
  return { kind, step: longest(concerned), took: most };
}

/** How long at least one of the steps was in progress: the two questions of a pair overlap. */
function covered(steps: readonly LookupStep[]): Milliseconds {
  let sum = 0;
  let until = 0;
  for (const { at, took } of steps.toSorted((a, b) => a.at - b.at)) {
    sum += Math.max(0, at + took - Math.max(at, until));
    until = Math.max(until, at + took);
  }
  return sum;
}

function longest(steps: readonly LookupStep[]): LookupStep | undefined {
  return steps.reduce<LookupStep | undefined>(
    (best, step) => (best === undefined || step.took > best.took ? step : best),
    undefined,
  );
}
