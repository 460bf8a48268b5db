import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { a, message } from '../support/messages.ts';
import { begin, reasonOf, scriptedServer } from './scripted-server.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

test('one datagram, one answer, nothing left (F1)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(20);
  udp.nth(0).answer(truth);
  t.same(heard, { answer: truth, slow: 0 });
  t.equal(clock.timers, 0);
  t.equal(udp.sends.length + tcp.sends.length, 1);
});

test('silence: again after 150 ms, and after 300 more over UDP and TCP; then over TCP alone, then nothing but waiting (U2)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(4_499);
  t.same(udp.times, [0, 150, 450], 'at most 3 sends per transport (RFC 9520)');
  t.same(tcp.times, [450, 720, 1_260]);
  t.equal(udp.listening + tcp.listening, 6, 'all of them still listen');
  t.equal(heard.error, undefined, 'a spent budget ends sending, not waiting');
  await clock.advance(1);
  t.equal(reasonOf(heard.error), 'timeout');
  t.equal(udp.listening + tcp.listening, 0);
  t.equal(tallies.tcpFallbacks.get('silence'), 1);
  t.equal(tallies.retransmissions.value, 4);
});

test('the answer to any send wins, and the others are closed (F1)', async (t) => {
  for (const place of [0, 1, 2]) {
    const { clock, udp, tcp, server } = scriptedServer();
    const { heard } = begin(server);
    await clock.advance(1_500);
    udp.nth(place).answer(truth);
    t.same(heard.answer, truth, `send ${place}`);
    t.equal(udp.listening + tcp.listening, 0);
    t.equal(clock.timers, 0);
  }
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
  t.same(times('api.default.svc.cluster.local.'), [0, 30, 90]);
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
    return new Set(names).size;
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

test('an empty truncated reply is no NODATA', (t) => {
  const { udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).answer(message(), { truncated: true });
  tcp.nth(0).fail('refused');
  t.equal(heard.answer, undefined);
  t.equal(reasonOf(heard.error), 'refused');
  t.end();
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

test('a malformed reply costs two upstream queries and no more: no retry storm (U3)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  t.equal(tcp.sends.length, 1);
  tcp.nth(0).fail('malformed');
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(udp.sends.length + tcp.sends.length, 2);
  t.equal(clock.timers, 0);
});

test('malformed over UDP and silent over TCP: over after 1 s', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).suspect('malformed');
  await clock.advance(1_000);
  t.equal(reasonOf(heard.error), 'malformed');
  t.equal(udp.sends.length + tcp.sends.length, 2);
});

test('ECONNREFUSED ends it at once (U2)', (t) => {
  const { udp, tcp, clock, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).fail('refused');
  t.equal(reasonOf(heard.error), 'refused');
  t.equal(tcp.sends.length, 0);
  t.equal(clock.timers, 0);
  t.end();
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

test('a bug below is passed on as it is', (t) => {
  const { udp, server } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).failWith(new TypeError('bug'));
  t.equal(heard.error?.name, 'TypeError');
  t.end();
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

test('a server that refused EDNS once and took it once is not remembered for refusing', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(150);
  udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  t.equal(udp.nth(2).edns, false);
  udp.nth(1).answer(truth);
  t.same(heard.answer, truth);
  begin(server).cancel();
  t.equal(udp.nth(3).edns, true);
});

test('to go without EDNS does not make a fourth send (RFC 9520)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(450);
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
  const { clock, udp, tcp, server } = scriptedServer('tcp');
  const { heard } = begin(server);
  await clock.advance(249);
  tcp.nth(0).answer(truth);
  t.same(heard, { answer: truth, slow: 0 });
  t.equal(udp.sends.length, 0);
  t.equal(clock.timers, 0);
});

test('tcp:// silent for 250 ms: UDP comes to the rescue, with its own rounds', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer('tcp');
  const { heard } = begin(server);
  await clock.advance(2_000);
  t.same(udp.times, [250, 400, 700]);
  t.same(tcp.times, [0, 970, 1_510]);
  t.equal(heard.slow, 1);
  udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
  t.equal(tallies.tcpFallbacks.get('silence'), 0, 'it was on TCP before');
});

test('tcp:// that is only slow: 20 rescues, then none before a second is over (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer('tcp');
  for (let i = 0; i < 25; i++) begin(server, `n${i}.example.`);
  await clock.advance(999);
  t.equal(new Set(udp.sends.map(({ question }) => question.qname)).size, 20);
  await clock.advance(1);
  t.equal(new Set(udp.sends.map(({ question }) => question.qname)).size, 25);
  t.equal(tcp.sends.filter(({ question }) => question.qname !== '.').length, 25, 'but for probes');
});

test('tcp:// whose connections break: UDP at once; refused: over at once', async (t) => {
  const broken = scriptedServer('tcp');
  const first = begin(broken.server);
  broken.tcp.nth(0).fail('network');
  t.same(broken.udp.times, [0]);
  broken.udp.nth(0).fail('refused');
  t.equal(reasonOf(first.heard.error), 'refused');
  const refused = scriptedServer('tcp');
  const second = begin(refused.server);
  refused.tcp.nth(0).fail('refused');
  t.equal(reasonOf(second.heard.error), 'refused');
  t.equal(refused.udp.sends.length, 0);
  t.equal(broken.clock.timers + refused.clock.timers, 0);
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
