import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { HttpFailure } from '../../src/upstream/https-exchange.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { message } from '../support/messages.ts';
import { begin, reasonOf, scriptedServer, truth } from './scripted-server.ts';

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

/** Refuses every connection until then. @returns When one was tried for this name. */
async function refuseUntil(
  { clock, tcp }: Pick<ReturnType<typeof scriptedServer>, 'clock' | 'tcp'>,
  end: number,
  qname = 'api.example.',
): Promise<number[]> {
  for (; clock.now() < end; await clock.advance(10)) {
    for (const send of tcp.sends) send.fail('refused');
  }
  return tcp.of(qname).map(({ at }) => at);
}

test('a refused connection is tried again as soon as a datagram would be: another pod may take it (U2)', async (t) => {
  const scripted = scriptedServer();
  const { heard } = begin(scripted.server);
  const times = await refuseUntil(scripted, 4_400);
  t.same(times, [450, 600, 720, 750, 900, 1_050, 1_200, 1_350, 4_200]);
  t.equal(heard.error, undefined);
  scripted.tcp.nth(8).answer(truth);
  scripted.udp.nth(0).answer(truth);
  t.same(heard.answer, truth);
  t.equal(scripted.clock.timers, 0);
});

test('an answer ends the tries; a connection that carried the question and broke begins none (U2)', async (t) => {
  const refused = scriptedServer();
  const first = begin(refused.server);
  await refuseUntil(refused, 500);
  refused.udp.nth(0).answer(truth);
  t.same(first.heard.answer, truth);
  t.equal(refused.clock.timers, 0);
  const broken = scriptedServer();
  begin(broken.server);
  await broken.clock.advance(450);
  broken.tcp.nth(0).fail('network');
  await broken.clock.advance(260);
  t.same(broken.tcp.times, [450]);
});

test('refused before the third round it is not tried again: datagrams are on their way (U2, U3)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  udp.nth(0).suspect('wrong-id');
  tcp.nth(0).fail('refused');
  await clock.advance(449);
  t.same(tcp.times, [0]);
});

test('where no token is left a refused connection waits for its round: no storm in an outage (U2)', async (t) => {
  const scripted = scriptedServer();
  for (let i = 0; i < 20; i++) begin(scripted.server, `n${i}.example.`);
  begin(scripted.server);
  t.same(await refuseUntil(scripted, 3_000), [800, 1_070]);
});
