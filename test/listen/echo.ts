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
}

export function echo(resolve?: Resolve): Echo {
  const clock = new HandClock();
  const waiting: Waiting[] = [];
  const events: string[] = [];
  const bugs: unknown[] = [];
  const atOnce = { on: false };
  const told: ResponderEvents = {
    asked: (transport, qtype) => events.push(`asked ${transport} ${qtype}`),
    answered: (rcode, source, elapsed: Milliseconds) =>
      events.push(`answered ${rcode} ${source} ${elapsed}`),
    rejected: (rcode) => events.push(`rejected ${rcode}`),
    dropped: (reason) => events.push(`dropped ${reason}`),
    bug: (error) => bugs.push(error),
  };
  const wait: Resolve = (query) =>
    new Promise((done) => {
      if (atOnce.on) done(addressOf(query));
      else waiting.push({ query, answer: (answer = addressOf(query)) => done(answer) });
    });
  const responder = new Responder({ resolve: resolve ?? wait, clock, events: told });
  return { responder, clock, waiting, events, bugs, atOnce };
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
