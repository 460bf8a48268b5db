import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { AnswerSource, FailureReason, LookupOutcome } from '../vocabulary.ts';
import type { RcodeClass } from './label-sets.ts';
import type { Histogram, HistogramSet } from './tally.ts';

/** A client's question: what the watch needs to know of it. */
export interface WatchedQuestion {
  readonly qname: string;
  /** The mnemonic: `AAAA`, `TYPE65280`. */
  readonly type: string;
  readonly client: string | undefined;
}

/** The answer that a client got. */
export interface WatchedAnswer {
  readonly rcode: RcodeClass;
  readonly source: AnswerSource;
  /** Whether there are records of the type that was asked for. */
  readonly hasData: boolean;
  /** Why upstream has not answered, if it was asked and did not answer. */
  readonly failure?: FailureReason | undefined;
}

/** One question of a lookup. */
export interface LookupStep extends WatchedAnswer {
  /** The suffix from the search list; empty for the name as it is. */
  readonly suffix: string;
  readonly type: string;
  /** From the lookup's first question to this one. */
  readonly at: Milliseconds;
  readonly took: Milliseconds;
}

/** A lookup that an operator should see: slow, or failed. */
export interface RecentLookup {
  /** Milliseconds of the epoch when it ended. */
  readonly endedAt: number;
  readonly took: Milliseconds;
  readonly outcome: LookupOutcome;
  /** Absent unless the configuration allows names (S4). */
  readonly name?: string;
  readonly steps: readonly LookupStep[];
}

/** A QNAME that a search list made, in its two parts. */
interface SplitName {
  readonly base: string;
  readonly suffix: string;
}

export interface LookupWatchOptions {
  readonly clock: Clock;
  /** Milliseconds of the epoch, for people. */
  readonly wallClock: () => number;
  /** Whether a lookup keeps its name (S4). */
  readonly names: boolean;
  /** Splits a QNAME into a name and a suffix of the clients' search list; `undefined` if it ends in none. */
  readonly split: (qname: string) => SplitName | undefined;
  readonly steps: HistogramSet<LookupOutcome>;
  readonly duration: Histogram;
  /** Called for each lookup that has ended. @param name - User data (S4). */
  readonly onEnd?: (lookup: RecentLookup, name: string) => void;
}

/** Half of what no lookup may take; a person notices a delay of this length. */
export const SLOW_LOOKUP: Milliseconds = 500;
/** How many slow and failed lookups are remembered. */
const MAX_RECENT = 50;
/** How many lookups may be under way, each waiting for its client's next step. */
const MAX_OPEN = 1_024;
/**
 * How many steps a lookup may have: three suffixes of the cluster, some of a company, two families, and a client that
 * repeats its questions.
 */
const MAX_STEPS = 64;
/**
 * How much later the other family's question may come: libc sends both at once, and an answer from the cache is sent
 * before the second query is read. Programs that ask for one family never wait for this.
 */
const GRACE: Milliseconds = 20;
/**
 * S1: lookups in their grace period. In a flood of failures they would live just long enough for V8 to move them to its
 * old generation, and the pause to collect them there is longer than a hit may take.
 */
const MAX_LEAVING = 64;
/** S1: by then libc has given up, so the next question belongs to another lookup. */
const IDLE: Milliseconds = 12_000;

/** What has been asked about the last name: one bit for each family, and one for all other types. */
const Family = { A: 1, AAAA: 2, OTHER: 4 } as const;

/** Kept small: in a flood, thousands of them are made each second. */
interface OpenLookup {
  readonly key: string;
  readonly base: string;
  readonly startedAt: Milliseconds;
  steps: LookupStep[];
  /** Suffixes of the names that were asked for: a search list has a few. */
  readonly suffixes: string[];
  /** Questions without an answer. */
  waiting: number;
  touchedAt: Milliseconds;
  /** The outcome of the last name, once that name was asked for. */
  outcome: LookupOutcome | undefined;
  /** Bits of {@link Family}. */
  families: number;
  /** When the lookup ends, unless another question arrives before. */
  graceEnds: Milliseconds;
  /** Whether it was counted: an answer that comes later changes nothing. */
  isOver: boolean;
}

/**
 * Groups the questions of one client about one name: one lookup by a program is up to ten questions here.
 *
 * It sees only questions that reach the stages; a reply from memory takes microseconds, which is never slow.
 */
export class LookupWatch {
  private readonly options: LookupWatchOptions;
  /** In the order of their last question, so that the first is evicted first. */
  private readonly open = new Map<string, OpenLookup>();
  /** Lookups in their grace period, in the order in which it ends, with one timer for all. */
  private readonly leaving = new Set<OpenLookup>();
  private timer: Timer | undefined;
  private readonly remembered: RecentLookup[] = [];

  constructor(options: LookupWatchOptions) {
    this.options = options;
  }

  /** The last slow and failed lookups, the newest first. */
  get recent(): readonly RecentLookup[] {
    return this.remembered.toReversed();
  }

