import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'tap';
import { admit } from '../../../src/listen/admit.ts';
import { judgeReply } from '../../../src/upstream/reply.ts';
import { Rcode, RrType } from '../../../src/wire/codes.ts';
import { frame } from '../../../src/wire/frame.ts';
import { readRequest } from '../../../src/wire/request.ts';
import { message, nxdomain, queryOctets, record } from '../../support/messages.ts';
import { BOMBS, honestLarge } from '../bombs.ts';
import { tcpClient, udpClient } from '../clients.ts';
import { startWorld } from '../hostile-daemon.ts';
import { addressOf, tellTruth } from '../hostile-upstream.ts';

const HOT = Array.from({ length: 100 }, (_, i) => `hot${i}.example.`);

test('slow, endless or greedy TCP: a good client is answered beside slowloris, floods that nobody reads, garbage and too many connections', async (t) => {
  const world = await startWorld(t, {
    settings: { tcp: { maxConnections: 40, maxConnectionsPerClient: 20 } },
  });
  world.upstream.script = (asked) => {
    const text = new Uint8Array(60_000).map((_, at) => (at % 250 === 0 ? 249 : 97));
    if (asked.qname.startsWith('large'))
      asked.answer(message({ answer: [record(asked.qname, RrType.TXT, text)] }));
    else tellTruth(asked);
  };
  const good = await tcpClient(t, world.dns, '127.0.0.2');
  await good.ask('good.example.');
  const open = () => {
    const socket = connect({ host: world.dns.address, port: world.dns.port });
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    return socket;
  };
  const query = frame(queryOctets('slow.example.'));
  const slow = Array.from({ length: 200 }, open);
  const greedy = open();
  await once(greedy, 'connect');
  greedy.pause();
  for (let i = 0; i < 400; i++) greedy.write(frame(queryOctets('large.example.', RrType.TXT)));
  for (let round = 0; round < 10; round++) {
    for (const socket of slow) socket.write(query.subarray(round, round + 1));
    // What announces 65,535 octets and is no message, and what has no length at all.
    const garbage = open();
    garbage.write(Buffer.alloc(3_000, 0xff));
    const { response } = await good.ask(`good${round}.example.`);
    t.same(response.message.answer[0]?.rdata.join('.'), addressOf(`good${round}.example.`));
  }
  const late = await tcpClient(t, world.dns, '127.0.0.3');
  t.equal((await late.ask('late.example.')).response.message.rcode, Rcode.NOERROR);
  t.ok((await world.metric('sidestub_tcp_connections_open')) <= 40);
  t.ok((await world.metric('sidestub_limits_reached_total{limit="tcp_connections"}')) > 0);
  t.equal(await world.health(), 'well');
});

test('CPU bombs: pointers, options and claimed records cost no more than an honest message of their size', async (t) => {
  const query = queryOctets('bomb.example.');
  const { header, question } = readRequest(query);
  const large = honestLarge();
  const asked = readRequest(queryOctets('large.example.')).question;
  const honest = medianTime(() => judgeReply(large, 0x1234, asked));
  for (const [what, bomb] of Object.entries(BOMBS)) {
    const asQuery = bomb(query, false);
    const asReply = bomb(query, true);
    const cost = Math.max(
      medianTime(() => admit(asQuery)),
      medianTime(() => judgeReply(asReply, header.id, question)),
    );
    // As many records as fit, without owner or RDATA, take one and a half; a bomb that went off would take hundreds.
    t.ok(cost < 3 * honest, `${what}: ${(cost / honest).toFixed(2)} of an honest message`);
  }
  const world = await startWorld(t);
  world.upstream.script = (asked) => {
    const bomb = Object.values(BOMBS)[Number(/^b(\d)/.exec(asked.qname)?.[1])];
    if (bomb === undefined) tellTruth(asked);
    else if (asked.transport === 'udp')
      asked.reply(
        bomb(asked.octets.subarray(0, asked.octets.length - 11), true).subarray(0, 60_000),
      );
    else asked.reply(bomb(asked.octets.subarray(0, asked.octets.length - 11), true));
  };
  const client = await tcpClient(t, world.dns);
  for (const [index, bomb] of Object.values(BOMBS).entries()) {
    client.send(bomb(query, false));
    const { response } = await client.ask(`b${index}.example.`, RrType.TXT);
    t.ok([Rcode.SERVFAIL, Rcode.NOERROR].some((rcode) => rcode === response.message.rcode));
  }
  t.equal((await client.ask('after.example.')).response.message.rcode, Rcode.NOERROR);
  t.equal(await world.health(), 'well');
});

/** Of enough runs that a busy machine does not count. */
function medianTime(work: () => unknown): number {
  const times = Array.from({ length: 31 }, () => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  });
  return times.toSorted((x, y) => x - y)[15] ?? Number.NaN;
}

