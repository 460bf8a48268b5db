import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import tap, { test } from 'tap';
import { Opcode, Rcode, RrType } from '../../../src/wire/codes.ts';
import { Flag, HEADER_OCTETS, putUint16, readHeader } from '../../../src/wire/header.ts';
import { readResponse } from '../../../src/wire/message.ts';
import { Luck, mutate } from '../../fuzz/mutate.ts';
import { seeds } from '../../fuzz/seeds.ts';
import { queryOctets } from '../../support/messages.ts';
import { tcpClient, udpClient } from '../clients.ts';
import { launch, sharedWorld } from '../hostile-daemon.ts';
import { addressOf, startUpstream, tellTruth } from '../hostile-upstream.ts';

const anew = sharedWorld(tap);

test('metrics and logs: after two thousand broken messages the scrape parses, with the series that it had', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  await client.ask('before.example.');
  const before = [...(await world.metrics()).keys()].sort();
  const luck = new Luck(1);
  const pool = seeds();
  for (let i = 0; i < 2_000; i++) {
    client.send(mutate(pool[i % pool.length] ?? new Uint8Array(), luck));
    if (i % 50 === 49) await client.ask(`between${i}.example.`);
  }
  for (const name of ['"}\n{x="', '\\', '\u0000', 'a\nsidestub_bugs_total 7']) {
    const label = Buffer.from(name, 'latin1');
    const qname = Uint8Array.from([label.length, ...label, 0]);
    const plain = queryOctets('.', RrType.TXT);
    const query = Uint8Array.from([
      ...plain.subarray(0, HEADER_OCTETS),
      ...qname,
      ...plain.subarray(HEADER_OCTETS + 1),
    ]);
    t.equal((await client.askOctets(query)).response.message.rcode, Rcode.NOERROR);
  }
  t.strictSame([...(await world.metrics()).keys()].sort(), before);
  t.equal(world.log.filter(({ level }) => level === 'debug').length, 0);
  t.notMatch(JSON.stringify(world.log), /between/, 'no name in the log (S4)');
  t.equal(await world.health(), 'well');
});

test('NOTIFY, UPDATE, AXFR: what only authorities take is refused, over UDP and TCP, and asks nothing', async (t) => {
  const world = await anew();
  const udp = await udpClient(t, world.dns);
  const tcp = await tcpClient(t, world.dns);
  world.upstream.takeAsked();
  for (const client of [udp, tcp]) {
    for (const opcode of [Opcode.IQUERY, Opcode.STATUS, Opcode.NOTIFY, Opcode.UPDATE, 6, 15]) {
      const query = queryOctets('zone.example.', RrType.SOA);
      putUint16(query, 2, opcode << 11);
      const { octets } = await client.askOctets(query);
      const header = readHeader(octets);
      t.equal(header.rcode, Rcode.NOTIMP, `opcode ${opcode}`);
      t.equal(header.opcode, opcode);
    }
    for (const qtype of [RrType.AXFR, RrType.IXFR]) {
      const { response } = await client.ask('zone.example.', qtype);
      t.equal(response.message.rcode, Rcode.REFUSED);
    }
    const response = queryOctets('zone.example.');
    putUint16(response, 2, Flag.QR);
    client.send(response);
    await client.ask('after.example.');
    t.same(client.strays, [], 'a response is not answered');
  }
  t.notMatch(world.upstream.takeAsked().join(), /zone/);
});

test('self-reference and loops: an upstream that is sidestub itself, or leads back to it, ends the start with the reason', async (t) => {
  const upstream = await startUpstream();
  t.teardown(() => upstream.close());
  const own = {
    settings: { listen: { addresses: ['127.0.0.1:5399'] } },
    upstreams: ['127.0.0.1:5399'],
  };
  const refused = launch(t, upstream, own);
  const [code] = await refused.exited;
  t.equal(code, 78);
  t.match(refused.stderr(), /127\.0\.0\.1:5399 is sidestub itself/);
  // A forwarder that knows nothing of it: whatever comes goes back to who asked.
  const relay = createSocket('udp4');
  relay.bind(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  const { port } = relay.address();
  const looped = launch(t, upstream, { upstreams: [`127.0.0.1:${port}`] });
  const { addresses } = await looped.event('listening');
  const [, daemonPort = ''] = /:(\d+)$/.exec(String((addresses as string[])[0])) ?? [];
  relay.on('message', (octets) => relay.send(octets, Number(daemonPort), '127.0.0.1'));
  const [loopCode] = await looped.exited;
  t.equal(loopCode, 78);
  t.ok(looped.log.some(({ reason }) => /is sidestub itself/.test(String(reason))));
});

test('glibc asks A and AAAA with the same ID on one socket: each question gets its own answer', async (t) => {
  const world = await anew();
  world.upstream.script = (asked) =>
    setTimeout(() => tellTruth(asked), asked.qtype === RrType.A ? 20 : 0);
  const client = await udpClient(t, world.dns);
  const ID = 0x4242;
  for (const qtype of [RrType.A, RrType.AAAA])
    client.send(queryOctets('pair.example.', qtype, { id: ID }));
  while (client.strays.length < 2) await once(client.socket, 'message');
  const answers = client.strays.map((octets) => readResponse(octets));
  t.same(
    answers.map(({ header }) => header.id),
    [ID, ID],
  );
  for (const qtype of [RrType.A, RrType.AAAA]) {
    const answer = answers.find(({ question }) => question?.qtype === qtype);
    t.equal(answer?.message.answer[0]?.type, qtype);
  }
  const v4 = answers.find(({ question }) => question?.qtype === RrType.A);
  t.equal(v4?.message.answer[0]?.rdata.join('.'), addressOf('pair.example.'));
});
