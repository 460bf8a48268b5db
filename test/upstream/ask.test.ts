import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { HttpFailure } from '../../src/upstream/https-exchange.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { a, message } from '../support/messages.ts';
import { outgoing } from './loopback.ts';
import { begin, reasonOf, scriptedServer } from './scripted-server.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

/** One that has refused an OPT and answered without: it is asked without from then on. */
function plainServer() {
  const parts = scriptedServer();
  begin(parts.server, 'first.example.');
  parts.udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  parts.udp.nth(1).answer(message());
  return parts;
}

/** One that has answered an OPT, so that a lost one makes no doubt; its timer for the names asked here is the first one. */
function knowingServer() {
  const parts = scriptedServer();
  begin(parts.server, 'first.local.');
  parts.udp.nth(0).answer(message());
  parts.udp.sends.length = 0;
  return parts;
}

test('one datagram, one answer, nothing left (F1)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(20);
  udp.nth(0).answer(truth);
  t.same(heard, { answer: truth, slow: 0 });
  t.equal(clock.timers, 0);
  t.equal(udp.sends.length + tcp.sends.length, 1);
});

test('an outage: again after 150 ms, over TCP after 300 more and once again; then late, over both (U2)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(4_499);
  t.same(udp.times, [0, 150, 3_600], 'at most 3 sends per transport (RFC 9520)');
  t.same(tcp.times, [450, 720, 3_600]);
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
    const times = udp.sends.filter(({ question }) => question.qname === 'api.example.');
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
  const probe = udp.sends.findLast(({ question }) => question.qname === '.');
  t.equal(udp.sends.length, 4 + 2, 'two sends each, and two probes');
  probe?.answer(message());
  t.same(udp.times.slice(-2), [1_300, 1_300]);
  udp.sends.at(-2)?.answer(truth);
  t.same(first.heard.answer, truth);
});