/** Asks as musl does, again at each SERVFAIL, for a second: sockets that the flood holds give way when they are 200 ms old. */
async function firstAnswer(client: Awaited<ReturnType<typeof udpClient>>, qname: string) {
  const end = performance.now() + 1_000;
  for (;;) {
    const { rcode } = (await client.ask(qname, RrType.A)).response.message;
    if (rcode !== Rcode.SERVFAIL || performance.now() > end) return rcode;
  }
}

test('in-flight exhaustion: before a black hole cached names answer, new questions get room from the old, and it recovers', async (t) => {
  // Fewer questions than there is room for over UDP and TCP together, so that both limits are met.
  const settings = { limits: { flights: 64, upstreamSockets: 32 } };
  const world = await startWorld(t, { settings });
  const client = await udpClient(t, world.dns);
  for (const name of HOT) await client.ask(name);
  world.upstream.script = () => undefined;
  const flood = await udpClient(t, world.dns, '127.0.0.2');
  const reached = (limit: string) =>
    world.metric(`sidestub_limits_reached_total{limit="${limit}"}`);
  const areFull = async () =>
    (await reached('flights')) > 0 && (await reached('upstream_sockets')) > 0;
  // On a busy machine twenty rounds take so long that the first questions are over before the last ones come.
  for (let round = 0; round < 20 || (round < 100 && !(await areFull())); round++) {
    for (let i = 0; i < 100; i++)
      flood.send(queryOctets(`r${round}-${i}.example.`, RrType.TXT, { id: round * 100 + i }));
    const answers = await Promise.all(HOT.slice(0, 20).map((name) => client.ask(name)));
    for (const { response } of answers) t.equal(response.message.rcode, Rcode.NOERROR);
  }
  t.ok((await world.metric('sidestub_flights')) <= 64);
  t.ok((await reached('flights')) > 0, 'flights were full');
  t.ok((await reached('upstream_sockets')) > 0, 'sockets were');
  world.upstream.script = tellTruth;
  t.equal(await firstAnswer(client, 'new.example.'), Rcode.NOERROR, 'upstream is back');
  t.equal(await world.health(), 'well');
});

test('NXDOMAIN flood: twenty times as many denied names as there is room for cost no hot name its place', async (t) => {
  const settings = { cache: { octets: '256KiB', negativeOctets: '64KiB' } };
  const world = await startWorld(t, { settings });
  const client = await udpClient(t, world.dns);
  for (const name of HOT) await client.ask(name);
  world.upstream.script = (asked) => {
    if (asked.qname.startsWith('hot')) tellTruth(asked);
    else asked.answer(nxdomain('example.', 300));
  };
  world.upstream.takeAsked();
  for (let round = 0; round < 8; round++) {
    const names = Array.from({ length: 200 }, (_, i) => `n${round}-${i}.example.`);
    await Promise.all(names.map((name) => client.ask(name, RrType.TXT)));
  }
  t.ok((await world.metric('sidestub_cache_evictions_total')) > 0, 'the negative part was full');
  t.ok((await world.metric('sidestub_cache_bytes{part="negative"}')) <= 64 * 1_024);
  world.upstream.takeAsked();
  for (const name of HOT) await client.ask(name);
  const again = world.upstream.takeAsked().filter((question) => question.startsWith('hot'));
  t.ok(new Set(again).size <= 1, 'at least 99 of 100 from the cache');
});

test('HashDoS: 131,072 names of integer-like labels cost what other names cost', async (t) => {
  const insert = (nameOf: (i: number) => string) => {
    const names = Array.from({ length: 131_072 }, (_, i) => nameOf(i));
    const begun = performance.now();
    const table = new Map<string, number>();
    names.forEach((name, i) => {
      table.set(`1 1 0 ${name}`, i);
    });
    return performance.now() - begun;
  };
  insert((i) => `w${i}x.example.`);
  const words = Math.min(...[1, 2].map(() => insert((i) => `w${(i * 7_919) % 131_072}x.example.`)));
  const numbers = Math.min(...[1, 2].map(() => insert((i) => `${i * 32_768}.`)));
  t.ok(numbers < 5 * words, `${(numbers / words).toFixed(2)} of the time`);
  const world = await startWorld(t);
  const client = await udpClient(t, world.dns);
  for (let round = 0; round < 3; round++) {
    const asked = Array.from({ length: 200 }, (_, i) =>
      client.ask(`${(round * 200 + i) * 32_768}.`, RrType.TXT),
    );
    for (const { response } of await Promise.all(asked))
      t.equal(response.message.rcode, Rcode.NOERROR);
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  t.ok(
    major > 24 || (major === 24 && minor >= 14),
    'a Node whose strings hash with a secret (CVE-2026-21717)',
  );
});
