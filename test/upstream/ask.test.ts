import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { message } from '../support/messages.ts';
import { outgoing } from './loopback.ts';
import { begin, knowingServer, reasonOf, scriptedServer, truth } from './scripted-server.ts';

test('one datagram, one answer, nothing left (F1)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(20);
  udp.nth(0).answer(truth);
  t.same(heard, { answer: truth, slow: 0 });
  t.equal(clock.timers, 0);
  t.equal(udp.sends.length + tcp.sends.length, 1);
});

test('a process that was kept from running reads its sockets before it sends again (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  const kept = clock.now.bind(clock);
  clock.after(150, () => udp.nth(0).answer(truth));
  clock.now = () => kept() + 100;
  await clock.advance(150);
  t.same(heard.answer, truth);
  t.equal(udp.sends.length, 1);
  t.equal(clock.timers, 0);
});

test('an outage: again after 150 ms, over TCP after 300 more and once again; then late, and TCP last (U2)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(4_499);
  t.same(udp.times, [0, 150, 3_600], 'at most 3 sends per transport (RFC 9520)');
  t.same(tcp.times, [450, 720, 4_200]);
  t.equal(udp.listening + tcp.listening, 6, 'all of them still listen');
  t.equal(heard.error, undefined, 'a spent budget ends sending, not waiting');
  await clock.advance(1);
  t.equal(reasonOf(heard.error), 'timeout');
  t.equal(heard.error?.message, 'no answer from udp://127.0.0.1:53: timeout');
  t.equal(udp.listening + tcp.listening, 0);
  t.equal(clock.timers, 0);
  t.equal(tallies.tcpFallbacks.get('silence'), 1);
  t.equal(tallies.retransmissions.value, 2);
});

test('loss: where the server answers others, the third datagram goes as soon as that is known (U2)', async (t) => {
  for (const [heardAt, third] of [
    [1, 450],
    [449, 450],
    [500, 720],
    [800, 1_000],
  ] as const) {
    const { clock, udp, server } = scriptedServer();
    begin(server);
    await clock.advance(heardAt);
    begin(server, 'other.example.');
    udp.sends.at(-1)?.answer(message());
    await clock.advance(4_000);
    const times = udp.of('api.example.');
    t.same(
      times.map(({ at }) => at),
      [0, 150, third],
      `heard after ${heardAt} ms`,
    );
  }
  const { clock, udp, server } = scriptedServer();
  begin(server, 'other.example.');
  await clock.advance(10);
  const { heard } = begin(server);
  udp.nth(0).answer(message());
  await clock.advance(440);
  t.equal(udp.sends.length, 3, 'what came in the same moment as it left is heard after it');
  t.equal(heard.error, undefined);
});

test('a server that comes back after two missed questions gets what was kept for it, at once (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const first = begin(server, 'a.example.');
  begin(server, 'b.example.');
  await clock.advance(1_300);
  const probe = udp.of('.').at(-1);
  t.equal(udp.sends.length, 4 + 2, 'two sends each, and two probes');
  probe?.answer(message());
  t.same(udp.times.slice(-2), [1_300, 1_300]);
  udp.sends.at(-2)?.answer(truth);
  t.same(first.heard.answer, truth);
});

test('a server that is back gets what is overdue at once, and not when its timer fires (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  begin(server, 'a.example.');
  begin(server, 'b.example.');
  await clock.advance(1_000);
  begin(server);
  await clock.advance(430);
  t.equal(udp.of('api.example.').length, 2, 'sent again after 150 ms, and then after 300 more');
  udp.of('.').at(-1)?.answer(message());
  t.same(
    udp.of('api.example.').map(({ at }) => at),
    [1_000, 1_150, 1_430],
  );
});

test('what a client has added in an outage does not take the place of what is kept for its end (L5, U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { again } = begin(server);
  begin(server, 'b.example.');
  await clock.advance(1_000);
  again();
  await clock.advance(700);
  const times = () => udp.of('api.example.').map(({ at }) => at);
  t.same(times(), [0, 150, 1_000]);
  udp.of('.').at(-1)?.answer(message());
  t.same(times(), [0, 150, 1_000, 1_700]);
  t.equal(tcp.of('api.example.').length, 2);
});

