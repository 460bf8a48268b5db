import { setImmediate } from 'node:timers/promises';
import { test } from 'tap';
import { Responder } from '../../src/listen/responder.ts';
import { withQuestion } from '../../src/walk/telling-transport.ts';
import { Rcode, RrType, rcodeName } from '../../src/wire/codes.ts';
import { Flag, readHeader } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { answering } from '../resolve/queries.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { a, message, queryOctets } from '../support/messages.ts';
import { addressesOf, addressOf, echo } from './echo.ts';

const UDP = { transport: 'udp', address: '192.0.2.9' } as const;
const TCP = { transport: 'tcp', address: '192.0.2.9' } as const;

test('a question goes on as a query with what decides its answer, and no more (U4)', async (t) => {
  const { responder, waiting } = echo();
  const octets = queryOctets('gIt.Example.com', RrType.AAAA, {
    checkingDisabled: true,
    edns: { dnssecOk: true },
  });
  t.equal(
    responder.respond(octets, UDP, () => undefined),
    true,
  );
  t.same(waiting[0]?.query, {
    qname: 'git.example.com.',
    qtype: RrType.AAAA,
    qclass: 1,
    dnssecOk: true,
    checkingDisabled: true,
    client: '192.0.2.9',
  });
});

test('N7: the mark of a probe is for this hop: it says who asks, and does not go on', async (t) => {
  const { responder, waiting } = echo();
  const edns = { dnssecOk: false, probe: true };
  responder.respond(queryOctets('svc.cluster.local', RrType.A, { edns }), UDP, () => undefined);
  t.equal(waiting[0]?.query.fromProbe, true);
  t.notOk(waiting[0]?.query.probe);
});

test('L3: the reply has the client’s ID and question, case and all, and RA', async (t) => {
  const { responder, waiting } = echo();
  const octets = queryOctets('gIt.Example.com', RrType.A, { id: 0xbeef });
  const replies: Uint8Array[] = [];
  responder.respond(octets, UDP, (reply) => replies.push(reply));
  waiting[0]?.answer();
  await settle();
  const [reply = new Uint8Array()] = replies;
  const header = readHeader(reply);
  t.equal(header.id, 0xbeef);
  t.ok((header.flags & Flag.RA) !== 0);
  t.same(reply.slice(12, octets.length), octets.slice(12));
  t.equal(replies.length, 1);
});

test('S4: what happened is told without a name: asked, answered, how long it took', async (t) => {
  const { responder, waiting, events, clock } = echo();
  responder.respond(queryOctets('secret.example.com'), UDP, () => undefined);
  await clock.advance(20);
  waiting[0]?.answer();
  await settle();
  responder.respond(queryOctets('secret.example.com', RrType.AXFR), TCP, () => undefined);
  const response = queryOctets('secret.example.com');
  response[2] = 0x80;
  t.equal(
    responder.respond(response, UDP, () => t.fail('a response was answered')),
    false,
  );
  t.equal(
    responder.respond(new Uint8Array(3), UDP, () => t.fail('it was answered')),
    false,
  );
  t.same(events, [
    'asked udp 1',
    'answered 0 upstream 20',
    'rejected 5',
    'dropped response',
    'dropped malformed',
  ]);
  t.notMatch(events.join(), /secret/);
});

test('a stage that rejects or throws is a bug: SERVFAIL for the client, the error for the log', async (t) => {
  const bug = new TypeError('broken');
  for (const resolve of [
    answering(() => Promise.reject(bug)),
    () => {
      throw bug;
    },
  ]) {
    const { responder, bugs, events } = echo(resolve);
    const replies: Uint8Array[] = [];
    responder.respond(queryOctets('a.example'), UDP, (reply) => replies.push(reply));
    await settle();
    t.equal(readHeader(replies[0] ?? new Uint8Array(12)).rcode, Rcode.SERVFAIL);
    t.same(bugs, [bug]);
    t.match(events.at(-1), /^answered 2 failure/);
    t.equal(responder.inFlight, 0);
  }
});

test('a reply that cannot be sent is a bug that nobody else suffers from', async (t) => {
  const { responder, bugs, atOnce } = echo();
  atOnce.on = true;
  responder.respond(queryOctets('a.example'), UDP, () => {
    throw new Error('socket');
  });
  await settle();
  t.equal(bugs.length, 1);
  t.equal(responder.inFlight, 0);
  await responder.drained();
});

test('S2: drained waits for the last reply, whoever else waits for it', async (t) => {
  const { responder, waiting } = echo();
  await responder.drained();
  for (const name of ['a.example', 'b.example']) {
    responder.respond(queryOctets(name), UDP, () => undefined);
  }
  t.equal(responder.inFlight, 2);
  let drained = 0;
  for (let i = 0; i < 2; i++) {
    void responder.drained().then(() => {
      drained++;
    });
  }
  waiting[0]?.answer();
  await settle();
  t.equal(drained, 0);
  waiting[1]?.answer();
  await settle();
  t.equal(drained, 2);
  t.equal(responder.inFlight, 0);
});

test('L4: what is too large for UDP is TC there, and whole over TCP', async (t) => {
  const octets = queryOctets('big.example', RrType.A, { edns: { dnssecOk: false } });
  const sent: Uint8Array[] = [];
  for (const from of [UDP, TCP]) {
    const { responder, waiting } = echo();
    responder.respond(octets, from, (reply) => sent.push(reply));
    const [asked] = waiting;
    if (asked !== undefined) asked.answer(addressesOf(asked.query, 200));
    await settle();
  }
  const [udp, tcp] = sent.map((octets) => readResponse(octets));
  t.equal(udp?.truncated, true);
  t.ok((sent[0]?.length ?? 9_999) <= 1_232);
  t.equal(tcp?.truncated, false);
  t.equal(tcp?.message.answer.length, 200);
});

