import { test } from 'tap';
import { LookupWaits } from '../../src/resolve/lookup-waits.ts';
import { SearchList } from '../../src/resolve/search-list.ts';
import { servfail } from '../../src/resolve/servfail.ts';
import { FlightsFullError } from '../../src/resolve/single-flight.ts';
import type { Resolve } from '../../src/resolve/stage.ts';
import { UpstreamError, type UpstreamFailure } from '../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { SUFFIXES } from '../support/stub.ts';
import { answer, answering, below, promised, query } from './queries.ts';

const NAME = 'api.example.com.';

function setup(next: Resolve) {
  const clock = new HandClock();
  const bugs: unknown[] = [];
  const heard = { at: Number.NEGATIVE_INFINITY };
  const stage = servfail({ clock, waits: waitsOf(clock, heard), onBug: (bug) => bugs.push(bug) });
  return { clock, bugs, heard, resolve: promised(stage(next)) };
}

function waitsOf(clock: HandClock, heard = { at: Number.NEGATIVE_INFINITY }): LookupWaits {
  const list = new SearchList({ suffixes: SUFFIXES, zone: 'cluster.local.', routedZones: [] });
  return new LookupWaits({ list, clock, ndots: 5, lastReplyAt: () => heard.at });
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
    refused: [EdeCode.NETWORK_ERROR, 'not delivered: upstream refused the connection'],
    network: [EdeCode.NETWORK_ERROR, 'upstream cannot be reached'],
    local: [EdeCode.NETWORK_ERROR, 'not delivered: this machine refused to send the question'],
    malformed: [EdeCode.NETWORK_ERROR, 'upstream sent malformed replies'],
    untrusted: [EdeCode.NETWORK_ERROR, 'upstream is not who it should be'],
    full: [EdeCode.NETWORK_ERROR, 'not delivered: too many questions at the upstream'],
    closed: [EdeCode.NETWORK_ERROR, 'not delivered: shutting down'],
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
  const waits = waitsOf(clock);
  servfail({ clock, waits, onBug: (error) => bugs.push(error) })((_query, asker) => {
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

/** Asks for one step, winds the clock until it is answered. @returns How long that took. */
async function step(
  { clock, resolve }: Pick<ReturnType<typeof setup>, 'clock' | 'resolve'>,
  qname: string,
): Promise<number> {
  const came = clock.now();
  let isOver = false;
  void resolve(query(qname)).then(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(10);
  return clock.now() - came;
}

/** As glibc walks its list where each step is SERVFAIL: each twice, and the name as it is at the end. */
const GLIBC = [...SUFFIXES.map((suffix) => `${NAME}${suffix}`), NAME].flatMap((it) => [it, it]);

test('U2: a lookup waits for a silent upstream at its first step, and the next lookup waits anew', async (t) => {
  const stub = setup(below().next);
  for (const turn of ['the first lookup', 'the next one']) {
    const spans: number[] = [];
    for (const qname of GLIBC) spans.push(await step(stub, qname));
    t.same(spans, [4_500, 4_500, ...Array(GLIBC.length - 2).fill(100)], turn);
  }
});

test('U2: so where a forwarder says after a while that it has no answer itself', async (t) => {
  const stub = setup((_query, asker) => {
    const said = answer({ rcode: Rcode.SERVFAIL, unreached: true });
    stub.clock.after(4_400, () => asker.onAnswer(said));
  });
  const [first = '', , second = ''] = GLIBC;
  t.equal(await step(stub, first), 4_400);
  t.equal(await step(stub, second), 100);
});

test('U2: what is asked beside a step and waits as long is no later step: a sidecar asks for the name early', async (t) => {
  const stub = setup(below().next);
  const [first = '', , second = ''] = GLIBC;
  void stub.resolve(query(NAME));
  t.equal(await step(stub, first), 4_500);
  t.equal(await step(stub, second), 100, 'a step that was not waited for');
  t.equal(await step(stub, NAME), 4_500, 'asked again');
});

test('U2: a name that is asked as it is alone waits each time', async (t) => {
  const stub = setup(below().next);
  for (const qname of [NAME, NAME, NAME]) t.equal(await step(stub, qname), 4_500);
});

test('U2: a later step waits as long as the first where upstream has been heard meanwhile', async (t) => {
  const stub = setup(below().next);
  const [first = '', , second = ''] = GLIBC;
  await step(stub, first);
  const later = step(stub, second);
  await stub.clock.advance(0);
  stub.heard.at = stub.clock.now();
  t.equal(await later, 4_600, 'heard while it waited');
  t.equal(await step(stub, second), 4_500, 'heard before');
});

test('U2: a later step waits where no step before it did, or long ago, or of another client', async (t) => {
  const [first = '', , second = ''] = GLIBC;
  const stub = setup(below().next);
  t.equal(await step(stub, second), 4_500, 'no step before');
  await step(stub, first);
  await stub.clock.advance(1_000);
  t.equal(await step(stub, second), 4_500, 'long ago');
  await step(stub, first);
  const others = stub.resolve(query(second, RrType.A, { client: '10.0.0.9' }));
  await stub.clock.advance(4_499);
  let isOver = false;
  void others.then(() => {
    isOver = true;
  });
  await settle();
  t.notOk(isOver, 'another client');
  await stub.clock.advance(1);
  await settle();
  t.ok(isOver);
});

test('U2: a name with as many dots as ndots says is first asked as it is', async (t) => {
  const stub = setup(below().next);
  const long = `a.b.c.${NAME}`;
  await step(stub, `${long}${SUFFIXES[0]}`);
  t.equal(await step(stub, long), 4_500);
});