test('a server that is back too late for a datagram is asked over TCP at once (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  begin(server, 'b.example.');
  await clock.advance(3_700);
  t.equal(udp.of('api.example.').length, 3);
  udp.of('.').at(-1)?.answer(message());
  t.equal(udp.of('api.example.').length, 3, 'at most three (RFC 9520)');
  t.same(
    tcp.of('api.example.').map(({ at }) => at),
    [450, 720, 3_700],
  );
  tcp.of('api.example.').at(-1)?.answer(truth);
  t.same(heard.answer, truth);
});

test('a server that has answered others meanwhile is only slow: it gets neither (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server, 'slow.example.');
  await clock.advance(100);
  begin(server, 'quick.example.');
  udp.sends.at(-1)?.answer(message());
  const { again } = begin(server);
  await clock.advance(1_000);
  again();
  await clock.advance(100);
  const sent = () => [udp, tcp].map((transport) => transport.of('slow.example.').length);
  const before = sent();
  t.same(before, [3, 2]);
  begin(server, 'quick.example.');
  udp.sends.at(-1)?.answer(message());
  t.same(sent(), before);
});

test('a server that is back is sent no more of what it may be answering just then (U2)', async (t) => {
  for (const age of [50, 200]) {
    const { clock, udp, server } = scriptedServer();
    begin(server, 'a.example.');
    begin(server, 'b.example.');
    await clock.advance(1_300 - age);
    begin(server, 'young.example.');
    await clock.advance(age);
    const ofYoung = () => udp.of('young.example.');
    const sent = ofYoung().length;
    udp.of('.').at(-1)?.answer(message());
    t.equal(ofYoung().length, sent, `asked ${age} ms ago`);
  }
  const cut = scriptedServer();
  begin(cut.server);
  await cut.clock.advance(900);
  cut.udp.nth(1).answer(message(), { truncated: true });
  await cut.clock.advance(100);
  t.equal(cut.udp.sends.length, 2 + 1, 'nor what has been heard: the third is a probe with an OPT');
});

test('a client that asks again has it sent again, a second after it last did and no sooner (L5)', async (t) => {
  const { clock, udp, tcp, server } = knowingServer();
  const { heard, again } = begin(server);
  for (let at = 0; at < 3_500; at += 50) {
    again();
    await clock.advance(50);
  }
  t.same(udp.times, [0, 150, 1_000, 2_000, 3_000], 'whatever went over TCP');
  t.equal(tcp.sends.length, 2);
  await clock.advance(500);
  udp.nth(3).answer(truth);
  t.same(heard.answer, truth);
  again();
  t.equal(udp.sends.length, 5, 'what is over is not asked again');
});

test('after TC, or over TLS, a client that asks again makes no datagram (L5, U4, U5)', async (t) => {
  const plain = scriptedServer();
  const cut = begin(plain.server);
  plain.udp.nth(0).answer(message(), { truncated: true });
  await plain.clock.advance(999);
  cut.again();
  t.equal(plain.udp.sends.length, 1);
  const late = scriptedServer();
  const cutLate = begin(late.server);
  await late.clock.advance(100);
  late.udp.nth(0).answer(message(), { truncated: true });
  await late.clock.advance(950);
  cutLate.again();
  t.equal(late.udp.sends.length, 1, 'while TCP has its time');
  const { clock, udp, tcp, secure, server } = scriptedServer('tls://192.0.2.53?name=dns.example');
  const { again } = begin(server);
  await clock.advance(2_500);
  again();
  t.same(secure.times, [0, 1_000, 2_500]);
  t.equal(udp.sends.length + tcp.sends.length, 0);
});

test('the answer to any send wins, and the others are closed (F1)', async (t) => {
  for (const place of [0, 1, 2]) {
    const { clock, udp, tcp, server } = knowingServer();
    const { heard } = begin(server);
    await clock.advance(4_000);
    udp.nth(place).answer(truth);
    t.same(heard.answer, truth, `send ${place}`);
    t.equal(udp.listening + tcp.listening, 0);
    t.equal(clock.timers, 0);
  }
});

