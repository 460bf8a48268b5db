import { type Test, test } from 'tap';
import type { LaneOrder } from '../../src/upstream/lanes.ts';
import { parseServerAddress, type ServerAddress } from '../../src/upstream/server-address.ts';
import { type UpstreamOptions, upstreamFor } from '../../src/upstream/upstreams.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, aaaa, message, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { closedPort, outgoing, PLENTY, serverAt, tcpServer, udpServer } from './loopback.ts';
import { promised } from './promised.ts';

const serial: LaneOrder = { kind: 'serial' };
const truth = message({ answer: [a('api.example.', '192.0.2.1')] });
const other = message({ answer: [aaaa('api.example.', '2001:db8::1')] });
const A = outgoing('api.example.');
const AAAA = outgoing('api.example.', RrType.AAAA);

function build(t: Test, servers: ServerAddress[][], options: Partial<UpstreamOptions> = {}) {
  const tallies = createUpstreamTallies();
  // Nothing here may depend on time: the clock stands still.
  const parts = { servers, order: serial, clock: new HandClock(), tallies, udpSockets: PLENTY };
  const upstream = promised(upstreamFor({ ...parts, ...options }));
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

test('where any server is asked over UDP a pair goes one after the other, whoever is first (F2)', async (t) => {
  let open = 0;
  const inFlight: number[] = [];
  const server = await tcpServer((socket) => {
    const deframer = new Deframer();
    socket.on('data', (chunk: Buffer) => {
      for (const query of deframer.push(chunk)) {
        inFlight.push(++open);
        setImmediate(() => {
          open--;
          socket.write(frame(responseOctets(query, truth)));
        });
      }
    });
  });
  t.teardown(server.close);
  const { upstream } = build(t, [[server.address], [serverAt('udp', await closedPort())]]);
  await Promise.all([upstream.ask(A), upstream.ask(AAAA)]);
  t.same(inFlight, [1, 1]);
});

test('sockets and what waits on connections are bounded together (S1)', async (t) => {
  let full = 0;
  const limit = { udpSockets: { sockets: 2, full: { add: () => full++ } } };
  const held = Promise.withResolvers<void>();
  let queries = 0;
  const tcp = await tcpAnswering(() => {
    if (++queries === 4) held.resolve();
    return [];
  });
  t.teardown(tcp.close);
  const overTcp = build(t, [[tcp.address]], limit);
  const waiting = Array.from({ length: 4 }, () => overTcp.upstream.ask(A).catch(() => undefined));
  await held.promise;
  await t.rejects(overTcp.upstream.ask(A), { name: 'UpstreamError', reason: 'full' });
  overTcp.upstream.close();
  await Promise.all(waiting);

  const arrived = Promise.withResolvers<void>();
  let datagrams = 0;
  const udp = await udpServer(() => {
    if (++datagrams === 2) arrived.resolve();
  });
  t.teardown(udp.close);
  const overUdp = build(t, [[udp.address]], limit);
  const names = ['a.example.', 'b.example.', 'c.example.'];
  const asked = names.map((name) => overUdp.upstream.ask(outgoing(name)).catch(() => undefined));
  await arrived.promise;
  t.equal(overUdp.tallies.tcpFallbacks.get('full'), 1);
  t.equal(full, 1);
  overUdp.upstream.close();
  await Promise.all(asked);
});

test('whoever is not believed is told of, over TLS and over HTTPS (U5)', async (t) => {
  for (const url of ['tls://127.0.0.1', 'https://127.0.0.1/dns-query']) {
    const servers = [[parseServerAddress(`${url}?ca=/nowhere/ca.pem`)]];
    const told: string[] = [];
    const { upstream } = build(t, servers, { onUntrusted: (message) => told.push(message) });
    await t.rejects(upstream.ask(A), { name: 'UpstreamError', reason: 'untrusted' });
    t.match(told, [/ENOENT/], url);
    const untold = build(t, servers).upstream.ask(A);
    await t.rejects(untold, { name: 'UpstreamError', reason: 'untrusted' }, 'or nobody is');
  }
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