test('a server that is back is sent no more of what it may be answering just then (U2)', async (t) => {
  for (const age of [50, 200]) {
    const { clock, udp, server } = scriptedServer();
    begin(server, 'a.example.');
    begin(server, 'b.example.');
    await clock.advance(1_300 - age);
    begin(server, 'young.example.');
    await clock.advance(age);
    const ofYoung = () => udp.sends.filter(({ question }) => question.qname === 'young.example.');
    const sent = ofYoung().length;
    udp.sends.findLast(({ question }) => question.qname === '.')?.answer(message());
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

test('TC: over TCP at once, no more datagrams, and the pair need not wait (U4, F2)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(10);
  udp.nth(0).answer(message(), { truncated: true });
  t.same(tcp.times, [10]);
  t.equal(heard.slow, 1);
  await clock.advance(500);
  t.equal(udp.sends.length, 1);
  tcp.nth(0).answer(truth);
  t.same(heard.answer, truth);
  t.equal(tallies.tcpFallbacks.get('truncated'), 1);
  t.equal(clock.timers, 0);
});

test('TC and no TCP: what the truncated reply holds counts, at refusal or after 1 s', async (t) => {
  for (const refused of [true, false]) {
    const { clock, udp, tcp, server } = scriptedServer();
    const { heard } = begin(server);
    udp.nth(0).answer(truth, { truncated: true });
    t.equal(heard.answer, undefined);
    if (refused) tcp.nth(0).fail('refused');
    else await clock.advance(1_000);
    const marked = { ...truth, truncated: true };
    t.same(heard.answer, marked, refused ? 'refused' : 'silent');
    t.equal(clock.timers, 0);
  }
});

test('TC and no TCP any more: what the truncated reply holds counts at once (U4)', (t) => {
  const words: [ReturnType<typeof message>, string | undefined][] = [
    [truth, undefined],
    [message({ rcode: Rcode.NXDOMAIN }), undefined],
    [message(), 'network'],
  ];
  for (const [word, reason] of words) {
    const { clock, udp, tcp, tallies, server } = scriptedServer();
    const { heard } = begin(server);
    udp.nth(0).suspect('wrong-id');
    tcp.nth(0).fail('refused');
    udp.nth(0).answer(word, { truncated: true });
    t.same(heard.answer, reason === undefined ? { ...word, truncated: true } : undefined);
    t.equal(reasonOf(heard.error), reason);
    t.equal(tallies.tcpFallbacks.get('truncated'), 0);
    t.equal(clock.timers, 0);
  }
  t.end();
});

test('TC after an outage that refused TCP: a server that is back is asked over TCP again (U2)', async (t) => {
  const { clock, udp, tcp, server } = knowingServer();
  const { heard } = begin(server);
  await clock.advance(450);
  tcp.nth(0).fail('refused');
  await clock.advance(270);
  tcp.nth(1).fail('refused');
  udp.nth(1).answer(message(), { truncated: true });
  t.equal(heard.error, undefined);
  tcp.nth(2).answer(truth);
  t.same(heard.answer, truth);
  t.equal(clock.timers, 0);
});

test('TC after an outage: a connection that has been silent for 250 ms is not waited for (U2)', async (t) => {
  for (const [at, asked] of [
    [970, 2],
    [971, 3],
  ] as const) {
    const { clock, udp, tcp, server } = knowingServer();
    const { heard } = begin(server);
    await clock.advance(at);
    udp.nth(1).answer(message(), { truncated: true });
    t.equal(tcp.sends.length, asked, `at ${at} ms`);
    tcp.nth(asked - 1).answer(truth);
    t.same(heard.answer, truth);
    t.equal(clock.timers, 0);
  }
});

test('TC after an outage: a connection that was refused is no send, one that broke is (RFC 9520)', async (t) => {
  for (const [reason, asked] of [
    ['refused', 4],
    ['network', 3],
  ] as const) {
    const { clock, udp, tcp, server } = scriptedServer();
    begin(server);
    await clock.advance(450);
    tcp.nth(0).fail(reason);
    await clock.advance(270);
    tcp.nth(1).fail(reason);
    await clock.advance(2_880);
    tcp.nth(2).fail(reason);
    udp.nth(2).answer(message(), { truncated: true });
    t.equal(tcp.sends.length, asked, reason);
  }
});

test('TC after an outage: a connection that is lost after another answer is followed by a new one (RFC 7766 §6.2.4)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  await clock.advance(450);
  tcp.nth(0).fail('refused');
  await clock.advance(270);
  tcp.nth(1).fail('refused');
  udp.nth(1).answer(message(), { truncated: true });
  const again = [0, 1, 2].map(() => tcp.nth(2).mayGoAgain());
  t.same(again, [true, true, false], 'three sends, those not counted that were refused');
});

test('a malformed reply to an OPT over TCP is followed by a query without one (U4)', async (t) => {
  const { clock, udp, tcp, server } = knowingServer();
  const { heard } = begin(server);
  udp.nth(0).fail('local');
  await clock.advance(450);
  t.equal(tcp.nth(0).edns, true);
  tcp.nth(0).fail('malformed');
  t.equal(heard.error, undefined);
  t.equal(tcp.nth(1).edns, false);
  tcp.nth(1).answer(truth);
  t.same(heard.answer, truth);
  t.equal(clock.timers, 0);
  const needing = scriptedServer();
  const { heard: told } = begin(needing.server, 'api.example.', () => false, { dnssecOk: true });
  needing.udp.nth(0).fail('local');
  await needing.clock.advance(450);
  needing.tcp.nth(0).fail('malformed');
  t.equal(reasonOf(told.error), 'malformed', 'not where the client needs it');
});

test('TC over TCP is all there is, and says so', (t) => {
  const { tcp, server } = scriptedServer('tcp://127.0.0.1');
  const { heard } = begin(server);
  tcp.nth(0).answer(truth, { truncated: true });
  t.same(heard, { answer: { ...truth, truncated: true }, slow: 0 });
  t.end();
});

test('TC over TCP with nothing in it is no NODATA either: what UDP brought counts, if it brought anything', (t) => {
  const alone = scriptedServer('tls://192.0.2.53');
  const first = begin(alone.server);
  alone.secure.nth(0).answer(message(), { truncated: true });
  t.equal(reasonOf(first.heard.error), 'malformed');
  t.equal(alone.clock.timers, 0);
  const { udp, tcp, server } = scriptedServer();
  const second = begin(server);
  udp.nth(0).answer(truth, { truncated: true });
  tcp.nth(0).answer(message(), { truncated: true });
  t.same(second.heard.answer, { ...truth, truncated: true });
  t.end();
});

test('what a truncated reply holds counts as soon as TCP fails, though a datagram is still out', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(1).answer(truth, { truncated: true });
  tcp.nth(0).fail('network');
  t.same(heard.answer, { ...truth, truncated: true });
});

