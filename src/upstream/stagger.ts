import type { Clock, Milliseconds } from '../clock.ts';

/** How the pairs of a server go upstream in `families.order: auto` (F2). */
export type StaggerState = 'staggered' | 'serial';

export interface StaggerOptions {
  readonly clock: Clock;
  /** Called at each change. */
  readonly onChange: (state: StaggerState) => void;
}

/**
 * F2: this many clashes in this many pairs make them serial; at 5 % loss an AAAA is lost beside an answered A in one
 * pair of eleven.
 */
const CLASHES = 2;
const PAIRS = 8;
/** F2: how long pairs stay serial after such clashes; doubled each time, since the path seldom changes soon. */
const FIRST_SERIAL: Milliseconds = 60_000;
const LONGEST_SERIAL: Milliseconds = 60 * 60_000;

/**
 * Whether one server's pairs may be staggered (F2).
 *
 * Datagrams of two sockets do not race in conntrack. If anything else drops the second of two close datagrams, second
 * questions need a resend while the first ones are answered without.
 */
export class Stagger {
  private readonly options: StaggerOptions;
  /** Whether each of the last pairs clashed, newest first. */
  private recent: boolean[] = [];
  private serialFor: Milliseconds = FIRST_SERIAL;
  /** Set while pairs are serial. */
  private serialUntil: Milliseconds | undefined;

  constructor(options: StaggerOptions) {
    this.options = options;
  }

  /** Whether the next pair may be staggered. */
  get isOn(): boolean {
    const { serialUntil, options } = this;
    if (serialUntil === undefined) return true;
    if (options.clock.now() < serialUntil) return false;
    this.serialUntil = undefined;
    options.onChange('staggered');
    return true;
  }

  /** Records a pair whose questions were in flight at once. */
  saw(isClash: boolean): void {
    // Pairs that were in flight when the server became serial do not count.
    if (this.serialUntil !== undefined) return;
    this.recent = [isClash, ...this.recent].slice(0, PAIRS);
    if (this.recent.filter((each) => each).length < CLASHES) return;
    this.recent = [];
    this.serialUntil = this.options.clock.now() + this.serialFor;
    this.serialFor = Math.min(2 * this.serialFor, LONGEST_SERIAL);
    this.options.onChange('serial');
  }
}
