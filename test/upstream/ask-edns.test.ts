import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { a, message } from '../support/messages.ts';
import {
  begin,
  knowingServer,
  plainServer,
  reasonOf,
  scriptedServer,
  truth,
} from './scripted-server.ts';

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
  await clock.advance(4_200);
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
  const probe = udp.of('.').at(-1);
  t.equal(probe?.edns, true, 'only a probe tries it again');
  probe?.answer(message());
  t.equal(lastOpt(), true);
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
  const ofIt = parts.udp.of('api.example.');
  ofIt.at(-1)?.answer(message(), { truncated: true });
  return { ...parts, ...asked };
}

test('TC with nothing, and no TCP: an OPT has more room, though it is doubted (U4)', async (t) => {
  const { clock, udp, heard } = await cutToNothing('doubted');
  t.same(
    udp.sends.map(({ edns }) => edns),
    [false],
  );
  const asked = () => udp.of('api.example.');
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
  unread.udp.of('api.example.').at(-1)?.suspect('malformed');
  unread.tcp.nth(0).fail('refused');
  t.equal(reasonOf(unread.heard.error), 'malformed', 'no other one is');

  const knowing = await cutToNothing('refused');
  knowing.tcp.nth(0).fail('refused');
  t.equal(reasonOf(knowing.heard.error), 'refused');
  t.equal(knowing.udp.sends.length, 1, 'a server that has refused an OPT gets none');
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
