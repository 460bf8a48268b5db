import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { type Test, test } from 'tap';
import { listenUdp } from '../../src/listen/udp.ts';
import { RrType } from '../../src/wire/codes.ts';
import { readHeader } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { queryOctets } from '../support/messages.ts';
import { addressesOf, type Echo, echo, soon } from './echo.ts';
import { LOOPBACKS } from './loopback.ts';

/** A client's socket; its messages can be waited for one by one. */
async function client(t: Test, address: string): Promise<Socket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

async function listen(t: Test, address: string, { responder }: Echo) {
  const listener = await listenUdp({ address, port: 0 }, responder);
  t.teardown(() => listener.close().catch(() => undefined));
  return listener;
}

async function reply(socket: Socket): Promise<{ octets: Buffer; from: RemoteInfo }> {
  const [octets, from] = (await soon(socket, 'message')) as [Buffer, RemoteInfo];
  return { octets, from };
}

for (const { address, skip } of LOOPBACKS) {
  test(`L1: a reply over ${address} leaves from the address and port that were asked`, {
    skip,
  }, async (t) => {
    const server = echo();
    server.atOnce.on = true;
    const { endpoint } = await listen(t, address, server);
    t.equal(endpoint.address, address);
    t.ok(endpoint.port > 0, 'the kernel chose a port');
    const socket = await client(t, address);
    socket.send(queryOctets('a.example', RrType.A, { id: 7 }), endpoint.port, address);
    const { octets, from } = await reply(socket);
    t.equal(from.address, address);
    t.equal(from.port, endpoint.port);
    t.equal(readHeader(octets).id, 7);
    t.match(server.events, ['asked udp 1', 'answered 0 upstream 0']);
  });

  test(`replies over ${address} come in the order of their answers`, { skip }, async (t) => {
    const server = echo();
    const { endpoint } = await listen(t, address, server);
    const socket = await client(t, address);
    for (const id of [1, 2]) {
      socket.send(queryOctets(`n${id}.example`, RrType.A, { id }), endpoint.port, address);
      await server.asked(id);
    }
    t.equal(server.waiting[0]?.query.client, address);
    server.waiting[1]?.answer();
    t.equal(readHeader((await reply(socket)).octets).id, 2);
    server.waiting[0]?.answer();
    t.equal(readHeader((await reply(socket)).octets).id, 1);
  });
}

test('L1: two addresses of one machine each answer for themselves', async (t) => {
  const server = echo();
  server.atOnce.on = true;
  const one = await listen(t, '127.0.0.1', server);
  const { responder } = server;
  const other = await listenUdp({ address: '127.0.0.2', port: one.endpoint.port }, responder);
  t.teardown(() => other.close());
  const socket = await client(t, '127.0.0.1');
  for (const address of ['127.0.0.2', '127.0.0.1']) {
    socket.send(queryOctets('a.example'), one.endpoint.port, address);
    t.equal((await reply(socket)).from.address, address);
  }
});

test('L4: what does not fit comes with TC, within what the client takes', async (t) => {
  const server = echo();
  const { endpoint } = await listen(t, '127.0.0.1', server);
  const socket = await client(t, '127.0.0.1');
  for (const [edns, limit] of [
    [undefined, 512],
    [{ dnssecOk: false }, 1_232],
  ] as const) {
    socket.send(queryOctets('big.example', RrType.A, { edns }), endpoint.port, '127.0.0.1');
    await server.asked(1);
    const asked = server.waiting.shift();
    if (asked !== undefined) asked.answer(addressesOf(asked.query, 200));
    const { octets } = await reply(socket);
    t.ok(octets.length <= limit, `${octets.length} octets`);
    t.equal(readResponse(octets).truncated, true);
  }
});

test('L2: what is no query is dropped, and the next one is answered', async (t) => {
  const server = echo();
  server.atOnce.on = true;
  const { endpoint } = await listen(t, '127.0.0.1', server);
  const socket = await client(t, '127.0.0.1');
  const response = queryOctets('a.example', RrType.A, { id: 1 });
  response[2] = 0x80;
  for (const octets of [new Uint8Array(0), new Uint8Array(5), response]) {
    socket.send(octets, endpoint.port, '127.0.0.1');
  }
  socket.send(queryOctets('a.example', RrType.A, { id: 2 }), endpoint.port, '127.0.0.1');
  t.equal(readHeader((await reply(socket)).octets).id, 2);
  t.same(server.events.slice(0, 3), ['dropped malformed', 'dropped malformed', 'dropped response']);
});

test('S2: a reply that was given in the turn of close still leaves', async (t) => {
  const server = echo();
  const { endpoint, close } = await listenUdp({ address: '127.0.0.1', port: 0 }, server.responder);
  const socket = await client(t, '127.0.0.1');
  for (let id = 1; id <= 40; id++) {
    socket.send(queryOctets('a.example', RrType.A, { id }), endpoint.port, '127.0.0.1');
  }
  await server.asked(40);
  let replies = 0;
  const all = new Promise<void>((resolve) => {
    socket.on('message', () => {
      replies++;
      if (replies === 40) resolve();
    });
  });
  const closed = server.responder.drained().then(close);
  for (const each of server.waiting) each.answer();
  await closed;
  await Promise.race([all, soon(socket, 'close').catch(() => undefined)]);
  t.equal(replies, 40);
  t.same(server.bugs, []);
});

test('an answer that comes after close is sent to nobody, and is no bug', async (t) => {
  const server = echo();
  const { endpoint, close } = await listenUdp({ address: '127.0.0.1', port: 0 }, server.responder);
  const socket = await client(t, '127.0.0.1');
  socket.send(queryOctets('a.example'), endpoint.port, '127.0.0.1');
  await server.asked(1);
  await close();
  server.waiting[0]?.answer();
  await server.responder.drained();
  t.same(server.bugs, []);
});

test('S3: an address that is taken, or is not there, is told by name', async (t) => {
  const server = echo();
  const { endpoint } = await listen(t, '127.0.0.1', server);
  await t.rejects(listenUdp(endpoint, server.responder), {
    name: 'ListenError',
    message: `listen udp 127.0.0.1:${endpoint.port}: already in use by another process`,
  });
  await t.rejects(listenUdp({ address: '192.0.2.1', port: 0 }, server.responder), {
    name: 'ListenError',
    message: 'listen udp 192.0.2.1:0: no interface has this address',
  });
});