  /** Records a question. @returns A function to be called once, with the answer. */
  asked(question: WatchedQuestion): (answer: WatchedAnswer) => void {
    const { clock, split } = this.options;
    const now = clock.now();
    const { base, suffix } = split(question.qname) ?? { base: question.qname, suffix: '' };
    const key = `${question.client ?? ''} ${base}`;
    const lookup = this.lookupAt(key, { base, suffix }, now);
    if (!lookup.suffixes.includes(suffix)) lookup.suffixes.push(suffix);
    lookup.waiting++;
    return (answer) => {
      const ended = clock.now();
      lookup.waiting--;
      lookup.touchedAt = ended;
      if (lookup.steps.length < MAX_STEPS) {
        const at = now - lookup.startedAt;
        add(lookup, { ...answer, suffix, type: question.type, at, took: ended - now });
      }
      if (suffix === '' || answer.rcode !== 'NXDOMAIN') {
        lookup.outcome = better(lookup.outcome, outcomeOf(answer));
        lookup.families |= familyOf(question.type);
      }
      this.settle(lookup, ended);
    };
  }

  /** Ends lookups whose grace period is over, unless an answer or the other family is still missing. */
  close(): void {
    this.timer?.cancel();
    for (const lookup of this.open.values()) this.end(lookup);
  }

  /** Ends a lookup whose last name was answered for both families, or for the only one that was asked for. */
  private settle(lookup: OpenLookup, now: Milliseconds): void {
    this.leaving.delete(lookup);
    if (lookup.outcome === undefined || lookup.waiting > 0) return;
    const { families, outcome } = lookup;
    const isHalf = families === Family.A || families === Family.AAAA;
    // After SERVFAIL musl asks again at once (M4); that is still the same lookup.
    if (isHalf || outcome === 'failed') this.leave(lookup, now);
    else this.end(lookup);
  }

  private leave(lookup: OpenLookup, now: Milliseconds): void {
    lookup.graceEnds = now + GRACE;
    this.leaving.add(lookup);
    if (this.leaving.size > MAX_LEAVING) this.endFirst();
    this.timer ??= this.options.clock.after(GRACE, this.endGraces);
  }

  private endFirst(): void {
    const [first] = this.leaving;
    if (first !== undefined) this.end(first);
  }

  private readonly endGraces = (): void => {
    const { clock } = this.options;
    const now = clock.now();
    this.timer = undefined;
    for (const lookup of this.leaving) {
      if (lookup.graceEnds > now) {
        this.timer = clock.after(lookup.graceEnds - now, this.endGraces);
        return;
      }
      this.end(lookup);
    }
  };

  private lookupAt(key: string, name: SplitName, now: Milliseconds): OpenLookup {
    const known = this.open.get(key);
    this.open.delete(key);
    const isSame = known !== undefined && now - known.touchedAt < IDLE;
    const lookup = isSame ? known : begin(key, name, now);
    this.leaving.delete(lookup);
    lookup.touchedAt = now;
    this.open.set(key, lookup);
    if (this.open.size > MAX_OPEN) this.forgetOldest();
    return lookup;
  }

  private forgetOldest(): void {
    const [oldest] = this.open.values();
    if (oldest === undefined) return;
    this.open.delete(oldest.key);
    this.leaving.delete(oldest);
  }

  private end(lookup: OpenLookup): void {
    const { key, outcome } = lookup;
    this.leaving.delete(lookup);
    // An evicted lookup may have been replaced by another of the same name.
    if (this.open.get(key) === lookup) this.open.delete(key);
    if (outcome === undefined || lookup.isOver) return;
    lookup.isOver = true;
    const { steps, duration, names, wallClock, onEnd } = this.options;
    const took = lookup.touchedAt - lookup.startedAt;
    steps.observe(outcome, lookup.suffixes.length);
    duration.observe(took / 1_000);
    const ended = { endedAt: wallClock(), took, outcome, steps: lookup.steps };
    onEnd?.(ended, lookup.base);
    if (!isRemarkable(ended)) return;
    this.remembered.push(names ? { ...ended, name: lookup.base } : ended);
    if (this.remembered.length > MAX_RECENT) this.remembered.shift();
  }
}

/** Whether an operator should see it: it failed or was slow. */
export function isRemarkable({ took, outcome }: Pick<RecentLookup, 'took' | 'outcome'>): boolean {
  return took >= SLOW_LOOKUP || outcome === 'failed';
}

function begin(key: string, { base, suffix }: SplitName, now: Milliseconds): OpenLookup {
  return {
    key,
    base,
    startedAt: now,
    steps: [],
    suffixes: [suffix],
    waiting: 0,
    touchedAt: now,
    outcome: undefined,
    families: 0,
    graceEnds: 0,
    isOver: false,
  };
}

function add(lookup: OpenLookup, step: LookupStep): void {
  // At the first push V8 gives an empty array room for 17 elements.
  if (lookup.steps.length === 0) lookup.steps = [step];
  else lookup.steps.push(step);
}

function familyOf(type: string): number {
  if (type === 'A') return Family.A;
  return type === 'AAAA' ? Family.AAAA : Family.OTHER;
}

function outcomeOf({ rcode, hasData }: WatchedAnswer): LookupOutcome {
  if (rcode === 'NOERROR') return hasData ? 'found' : 'absent';
  return rcode === 'NXDOMAIN' ? 'absent' : 'failed';
}

/** The outcome of both families: found if one has records, else failed if one failed. */
function better(one: LookupOutcome | undefined, other: LookupOutcome): LookupOutcome {
  const order: readonly LookupOutcome[] = ['found', 'failed', 'absent'];
  return order.find((outcome) => outcome === one || outcome === other) ?? other;
}
