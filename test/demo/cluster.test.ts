import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type Test, test } from 'tap';
import { type Asked, startCluster } from '../../src/demo/cluster.ts';
import type { Faults } from '../../src/demo/cluster-faults.ts';
import { worldOf } from '../../src/demo/cluster-world.ts';
import type { Endpoint } from '../../src/endpoint.ts';
import { RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { type Response, readResponse } from '../../src/wire/message.ts';
import { buildQuery } from '../../src/wire/request.ts';
import { HandClock } from '../support/hand-clock.ts';

const world = worldOf({
  hosts: {
    'git.example.com.': { a: ['192.0.2.1'] },
    'big.example.com.': { a: Array.from({ length: 60 }, (_, n) => `192.0.2.${n}`) },
  },
});

/** A cluster on 127.0.0.1 and [::1], and a promise for each question's arrival. */
async function setup(t: Test, faults: Partial<Faults> = {}) {
  const clock = new HandClock();
  const waiting: ((asked: Asked) => void)[] = [];
  const cluster = await startCluster({
    endpoints: [
      { address: '127.0.0.1', port: 0 },
      { address: '::1', port: 0 },
    ],
    world,
    faults,
    clock,
    onAsked: (asked) => waiting.shift()?.(asked),
  });
  t.teardown(() => cluster.close());
  const arrival = () => new Promise<Asked>((resolve) => waiting.push(resolve));
  const [v4, v6] = cluster.endpoints;
  if (v4 === undefined || v6 === undefined) throw new Error('two endpoints were asked for');
  return { clock, cluster, arrival, v4, v6 };
}

function query(qname: string, id = 1) {
  const question = { qname, qtype: RrType.A, qclass: 1 };
  return buildQuery(question, { id, checkingDisabled: false, edns: undefined });
}

async function udpClient(t: Test, server: Endpoint) {
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
  t.teardown(() => socket.close());
  socket.connect(server.port, server.address);
  await once(socket, 'connect');
  return {
    port: socket.address().port,
    send: (octets: Uint8Array) => socket.send(octets),
    reply: async (): Promise<Response> => readResponse((await once(socket, 'message'))[0]),
  };
}

test('answers over UDP, IPv4 and IPv6, after the delay and not before', async (t) => {
  const { clock, cluster, arrival, v4, v6 } = await setup(t, { delay: 20 });
  for (const server of [v4, v6]) {
    const client = await udpClient(t, server);
    const arrived = arrival();
    client.send(query('git.example.com.', 77));
    const asked = await arrived;
    t.match(asked, {
      transport: 'udp',
      id: 77,
      qname: 'git.example.com.',
      qtype: RrType.A,
      server,
    });
    t.equal(asked.peer.port, client.port, 'the source port is written down');
    t.equal(asked.answeredAt, asked.at + 20);
    t.equal(clock.timers, 1, 'the answer waits');
    const reply = client.reply();
    await clock.advance(20);
    t.equal((await reply).header.id, 77);
  }
  t.strictSame(
    cluster.asked.map(({ number }) => number),
    [1, 2],
  );
});

test('answers over TCP, pipelined, and out of order where one name is slow', async (t) => {
  const slow = (name: string) => (name === 'git.example.com.' ? 50 : 10);
  const { clock, arrival, v4 } = await setup(t, { delay: ({ qname }) => slow(qname) });
  const connection = connect(v4.port, v4.address);
  t.teardown(() => connection.destroy());
  const arrivals = Promise.all([arrival(), arrival()]);
  connection.write(frame(query('git.example.com.', 1)));
  connection.write(frame(query('big.example.com.', 2)));
  await arrivals;
  const deframer = new Deframer();
  const ids: number[] = [];
  const both = new Promise<void>((resolve) => {
    connection.on('data', (chunk: Uint8Array) => {
      for (const octets of deframer.push(chunk)) ids.push(readResponse(octets).header.id);
      if (ids.length === 2) resolve();
    });
  });
  await clock.advance(50);
  await both;
  t.strictSame(ids, [2, 1]);
});

test('an answer past 512 octets comes truncated over UDP', async (t) => {
  const { v4 } = await setup(t);
  const client = await udpClient(t, v4);
  const reply = client.reply();
  client.send(query('big.example.com.'));
  t.equal((await reply).truncated, true);
});

test('a question that is lost is written down and not answered; faults change at once', async (t) => {
  const { cluster, arrival, v4 } = await setup(t, { dropNext: 1 });
  const client = await udpClient(t, v4);
  const lost = arrival();
  client.send(query('git.example.com.', 1));
  t.match(await lost, { dropped: 'lost', answeredAt: undefined });
  cluster.faults.aaaa = 'silent';
  const reply = client.reply();
  client.send(query('git.example.com.', 2));
  t.equal((await reply).header.id, 2, 'the first was never answered');
  cluster.faults.silentUntil = Number.POSITIVE_INFINITY;
  const silent = arrival();
  client.send(query('git.example.com.', 3));
  t.equal((await silent).dropped, 'silent');
});

test('what is no query is ignored', async (t) => {
  const { cluster, v4 } = await setup(t);
  const client = await udpClient(t, v4);
  const reply = client.reply();
  client.send(Uint8Array.of(1, 2, 3));
  client.send(query('git.example.com.', 9));
  t.equal((await reply).header.id, 9);
  t.equal(cluster.asked.length, 1);
});

test('an endpoint that is taken is an error, and leaves nothing open', async (t) => {
  const { v4 } = await setup(t);
  const clock = new HandClock();
  const endpoints = [{ address: '127.0.0.1', port: 0 }, v4];
  await t.rejects(startCluster({ endpoints, world, clock }), { code: 'EADDRINUSE' });
});

test('an answer that is still due when the cluster closes does not leave', async (t) => {
  const { clock, cluster, arrival, v4 } = await setup(t, { delay: 20 });
  const client = await udpClient(t, v4);
  const arrived = arrival();
  client.send(query('git.example.com.'));
  await arrived;
  await cluster.close();
  await t.resolves(clock.advance(20));
});
