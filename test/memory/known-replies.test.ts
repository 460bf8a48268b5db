// Upstream's answers in the memory as replies; replies.test.ts has what every reply is.
import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { a, cname, message, nxdomain, queryOctets } from '../support/messages.ts';
import { ask, keep, slowly } from './ready-replies.ts';

/** A memory with an answer of upstream's, which is repeated for `life` seconds from when a client was given it. */
function startKnown(sent: Message, { qtype = RrType.A as number, life = 60 } = {}) {
  const memory = new AnswerMemory({ octets: 1 << 20, negativeOctets: 1 << 18, seed: 1 });
  const replies = new Replies(memory);
  const asked = {
    qname: 'www.example.',
    qtype,
    qclass: 1,
    dnssecOk: false,
    checkingDisabled: false,
  };
  const span = life * 1_000;
  const store = (stored: Message, storedAt: number) =>
    memory.put(asked, stored, stored.answer.length > 0 && stored.rcode === 0, {
      storedAt,
      fresh: span,
      alone: span,
      stale: 0,
    });
  store(sent, 0);
  /** Gives it to a client at `now`, with the age that it has by then. */
  const give = (query: Uint8Array, told: Message, now: number, storedAt = 0) => {
    replies.now = now;
    const age = Math.floor((now - storedAt) / 1_000);
    keep(replies, query, told, {
      age,
      agedAt: storedAt + age * 1_000,
      until: storedAt + span,
      storedAt,
    });
  };
  const at = (query: Uint8Array, now: number) => {
    replies.now = now;
    return ask(replies, query);
  };
  return { memory, replies, asked, store, give, at };
}

const WWW = queryOctets('www.example');
const CHAIN = message({
  answer: [cname('www.example.', 'host.example.', 60), a('host.example.', '192.0.2.1', 60)],
});

test('an answer of upstream’s is a reply from when a client was given it, and is kept once', (t) => {
  for (const sent of [message({ answer: [a('www.example.', '192.0.2.1', 60)] }), CHAIN]) {
    const { memory, give, at, asked } = startKnown(sent);
    t.equal(at(WWW, 0), undefined, 'the stages have not said yet that it may be one');
    const before = memory.sizes.positive;
    for (const now of [5_300, 6_000]) {
      give(WWW, sent, now);
      t.same(at(WWW, now), slowly(WWW, sent, Math.floor(now / 1_000), false), `given at ${now}`);
    }
    t.same(at(WWW, 59_999), slowly(WWW, sent, 59, false));
    t.equal(at(WWW, 60_000), undefined);
    t.same(memory.find(asked)?.message, sent, 'the stages read what upstream said');
    t.same(memory.find(asked)?.life.storedAt, 0);
    t.equal(memory.sizes.positive.entries, before.entries);
  }
  t.end();
});

test('what upstream has answered anew is a reply only when the stages say so', (t) => {
  const sent = message({ answer: [a('www.example.', '192.0.2.1', 60)] });
  const other = message({ answer: [a('www.example.', '192.0.2.9', 60)] });
  for (const renewed of [other, sent]) {
    const { give, at, store } = startKnown(sent);
    give(WWW, sent, 0);
    t.ok(at(WWW, 0));
    store(renewed, 10_000);
    t.equal(at(WWW, 10_000), undefined);
    give(WWW, sent, 10_000);
    t.equal(at(WWW, 10_000), undefined, 'a reply that was made from the old one');
    give(WWW, renewed, 10_000, 10_000);
    t.same(at(WWW, 10_000), slowly(WWW, renewed, 0, false));
  }
  t.end();
});

test('what a stage made of an answer is told in its place, and the stages read what upstream said', (t) => {
  for (const sent of [message({ answer: [a('www.example.', '192.0.2.1', 60)] }), CHAIN]) {
    const { give, at, memory, asked, replies } = startKnown(sent);
    const made = nxdomain('example', 60);
    give(WWW, sent, 0);
    give(WWW, made, 0);
    t.same(
      at(WWW, 0),
      slowly(WWW, sent, 0, false),
      'what is said to be upstream’s and is not is not kept',
    );
    keep(replies, WWW, made);
    t.same(at(WWW, 0), slowly(WWW, made, 0, false));
    t.same(memory.find(asked)?.message, sent);
    give(WWW, sent, 1_000);
    t.same(at(WWW, 1_000), slowly(WWW, sent, 1, false), 'and the other way round');
  }
  t.end();
});

test('an answer that is too large to be repeated ends the reply before it', (t) => {
  const { give, at, store, asked, memory } = startKnown(CHAIN);
  give(WWW, CHAIN, 0);
  t.ok(at(WWW, 0));
  const large = message({
    answer: Array.from({ length: 300 }, (_, i) => a('www.example.', `192.0.2.${i % 250}`, 60)),
  });
  store(large, 1_000);
  give(WWW, large, 1_000, 1_000);
  t.equal(at(WWW, 1_000), undefined);
  t.equal(memory.find(asked)?.message.answer.length, 300, 'the stages have it');
  t.end();
});

test('a reply to a client with capitals, or one that has aged, has the TTLs of the answer', (t) => {
  const { give, at } = startKnown(CHAIN);
  const capitals = queryOctets('WWW.Example');
  give(capitals, CHAIN, 7_000);
  t.same(at(WWW, 8_000), slowly(WWW, CHAIN, 8, false));
  t.same(at(capitals, 8_000), slowly(capitals, CHAIN, 8, false));
  t.end();
});
