import { test } from 'tap';
import { servfail } from '../../src/resolve/servfail.ts';
import { FlightsFullError } from '../../src/resolve/single-flight.ts';
import type { Resolve } from '../../src/resolve/stage.ts';
import { UpstreamError, type UpstreamFailure } from '../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { answer, answering, below, promised, query } from './queries.ts';

const NAME = 'api.example.com.';

function setup(next: Resolve) {
  const clock = new HandClock();
  const bugs: unknown[] = [];
  const resolve = promised(servfail({ clock, onBug: (error) => bugs.push(error) })(next));
  return { clock, bugs, resolve };
}

test('an answer passes as it is, and leaves no timer', async (t) => {
  const said = answer();
  const { resolve, clock } = setup(answering(() => Promise.resolve(said)));
  t.equal(await resolve(query(NAME)), said);
  t.equal(clock.timers, 0);
});

test('U2: every way in which upstream fails becomes SERVFAIL with its reason (RFC 8914)', async (t) => {
  const reasons: Record<UpstreamFailure, [code: number, text: string]> = {
    timeout: [EdeCode.NO_REACHABLE_AUTHORITY, 'no upstream answered in time'],
    refused: [EdeCode.NETWORK_ERROR, 'upstream refused the connection'],
    network: [EdeCode.NETWORK_ERROR, 'upstream cannot be reached'],
    local: [EdeCode.NETWORK_ERROR, 'this machine refused to send the question'],
    malformed: [EdeCode.NETWORK_ERROR, 'upstream sent malformed replies'],
    untrusted: [EdeCode.NETWORK_ERROR, 'upstream is not who it should be'],
    full: [EdeCode.OTHER, 'too many questions at the upstream'],
    closed: [EdeCode.NETWORK_ERROR, 'shutting down'],
  };
  for (const [reason, [code, text]] of Object.entries(reasons)) {
    const error = new UpstreamError(reason as UpstreamFailure, 'told to the log');
    const { resolve, clock, bugs } = setup(answering(() => Promise.reject(error)));
    const { message, source, ede } = await resolve(query(NAME));
    t.equal(message.rcode, Rcode.SERVFAIL, reason);
    t.equal(source, 'failure');
    t.same(ede, { code, text }, 'what the client sees is a closed set');
    t.same(bugs, []);
    t.equal(clock.timers, 0);
  }
});

test('S1: a full table is no bug', async (t) => {
  const { resolve, bugs } = setup(answering(() => Promise.reject(new FlightsFullError('full'))));
  const { message, ede } = await resolve(query(NAME));
  t.equal(message.rcode, Rcode.SERVFAIL);
  t.match(ede?.text, /too many/);
  t.same(bugs, []);
});

test('anything else is a bug: told, and answered all the same', async (t) => {
  const bug = new TypeError('undefined is not a function');
  const throwing: Resolve[] = [
    answering(() => Promise.reject(bug)),
    () => {
      throw bug;
    },
  ];
  for (const next of throwing) {
    const { resolve, bugs, clock } = setup(next);
    const { message, ede } = await resolve(query(NAME));
    t.equal(message.rcode, Rcode.SERVFAIL);
    t.same(ede, { code: EdeCode.OTHER, text: 'internal error' }, 'without a word of the bug');
    t.same(bugs, [bug]);
    t.equal(clock.timers, 0);
  }
});

test('U2: silence becomes SERVFAIL after 4.5 s; what comes later changes nothing and is no bug', async (t) => {
  for (const late of ['answer', 'error'] as const) {
    const { next, asked } = below();
    const { resolve, clock, bugs } = setup(next);
    const waiting = resolve(query(NAME));
    let done = false;
    void waiting.then(() => {
      done = true;
    });
    await clock.advance(4_499);
    t.equal(done, false);
    await clock.advance(1);
    t.equal((await waiting).message.rcode, Rcode.SERVFAIL);
    t.equal((await waiting).ede?.code, EdeCode.NO_REACHABLE_AUTHORITY);
    if (late === 'answer') asked[0]?.resolve(answer());
    else asked[0]?.reject(new Error('late'));
    await settle();
    t.equal((await waiting).message.rcode, Rcode.SERVFAIL);
    t.equal(bugs.length, late === 'answer' ? 0 : 1);
  }
});

test('L3, M4: an address that upstream refuses is SERVFAIL: musl takes other RCODEs for silence', async (t) => {
  for (const rcode of [Rcode.FORMERR, Rcode.NOTIMP, Rcode.REFUSED, 9, 23]) {
    const { resolve } = setup(answering(() => Promise.resolve(answer({ rcode }))));
    for (const qtype of [RrType.A, RrType.AAAA]) {
      const got = await resolve(query(NAME, qtype));
      t.equal(got.message.rcode, Rcode.SERVFAIL);
      t.equal(got.source, 'upstream');
      t.match(got.ede?.text, /^upstream answered /);
    }
    t.equal((await resolve(query(NAME, RrType.TXT))).message.rcode, rcode, 'TXT as it is');
    t.equal((await resolve(query(NAME, RrType.A, { qclass: 3 }))).message.rcode, rcode);
  }
  for (const rcode of [Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.SERVFAIL]) {
    const { resolve } = setup(answering(() => Promise.resolve(answer({ rcode }))));
    t.equal((await resolve(query(NAME))).message.rcode, rcode);
  }
});

test('a client is told once, and a bug that comes after its answer is told all the same', (t) => {
  const bugs: unknown[] = [];
  const bug = new TypeError('broken');
  const said = answer();
  const told: unknown[] = [];
  const clock = new HandClock();
  servfail({ clock, onBug: (error) => bugs.push(error) })((_query, asker) => {
    asker.onAnswer(said);
    asker.onFailure(bug);
    asker.onAnswer(answer());
  })(query(NAME), { onAnswer: (each) => told.push(each), onFailure: (e) => told.push(e) });
  t.equal(told.length, 1);
  t.equal(told[0], said);
  t.same(bugs, [bug]);
  t.equal(clock.timers, 0);
  t.end();
});
