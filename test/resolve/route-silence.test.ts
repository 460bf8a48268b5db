import { test } from 'tap';
import { Tally } from '../../src/observe/tally.ts';
import type { Router } from '../../src/resolve/forward.ts';
import { RouteSilence } from '../../src/resolve/route-silence.ts';
import { NOBODY } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { answer, below, promised, query } from './queries.ts';

const NAME = 'git.example.com.';
const TIMEOUT = new UpstreamError('timeout', 'no answer');

/** Two routes, one for `corp.example.`; the clock has run for a while. */
async function setup() {
  const clock = new HandClock();
  const refused = new Tally();
  await clock.advance(50_000);
  const routes = ['corp', 'rest'].map((name) => ({ upstream: { name } }));
  const router = {
    routeOf: (qname: string) => routes[qname.endsWith('corp.example.') ? 0 : 1],
  } as unknown as Router;
  const silence = new RouteSilence(router, clock, refused, (qname) =>
    qname.endsWith('cluster.local.') ? 'zone' : 'other',
  );
  const { next, asked } = below();
  const resolve = promised(silence.stage()(next));
  const ask = (times: number, qname = NAME, client = '127.0.0.1') => {
    for (let i = 0; i < times; i++) resolve(query(qname, 1, { client })).catch(() => undefined);
  };
  /** So many that no client is a crowd. */
  const askAll = (times: number) => {
    for (let i = 0; i < times; i++) ask(1, NAME, `10.0.0.${i % 32}`);
  };
  return { askAll, clock, silence, asked, ask, refused };
}

test('U1: a route is silent after three questions and three seconds without a word, not before', async (t) => {
  const { clock, silence, ask } = await setup();
  ask(2);
  await clock.advance(5_000);
  t.equal(silence.isSilent(NAME), false, 'two questions');
  const other = await setup();
  other.ask(3);
  t.equal(other.silence.isSilent(NAME), false, 'at once');
  await other.clock.advance(2_999);
  t.equal(other.silence.isSilent(NAME), false);
  await other.clock.advance(1);
  t.equal(other.silence.isSilent(NAME), true);
});

test('U1: any word ends the silence, and it counts from the first question after that', async (t) => {
  const { clock, silence, asked, ask } = await setup();
  ask(3);
  await clock.advance(3_000);
  asked[1]?.resolve(answer({ rcode: Rcode.SERVFAIL }));
  await settle();
  t.equal(silence.isSilent(NAME), false);
  t.equal(silence.lastReplyAt(NAME), 53_000);
  await clock.advance(20_000);
  ask(3);
  t.equal(silence.isSilent(NAME), false, 'owed since now');
  await clock.advance(3_000);
  t.equal(silence.isSilent(NAME), true);
});

test('an error is no word', async (t) => {
  const { clock, silence, asked, ask } = await setup();
  ask(3);
  await clock.advance(3_000);
  asked[0]?.reject(new Error('timeout'));
  await settle();
  t.equal(silence.isSilent(NAME), true);
  t.equal(silence.lastReplyAt(NAME), Number.NEGATIVE_INFINITY, 'never heard');
});

test('who has not been asked for ten seconds may be back', async (t) => {
  const { clock, silence, ask } = await setup();
  ask(3);
  await clock.advance(9_999);
  t.equal(silence.isSilent(NAME), true);
  await clock.advance(1);
  t.equal(silence.isSilent(NAME), false);
});

test('U1: each route is judged by itself', async (t) => {
  const { clock, silence, asked, ask } = await setup();
  ask(3);
  ask(3, 'wiki.corp.example.');
  asked[3]?.resolve(answer());
  await clock.advance(3_000);
  t.equal(silence.isSilent('other.example.net.'), true, 'whatever the name');
  t.equal(silence.isSilent('git.corp.example.'), false);
  t.equal(silence.lastReplyAt('git.corp.example.'), 50_000);
});