test('the first truncated reply counts, and 1 s from it is the wait (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(200);
  udp.nth(0).answer(truth, { truncated: true });
  await clock.advance(500);
  udp.nth(1).answer(message({ rcode: Rcode.NXDOMAIN }), { truncated: true });
  await clock.advance(499);
  t.equal(heard.answer, undefined);
  await clock.advance(1);
  t.same(heard.answer, { ...truth, truncated: true });
  t.equal(clock.timers, 0);
  const later = scriptedServer();
  begin(later.server);
  await later.clock.advance(200);
  later.udp.nth(0).answer(truth, { truncated: true });
  later.udp.nth(1).answer(truth, { truncated: true });
  later.tcp.nth(0).answer(truth);
  t.equal(later.clock.timers, 0, 'there is one such wait');
});

test('an empty truncated reply is no NODATA', async (t) => {
  for (const reason of ['refused', 'timeout'] as const) {
    const { clock, udp, tcp, server } = scriptedServer();
    const { heard } = begin(server);
    udp.nth(0).answer(message(), { truncated: true });
    if (reason === 'refused') tcp.nth(0).fail(reason);
    else await clock.advance(1_000);
    t.equal(heard.answer, undefined);
    t.equal(reasonOf(heard.error), reason);
  }
});

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

test('a server that drops each OPT is asked without one over TCP too, once a plain datagram was answered (U4)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  await clock.advance(150);
  udp.nth(1).answer(message(), { truncated: true });
  t.equal(tcp.nth(0).edns, false);
  const damaged = scriptedServer();
  begin(damaged.server);
  await damaged.clock.advance(150);
  damaged.udp.nth(1).suspect('malformed');
  t.equal(damaged.tcp.nth(0).edns, false, 'damaged, but an answer');
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

test('a damaged reply over TCP counts with what is whole of it, where UDP was truncated (U3)', (t) => {
  const part = { ...truth, partial: true as const };
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).answer(message(), { truncated: true });
  tcp.nth(0).failWithPart(part);
  tcp.nth(1).failWithPart(part);
  t.same(heard.answer, part);
  t.equal(clock.timers, 0);
  t.end();
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
  await clock.advance(4_000);
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

test('TCP that fails does not end the wait for a datagram', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(450);
  tcp.nth(0).fail('network');
  t.equal(heard.error, undefined);
  udp.nth(1).answer(truth);
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

test('FORMERR or NOTIMP to EDNS: again without, and remembered (U4, RFC 6891 §7)', async (t) => {
  for (const rcode of [Rcode.FORMERR, Rcode.NOTIMP]) {
    const { clock, udp, tallies, server } = scriptedServer();
    const { heard } = begin(server);
    udp.nth(0).answer(message({ rcode }), { edns: false });
    t.equal(udp.nth(1).edns, false);
    udp.nth(1).answer(truth);
    t.same(heard.answer, truth);
    begin(server).cancel();
    t.equal(udp.nth(2).edns, false, 'remembered');
    await clock.advance(600_000);
    begin(server).cancel();
    t.equal(udp.nth(3).edns, true, 'for ten minutes');
    t.equal(tallies.ednsFallbacks.value, 1);
  }
});

test('a FORMERR that has nothing to do with EDNS is the answer, and not remembered', (t) => {
  const { udp, server } = scriptedServer();
  const formerr = message({ rcode: Rcode.FORMERR });
  const { heard } = begin(server);
  udp.nth(0).answer(formerr, { edns: false });
  udp.nth(1).answer(formerr);
  t.same(heard.answer, formerr);
  begin(server).cancel();
  t.equal(udp.nth(2).edns, true);
  t.end();
});

test('a refusal that has an OPT of its own is not remembered, whatever comes without (U4)', (t) => {
  const { udp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: true });
  udp.nth(1).answer(truth);
  t.same(heard.answer, truth);
  begin(server).cancel();
  t.equal(udp.nth(2).edns, true);
  t.end();
});

test('a question to a server that is known to refuse EDNS is answered like any other (U4)', (t) => {
  const { udp, tallies, server } = scriptedServer();
  begin(server);
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  udp.nth(1).answer(truth);
  const { heard } = begin(server);
  udp.nth(2).answer(truth);
  t.same(heard.answer, truth);
  t.equal(tallies.ednsFallbacks.value, 1);
  t.end();
});

test('a refusal of EDNS: what went without already is waited for; where nothing is out any more, it is the answer', async (t) => {
  const formerr = message({ rcode: Rcode.FORMERR });
  const { clock, udp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(0).answer(formerr, { edns: false });
  t.equal(heard.answer, undefined);
  t.equal(tallies.ednsFallbacks.value, 1);
  t.equal(udp.sends.length, 2, 'the resend had no OPT');
  udp.nth(1).answer(truth);
  t.same(heard.answer, truth);

  const spent = scriptedServer();
  const last = begin(spent.server);
  await spent.clock.advance(4_000);
  for (const send of [...spent.udp.sends.slice(1), ...spent.tcp.sends]) send.fail('network');
  spent.udp.nth(0).answer(formerr, { edns: false });
  t.same(last.heard.answer, formerr);
});

test('a server that refused EDNS once and took it once is not remembered for refusing', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server, 'api.example.', () => false, { dnssecOk: true });
  await clock.advance(150);
  t.equal(udp.nth(1).edns, true, 'what a client needs for DNSSEC stays');
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  t.equal(udp.nth(2).edns, false);
  udp.nth(1).answer(truth);
  t.same(heard.answer, truth);
  begin(server).cancel();
  t.equal(udp.nth(3).edns, true);
});

test('each resend goes without an OPT, on each transport: the first may be lost in an outage (U4)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  await clock.advance(4_000);
  const opts = (sends: readonly { edns: boolean }[]) => sends.map(({ edns }) => edns);
  t.same(opts(udp.sends.filter(({ question }) => question.qname !== '.')), [true, false, false]);
  t.same(opts(tcp.sends), [true, false, false]);
  const refusing = scriptedServer();
  begin(refusing.server);
  refusing.udp.nth(0).fail('local');
  await refusing.clock.advance(150);
  t.equal(refusing.udp.nth(1).edns, true, 'what never left says nothing of the OPT');
});

