import { test } from 'tap';
import { Server } from '../../src/upstream/server.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing, serverAt } from './loopback.ts';
import { begin, reasonOf, scriptedServer } from './scripted-server.ts';
import { ScriptedTransport } from './scripted-transport.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

test('latency is counted in seconds from the send that was answered', async (t) => {
  const { clock, udp, server, own } = scriptedServer();
  begin(server);
  await clock.advance(170);
  udp.nth(1).answer(truth);
  t.equal(own?.latency.count, 1);
  t.equal(own?.latency.sum, 0.02);
});

test('one that is always overtaken is measured too: at least as long as it was waited for', async (t) => {
  const { clock, udp, server } = scriptedServer();
  begin(server);
  await clock.advance(10);
  udp.nth(0).answer(truth);
  t.equal(server.expectedRoundTrip(outgoing('b.example.')), 10);
  const { cancel } = begin(server);
  await clock.advance(200);
  cancel();
  t.ok((server.expectedRoundTrip(outgoing('b.example.')) ?? 0) > 30);
});

test('what TCP takes after TC says nothing of the datagrams (U2)', async (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  begin(server);
  await clock.advance(10);
  udp.nth(0).answer(message(), { truncated: true });
  await clock.advance(300);
  tcp.nth(0).answer(truth);
  t.equal(server.expectedRoundTrip(outgoing('b.example.')), 10);
});

test('silent for 3 s with three questions unanswered: known dead, and probed until it is heard (U1)', async (t) => {
  const { clock, udp, server, own } = scriptedServer();
  for (let i = 0; i < 3; i++) begin(server, `n${i}.example.`);
  await clock.advance(2_999);
  t.equal(server.dead, false);
  await clock.advance(1);
  t.equal(server.dead, true);
  t.equal(own?.dead, true);
  await clock.advance(3_750);
  const probes = udp.of('.');
  t.match(probes[0], {
    question: { qtype: RrType.NS, qclass: 1, dnssecOk: false, checkingDisabled: false },
    edns: true,
  });
  t.same(
    probes.map(({ at }) => at),
    // From the second miss on, twice a second while the questions wait.
    [1_000, 1_250, 1_750, 2_250, 2_750, 3_250, 3_750, 4_250, 4_750, 5_750, 6_750],
  );
  t.equal(probes.filter(({ isClosed }) => !isClosed).length, 1, 'one at a time');
  probes.at(-1)?.answer(message({ rcode: Rcode.REFUSED }));
  t.equal(server.dead, false, 'any word will do');
  t.equal(own?.dead, false);
  const before = udp.sends.length;
  await clock.advance(10_000);
  t.equal(udp.sends.length, before, 'no more probes');
  t.equal(clock.timers, 0);
});

test('two in a row unanswered: doubtful, and probed; what the probe took counts from then on (U6)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const overtaken = async (qname: string) => {
    const { cancel } = begin(server, qname);
    await clock.advance(200);
    cancel();
  };
  await overtaken('a.example.');
  t.equal(server.doubtful, false);
  await overtaken('b.example.');
  t.equal(server.doubtful, true);
  t.equal(server.dead, false);
  t.ok((server.expectedRoundTrip(outgoing('b.example.')) ?? 0) >= 200);
  const probe = udp.sends.at(-1);
  t.equal(probe?.question.qname, '.');
  await clock.advance(20);
  probe?.answer(message({ rcode: Rcode.REFUSED }));
  t.equal(server.doubtful, false);
  t.equal(server.expectedRoundTrip(outgoing('b.example.')), 20, 'it was away, and is not far');
  t.equal(clock.timers, 0);
});

test('two unanswered questions are not death, nor are three when one is answered in between (U1)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  begin(server, 'a.example.');
  begin(server, 'b.example.');
  await clock.advance(2_000);
  begin(server, 'c.example.');
  await clock.advance(100);
  udp.sends.at(-1)?.answer(truth);
  await clock.advance(3_900);
  t.equal(server.dead, false);
});

test('a server is probed the way it is asked, never another (U5)', async (t) => {
  for (const url of ['tcp://192.0.2.53', 'tls://192.0.2.53', 'https://192.0.2.53/dns-query']) {
    const { clock, udp, tcp, secure, server } = scriptedServer(url);
    for (let i = 0; i < 2; i++) begin(server, `n${i}.example.`);
    await clock.advance(1_000);
    const probed = [udp, tcp, secure].map(({ sends }) =>
      sends.some(({ question }) => question.qname === '.'),
    );
    t.same(probed, url.startsWith('tcp') ? [false, true, false] : [false, false, true], url);
  }
});

test('a probe that fails changes nothing', async (t) => {
  const { clock, udp, server } = scriptedServer();
  for (let i = 0; i < 3; i++) begin(server, `n${i}.example.`);
  await clock.advance(3_000);
  const probes = udp.of('.');
  probes.at(-1)?.fail('refused');
  t.equal(server.dead, true);
});

test('those who listen are told of each death, and of no return (U1)', async (t) => {
  const { clock, udp, server } = scriptedServer();
  const told: string[] = [];
  server.onDeath(() => told.push('first'));
  server.onDeath(() => told.push('second'));
  for (const times of [1, 2]) {
    for (let i = 0; i < 3; i++) begin(server, `n${i}.example.`);
    await clock.advance(3_000);
    t.equal(told.length, 2 * times);
    udp.sends.at(-1)?.answer(message());
    t.equal(server.dead, false);
    t.equal(told.length, 2 * times);
    await clock.advance(5_000);
  }
  t.same(told, ['first', 'second', 'first', 'second']);
});

