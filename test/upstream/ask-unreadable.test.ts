import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { message } from '../support/messages.ts';
import { begin, plainServer, reasonOf, scriptedServer, truth } from './scripted-server.ts';

test('a wrong ID starts TCP as well, and UDP goes on (U3)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('wrong-id');
  t.equal(tcp.sends.length, 1);
  await clock.advance(150);
  udp.nth(1).suspect('wrong-id');
  t.equal(udp.sends.length, 2);
  t.equal(tcp.sends.length, 1, 'once');
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
  t.equal(tallies.tcpFallbacks.get('wrong-id'), 1);
});

test('a wrong ID where there is no TCP costs nothing', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('wrong-id');
  tcp.nth(0).fail('refused');
  await clock.advance(20);
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
});

test('a malformed reply costs three upstream queries and no more: no retry storm (U3, U4)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  t.equal(tcp.sends.length, 1);
  t.same(
    udp.sends.map(({ edns }) => edns),
    [true, false],
    'it may be the OPT that the server could not take',
  );
  udp.nth(1).suspect('malformed');
  udp.nth(1).fail('refused');
  tcp.nth(0).fail('malformed');
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(udp.sends.length + tcp.sends.length, 3);
  t.equal(tallies.tcpFallbacks.get('malformed'), 1);
  t.equal(clock.timers, 0);
});

test('malformed over UDP and no TCP: the truth may still come the same way (U3)', async (t) => {
  const failures: ((script: ReturnType<typeof scriptedServer>) => void)[] = [
    ({ udp, tcp }) => {
      udp.nth(0).suspect('malformed');
      tcp.nth(0).fail('refused');
    },
    ({ udp, tcp }) => {
      udp.nth(0).suspect('wrong-id');
      tcp.nth(0).fail('refused');
      udp.nth(0).suspect('malformed');
    },
  ];
  for (const fail of failures) {
    const comes = scriptedServer();
    const first = begin(comes.server);
    fail(comes);
    t.equal(first.heard.error, undefined);
    comes.udp.nth(0).answer(truth);
    t.same(first.heard.answer, truth);
    const staysAway = scriptedServer();
    const second = begin(staysAway.server);
    fail(staysAway);
    await staysAway.clock.advance(999);
    t.equal(second.heard.error, undefined);
    await staysAway.clock.advance(1);
    t.equal(reasonOf(second.heard.error), 'malformed');
  }
});

test('a reply is unread where nothing of it is whole and it is still waited for (U1)', (t) => {
  const part = { ...truth, partial: true as const };
  for (const [partial, unread] of [
    [undefined, 1],
    [part, 0],
  ] as const) {
    const { udp, server } = scriptedServer();
    const begun = begin(server);
    udp.nth(0).suspect('malformed', partial);
    t.equal(begun.unread(), unread);
  }
  t.end();
});

test('what is malformed twice is not waited for like what is so once (U3)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  await clock.advance(10);
  udp.nth(1).suspect('malformed');
  await clock.advance(249);
  t.equal(heard.error, undefined, 'TCP may still bring it');
  await clock.advance(1);
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(clock.timers, 0);
});

test('malformed, and neither UDP nor TCP is out any more: over at once', (t) => {
  const { udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  udp.nth(0).fail('refused');
  udp.nth(1).fail('refused');
  t.equal(heard.error, undefined);
  tcp.nth(0).fail('refused');
  t.equal(reasonOf(heard.error), 'malformed');
  t.end();
});

test("malformed over TCP is the server's own word, and no datagram is waited for (U3)", async (t) => {
  const { clock, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(450);
  tcp.nth(0).fail('malformed');
  tcp.nth(1).fail('malformed');
  t.equal(reasonOf(heard.error), 'malformed');
});

test('a damaged reply over TCP counts at once, though one over UDP was damaged as well (U3)', (t) => {
  const [overUdp, overTcp] = [
    { ...truth, partial: true as const, answer: [] },
    { ...truth, partial: true as const },
  ];
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed', overUdp);
  tcp.nth(0).failWithPart(overTcp);
  t.equal(heard.error, undefined);
  t.same(heard.answer, overTcp, 'nobody else can have sent it');
  t.equal(clock.timers, 0);
  t.end();
});

test('malformed without an OPT, which an outage had lost before: over with TCP, at once (U3)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard, again } = begin(server);
  await clock.advance(720);
  for (const each of [0, 1]) tcp.nth(each).fail('refused');
  await clock.advance(1_280);
  again();
  udp.nth(2).suspect('malformed');
  tcp.nth(2).fail('malformed');
  t.equal(reasonOf(heard.error), 'malformed');
});

test('malformed with an OPT, without one and over TCP: over at once, the other family waits for it (U3, F5)', (t) => {
  const { udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  udp.nth(1).suspect('malformed');
  tcp.nth(0).fail('malformed');
  t.equal(reasonOf(heard.error), 'malformed');
  t.end();
});

test('malformed with an OPT, over TCP and then without one: over at once, in whatever order they come (U3)', (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  tcp.nth(0).fail('malformed');
  t.equal(heard.error, undefined, 'without an OPT it may be readable');
  udp.nth(1).suspect('malformed');
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(clock.timers, 0);
  t.end();
});

test('malformed and truncated, and no TCP: the truncated reply counts at once', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(0).suspect('malformed');
  tcp.nth(0).fail('refused');
  udp.nth(1).answer(truth, { truncated: true });
  t.same(heard.answer, { ...truth, truncated: true });
});

test('malformed over UDP and silent over TCP: over after 1 s', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  await clock.advance(1_000);
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(udp.sends.length + tcp.sends.length, 3);
});