test('a server that drops what has an OPT is asked without after a question, until a probe is answered (U4)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(1).answer(truth);
  t.same(heard.answer, truth);
  const lastOpt = () => {
    begin(server).cancel();
    return udp.sends.at(-1)?.edns;
  };
  t.equal(lastOpt(), false, 'while the first probe is out');
  await clock.advance(1_600);
  t.equal(lastOpt(), false, 'when all are lost');
  await clock.advance(60_000);
  const probe = udp.sends.findLast(({ question }) => question.qname === '.');
  t.equal(probe?.edns, true, 'only a probe tries it again');
  probe?.answer(message());
  t.equal(lastOpt(), true);
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

test('to go without EDNS does not make a fourth send (RFC 9520)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server, 'api.example.', () => false, { dnssecOk: true });
  await clock.advance(3_600);
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  t.equal(udp.sends.length, 3);
  tcp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  t.equal(heard.answer, undefined, 'others still listen');
  udp.nth(2).answer(truth);
  t.same(heard.answer, truth);
});

test('a server that refuses EDNS and then falls silent: its word stands (U4)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const notimp = message({ rcode: Rcode.NOTIMP });
  const { heard } = begin(server);
  udp.nth(0).answer(notimp, { edns: false });
  await clock.advance(4_500);
  t.same(heard.answer, notimp);
});