test('an answer is a rescue where a resend brought it before the first datagram was answered (F1)', async (t) => {
  const rescues = async (...answered: number[]) => {
    const { clock, udp, tallies, server } = scriptedServer();
    begin(server);
    await clock.advance(150);
    for (const place of answered) udp.nth(place).answer(truth);
    return tallies.rescues.value;
  };
  t.equal(await rescues(0), 0);
  t.equal(await rescues(1), 1);
  const { udp, tallies, server } = scriptedServer();
  begin(server);
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  udp.nth(1).answer(truth);
  t.equal(tallies.rescues.value, 0, 'what is sent for another reason is none');
  const guessed = scriptedServer();
  begin(guessed.server);
  guessed.udp.nth(0).suspect('wrong-id');
  guessed.tcp.nth(0).answer(truth);
  t.equal(guessed.tallies.rescues.value, 0);
});

test('AD is believed only of a server that nobody can speak for (RFC 6840 §5.7)', (t) => {
  for (const [url, isTrusted] of [
    ['udp://127.0.0.1', true],
    ['udp://192.0.2.53', false],
  ] as const) {
    const { udp, server } = scriptedServer(url);
    const { heard } = begin(server);
    udp.nth(0).answer({ ...truth, authenticData: true });
    t.same(heard.answer, { ...truth, authenticData: isTrusted }, url);
  }
  t.end();
});

test('the timer follows what was measured, by class (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  for (let i = 0; i < 50; i++) {
    begin(server, 'kubernetes.default.svc.cluster.local.');
    await clock.advance(2);
    udp.sends.at(-1)?.answer(message());
  }
  const before = udp.sends.length;
  const start = clock.now();
  const inZone = begin(server, 'api.default.svc.cluster.local.');
  const elsewhere = begin(server, 'api.example.');
  await clock.advance(151);
  const times = (qname: string) =>
    udp.sends
      .slice(before)
      .filter(({ question }) => question.qname === qname)
      .map(({ at }) => at - start);
  t.same(times('api.default.svc.cluster.local.'), [0, 30]);
  t.same(times('api.example.'), [0, 150]);
  inZone.cancel();
  elsewhere.cancel();
});

test('the first timer is told, once (F2)', async (t) => {
  const { clock, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(149);
  t.equal(heard.slow, 0);
  await clock.advance(1);
  t.equal(heard.slow, 1);
  await clock.advance(4_000);
  t.equal(heard.slow, 1);
});

test('a resend may be taken over: this server keeps listening', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server, 'api.example.', () => true);
  await clock.advance(200);
  t.same(udp.times, [0]);
  await clock.advance(3_000);
  t.same(udp.times, [0, 450], 'and goes on by its own rounds, no more');
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
});

test('20 resends, then each waits 400 ms: a slow server is not sent double its load (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  for (let i = 0; i < 25; i++) begin(server, `n${i}.example.`);
  await clock.advance(150);
  t.equal(udp.sends.length, 25 + 20);
  await clock.advance(249);
  t.equal(udp.sends.length, 25 + 20);
  await clock.advance(1);
  t.equal(udp.sends.length, 25 + 25);
});

test('where no token is left, the wait counts from the last datagram, whatever went over TCP (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  for (let i = 0; i < 20; i++) begin(server, `n${i}.example.`);
  await clock.advance(150);
  const before = udp.sends.length;
  begin(server, 'last.example.');
  await clock.advance(100);
  udp.nth(before).suspect('wrong-id');
  await clock.advance(299);
  const resends = () => udp.sends.slice(before + 1).filter(isLast).length;
  const isLast = ({ question }: { question: { qname: string } }) =>
    question.qname === 'last.example.';
  t.equal(resends(), 0);
  await clock.advance(1);
  t.equal(resends(), 1);
});

test('tokens come back when the original stays unanswered, not when it was only slow (U2)', async (t) => {
  const resentLater = async (answered: 'original' | 'resend') => {
    const { clock, udp, server } = scriptedServer();
    const beginTwenty = () => {
      for (let i = 0; i < 20; i++) begin(server, `n${i}.example.`);
    };
    beginTwenty();
    await clock.advance(160);
    const [originals, resends] = [udp.sends.slice(0, 20), udp.sends.slice(20)];
    for (const send of answered === 'original' ? originals : resends) send.answer(message());
    const before = udp.sends.length;
    beginTwenty();
    await clock.advance(399);
    const names = udp.sends.slice(before + 20).map(({ question }) => question.qname);
    return new Set(names.filter((qname) => qname !== '.')).size;
  };
  t.equal(await resentLater('resend'), 20, 'lost: as often as it takes');
  t.equal(await resentLater('original'), 2, 'slow: what 20 questions have earned');
});

