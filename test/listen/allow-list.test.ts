import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type Test, test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { allowList } from '../../src/listen/allow-list.ts';
import { Responder } from '../../src/listen/responder.ts';
import { listenTcp } from '../../src/listen/tcp.ts';
import { listenUdp } from '../../src/listen/udp.ts';
import { formatPrefix, parsePrefix } from '../../src/prefix.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { readResponse } from '../../src/wire/message.ts';
import { a, message, queryOctets } from '../support/messages.ts';

function listed(...texts: string[]) {
  return allowList(texts.flatMap((text) => parsePrefix(text) ?? []));
}

test('a prefix is an address or a range, and nothing else', (t) => {
  for (const text of ['10.244.0.0/16', '0.0.0.0/0', 'fd00::/8', '::1/128']) {
    const read = parsePrefix(text);
    t.ok(read, text);
    if (read !== undefined) t.equal(formatPrefix(read), text);
  }
  t.same(parsePrefix('192.0.2.1'), { address: '192.0.2.1', length: 32 });
  for (const text of [
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    'localhost',
    '10.0.0.0/',
    '/8',
    'fe80::1%eth0',
  ]) {
    t.equal(parsePrefix(text), undefined, text);
  }
  t.end();
});

test('a client may ask when its address lies in a prefix of its family', (t) => {
  const allows = listed('10.244.0.0/16', 'fe80::/10', '192.0.2.1');
  for (const address of ['10.244.9.9', '192.0.2.1', 'fe80::1%eth0'])
    t.equal(allows?.(address), true, address);
  for (const address of ['10.245.0.1', '192.0.2.2', '2001:db8::1', ''])
    t.equal(allows?.(address), false, address);
  t.equal(listed(), undefined, 'nobody is listed: everybody may');
  t.end();
});

async function setup(t: Test, ...prefixes: string[]) {
  const rejected: number[] = [];
  const asked: string[] = [];
  const responder = new Responder({
    resolve: (query, asker) => {
      asked.push(query.qname);
      asker.onAnswer({
        message: message({ answer: [a(query.qname, '192.0.2.7')] }),
        source: 'local',
        age: 0,
      });
    },
    clock: monotonicClock,
    events: {
      asked: () => undefined,
      answered: () => undefined,
      rejected: (rcode) => rejected.push(rcode),
      dropped: () => undefined,
      crowded: () => undefined,
      bug: (error) => t.fail(String(error)),
    },
  });
  responder.allows = listed(...prefixes);
  let refusedConnections = 0;
  const udp = await listenUdp({ address: '127.0.0.1', port: 0 }, responder);
  // On a port of its own: a connection of another process may have the one over TCP that is free over UDP.
  const tcp = await listenTcp({ address: '127.0.0.1', port: 0 }, responder, {
    limits: {
      maxConnections: 8,
      maxConnectionsPerClient: 8,
      maxInFlight: 8,
      idle: 10_000,
      life: 60_000,
    },
    clock: monotonicClock,
    events: {
      opened: () => undefined,
      closed: () => undefined,
      refused: () => refusedConnections++,
      limited: () => undefined,
    },
  });
  t.teardown(async () => {
    await Promise.all([udp.close(), tcp.close()]);
  });
  return {
    port: udp.endpoint.port,
    tcpPort: tcp.endpoint.port,
    rejected,
    asked,
    refused: () => refusedConnections,
  };
}

async function ask(t: Test, port: number) {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.send(queryOctets('Git.example.com.'), port, '127.0.0.1');
  const [octets] = await once(socket, 'message');
  return readResponse(octets);
}

test('who is not listed gets REFUSED with the question, and nothing is resolved', async (t) => {
  const { port, asked, rejected } = await setup(t, '10.0.0.0/8');
  const { message: said, question } = await ask(t, port);
  t.equal(said.rcode, Rcode.REFUSED);
  t.equal(question?.qname, 'git.example.com.');
  t.same(asked, []);
  t.same(rejected, [Rcode.REFUSED]);
});

test('who is listed gets the answer', async (t) => {
  const { port } = await setup(t, '127.0.0.0/8');
  t.equal((await ask(t, port)).message.rcode, Rcode.NOERROR);
});

test('the TCP connection of a client that is not listed is closed at once', async (t) => {
  const { tcpPort, refused } = await setup(t, '10.0.0.0/8');
  const socket = connect(tcpPort, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'close');
  t.equal(refused(), 1);
});