test('SERVFAIL is an answer like any other: RCODEs are data', (t) => {
  const { udp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).answer(message({ rcode: Rcode.SERVFAIL }));
  t.equal(heard.answer?.rcode, Rcode.SERVFAIL);
  t.end();
});

test('tcp:// is asked over TCP only', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer('tcp://127.0.0.1');
  const { heard } = begin(server);
  await clock.advance(249);
  tcp.nth(0).answer(truth);
  t.same(heard, { answer: truth, slow: 0 });
  t.equal(udp.sends.length, 0);
  t.equal(clock.timers, 0);
});

test('tcp:// silent for 250 ms: UDP comes to the rescue, with its own rounds', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer('tcp://127.0.0.1');
  const { heard } = begin(server);
  await clock.advance(4_000);
  t.same(udp.times, [250, 400, 3_600]);
  t.same(tcp.times, [0, 970, 3_600]);
  t.equal(heard.slow, 1);
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
  t.equal(tallies.tcpFallbacks.get('silence'), 0, 'it was on TCP before');
});

test('tcp:// that is only slow: 20 rescues, then none before a second is over (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer('tcp://127.0.0.1');
  for (let i = 0; i < 25; i++) begin(server, `n${i}.example.`);
  await clock.advance(999);
  t.equal(new Set(udp.sends.map(({ question }) => question.qname)).size, 20);
  await clock.advance(1);
  t.equal(new Set(udp.sends.map(({ question }) => question.qname)).size, 25);
  t.equal(tcp.sends.filter(({ question }) => question.qname !== '.').length, 25, 'but for probes');
});

test('tcp:// whose connections break: UDP at once, with its rounds; refused: over at once', async (t) => {
  const broken = scriptedServer('tcp://127.0.0.1');
  const first = begin(broken.server);
  broken.tcp.nth(0).fail('network');
  t.same(broken.udp.times, [0]);
  t.equal(first.heard.slow, 1, 'its pair need not wait (F2)');
  broken.udp.nth(0).fail('refused');
  t.equal(first.heard.error, undefined);
  await broken.clock.advance(150);
  broken.udp.nth(1).answer(truth);
  t.same(first.heard.answer, truth);
  const refused = scriptedServer('tcp://127.0.0.1');
  const second = begin(refused.server);
  refused.tcp.nth(0).fail('refused');
  t.equal(reasonOf(second.heard.error), 'refused');
  t.equal(refused.udp.sends.length, 0);
  t.equal(broken.clock.timers + refused.clock.timers, 0);
});

test('tcp:// rescued once is not rescued again, and an answer leaves no timer', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer('tcp://127.0.0.1');
  const { heard } = begin(server);
  await clock.advance(250);
  tcp.nth(0).fail('network');
  t.equal(udp.sends.length, 1);
  t.equal(heard.error, undefined);
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
  begin(server);
  tcp.nth(1).fail('network');
  udp.nth(1).answer(truth);
  t.equal(clock.timers, 0);
});

test('tcp:// whose rescue is refused and whose connection breaks then: the rounds go on (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer('tcp://127.0.0.1');
  const { heard } = begin(server);
  await clock.advance(250);
  udp.nth(0).fail('refused');
  t.equal(heard.error, undefined);
  tcp.nth(0).fail('network');
  t.equal(heard.error, undefined);
  await clock.advance(150);
  t.same(udp.times, [250, 400]);
});

test('tcp:// that stays unanswered gives its tokens back: as many rescues as it takes (U2)', async (t) => {
  const { clock, udp, server } = scriptedServer('tcp://127.0.0.1');
  for (const times of [1, 2, 3]) {
    for (let i = 0; i < 20; i++) begin(server, `n${i}.example.`);
    await clock.advance(250);
    t.equal(udp.sends.length, 20 * times);
    for (const send of udp.sends) send.answer(message());
  }
});