test('a datagram that this machine refused gives TCP no send more (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  udp.nth(0).fail('local');
  await clock.advance(450);
  t.equal(tcp.sends.length, 1);
  await clock.advance(10);
  udp.sends.at(-1)?.suspect('malformed');
  t.equal(tcp.sends.length, 1);
});

test('a datagram that is refused, here or on the way, counts as lost: timer, fresh socket, TCP (U2, F5)', async (t) => {
  for (const reason of ['local', 'refused', 'network'] as const) {
    const { udp, tcp, clock, server } = scriptedServer();
    const { heard, refusals } = begin(server);
    udp.nth(0).fail(reason);
    t.equal(refusals(), 1, 'it is told, so that another server may be asked');
    t.equal(heard.error, undefined);
    t.same(udp.times, [0], 'not again at once: what refused it is still there');
    await clock.advance(150);
    udp.nth(1).fail(reason);
    await clock.advance(300);
    tcp.nth(0).fail('refused');
    t.equal(heard.error, undefined);
    await clock.advance(270);
    tcp.nth(1).answer(truth);
    t.same(heard.answer, truth);
    t.equal(clock.timers, 0);
  }
});

test('what this machine refuses is none of the three sends, and is tried until one leaves (U2)', async (t) => {
  const { udp, clock, server } = scriptedServer();
  const { heard } = begin(server);
  const refuseUntil = async (end: number) => {
    for (; clock.now() < end; await clock.advance(10)) {
      for (const send of udp.sends) send.fail('local');
    }
  };
  await refuseUntil(1_000);
  t.same(udp.times, [0, 150, 200, 600]);
  await clock.advance(400);
  t.same(udp.times.slice(4), [1_400]);
  udp.nth(4).answer(truth);
  t.same(heard.answer, truth);
  t.equal(clock.timers, 0);
});

test('a client that asks again adds a datagram, but while the answer to the last one may still come (L5, U2)', async (t) => {
  const { udp, clock, server } = knowingServer();
  const { heard, again } = begin(server);
  for (; clock.now() < 1_300; await clock.advance(10)) {
    for (const send of udp.sends) send.fail('local');
  }
  await clock.advance(249);
  const left = udp.sends.length;
  t.equal(udp.times.at(-1), 1_400);
  again();
  t.equal(udp.sends.length, left, 'the last one left 149 ms ago');
  await clock.advance(1);
  again();
  t.equal(udp.sends.length, left + 1);
  udp.nth(left).answer(truth);
  t.same(heard.answer, truth);
  t.equal(clock.timers, 0);
});

test('where each send is refused, the last one ends it, with the reason of the first (U2, F5)', async (t) => {
  const { udp, tcp, clock, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).fail('local');
  await clock.advance(150);
  udp.nth(1).fail('refused');
  await clock.advance(4_050);
  for (const send of [...udp.sends.slice(2), ...tcp.sends]) send.fail('refused');
  t.match(heard.error, { reason: 'local' });
  t.equal(clock.timers, 0);
});

test('silence after refusals alone is no timeout of the server; one datagram that left makes it one (F5)', async (t) => {
  for (const left of [0, 1]) {
    const { udp, clock, server } = scriptedServer();
    const { heard } = begin(server);
    for (let at = 0; at < 4_500; at += 10) {
      for (const send of udp.sends.slice(left)) send.fail('local');
      await clock.advance(10);
    }
    t.equal(reasonOf(heard.error), left === 0 ? 'local' : 'timeout');
  }
});

test('a resend that is refused does not end the wait of the first', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(1).fail('refused');
  t.equal(heard.error, undefined);
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
});

test('closed from below ends it at once, whatever else is out', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(1).fail('closed');
  t.equal(reasonOf(heard.error), 'closed');
  t.equal(clock.timers, 0);
});

