import { EventEmitter, once } from 'node:events';
import type { Milliseconds } from '../../src/clock.ts';
import { Responder, type ResponderEvents } from '../../src/listen/responder.ts';
import type { Answer, Query, Resolve } from '../../src/resolve/stage.ts';

import { EMPTY } from '../../src/wire/render.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a } from '../support/messages.ts';

/** A question that waits for its answer. */
export interface Waiting {
  readonly query: Query;
  answer(answer?: Answer): void;
}

/** A responder whose questions wait until the test answers them, and what it told. */
export interface Echo {
  readonly responder: Responder;
  readonly clock: HandClock;
  readonly waiting: Waiting[];
  readonly events: string[];
  readonly bugs: unknown[];
  /** Answers every question as soon as it is asked. */
  readonly atOnce: { on: boolean };
  /** Resolves when `count` questions have come that were not answered at once; rejects after a while. */
  asked(count: number): Promise<void>;
}

export function echo(resolve?: Resolve): Echo {
  const clock = new HandClock();
  const waiting: Waiting[] = [];
  const events: string[] = [];
  const bugs: unknown[] = [];
  const atOnce = { on: false };
  const signals = new EventEmitter();
  const asked = async (count: number): Promise<void> => {
    while (waiting.length < count) await soon(signals, 'asked');
  };
  const told: ResponderEvents = {
    asked: (transport, qtype) => events.push(`asked ${transport} ${qtype}`),
    answered: (rcode, source, elapsed: Milliseconds) =>
      events.push(`answered ${rcode} ${source} ${elapsed}`),
    rejected: (rcode) => events.push(`rejected ${rcode}`),
    dropped: (reason) => events.push(`dropped ${reason}`),
    crowded: () => events.push('crowded'),
    bug: (error) => bugs.push(error),
  };
  const wait: Resolve = (query, asker) => {
    if (atOnce.on) asker.onAnswer(addressOf(query));
    else waiting.push({ query, answer: (answer = addressOf(query)) => asker.onAnswer(answer) });
    signals.emit('asked');
  };
  const responder = new Responder({ resolve: resolve ?? wait, clock, events: told });
  return { responder, clock, waiting, events, bugs, atOnce, asked };
}

/** 192.0.2.1 for every name. */
export function addressOf({ qname }: Query): Answer {
  return {
    message: { ...EMPTY, answer: [a(qname, '192.0.2.1')] },
    source: 'upstream',
    age: 0,
  };
}

/** Many addresses: `count` of them make an answer that is too large for UDP. */
export function addressesOf({ qname }: Query, count: number): Answer {
  const answer = Array.from({ length: count }, (_, i) =>
    a(qname, `192.0.${2 + (i >> 8)}.${i & 0xff}`),
  );
  return { message: { ...EMPTY, answer }, source: 'upstream', age: 0 };
}

/** A bound for what real sockets do on the loopback: never reached where the program is right. */
const BOUND = 10_000;

/** The next such event's arguments. @throws {Error} When none comes. */
export function soon(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return once(emitter, event, { signal: AbortSignal.timeout(BOUND) });
}