test('malformed without an OPT, and silent over TCP: one more datagram after 100 ms, and if that is no better, over after 250 (U3)', async (t) => {
  const { clock, udp, tcp, server } = plainServer();
  const { heard } = begin(server);
  const asked = udp.sends.length;
  const startedAt = clock.now();
  udp.nth(asked - 1).suspect('malformed');
  await clock.advance(99);
  t.equal(udp.sends.length, asked);
  await clock.advance(1);
  t.equal(udp.sends.length, asked + 1);
  udp.nth(asked).suspect('malformed');
  t.equal(heard.error, undefined, 'TCP has not had its time');
  await clock.advance(startedAt + 250 - clock.now());
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(clock.timers, 0);
  t.equal(tcp.sends.length, 1);
});

test('malformed without an OPT, and refused over TCP: one more datagram at once, and the true reply may be its own (U3)', async (t) => {
  const { clock, udp, tcp, server } = plainServer();
  const { heard } = begin(server);
  const asked = udp.sends.length;
  udp.nth(asked - 1).suspect('malformed');
  tcp.nth(0).fail('refused');
  t.equal(udp.sends.length, asked + 1);
  udp.nth(asked).answer(truth);
  t.same(heard.answer, truth);
  t.equal(clock.timers, 0);
});

test('malformed without an OPT, which was dropped before, and refused over TCP: one more datagram at once, and no fourth (U3, U4)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(1).suspect('malformed');
  tcp.nth(0).fail('refused');
  t.same(
    udp.sends.map(({ edns }) => edns),
    [true, false, false],
  );
  await clock.advance(100);
  t.equal(udp.sends.length, 3);
  udp.nth(2).suspect('malformed');
  t.equal(reasonOf(heard.error), undefined, 'the true reply may still come');
  await clock.advance(100);
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(clock.timers, 0);
});

test('malformed, and lost datagrams before: they are part of the second that a better reply gets, but for 250 ms (U3)', async (t) => {
  for (const [lost, end] of [
    [30, 1_000],
    [1_150, 1_400],
  ] as const) {
    const { clock, udp, server } = plainServer();
    const { heard, again } = begin(server);
    await clock.advance(lost);
    again();
    t.equal(udp.times.at(-1), lost);
    udp.sends.at(-1)?.suspect('malformed');
    await clock.advance(end - lost - 1);
    t.equal(heard.error, undefined);
    await clock.advance(1);
    t.equal(reasonOf(heard.error), 'malformed');
  }
});

test('where nothing has come, a refused connection adds no datagram (U2, U3)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server, 'api.example.', () => false, { dnssecOk: true });
  await clock.advance(450);
  const sent = udp.sends.length;
  tcp.nth(0).fail('refused');
  t.equal(udp.sends.length, sent);
});

test('the one more datagram has an OPT where the client needs one (U3, U4)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  begin(server, 'api.example.', () => false, { dnssecOk: true });
  udp.nth(0).suspect('malformed');
  await clock.advance(100);
  t.equal(udp.nth(1).edns, true);
});

test('damaged however it is asked, and unreadable over TCP: UDP may still be better, for 250 ms (U3)', async (t) => {
  const part = { ...truth, partial: true as const };
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed', part);
  udp.nth(1).suspect('malformed', part);
  tcp.nth(0).fail('malformed');
  t.equal(heard.answer, undefined);
  await clock.advance(250);
  t.same(heard.answer, part);
});

test('what is whole of a damaged reply is enough: no other datagram is asked for (U3)', (t) => {
  const { udp, tcp, server } = plainServer();
  begin(server);
  const sent = udp.sends.length;
  udp.sends.at(-1)?.suspect('malformed', { ...truth, partial: true as const });
  tcp.nth(0).fail('refused');
  t.equal(udp.sends.length, sent);
  t.end();
});

test('a wrong ID is no reply: the datagram that it came for is awaited, though TCP is unreadable (U3)', async (t) => {
  const { clock, udp, tcp, server } = plainServer();
  const { heard } = begin(server);
  udp.sends.at(-1)?.suspect('malformed');
  await clock.advance(100);
  const second = udp.sends.at(-1);
  second?.suspect('wrong-id');
  tcp.nth(0).fail('malformed');
  t.equal(heard.error, undefined);
  second?.answer(truth);
  t.same(heard.answer, truth);
});

test('malformed after a refused OPT: two replies are hardly both forged, and TCP gets 250 ms (U3, U4)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  udp.nth(1).suspect('malformed');
  await clock.advance(249);
  t.equal(heard.error, undefined);
  await clock.advance(1);
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(udp.sends.length, 2);
});