test('no socket: over TCP, unless a datagram is out, or has been out for 200 ms (S1)', async (t) => {
  const resend = scriptedServer();
  const first = begin(resend.server);
  await resend.clock.advance(150);
  resend.udp.nth(1).fail('full');
  t.equal(resend.tcp.sends.length, 0);
  resend.udp.nth(0).answer(truth);
  t.same(first.heard.answer, truth);
  for (const [out, reason] of [
    [199, undefined],
    [200, 'full'],
  ] as const) {
    const { clock, udp, tcp, tallies, server } = scriptedServer();
    await clock.advance(1_000);
    const { heard } = begin(server, 'api.example.', () => true);
    await clock.advance(out);
    udp.nth(0).fail('full');
    t.equal(reasonOf(heard.error), reason, `${out} ms`);
    t.equal(tcp.sends.length, reason === undefined ? 1 : 0);
    t.equal(tallies.tcpFallbacks.get('full'), tcp.sends.length);
  }
});

test('no socket and no TCP: full is what it fails with, and the server is not blamed (S1)', (t) => {
  const { udp, tcp, server, own } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('wrong-id');
  tcp.nth(0).fail('refused');
  udp.nth(0).fail('full');
  t.equal(heard.error?.message, 'scripted: full');
  const second = begin(server);
  udp.nth(1).fail('full');
  tcp.nth(1).fail('full');
  t.equal(reasonOf(second.heard.error), 'full');
  t.equal(own?.unanswered.value, 0);
  t.end();
});

test('a question that stays unanswered is counted once: at 1 s, or when it fails (U1)', async (t) => {
  const { clock, server, own } = scriptedServer();
  await clock.advance(700);
  const { heard } = begin(server);
  await clock.advance(999);
  t.equal(own?.unanswered.value, 0);
  await clock.advance(1);
  t.equal(own?.unanswered.value, 1);
  await clock.advance(3_499);
  t.equal(heard.error, undefined);
  await clock.advance(1);
  t.equal(reasonOf(heard.error), 'timeout');
  t.equal(own?.unanswered.value, 1);
  const { heard: other } = begin(server);
  await clock.advance(1_000);
  t.equal(own?.unanswered.value, 2);
  t.equal(other.error, undefined);
});

test('a server that has said anything has not left the question unanswered (U1)', async (t) => {
  const words: ((script: ReturnType<typeof scriptedServer>) => void)[] = [
    ({ udp }) => udp.nth(0).answer(message(), { truncated: true }),
    ({ udp }) => udp.nth(0).suspect('malformed'),
    ({ udp }) => udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false }),
  ];
  for (const say of words) {
    for (const waited of [0, 5_000]) {
      const script = scriptedServer();
      const { cancel } = begin(script.server);
      await script.clock.advance(200);
      say(script);
      await script.clock.advance(waited);
      cancel();
      t.equal(script.own?.unanswered.value, 0);
    }
  }
});

test('two unanswered questions are a doubt, and any word ends it (U6)', async (t) => {
  const words: ((script: ReturnType<typeof scriptedServer>) => void)[] = [
    ({ udp }) => udp.nth(0).answer(message({ rcode: Rcode.SERVFAIL })),
    ({ udp }) => udp.nth(0).suspect('malformed'),
  ];
  for (const say of words) {
    const script = scriptedServer();
    for (let i = 0; i < 2; i++) begin(script.server);
    await script.clock.advance(1_000);
    t.equal(script.server.doubtful, true);
    say(script);
    t.equal(script.server.doubtful, false);
  }
});

test('a bug below is passed on as it is, at once, and the server is not blamed', async (t) => {
  const { clock, udp, server, own } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(0).failWith(new TypeError('bug'));
  t.equal(heard.error?.name, 'TypeError');
  t.equal(own?.unanswered.value, 0);
});

test('SERVFAIL is an answer like any other: RCODEs are data', (t) => {
  const { udp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).answer(message({ rcode: Rcode.SERVFAIL }));
  t.equal(heard.answer?.rcode, Rcode.SERVFAIL);
  t.end();
});

test('cancelled: nothing is told, everything is closed', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard, cancel } = begin(server);
  await clock.advance(500);
  cancel();
  cancel();
  t.equal(udp.listening + tcp.listening, 0);
  t.equal(clock.timers, 0);
  t.same(heard, { slow: 1 });
});

