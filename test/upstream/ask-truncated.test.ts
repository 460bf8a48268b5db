import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { message } from '../support/messages.ts';
import { begin, knowingServer, reasonOf, scriptedServer, truth } from './scripted-server.ts';

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
  for (const [reason, more] of [
    ['refused', 1],
    ['network', 0],
  ] as const) {
    const { clock, udp, tcp, server } = scriptedServer();
    begin(server);
    for (; clock.now() <= 4_200; await clock.advance(10)) {
      for (const send of tcp.sends) send.fail(reason);
    }
    const before = tcp.sends.length;
    udp.nth(2).answer(message(), { truncated: true });
    t.equal(tcp.sends.length, before + more, reason);
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

test('TC after an outage: the third connection is told that it has the last of three sends (RFC 9520)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  await clock.advance(2_000);
  udp.nth(1).answer(message(), { truncated: true });
  t.same(
    tcp.sends.map(({ wasLast }) => wasLast),
    [false, false, true],
  );
  const early = scriptedServer();
  begin(early.server);
  early.udp.nth(0).answer(message(), { truncated: true });
  const [first] = early.tcp.sends;
  t.equal(first?.isLast, false);
  t.same(
    [first?.mayGoAgain(), first?.isLast, first?.mayGoAgain(), first?.isLast],
    [true, false, true, true],
  );
});

test('TC after an outage, of a server 300 ms away: a handshake and a round trip are waited for (U3)', async (t) => {
  for (const [distance, wait] of [
    [10, 250],
    [300, 900],
    [400, 1_000],
  ] as const) {
    const { clock, udp, server } = scriptedServer();
    const { heard, again } = begin(server);
    await clock.advance(1_100);
    again();
    t.equal(udp.nth(2).at, 1_100);
    await clock.advance(distance);
    udp.nth(2).answer(message(), { truncated: true });
    await clock.advance(wait - 1);
    t.equal(heard.error, undefined, `${distance} ms away`);
    await clock.advance(1);
    t.equal(reasonOf(heard.error), 'timeout', `${distance} ms away`);
  }
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

test('TCP that fails does not end the wait for a datagram', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  await clock.advance(450);
  tcp.nth(0).fail('network');
  t.equal(heard.error, undefined);
  udp.nth(1).answer(truth);
  t.same(heard.answer, truth);
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