test('S1: of 512 questions without an answer for 150 ms one more is held, until any is answered', async (t) => {
  const { clock, silence, asked, ask, askAll, refused } = await setup();
  askAll(600);
  t.equal(asked.length, 600, 'all at once, while there is hope');
  await clock.advance(149);
  ask(1);
  t.equal(asked.length, 601);
  await clock.advance(1);
  ask(1, 'held.example.com.');
  t.equal(asked.length, 601);
  t.equal(refused.value, 1);
  ask(1, 'api.corp.example.');
  t.equal(asked.length, 602, 'the other route');
  asked[7]?.resolve(answer({ rcode: Rcode.NXDOMAIN }));
  t.equal(asked[602]?.query.qname, 'held.example.com.', 'upstream is there');
  ask(1);
  t.equal(asked.length, 604);
  t.equal(refused.value, 1);
  t.equal(silence.lastReplyAt(NAME), clock.now());
});

test('S1: beyond it our own questions are refused, and those that nobody waits for yet', async (t) => {
  const { clock, silence, askAll, refused } = await setup();
  askAll(512);
  await clock.advance(150);
  const resolve = promised(silence.stage()(() => t.fail('asked')));
  const { client: _, ...own } = query(NAME);
  for (const each of [own, query(NAME, 1, { speculative: true })]) {
    await t.rejects(
      resolve(each),
      new UpstreamError('full', 'enough questions wait for an answer already'),
    );
  }
  t.equal(refused.value, 2);
});

test('U2: a question that is held fails after 4.5 s, as if it had been asked', async (t) => {
  const { clock, silence, askAll } = await setup();
  askAll(512);
  await clock.advance(150);
  const held = promised(silence.stage()(() => t.fail('asked')))(query(NAME));
  const failed = t.rejects(held, new UpstreamError('timeout', 'no answer from the route: timeout'));
  await clock.advance(4_499);
  t.equal(clock.timers, 1);
  await clock.advance(1);
  await failed;
});

test('S1: each answer lets two held ones go, of one client after the other, and one where 64 of them are out', async (t) => {
  const { clock, asked, ask, askAll } = await setup();
  askAll(512);
  await clock.advance(150);
  ask(100, 'many.example.com.', '10.0.1.1');
  ask(1, 'few.example.com.', '10.0.1.2');
  asked[0]?.resolve(answer());
  t.same(
    asked.slice(512).map(({ query: { client } }) => client),
    ['10.0.1.1', '10.0.1.2'],
  );
  for (const each of asked.slice(1, 32)) each.resolve(answer());
  t.equal(asked.length, 512 + 64);
  asked[32]?.resolve(answer());
  t.equal(asked.length, 512 + 65);
  asked[512]?.resolve(answer());
  asked[513]?.resolve(answer());
  t.equal(asked.length, 512 + 65 + 2, 'one in the place of each');
});

test('S1: of one client 128 may wait beyond 150 ms, and others are let in all the same', async (t) => {
  const { clock, asked, ask, refused } = await setup();
  ask(200);
  await clock.advance(149);
  ask(1);
  t.equal(asked.length, 201, 'while there is hope');
  await clock.advance(1);
  ask(1);
  t.equal(refused.value, 1);
  ask(127, NAME, '10.0.0.7');
  t.equal(asked.length, 328, 'another client');
  ask(2, NAME, '10.0.0.7');
  t.equal(asked.length, 329, 'its 128th, and no more');
  ask(1, 'api.corp.example.');
  t.equal(asked.length, 330, 'the other route');
  for (const each of asked.slice(0, 73)) each.reject(new Error('silence'));
  t.equal(asked.length, 330, 'as many are out as may be');
  asked[73]?.reject(new Error('silence'));
  t.equal(asked.length, 331, 'one in its place');
  t.equal(refused.value, 2);
});

/** A client asks again for a name that has just failed, and for another. */
async function pausedBesideOther() {
  const parts = await setup();
  const { clock, asked, ask } = parts;
  ask(1);
  await clock.advance(100);
  asked[0]?.reject(TIMEOUT);
  ask(1);
  ask(1, 'other.example.com.');
  return parts;
}

test('C6: a client that asks again within a second of a failure waits for the rest of it', async (t) => {
  const { clock, asked } = await pausedBesideOther();
  t.equal(asked.length, 2, 'another name is asked for');
  await clock.advance(999);
  t.equal(asked.length, 2);
  await clock.advance(1);
  t.equal(asked.length, 3);
});

test('C6: it is asked as soon as any other name is answered', async (t) => {
  const { clock, asked } = await pausedBesideOther();
  await clock.advance(200);
  asked[1]?.resolve(answer());
  t.equal(asked[2]?.query.qname, NAME);
});