test('only a server that was overtaken after its timer is blamed for it (U6)', async (t) => {
  const early = scriptedServer();
  const first = begin(early.server);
  await early.clock.advance(149);
  first.cancel();
  t.equal(early.own?.unanswered.value, 0);
  t.equal(early.server.expectedRoundTrip(outgoing('api.example.')), undefined);
  const late = scriptedServer();
  await late.clock.advance(1_000);
  const second = begin(late.server);
  await late.clock.advance(150);
  second.cancel();
  t.equal(late.own?.unanswered.value, 1);
  t.equal(late.server.expectedRoundTrip(outgoing('api.example.')), 150);
});

test('cancelled when it is over: nothing is counted any more', async (t) => {
  const { clock, server, own } = scriptedServer();
  const { cancel } = begin(server);
  await clock.advance(4_500);
  cancel();
  t.equal(own?.unanswered.value, 1);
  t.equal(server.expectedRoundTrip(outgoing('api.example.')), undefined);
});

test('each answer is measured from its own send; what TCP took says nothing of the datagrams (U2)', async (t) => {
  const { clock, udp, tcp, server, own } = scriptedServer();
  begin(server);
  await clock.advance(170);
  udp.nth(1).answer(message(), { truncated: true });
  t.equal(own?.latency.sum, 0.02);
  await clock.advance(300);
  tcp.nth(0).answer(truth);
  t.equal(own?.latency.count, 2);
  t.equal(server.expectedRoundTrip(outgoing('api.example.')), 20);
});

test('UDP silent and TCP answering three times in a row: TCP first, until a probe of UDP is answered (U2, RFC 7766 §5)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const answeredByTcp = async () => {
    const { heard } = begin(server);
    await clock.advance(450);
    tcp.sends.at(-1)?.answer(truth);
    t.same(heard.answer, truth);
  };
  await answeredByTcp();
  await answeredByTcp();
  begin(server);
  udp.sends.at(-1)?.answer(truth);
  for (let i = 0; i < 3; i++) await answeredByTcp();
  const datagrams = () => udp.sends.filter(({ question }) => question.qname !== '.').length;
  const before = datagrams();
  const { heard } = begin(server);
  tcp.sends.at(-1)?.answer(truth);
  t.same(heard.answer, truth, 'at once');
  t.equal(datagrams(), before);
  const silent = begin(server);
  await clock.advance(250);
  t.equal(datagrams(), before + 1, 'TCP that says nothing is worked around');
  silent.cancel();
  await clock.advance(10_000);
  const probes = udp.of('.');
  t.ok(probes.length >= 3 && probes.length <= 5, `${probes.length} probes`);
  probes.at(-1)?.answer(message());
  begin(server).cancel();
  t.equal(datagrams(), before + 2, 'UDP is first again');
  server.close();
  t.equal(clock.timers, 0);
});

test('when the last sends are refused, and none is due, the question is over (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  for (; clock.now() < 4_200; await clock.advance(10)) {
    for (const send of [...udp.sends, ...tcp.sends]) send.fail('network');
  }
  t.equal(heard.error, undefined);
  for (const send of [...tcp.sends, ...udp.sends]) send.fail('network');
  t.equal(reasonOf(heard.error), 'network');
  t.equal(clock.timers, 0);
  const local = scriptedServer();
  const refused = begin(local.server);
  for (; local.clock.now() < 3_700; await local.clock.advance(10)) {
    for (const send of local.tcp.sends) send.fail('network');
    for (const send of local.udp.sends) send.fail('local');
  }
  t.equal(refused.heard.error, undefined, 'the kernel is asked again');
  await local.clock.advance(300);
  local.udp.sends.at(-1)?.answer(truth);
  t.same(refused.heard.answer, truth);
});

test('a question that could not be sent counts as unanswered at once, one without a socket does not (S1)', (t) => {
  for (const [reason, count] of [
    ['network', 1],
    ['full', 0],
  ] as const) {
    const { secure, server, own } = scriptedServer('tls://192.0.2.53');
    const { heard } = begin(server);
    secure.nth(0).fail(reason);
    t.equal(reasonOf(heard.error), reason);
    t.equal(own?.unanswered.value, count, reason);
  }
  t.end();
});

test('a question that is over is not sent again when its server is heard (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { cancel } = begin(server);
  begin(server, 'b.example.');
  await clock.advance(1_200);
  cancel();
  await clock.advance(100);
  const ofIt = () => udp.of('api.example.').length;
  const sent = ofIt();
  udp.of('.').at(-1)?.answer(message());
  t.equal(ofIt(), sent);
});