test('tls:// silent for 1 s is asked once more, on another connection, and nothing goes in clear text (U5)', async (t) => {
  const { clock, udp, tcp, secure, tallies, server } = scriptedServer('tls://192.0.2.53');
  const { heard } = begin(server);
  await clock.advance(999);
  t.equal(heard.slow, 0);
  t.same(secure.times, [0]);
  await clock.advance(1);
  t.equal(heard.slow, 1);
  t.same(secure.times, [0, 1_000]);
  t.equal(secure.nth(1).edns, true, 'over TLS nothing drops an OPT, and padding is in it');
  await clock.advance(3_499);
  t.equal(secure.sends.length, 2);
  t.equal(heard.error, undefined);
  await clock.advance(1);
  t.equal(reasonOf(heard.error), 'timeout');
  t.equal(udp.sends.length + tcp.sends.length, 0);
  t.equal(tallies.retransmissions.value, 0);
  t.equal(clock.timers, 0);
});

test('tls:// that has said something is not left, and one that breaks is over at once (U5)', async (t) => {
  const speaking = scriptedServer('tls://192.0.2.53');
  const first = begin(speaking.server);
  speaking.secure.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  await speaking.clock.advance(2_000);
  t.same(speaking.secure.times, [0, 0]);
  t.equal(first.heard.slow, 0);
  for (const reason of ['network', 'refused', 'untrusted'] as const) {
    const { clock, secure, server } = scriptedServer('tls://192.0.2.53');
    const { heard } = begin(server);
    secure.nth(0).fail(reason);
    t.equal(reasonOf(heard.error), reason);
    t.equal(heard.slow, 0);
    t.equal(clock.timers, 0);
  }
});

test('tls:// whose first connection breaks when the second is asked: the second is heard out (U5)', async (t) => {
  const { clock, secure, server } = scriptedServer('tls://192.0.2.53');
  const { heard } = begin(server);
  await clock.advance(1_000);
  secure.nth(0).fail('network');
  t.equal(heard.error, undefined);
  secure.nth(1).answer(truth);
  t.same(heard.answer, truth);
});

test('https:// that is silent and then says a status: a request that got one is a send, a refused connection is none (RFC 9520)', async (t) => {
  for (const [error, asked] of [
    [new HttpFailure(503, 'HTTP 503'), [true, false]],
    [new UpstreamError('refused', 'ECONNREFUSED'), [true, true, false]],
  ] as const) {
    const { clock, secure, server } = scriptedServer('https://192.0.2.53/dns-query');
    begin(server);
    await clock.advance(1_000);
    t.same(secure.times, [0, 1_000]);
    secure.nth(0).failWith(error);
    const again = asked.map(() => secure.nth(1).mayGoAgain());
    t.same(again, asked, error.message);
  }
});

