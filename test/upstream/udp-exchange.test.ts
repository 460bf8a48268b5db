import { createSocket, Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { test } from 'tap';
import { Tally } from '../../src/observe/tally.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { EDNS_UDP_OCTETS } from '../../src/wire/edns.ts';
import { HEADER_OCTETS, putUint16, uint16 } from '../../src/wire/header.ts';
import { readRequest } from '../../src/wire/request.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, queryOctets, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { closedPort, outgoing, type Sent, sendBy, serverAt, udpServer, udpTo } from './loopback.ts';

const ADDRESS = '192.0.2.1';
const truth = message({ answer: [a('api.example.', ADDRESS)] });

test('a question is answered, with EDNS 1232 and DO as asked (U4)', async (t) => {
  const seen: ReturnType<typeof readRequest>[] = [];
  const server = await udpServer((query, reply) => {
    seen.push(readRequest(query));
    reply(responseOctets(query, truth));
  });
  t.teardown(server.close);
  const tallies = createUpstreamTallies();
  const transport = udpTo(server.address, tallies);
  const {
    message: got,
    truncated,
    edns,
  } = await sendBy(transport, {
    ...outgoing('api.example.'),
    dnssecOk: true,
    checkingDisabled: true,
  }).reply;
  t.same(got, truth);
  t.same({ truncated, edns }, { truncated: false, edns: true });
  t.equal(seen[0]?.edns?.udpOctets, EDNS_UDP_OCTETS);
  t.equal(seen[0]?.edns?.dnssecOk, true);
  t.equal(seen[0]?.checkingDisabled, true);
  t.equal(tallies.sends.get('udp'), 1);
});

test('without EDNS there is no OPT (U4)', async (t) => {
  let edns: unknown = 'not asked';
  const server = await udpServer((query, reply) => {
    edns = readRequest(query).edns;
    reply(responseOctets(query, truth));
  });
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  t.equal((await sendBy(transport, outgoing('api.example.'), false).reply).edns, false);
  t.equal(edns, undefined);
});

test('200 questions in flight have 200 source ports, and IDs that nobody can foretell (F1, RFC 5452)', async (t) => {
  const ports = new Set<number>();
  const ids: number[] = [];
  const held: (() => void)[] = [];
  const server = await udpServer((query, reply, from) => {
    ports.add(from.port);
    ids.push(uint16(query, 0));
    held.push(() => reply(responseOctets(query, truth)));
    if (held.length === 200) for (const release of held) release();
  });
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  const sent = Array.from({ length: 200 }, () => sendBy(transport, outgoing('api.example.')));
  await Promise.all(sent.map(({ reply }) => reply));
  t.equal(ports.size, 200);
  // 200 of 65,536: more than a handful of equal ones has odds below 10^-9, and so have so many small steps.
  t.ok(new Set(ids).size > 190, 'IDs differ');
  const steps = ids.slice(1).map((id, i) => Math.abs(id - (ids[i] ?? 0)));
  t.ok(steps.filter((step) => step < 256).length < 20, 'IDs do not follow each other');
});

/** Every way in which a reply can be somebody else's. */
function decoys(query: Uint8Array): Record<string, Uint8Array> {
  const { header, question } = readRequest(query);
  const lie = message({ answer: [a('api.example.', '203.0.113.66')] });
  const good = responseOctets(query, lie);
  const patched = (patch: (octets: Uint8Array) => void) => {
    const octets = Uint8Array.from(good);
    patch(octets);
    return octets;
  };
  const asks = (qname: string, qtype: number = RrType.A, qclass = 1) =>
    responseOctets({ id: header.id, question: { qname, qtype, qclass } }, lie);
  const end = HEADER_OCTETS + question.octets.length;
  return {
    'ID + 1': responseOctets(query, lie, { id: (header.id + 1) & 0xffff }),
    'ID with its octets swapped': responseOctets(query, lie, {
      id:
        (((header.id << 8) | (header.id >> 8)) & 0xffff) ^
        ((header.id & 0xff) === header.id >> 8 ? 1 : 0),
    }),
    'QR not set': patched((octets) => putUint16(octets, 2, uint16(octets, 2) & 0x7fff)),
    'opcode NOTIFY': patched((octets) => putUint16(octets, 2, uint16(octets, 2) | (4 << 11))),
    'another name': asks('evil.example.'),
    'a name above': asks('example.'),
    'a name below': asks('x.api.example.'),
    'another type': asks('api.example.', RrType.AAAA),
    'another class': asks('api.example.', RrType.A, 3),
    'no question, with an answer': patched((octets) => {
      putUint16(octets, 4, 0);
    }),
    'two questions': patched((octets) => {
      putUint16(octets, 4, 2);
    }),
    'NXDOMAIN without a question': Uint8Array.of(
      header.id >> 8,
      header.id & 0xff,
      0x81,
      0x83,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    ),
    'FORMERR without a question, with an octet behind': Uint8Array.of(
      ...[header.id >> 8, header.id & 0xff, 0x81, 0x81],
      ...new Uint8Array(9),
    ),
    'cut in the header': good.subarray(0, 11),
    'cut in the question': good.subarray(0, end - 3),
    'an answer cut off': good.subarray(0, end + 20),
    'a record count past the end': patched((octets) => putUint16(octets, 6, 40)),
    'a pointer that leads forward': patched((octets) => putUint16(octets, end, 0xc0ff)),
    'nothing at all': new Uint8Array(0),
  };
}

test('decoys of every kind before the truth: the truth wins (U3)', async (t) => {
  let count = 0;
  const server = await udpServer((query, reply) => {
    const lies = Object.values(decoys(query));
    count = lies.length;
    for (const lie of lies) reply(lie);
    reply(responseOctets(query, truth));
  });
  t.teardown(server.close);
  const tallies = createUpstreamTallies();
  const { reply, suspicions } = sendBy(udpTo(server.address, tallies), outgoing('api.example.'));
  t.same((await reply).message, truth);
  t.ok(count >= 14);
  t.equal(tallies.mismatched.value + tallies.malformed.value, count, 'each one is counted');
  t.ok(tallies.malformed.value >= 3);
  t.same(
    suspicions.toSorted(),
    ['malformed', 'mismatched', 'wrong-id'],
    'each kind is reported once',
  );
});

test('each decoy alone does not end the wait (U3)', async (t) => {
  const names = Object.keys(decoys(queryOctets('api.example.')));
  for (const name of names) {
    const server = await udpServer((query, reply) => {
      const lie = decoys(query)[name];
      if (lie !== undefined) reply(lie);
      reply(responseOctets(query, truth));
    });
    const tallies = createUpstreamTallies();
    const { reply } = sendBy(udpTo(server.address, tallies), outgoing('api.example.'));
    t.same((await reply).message, truth, name);
    t.equal(tallies.mismatched.value + tallies.malformed.value, 1, `${name} is counted`);
    await server.close();
  }
});

test('1,000 wrong IDs, then the truth (U3)', async (t) => {
  const server = await udpServer((query, reply) => {
    const id = uint16(query, 0);
    let sent = 0;
    // In portions: a receive buffer holds some hundred datagrams.
    const portion = () => {
      for (let i = 0; i < 50; i++, sent++) {
        reply(responseOctets(query, message(), { id: (id + 1 + sent) & 0xffff }));
      }
      if (sent < 1_000) setImmediate(portion);
      else reply(responseOctets(query, truth));
    };
    portion();
  });
  t.teardown(server.close);
  const tallies = createUpstreamTallies();
  const { reply, suspicions } = sendBy(udpTo(server.address, tallies), outgoing('api.example.'));
  t.same((await reply).message, truth);
  t.same(suspicions, ['wrong-id']);
});

test('what another peer sends to the port is never read (U3)', async (t) => {
  const stranger = createSocket('udp4');
  t.teardown(() => stranger.close());
  const server = await udpServer((query, reply, from) => {
    const lie = message({ answer: [a('api.example.', '203.0.113.66')] });
    stranger.send(responseOctets(query, lie), from.port, from.address, () => {
      reply(responseOctets(query, truth));
    });
  });
  t.teardown(server.close);
  const tallies = createUpstreamTallies();
  const { reply } = sendBy(udpTo(server.address, tallies), outgoing('api.example.'));
  t.same((await reply).message, truth);
  t.equal(tallies.mismatched.value, 0, 'the kernel drops it');
});

test('a server may change the case of the name (RFC 4343)', async (t) => {
  const server = await udpServer((query, reply) => {
    const question = { qname: 'aPI.EXAMPLE.', qtype: RrType.A, qclass: 1 };
    reply(responseOctets({ id: uint16(query, 0), question }, truth));
  });
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  t.same((await sendBy(transport, outgoing('api.example.')).reply).message, truth);
});

test('a bare header with an error is an answer: old servers say so to EDNS (U4)', async (t) => {
  const rcodes = [Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED];
  for (const rcode of rcodes) {
    const server = await udpServer((query, reply) => {
      const octets = new Uint8Array(HEADER_OCTETS);
      putUint16(octets, 0, uint16(query, 0));
      putUint16(octets, 2, 0x8000 | rcode);
      reply(octets);
    });
    const transport = udpTo(server.address, createUpstreamTallies());
    const reply = await sendBy(transport, outgoing('api.example.')).reply;
    t.same(reply, { message: message({ rcode }), truncated: false, edns: false });
    await server.close();
  }
});

test('TC is told', async (t) => {
  const server = await udpServer((query, reply) => {
    reply(responseOctets(query, message(), { tc: true }));
  });
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  t.equal((await sendBy(transport, outgoing('api.example.')).reply).truncated, true);
});

test('a refused port fails at once, and says who refused (U2)', async (t) => {
  const address = serverAt('udp', await closedPort());
  const { reply } = sendBy(udpTo(address, createUpstreamTallies()), outgoing('a.example.'));
  await t.rejects(reply, {
    name: 'UpstreamError',
    reason: 'refused',
    message: `udp socket to ${address.name}: ECONNREFUSED`,
  });
});

test('an address without a route fails as network', async (t) => {
  const address = {
    ...serverAt('udp', 53),
    // A link-local address on an interface that is not there.
    endpoint: { address: 'fe80::1%nosuch0', port: 53 },
  };
  const { reply } = sendBy(udpTo(address, createUpstreamTallies()), outgoing('a.example.'));
  await t.rejects(reply, { name: 'UpstreamError', reason: 'network' });
});

test('what the kernel lets connect and will not send, as a firewall may have it, fails at once', async (t) => {
  const server = await udpServer(() => undefined);
  t.teardown(server.close);
  const refuse = (_octets: Uint8Array, told: (error: Error) => void) =>
    process.nextTick(told, Object.assign(new Error('send EPERM'), { code: 'EPERM' }));
  t.intercept(Socket.prototype, 'send', { value: refuse });
  const { reply } = sendBy(udpTo(server.address, createUpstreamTallies()), outgoing('a.example.'));
  await t.rejects(Promise.race([reply, quiet()]), {
    name: 'UpstreamError',
    reason: 'local',
    message: `udp socket to ${server.address.name}: EPERM`,
  });
});

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1');

test('IPv6', { skip: hasIpv6 ? false : 'no ::1 on this machine' }, async (t) => {
  const socket = createSocket('udp6');
  socket.on('message', (query, from) => {
    socket.send(responseOctets(query, truth), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
  t.teardown(() => socket.close());
  const { port } = socket.address();
  const address = { ...serverAt('udp', port), endpoint: { address: '::1', port } };
  const { reply } = sendBy(udpTo(address, createUpstreamTallies()), outgoing('api.example.'));
  t.same((await reply).message, truth);
});

test('a closed exchange hears nothing, and frees its port (F1)', async (t) => {
  const answered = Promise.withResolvers<number>();
  const server = await udpServer((query, reply, from) => {
    exchange.close();
    reply(responseOctets(query, truth));
    answered.resolve(from.port);
  });
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  const { exchange, reply } = sendBy(transport, outgoing('api.example.'));
  const port = await answered.promise;
  const heard = await Promise.race([reply, quiet()]);
  t.equal(heard, undefined, 'nothing is heard');
  const next = createSocket('udp4');
  await new Promise<void>((resolve) => next.bind(port, '127.0.0.1', resolve));
  next.close();
  t.doesNotThrow(() => exchange.close(), 'closing twice is harmless');
});

test('the kernel has the datagram when `send` returns', async (t) => {
  const asked = Promise.withResolvers<void>();
  const server = await udpServer(() => asked.resolve());
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  sendBy(transport, outgoing('api.example.')).exchange.close();
  await asked.promise;
  t.pass('though its socket was closed in the same turn');
});

test('closing the transport fails what is out', async (t) => {
  const server = await udpServer(() => undefined);
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  const first = sendBy(transport, outgoing('a.example.'));
  const second = sendBy(transport, outgoing('b.example.'));
  transport.close();
  const message = `udp exchange with ${server.address.name} was closed`;
  await t.rejects(first.reply, { name: 'UpstreamError', reason: 'closed', message });
  await t.rejects(second.reply, { name: 'UpstreamError', reason: 'closed' });
});

test('what is closed is not told why it could not be sent', async (t) => {
  const noSuch = { address: 'fe80::1%nosuch0', port: 53 };
  const address = { ...serverAt('udp', 53), endpoint: noSuch };
  const { reply, exchange } = sendBy(
    udpTo(address, createUpstreamTallies()),
    outgoing('a.example.'),
  );
  exchange.close();
  t.equal(await Promise.race([reply, quiet()]), undefined);
});

test('another question under the right ID is no guess of an ID (U3)', async (t) => {
  const server = await udpServer((query, reply) => {
    reply(decoys(query)['another name'] ?? query);
    reply(responseOctets(query, truth));
  });
  t.teardown(server.close);
  const tallies = createUpstreamTallies();
  const { reply, suspicions } = sendBy(udpTo(server.address, tallies), outgoing('api.example.'));
  t.same((await reply).message, truth);
  t.same(suspicions, ['mismatched']);
  t.equal(tallies.mismatched.value, 1);
});

test('who does not want to hear of suspicions need not', async (t) => {
  const server = await udpServer((query, reply) => {
    for (const lie of Object.values(decoys(query))) reply(lie);
    reply(responseOctets(query, truth));
  });
  t.teardown(server.close);
  const transport = udpTo(server.address, createUpstreamTallies());
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  transport.send(outgoing('api.example.'), true, { onReply: resolve, onFailure: reject });
  t.match(await promise, { message: truth });
});

test('a bug in reading ends its question, not the process', async (t) => {
  let broken = false;
  const server = await udpServer((query, reply) => {
    broken = true;
    reply(responseOctets(query, truth));
  });
  t.teardown(server.close);
  const question = {
    ...outgoing('api.example.'),
    get qname() {
      if (broken) throw new TypeError('a bug');
      return 'api.example.';
    },
  };
  const { reply } = sendBy(udpTo(server.address, createUpstreamTallies()), question);
  await t.rejects(reply, { name: 'TypeError', message: 'a bug' });
});

/** Some turns of the event loop, in each of which a datagram on the loopback would have been read. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

test('the socket of an answer is closed in the next turn, or as soon as room is needed (F1, S1)', async (t) => {
  const server = await udpServer((query, reply) => reply(responseOctets(query, truth)));
  t.teardown(server.close);
  const clock = new HandClock();
  const transport = udpTo(server.address, createUpstreamTallies(), { sockets: 2, clock });
  t.teardown(() => transport.close());
  // Sockets of the tests before are closed by then.
  await clock.advance(0);
  const calls = t.capture(Socket.prototype, 'close', Socket.prototype.close);
  const closed = () => calls().length;
  await sendBy(transport, outgoing('a.example.')).reply;
  t.equal(closed(), 0, 'its owner is told first');
  await sendBy(transport, outgoing('b.example.')).reply;
  t.equal(closed(), 0);
  const third = sendBy(transport, outgoing('c.example.'));
  t.equal(closed(), 2, 'never more than there may be');
  await third.reply;
  t.equal(closed(), 0);
  await clock.advance(0);
  t.equal(closed(), 1);
});

test('S1: with no socket left the oldest message of 200 ms gives way, else the new one is not sent', async (t) => {
  const server = await udpServer(() => undefined);
  t.teardown(server.close);
  const clock = new HandClock();
  await clock.advance(1_000);
  const full = new Tally();
  const transport = udpTo(server.address, createUpstreamTallies(), { sockets: 2, clock, full });
  t.teardown(() => transport.close());
  const first = sendBy(transport, outgoing('a.example.'));
  const second = sendBy(transport, outgoing('b.example.'));
  await clock.advance(199);
  const third = sendBy(transport, outgoing('c.example.'));
  const message = `udp sockets to ${server.address.name}: 2`;
  await t.rejects(third.reply, { name: 'UpstreamError', reason: 'full', message });
  const unheard = sendBy(transport, outgoing('c.example.'));
  unheard.exchange.close();
  t.equal(await Promise.race([unheard.reply, quiet()]), undefined, 'nor is it told once closed');
  await clock.advance(1);
  const fourth = sendBy(transport, outgoing('d.example.'));
  t.equal(await reasonWhy(first), 'full');
  t.equal(full.value, 3);
  const given = sendBy(transport, outgoing('e.example.'));
  t.equal(await reasonWhy(second), 'full');
  for (const { exchange } of [fourth, given]) exchange.close();
  sendBy(transport, outgoing('f.example.')).exchange.close();
  t.equal(full.value, 4, 'what was closed is free');
});

async function reasonWhy({ reply }: Sent): Promise<string> {
  const error: unknown = await reply.catch((reason: unknown) => reason);
  return error instanceof UpstreamError ? error.reason : String(error);
}