test('a damaged reply counts after 250 ms, with what is whole of it, if nothing better comes (U3)', async (t) => {
  const part = { ...truth, partial: true as const };
  const late = scriptedServer();
  const first = begin(late.server);
  await late.clock.advance(10);
  late.udp.nth(0).suspect('malformed', part);
  late.tcp.nth(0).fail('refused');
  await late.clock.advance(249);
  t.equal(first.heard.answer, undefined);
  await late.clock.advance(1);
  t.same(first.heard.answer, part);
  t.equal(late.clock.timers, 0);
  const resent = scriptedServer();
  const plain = begin(resent.server);
  await resent.clock.advance(170);
  resent.udp.nth(1).suspect('malformed', part);
  await resent.clock.advance(99);
  t.equal(plain.heard.answer, undefined, 'the 150 ms of a datagram that was lost are taken off');
  await resent.clock.advance(1);
  t.same(plain.heard.answer, part);
  for (const better of ['udp', 'tcp'] as const) {
    const script = scriptedServer();
    const { heard } = begin(script.server);
    script.udp.nth(0).suspect('malformed', part);
    await script.clock.advance(249);
    script[better].nth(0).answer(truth);
    t.same(heard.answer, truth, better);
  }
  const whole = scriptedServer();
  const third = begin(whole.server);
  whole.udp.nth(0).suspect('malformed', part);
  whole.tcp.nth(0).fail('malformed');
  await whole.clock.advance(250);
  t.same(third.heard.answer, part, 'also where TCP is no better');
});

test('of damaged replies one that has records counts more than one without, in whatever order they come (U3)', async (t) => {
  const part = { ...truth, partial: true as const };
  const empty = { ...message(), partial: true as const };
  const later = { ...part, answer: part.answer.slice(0, 1), authority: part.answer };
  for (const [one, other, best] of [
    [empty, part, part],
    [part, empty, part],
    [part, later, part],
    [empty, undefined, empty],
  ] as const) {
    const { clock, udp, tcp, server } = scriptedServer();
    const { heard, unread } = begin(server);
    udp.nth(0).suspect('malformed', one);
    t.equal(unread(), 0, 'another server need not be asked');
    udp.nth(1).suspect('malformed', other);
    tcp.nth(0).fail('refused');
    await clock.advance(250);
    t.same(heard.answer, best);
    t.equal(clock.timers, 0);
  }
});

test('TCP that TC, a malformed reply or a wrong ID has led to says nothing of UDP (U2)', async (t) => {
  const { udp, tcp, server } = scriptedServer();
  const causes = [
    () => udp.sends.at(-1)?.answer(message(), { truncated: true }),
    () => udp.sends.at(-1)?.suspect('malformed'),
    () => udp.sends.at(-1)?.suspect('wrong-id'),
  ];
  for (const cause of causes) {
    for (let i = 0; i < 4; i++) {
      const { cancel } = begin(server);
      cause();
      tcp.sends.at(-1)?.answer(truth);
      cancel();
    }
  }
  const before = udp.sends.length;
  begin(server).cancel();
  t.equal(udp.sends.length, before + 1);
});

test('what was malformed over UDP, and answered over TCP, is no silence of UDP (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  for (let i = 0; i < 3; i++) {
    begin(server);
    await clock.advance(460);
    udp.sends.at(-1)?.suspect('malformed');
    tcp.sends.at(-1)?.answer(truth);
    await clock.advance(1_000);
  }
  begin(server);
  t.equal(tcp.sends.at(-1)?.isClosed, true, 'UDP first');
});

test('what TCP answers after a wrong ID in the second round is no silence of UDP (U3)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  for (let i = 0; i < 3; i++) {
    begin(server);
    await clock.advance(200);
    udp.sends.at(-1)?.suspect('wrong-id');
    tcp.nth(i).answer(truth);
  }
  begin(server);
  t.equal(udp.sends.at(-1)?.at, clock.now());
  t.equal(tcp.sends.length, 3);
});

test('a message that is no reply starts no TCP, and the timeout says that it came (U3)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('mismatched');
  await clock.advance(100);
  t.equal(tcp.sends.length, 0);
  await clock.advance(4_400);
  t.equal(reasonOf(heard.error), 'malformed');
});

test('one more datagram after an unreadable reply is a resend, if there is one left (U2, U3)', async (t) => {
  const { clock, udp, tallies, server } = plainServer();
  begin(server);
  udp.sends.at(-1)?.suspect('malformed');
  await clock.advance(100);
  t.equal(tallies.retransmissions.value, 1);
  const spent = scriptedServer();
  begin(spent.server);
  await spent.clock.advance(449);
  begin(spent.server, 'other.example.');
  spent.udp.sends.at(-1)?.answer(message());
  await spent.clock.advance(1);
  const third = spent.udp.sends.at(-1);
  t.equal(third?.question.qname, 'api.example.');
  third?.suspect('malformed');
  await spent.clock.advance(200);
  t.equal(spent.udp.sends.at(-1), third);
  t.equal(spent.tallies.retransmissions.value, 2);
});