test('C2: the age of an answer comes off its TTLs', async (t) => {
  const { responder, waiting } = echo();
  const sent: Uint8Array[] = [];
  responder.respond(queryOctets('a.example'), UDP, (reply) => sent.push(reply));
  const aged = message({ answer: [a('a.example', '192.0.2.1', 60)] });
  waiting[0]?.answer({ message: aged, source: 'cache', age: 7 });
  await settle();
  t.equal(readResponse(sent[0] ?? new Uint8Array()).message.answer[0]?.ttl, 53);
});

/** A responder to whose clock each new question costs `cost`. */
function busy(cost: number) {
  const clock = new HandClock();
  let now = 0;
  const asked: string[] = [];
  const events: string[] = [];
  const nothing = () => undefined;
  const responder = new Responder({
    resolve: (query, asker) => {
      now += cost;
      asked.push(query.qname);
      queueMicrotask(() => asker.onAnswer(addressOf(query)));
    },
    clock: { now: () => now, after: (delay, fire) => clock.after(delay, fire) },
    events: {
      asked: nothing,
      answered: (rcode) => events.push(rcodeName(rcode)),
      rejected: nothing,
      dropped: nothing,
      crowded: () => events.push('crowded'),
      bug: (error) => events.push(String(error)),
    },
  });
  const replies: Uint8Array[] = [];
  const ask = (name: string, address = '192.0.2.9') =>
    responder.respond(queryOctets(name), { transport: 'udp', address }, (reply) =>
      replies.push(reply),
    );
  return { responder, asked, events, replies, ask };
}

test('S1: questions that are new wait for the next turn of the loop once they have used their share of this one', async (t) => {
  const { responder, asked, replies, ask } = busy(0.2);
  for (let i = 0; i < 7; i++) t.equal(ask(`n${i}.`), true);
  t.same(asked, ['n0.', 'n1.', 'n2.']);
  t.equal(responder.inFlight, 7, 'a shutdown waits for all of them');
  await setImmediate();
  t.same(asked, ['n0.', 'n1.', 'n2.', 'n3.', 'n4.', 'n5.'], 'half a millisecond of them');
  await responder.drained();
  t.equal(asked.length, 7);
  t.equal(replies.length, 7);
});

test('S1: of as many as may wait for their turn the oldest of the client with most gives way, with SERVFAIL and the reason', async (t) => {
  const { responder, asked, events, replies, ask } = busy(1);
  responder.maxBacklog = 20;
  ask('first.');
  ask('quiet.', '192.0.2.1');
  for (let i = 0; i < 20; i++) ask(`n${i}.`);
  t.same(events, ['crowded', 'SERVFAIL']);
  const { header, edns } = readResponse(replies[0] ?? new Uint8Array());
  t.equal(header.rcode, Rcode.SERVFAIL);
  t.equal(edns, undefined, 'EDE is for clients with EDNS');
  await responder.drained();
  t.equal(asked.length, 21, 'all others are asked');
  t.notOk(asked.includes('n0.'));
  t.ok(asked.indexOf('quiet.') <= 2, 'a client with one question does not wait behind the flood');
});

test('C1: addresses that stood under another name come with a remark', async (t) => {
  const { responder, waiting } = echo();
  let reply: Uint8Array = new Uint8Array();
  const asked = queryOctets('web.example', RrType.A, { edns: { dnssecOk: false } });
  responder.respond(asked, UDP, (octets) => {
    reply = octets;
  });
  const told = message({ answer: [a('web.example', '192.0.2.1')], otherOwner: true });
  waiting[0]?.answer({ message: told, source: 'cache', age: 0 });
  await settle();
  t.ok(Buffer.from(reply).includes('the addresses stood under another name'));
});

test("L4: an answer for sidestub's own tools is cut where it is for the client that they stand for", async (t) => {
  const { responder, waiting, events } = echo();
  const from = { transport: 'udp', address: '127.0.0.1' } as const;
  const plain = queryOctets('many.example.com');
  // 30 addresses fill 512 octets: with an OPT beside them one less has room.
  const answer = Array.from({ length: 40 }, (_, n) => a('many.example.com.', `192.0.2.${n}`));
  const replies: Uint8Array[] = [];
  for (const query of [plain, withQuestion(plain)]) {
    responder.respond(query, from, (reply) => replies.push(reply));
    waiting.at(-1)?.answer({ message: message({ answer }), source: 'upstream', age: 0 });
    await settle();
  }
  t.equal(replies.length, 2);
  t.same(replies[1], replies[0]);
  t.equal(events.filter((event) => event.startsWith('asked')).length, 1, 'and is not counted');
});

test("L4: a question from an address that the daemon listens on is its own tools', and is not counted", (t) => {
  const { responder, events } = echo();
  const asked = (address: string) => {
    const before = events.length;
    const from = { transport: 'udp', address } as const;
    responder.respond(withQuestion(queryOctets('a.example.com')), from, () => undefined);
    return events.slice(before);
  };
  t.match(asked('169.254.20.10'), [/^asked udp/], 'a program of another pod, as far as is known');
  responder.ownAddresses = ['169.254.20.10', 'fd00::10'];
  t.same(asked('169.254.20.10'), []);
  t.same(asked('::ffff:169.254.20.10'), []);
  t.same(asked('fd00::10'), []);
  t.match(asked('169.254.20.11'), [/^asked udp/]);
  t.end();
});