test('tls:// that sends what cannot be read, or what nobody asked for: nothing goes in clear text (U5)', async (t) => {
  for (const [suspicion, reason] of [
    ['malformed', 'malformed'],
    ['wrong-id', undefined],
  ] as const) {
    const { clock, udp, tcp, secure, server } = scriptedServer('tls://192.0.2.53');
    const { heard } = begin(server);
    secure.nth(0).suspect(suspicion);
    await clock.advance(999);
    t.equal(reasonOf(heard.error), reason);
    t.equal(udp.sends.length + tcp.sends.length, 0);
  }
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
  const probes = udp.sends.filter(({ question }) => question.qname === '.');
  t.ok(probes.length >= 3 && probes.length <= 5, `${probes.length} probes`);
  probes.at(-1)?.answer(message());
  begin(server).cancel();
  t.equal(datagrams(), before + 2, 'UDP is first again');
  server.close();
  t.equal(clock.timers, 0);
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

test('a doubted server gets an OPT where the client needs one, and as soon as a probe is answered (U4)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  begin(server, 'first.example.');
  await clock.advance(150);
  udp.nth(1).answer(message());
  t.match(udp.nth(2), { edns: true, question: { qname: '.' } }, 'the probe');
  begin(server);
  t.equal(udp.nth(3).edns, false);
  begin(server, 'signed.example.', () => false, { dnssecOk: true });
  t.equal(udp.nth(4).edns, true);
  udp.nth(2).answer(message());
  begin(server, 'last.example.');
  t.equal(udp.nth(5).edns, true, 'it was loss');
});

test('records beside an OPT are used where nothing else comes, and any other reply is better (U3)', async (t) => {
  const part = { ...truth, partial: true as const };
  const silent = scriptedServer();
  const { heard, unread } = begin(silent.server);
  silent.udp.nth(0).suspect('malformed', part, true);
  t.equal(unread(), 1, 'another server may have something better');
  t.equal(silent.udp.nth(1).edns, false);
  silent.tcp.nth(0).fail('refused');
  await silent.clock.advance(999);
  t.equal(heard.answer, undefined, 'the reply to the query without an OPT is waited for');
  await silent.clock.advance(1);
  t.same(heard.answer, part);
  const whole = scriptedServer();
  const better = begin(whole.server);
  whole.udp.nth(0).suspect('malformed', part, true);
  await whole.clock.advance(999);
  whole.udp.nth(1).answer(message({ rcode: Rcode.NXDOMAIN }));
  t.equal(better.heard.answer?.rcode, Rcode.NXDOMAIN);
  const other = { ...part, answer: [a('api.example.', '192.0.2.2')] };
  const damaged = scriptedServer();
  const cut = begin(damaged.server);
  damaged.udp.nth(0).suspect('malformed', part, true);
  damaged.udp.nth(1).suspect('malformed', other);
  await damaged.clock.advance(250);
  t.same(cut.heard.answer, other);
});

test('records beside an OPT, and no more than TC without one: they are used after 250 ms (U3)', async (t) => {
  const part = { ...truth, partial: true as const };
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed', part, true);
  udp.nth(1).answer(message(), { truncated: true });
  await clock.advance(249);
  t.equal(heard.answer, undefined, 'TCP may bring all of them');
  await clock.advance(1);
  t.same(heard.answer, part);
  t.equal(tcp.nth(0).isClosed, true);
  const refused = scriptedServer();
  const second = begin(refused.server);
  refused.udp.nth(0).suspect('malformed', part, true);
  refused.udp.nth(1).answer(message(), { truncated: true });
  refused.tcp.nth(0).fail('refused');
  t.same(second.heard.answer, part);
  const short = { ...part, answer: [a('api.example.', '192.0.2.2')] };
  const some = scriptedServer();
  const third = begin(some.server);
  some.udp.nth(0).suspect('malformed', part, true);
  some.udp.nth(1).answer(short, { truncated: true });
  some.tcp.nth(0).fail('refused');
  t.same(
    third.heard.answer,
    { ...short, truncated: true },
    'what says that there is more is better',
  );
});

/**
 * One whose OPT is doubted, and a question that it has answered with TC and nothing else.
 *
 * @param lostAfter - When the first datagram counts as lost, and the second is answered.
 */
async function cutToNothing(edns: 'doubted' | 'refused', lostAfter = 0) {
  const parts = edns === 'refused' ? plainServer() : scriptedServer();
  if (edns === 'doubted') {
    begin(parts.server, 'first.local.');
    await parts.clock.advance(150);
    parts.udp.nth(1).answer(message());
  }
  parts.udp.sends.length = 0;
  const asked = begin(parts.server);
  await parts.clock.advance(lostAfter);
  const ofIt = parts.udp.sends.filter(({ question }) => question.qname === 'api.example.');
  ofIt.at(-1)?.answer(message(), { truncated: true });
  return { ...parts, ...asked };
}

test('TC with nothing, and no TCP: an OPT has more room, though it is doubted (U4)', async (t) => {
  const { clock, udp, heard } = await cutToNothing('doubted');
  t.same(
    udp.sends.map(({ edns }) => edns),
    [false],
  );
  const asked = () => udp.sends.filter(({ question }) => question.qname === 'api.example.');
  await clock.advance(99);
  t.equal(asked().length, 1);
  await clock.advance(1);
  t.equal(asked().length, 2, 'TCP was silent for 100 ms');
  t.equal(asked()[1]?.edns, true);
  asked()[1]?.answer(truth);
  t.same(heard.answer, truth);

  const refusing = await cutToNothing('doubted');
  refusing.tcp.nth(0).fail('refused');
  t.equal(refusing.udp.nth(1).edns, true, 'at once where TCP is refused');
  t.equal(refusing.heard.error, undefined);
  refusing.udp.nth(1).answer(message(), { truncated: true });
  t.equal(reasonOf(refusing.heard.error), 'network', 'and not again');
  t.equal(refusing.udp.sends.length, 2);

  const silent = await cutToNothing('doubted');
  silent.tcp.nth(0).fail('refused');
  await silent.clock.advance(249);
  t.equal(silent.heard.error, undefined);
  await silent.clock.advance(1);
  t.equal(reasonOf(silent.heard.error), 'timeout');

  const late = await cutToNothing('doubted');
  await late.clock.advance(150);
  late.tcp.nth(0).fail('network');
  t.equal(late.heard.error, undefined, 'the reply to the OPT is awaited');
  await late.clock.advance(849);
  t.equal(late.heard.error, undefined, 'TCP was silent, so it had its second');
  await late.clock.advance(1);
  t.equal(reasonOf(late.heard.error), 'timeout');

  const both = await cutToNothing('doubted', 150);
  await both.clock.advance(100);
  both.tcp.nth(0).fail('network');
  t.equal(both.heard.error, undefined, 'also while one without is still out');

  const unread = await cutToNothing('doubted');
  await unread.clock.advance(100);
  unread.udp.sends
    .findLast(({ question }) => question.qname === 'api.example.')
    ?.suspect('malformed');
  unread.tcp.nth(0).fail('refused');
  t.equal(reasonOf(unread.heard.error), 'malformed', 'no other one is');

  const knowing = await cutToNothing('refused');
  knowing.tcp.nth(0).fail('refused');
  t.equal(reasonOf(knowing.heard.error), 'refused');
  t.equal(knowing.udp.sends.length, 1, 'a server that has refused an OPT gets none');
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

test('a second FORMERR to an OPT counts once and is no answer while a datagram without is out (U4)', async (t) => {
  const { clock, udp, tallies, server } = scriptedServer();
  const { heard } = begin(server, 'api.example.', () => false, { dnssecOk: true });
  await clock.advance(150);
  t.equal(udp.nth(1).edns, true);
  for (const place of [0, 1]) {
    udp.nth(place).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  }
  t.equal(tallies.ednsFallbacks.value, 1);
  t.equal(udp.sends.length, 3);
  udp.nth(2).answer(truth);
  t.same(heard.answer, truth);
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

test('TC in the second round is no end of an outage: TCP that was refused is not tried again (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('wrong-id');
  tcp.nth(0).fail('refused');
  await clock.advance(160);
  udp.nth(0).answer(message(), { truncated: true });
  t.equal(tcp.sends.length, 1);
  t.equal(reasonOf(heard.error), 'network');
  const back = scriptedServer();
  begin(back.server);
  await back.clock.advance(450);
  back.tcp.nth(0).fail('refused');
  await back.clock.advance(10);
  back.udp.nth(0).answer(message(), { truncated: true });
  t.equal(back.tcp.sends.length, 2);
  await back.clock.advance(300);
  back.udp.nth(1).answer(message(), { truncated: true });
  t.equal(back.tcp.sends.length, 2, 'once');
});

test('when the last sends are refused, and none is due, the question is over (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  for (; clock.now() < 3_600; await clock.advance(10)) {
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
  const ofIt = () => udp.sends.filter(({ question }) => question.qname === 'api.example.').length;
  const sent = ofIt();
  udp.sends.findLast(({ question }) => question.qname === '.')?.answer(message());
  t.equal(ofIt(), sent);
});