test('C6: nothing is held where others were answered meanwhile, nor of our own, nor after our own doing', async (t) => {
  const { clock, silence, asked, ask } = await setup();
  ask(1);
  ask(1, 'other.example.com.');
  await clock.advance(100);
  asked[1]?.resolve(answer());
  asked[0]?.reject(TIMEOUT);
  ask(1);
  t.equal(asked.length, 3, 'the name is the cause');
  await clock.advance(100);
  asked[2]?.reject(new UpstreamError('full', 'no socket'));
  ask(1);
  t.equal(asked.length, 4);
  await clock.advance(100);
  asked[3]?.reject(TIMEOUT);
  let isAsked = false;
  const { client: _, ...own } = query(NAME);
  silence.stage()(() => {
    isAsked = true;
  })(own, NOBODY);
  t.ok(isAsked);
});

test('S1: questions that fail at once do not fail one inside the other', async (t) => {
  const { clock, silence, asked, askAll } = await setup();
  askAll(512);
  await clock.advance(150);
  let depth = 0;
  let deepest = 0;
  const failing = silence.stage()((_query, asker) => {
    depth++;
    deepest = Math.max(deepest, depth);
    asker.onFailure(new UpstreamError('full', 'no socket'));
    depth--;
  });
  let told = 0;
  const asker = { onAnswer: () => t.fail('answered'), onFailure: () => told++ };
  for (let i = 0; i < 100; i++) failing(query(`${i}.example.com.`), asker);
  for (const each of asked.slice(0, 100)) each.resolve(answer());
  t.equal(deepest, 1);
  t.equal(told, 100);
});

test('S1: those that have ended, whichever way, are no crowd', async (t) => {
  const { clock, asked, ask, askAll, refused } = await setup();
  askAll(512);
  asked[0]?.resolve(answer());
  asked[1]?.reject(new Error('silence'));
  await settle();
  ask(1);
  await clock.advance(150);
  ask(2);
  t.equal(asked.length, 514, 'there was room for one');
  t.equal(refused.value, 1);
});

test('S1: a question that a bug has told twice leaves its route once', async (t) => {
  const { clock, silence, asked, askAll, refused } = await setup();
  const twice = silence.stage()((_query, asker) => {
    asker.onAnswer(answer());
    asker.onFailure(new Error('twice'));
  });
  twice(query(NAME), NOBODY);
  askAll(512);
  await clock.advance(150);
  askAll(1);
  t.equal(asked.length, 512);
  t.equal(refused.value, 1);
});

test('U2, C6: SERVFAIL of a forwarder that had no answer itself is no answer', async (t) => {
  const { clock, silence, asked, ask } = await setup();
  const unreached = answer({ rcode: Rcode.SERVFAIL, unreached: true });
  ask(3);
  await clock.advance(3_000);
  asked[0]?.resolve(unreached);
  t.equal(silence.lastReplyAt(NAME), Number.NEGATIVE_INFINITY);
  t.equal(silence.isSilent(NAME), true);
  ask(1);
  t.equal(asked.length, 3, 'held for a second, as after silence');
  asked[1]?.resolve(answer({ unreached: true }));
  t.equal(silence.isSilent(NAME), false, 'with data it is one');
  t.equal(asked.length, 4);
});

test('C6, F5: what a forwarder could not send is asked again at once: the forwarder pauses where it has to', async (t) => {
  const { clock, silence, asked, ask } = await setup();
  ask(1);
  await clock.advance(700);
  asked[0]?.resolve(answer({ rcode: Rcode.SERVFAIL, unreached: true, undelivered: true }));
  t.equal(silence.lastReplyAt(NAME), Number.NEGATIVE_INFINITY, 'no word of the server behind it');
  ask(1);
  t.equal(asked.length, 2);
});

test('S1: after such a SERVFAIL one that is held takes its place', async (t) => {
  const { clock, asked, ask, askAll } = await setup();
  askAll(512);
  await clock.advance(150);
  ask(2, 'held.example.com.', '10.0.1.1');
  asked[0]?.resolve(answer({ rcode: Rcode.SERVFAIL, unreached: true }));
  t.equal(asked.length, 513);
});
