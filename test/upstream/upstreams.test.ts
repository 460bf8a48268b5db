import { type Test, test } from 'tap';
import type { LaneOrder } from '../../src/upstream/lanes.ts';
import type { ServerAddress } from '../../src/upstream/server-address.ts';
import { createUpstreamTallies } from '../../src/upstream/upstream-tallies.ts';
import { upstreamFor } from '../../src/upstream/upstreams.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, aaaa, message, responseOctets } from '../support/messages.ts';
import { closedPort, outgoing, serverAt, tcpServer, udpServer } from './loopback.ts';

const serial: LaneOrder = { kind: 'serial' };
const truth = message({ answer: [a('api.example.', '192.0.2.1')] });
const other = message({ answer: [aaaa('api.example.', '2001:db8::1')] });
const A = outgoing('api.example.');
const AAAA = outgoing('api.example.', RrType.AAAA);

function build(t: Test, servers: ServerAddress[][], order = serial) {
  const tallies = createUpstreamTallies();
  // Nothing here may depend on time: the clock stands still.
  const upstream = upstreamFor({ servers, order, clock: new HandClock(), tallies });
  t.teardown(() => upstream.close());
  return { upstream, tallies };
}

/** A TCP server that answers each query, with what `answer` makes of it. */
function tcpAnswering(answer: (query: Uint8Array) => Uint8Array[]) {
  return tcpServer((socket) => {
    const deframer = new Deframer();
    socket.on('data', (chunk: Buffer) => {
      for (const query of deframer.push(chunk)) {
        for (const reply of answer(query)) socket.write(frame(reply));
      }
    });
  });
}

test('TC over UDP is asked again over TCP, at the same port (U4)', async (t) => {
  const tcp = await tcpAnswering((query) => [responseOctets(query, truth)]);
  const { port } = tcp.address.endpoint;
  const udp = await udpServer((query, reply) => {
    reply(responseOctets(query, message(), { tc: true }));
  }, port);
  t.teardown(tcp.close);
  t.teardown(udp.close);
  const { upstream, tallies } = build(t, [[udp.address]]);
  t.same(await upstream.ask(A), truth);
  t.equal(tallies.tcpFallbacks.get('truncated'), 1);
  t.same([...tallies.servers.keys()], [udp.address.name]);
});

test('over UDP the second of a pair leaves when the first is answered, from another port (F1, F2)', async (t) => {
  const ports: number[] = [];
  const inFlight: number[] = [];
  let open = 0;
  const server = await udpServer((query, reply, from) => {
    ports.push(from.port);
    inFlight.push(++open);
    setImmediate(() => {
      open--;
      reply(responseOctets(query, ports.length === 1 ? truth : other));
    });
  });
  t.teardown(server.close);
  const { upstream } = build(t, [[server.address]]);
  t.same(await Promise.all([upstream.ask(A), upstream.ask(AAAA)]), [truth, other]);
  t.same(inFlight, [1, 1]);
  t.equal(new Set(ports).size, 2);
});

test('over TCP both of a pair are pipelined at once (F2)', async (t) => {
  const held: Uint8Array[] = [];
  const server = await tcpAnswering((query) => {
    held.push(query);
    // An answer to one alone would never come: only both together release each other.
    if (held.length < 2) return [];
    return held.map((each, i) => responseOctets(each, i === 0 ? truth : other));
  });
  t.teardown(server.close);
  const { upstream } = build(t, [[server.address]]);
  t.same(await Promise.all([upstream.ask(A), upstream.ask(AAAA)]), [truth, other]);
});

test('a refused first server: the second answers at once (U1, U2)', async (t) => {
  const server = await udpServer((query, reply) => reply(responseOctets(query, truth)));
  t.teardown(server.close);
  const { upstream, tallies } = build(t, [[serverAt('udp', await closedPort())], [server.address]]);
  t.same(await upstream.ask(A), truth);
  t.equal(tallies.failovers.value, 1);
});

test('an old server that knows no EDNS is understood (U4)', async (t) => {
  const server = await udpServer((query, reply) => {
    const octets = responseOctets(query, truth, { edns: false });
    const hasOpt = query[11] === 1;
    const formerr = message({ rcode: Rcode.FORMERR });
    reply(hasOpt ? responseOctets(query, formerr, { edns: false }) : octets);
  });
  t.teardown(server.close);
  const { upstream, tallies } = build(t, [[server.address]]);
  t.same(await upstream.ask(A), truth);
  t.same(await upstream.ask(AAAA), truth);
  t.equal(tallies.sends.get('udp'), 3, 'the second question knows');
});

test('the upstream is named by its servers in their order', (t) => {
  const groups = [[serverAt('udp', 53), serverAt('tcp', 54)], [serverAt('udp', 55)]];
  const { upstream } = build(t, groups);
  t.equal(upstream.name, 'udp://127.0.0.1:53,tcp://127.0.0.1:54 udp://127.0.0.1:55');
  t.end();
});