test('without classes all questions go by one timer', async (t) => {
  const clock = new HandClock();
  const udp = new ScriptedTransport(clock);
  const address = serverAt('udp', 53);
  const server = new Server({
    address,
    transports: { udp },
    clock,
    tallies: createUpstreamTallies(),
  });
  begin(server, 'kubernetes.default.svc.cluster.local.');
  await clock.advance(20);
  udp.nth(0).answer(truth);
  t.equal(server.expectedRoundTrip(outgoing('api.example.')), 20);
  t.equal(server.address, address);
});

test('nobody can speak for a server over TLS, nor for one on this machine: its AD is believed (RFC 6840 §5.7)', (t) => {
  const authentic = { ...truth, authenticData: true };
  const cases: [string, boolean][] = [
    ['udp://127.0.0.53', true],
    ['udp://[::1]', true],
    ['tls://192.0.2.53', true],
    ['https://192.0.2.53/dns-query', true],
    ['udp://192.0.2.127', false],
    ['tcp://[2001:db8::1]', false],
  ];
  for (const [url, isTrusted] of cases) {
    const { udp, tcp, secure, server } = scriptedServer(url);
    const { heard } = begin(server);
    for (const { sends } of [udp, tcp, secure]) sends[0]?.answer(authentic);
    t.same(heard.answer, { ...truth, authenticData: isTrusted }, url);
  }
  t.end();
});

test('closing ends the probes', async (t) => {
  const { clock, udp, server } = scriptedServer();
  for (let i = 0; i < 2; i++) begin(server, `n${i}.example.`);
  await clock.advance(1_000);
  const probe = udp.of('.')[0];
  t.equal(probe?.isClosed, false);
  server.close();
  t.equal(probe?.isClosed, true);
  t.equal(clock.timers, 0);
});

test('closing fails what is in flight', (t) => {
  const { clock, udp, tcp, server } = scriptedServer();
  const { heard } = begin(server);
  server.close();
  t.equal(reasonOf(heard.error), 'closed');
  t.ok(udp.isClosed && tcp.isClosed);
  t.equal(clock.timers, 0);
  t.end();
});

test('S1: a question without a UDP socket goes over TCP, and the server is not blamed', async (t) => {
  const { server, udp, tcp, tallies, clock } = scriptedServer();
  const { heard } = begin(server);
  udp.nth(0).fail('full');
  t.equal(tcp.sends.length, 1);
  t.equal(tallies.tcpFallbacks.get('full'), 1);
  await clock.advance(500);
  t.equal(udp.sends.length, 1, 'no more datagrams');
  tcp.nth(0).answer(message());
  t.ok(heard.answer);
  const second = begin(server);
  udp.nth(1).fail('full');
  tcp.nth(1).fail('full');
  t.equal(reasonOf(second.heard.error), 'full');
  await clock.advance(3_500);
  t.equal(server.dead, false);
});

test('U3: why a server has no answer is kept until it has one: silence, refusal, what cannot be read', async (t) => {
  const trouble = async (
    happens: (scripted: ReturnType<typeof scriptedServer>) => void | Promise<void>,
  ) => {
    const scripted = scriptedServer();
    const { heard } = begin(scripted.server);
    await happens(scripted);
    await scripted.clock.advance(4_500);
    return [scripted.own?.trouble, reasonOf(heard.error)];
  };
  t.same(await trouble(() => undefined), ['timeout', 'timeout']);
  t.same(await trouble(({ udp }) => udp.nth(0).suspect('mismatched')), ['malformed', 'malformed']);
  t.same(await trouble(({ udp }) => udp.nth(0).suspect('wrong-id')), ['malformed', 'malformed']);
  t.same(await trouble(({ udp }) => udp.nth(0).suspect('malformed')), ['malformed', 'malformed']);
  t.same(await trouble(({ udp }) => udp.nth(0).answer(truth)), [undefined, undefined]);
  const { clock, udp, server, own } = scriptedServer();
  begin(server);
  await clock.advance(4_500);
  begin(server);
  t.equal(own?.trouble, 'timeout', 'until it answers');
  udp.sends.at(-1)?.answer(truth);
  t.equal(own?.trouble, undefined);
  begin(server);
  for (let i = 0; i < 3; i++) {
    udp.sends.at(-1)?.fail('local');
    await clock.advance(i === 2 ? 4_500 : 400);
  }
  t.equal(own?.trouble, 'timeout', 'TCP was silent');
});

test('U1: a death is told with its reason, and so is the return', async (t) => {
  const told: unknown[] = [];
  const { clock, udp, server } = scriptedServer('udp://127.0.0.1', (...said) => told.push(said));
  for (let i = 0; i < 3; i++) begin(server, `n${i}.example.`);
  for (const send of udp.sends) send.suspect('mismatched');
  await clock.advance(3_000);
  t.same(told, [['udp://127.0.0.1:53', 'malformed']]);
  udp.of('.').at(-1)?.answer(message());
  t.same(told.slice(1), [['udp://127.0.0.1:53', undefined]]);
});
