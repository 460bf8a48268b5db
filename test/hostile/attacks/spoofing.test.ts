import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import tap, { test } from 'tap';
import { RrType } from '../../../src/wire/codes.ts';
import { EDNS_UDP_OCTETS } from '../../../src/wire/edns.ts';
import { putUint16, uint16 } from '../../../src/wire/header.ts';
import { randomId } from '../../../src/wire/request.ts';
import { a, addressOctets, message, queryOctets, responseOctets } from '../../support/messages.ts';
import { type Answered, type Client, tcpClient, udpClient } from '../clients.ts';
import { DECOYS, LIE } from '../decoys.ts';
import { type Owner, sharedWorld, startWorld } from '../hostile-daemon.ts';
import { type Asked, addressOf, tellTruth, truthAbout } from '../hostile-upstream.ts';
import { CHI_SQUARE_LIMIT, chiSquare, serialCorrelation } from '../uniformity.ts';

const anew = sharedWorld(tap);

/** Milliseconds: time for many to ask, and too short for a resend. */
const SOON = 20;
/** Milliseconds that the truth comes after the lie. */
const HEAD_START = 150;

/**
 * Decoys that are damaged replies, which are waited out for as little as 100 ms (U3). The truth comes right behind them:
 * in a while it may be too late on a busy machine.
 */
const DAMAGED = ['two questions', 'cut off in its answer', 'more records claimed than are there'];

/** Says the truth in a while, and again: a socket whose buffer is full of lies drops it. */
function insist(t: Owner, asked: Asked): void {
  const timer = setInterval(() => tellTruth(asked), HEAD_START);
  t.teardown(() => clearInterval(timer));
}

function addressesIn({ response }: Answered): string[] {
  return response.message.answer
    .filter(({ type }) => type === RrType.A)
    .map(({ rdata }) => rdata.join('.'));
}

for (const tcp of [true, false]) {
  test(`reply matched weakly: 14 kinds of decoy, then the truth, ${tcp ? 'with' : 'without'} TCP`, async (t) => {
    const world = await startWorld(t, { tcp });
    const client = await udpClient(t, world.dns);
    const kinds = Object.values(DECOYS);
    world.upstream.script = (asked) => {
      const decoy = kinds[Number(/^d(\d+)\./.exec(asked.qname)?.[1])];
      if (asked.transport === 'udp' && decoy !== undefined) asked.reply(decoy(asked.octets));
      if (DAMAGED.some((kind) => DECOYS[kind] === decoy)) tellTruth(asked);
      else setTimeout(() => tellTruth(asked), HEAD_START);
    };
    const answers = await Promise.all(kinds.map((_, i) => client.ask(`d${i}.example.`)));
    t.equal(answers.length, 14);
    answers.forEach((answer, i) => {
      t.same(addressesIn(answer), [addressOf(`d${i}.example.`)], `kind ${i}`);
    });
    t.equal(await world.health(), 'well');
  });
}

test('many equal questions in flight: 60 clients ask the same, 60 more with ECS of their own, one upstream query each', async (t) => {
  const world = await anew();
  world.upstream.script = (asked) => setTimeout(() => tellTruth(asked), SOON);
  const clients = await Promise.all(Array.from({ length: 60 }, () => udpClient(t, world.dns)));
  /** How many questions went up for these. */
  const questions = async (ask: (client: Client, index: number) => Promise<unknown>) => {
    await Promise.all(clients.map(ask));
    return (await world.takeQuestions()).length;
  };
  t.equal(await questions((client) => client.ask('same.example.', RrType.TXT)), 1);
  t.equal(await questions((client, i) => client.askOctets(withEcs('ecs.example.', i))), 1, 'ECS');
  const bits = [false, true].flatMap((dnssecOk) =>
    [false, true].map((checkingDisabled) => ({ edns: { dnssecOk }, checkingDisabled })),
  );
  const asked = await questions((client, i) =>
    client.ask('bits.example.', RrType.TXT, bits[i % 4]),
  );
  t.equal(asked, 4, 'DO x CD');
});

/** A question with the client subnet 10.1.`subnet`.0/24 (RFC 7871 §6). */
function withEcs(qname: string, subnet: number): Uint8Array {
  const query = queryOctets(qname, RrType.TXT, { edns: { dnssecOk: false } });
  const option = Uint8Array.of(0, 8, 0, 7, 0, 1, 24, 0, 10, 1, subnet);
  const octets = Uint8Array.from([...query, ...option]);
  putUint16(octets, query.length - 2, option.length);
  return octets;
}

test('predictable IDs: 10,000 of them are uniform in both octets, and none foretells the next', (t) => {
  const ids = Array.from({ length: 10_000 }, randomId);
  t.ok(chiSquare(ids.map((id) => id >> 8)) < CHI_SQUARE_LIMIT);
  t.ok(chiSquare(ids.map((id) => id & 0xff)) < CHI_SQUARE_LIMIT);
  t.ok(Math.abs(serialCorrelation(ids)) < 5 / Math.sqrt(ids.length));
  t.end();
});

test('Kaminsky, SAD DNS: 200 questions in flight come from 200 ports, with IDs of their own', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) => setTimeout(() => tellTruth(asked), 100);
  const names = Array.from({ length: 200 }, (_, i) => `k${i}.example.`);
  await Promise.all(names.map((name) => client.ask(name, RrType.TXT)));
  const first = names.map((name) => world.upstream.asked.find(({ qname }) => qname === name));
  t.equal(new Set(first.map((asked) => asked?.port)).size, 200);
  const ids = first.map((asked) => asked?.request.header.id ?? 0);
  t.ok(new Set(ids).size > 190, `${new Set(ids).size} IDs`);
});

test('a wrong reply ends the wait: 1,000 wrong IDs, then the truth; the first one starts TCP as well', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) => {
    if (asked.transport === 'tcp') return;
    const id = uint16(asked.octets, 0);
    for (let i = 1; i <= 1_000; i++) {
      const lie = message({ answer: [a(asked.qname, LIE)] });
      asked.reply(responseOctets(asked.octets, lie, { id: (id + i) & 0xffff }));
    }
    insist(t, asked);
  };
  const moved = () => world.metric('sidestub_upstream_tcp_fallbacks_total{cause="wrong-id"}');
  const before = await moved();
  t.same(addressesIn(await client.ask('guessed.example.')), [addressOf('guessed.example.')]);
  // On a busy machine A is silent for long enough that AAAA is asked as well (F5).
  const families = new Set(world.upstream.asked.map(({ qtype }) => qtype)).size;
  t.equal((await moved()) - before, families, 'once a question');
  t.ok(world.upstream.asked.some(({ transport }) => transport === 'tcp'));
  t.ok((await world.metric('sidestub_upstream_mismatched_replies_total')) > 100, 'counted');
});

test('the reaction is the weapon: 10,000 unsolicited datagrams flush nothing, end nothing, get no reply', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  await client.ask('kept.example.', RrType.TXT);
  await client.ask('kept.example.');
  let open = 0;
  world.upstream.script = (asked) => {
    if (asked.qname !== 'open.example.' || open++ > 0) return;
    // To the very socket that waits for an answer, from the port that may answer.
    const lie = message({ answer: [a('kept.example.', LIE)] });
    for (let i = 0; i < 5_000; i++) {
      asked.reply(
        responseOctets({ id: i, question: { qname: 'kept.example.', qtype: 1, qclass: 1 } }, lie),
      );
    }
    insist(t, asked);
  };
  const waiting = client.ask('open.example.');
  const stranger = createSocket('udp4');
  stranger.bind(0, '127.0.0.1');
  await once(stranger, 'listening');
  t.teardown(() => stranger.close());
  let replies = 0;
  stranger.on('message', () => replies++);
  const said = responseOctets(
    queryOctets('kept.example.'),
    truthAbout({ qname: 'kept.example.', qtype: 1, qclass: 1 }),
  );
  for (let i = 0; i < 5_000; i++) {
    stranger.send(said, world.dns.port, world.dns.address, () => undefined);
    if (i % 100 === 99) await new Promise((done) => setImmediate(done));
  }
  t.same(addressesIn(await waiting), [addressOf('open.example.')]);
  world.upstream.takeAsked();
  t.same(addressesIn(await client.ask('kept.example.')), [addressOf('kept.example.')]);
  const again = world.upstream.takeAsked().filter((question) => question.startsWith('kept'));
  t.strictSame(again, [], 'from the cache, as before');
  t.equal(replies, 0);
  t.equal(await world.health(), 'well');
});

test('fragmentation: 1232 octets are asked for and given, whatever is offered; the rest comes over TCP', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const addresses = Array.from({ length: 200 }, (_, i) => a('large.example.', `198.18.0.${i}`));
  world.upstream.script = (asked) => {
    const whole = message({ answer: addresses });
    const cut = { ...whole, answer: addresses.slice(0, 10) };
    if (asked.transport === 'tcp') asked.answer(whole);
    else asked.reply(responseOctets(asked.octets, cut, { tc: true }));
  };
  const query = queryOctets('large.example.', RrType.A, { edns: { dnssecOk: false } });
  // The client says that it takes 65,535 octets.
  putUint16(query, query.length - 8, 0xffff);
  const answer = await client.askOctets(query);
  t.ok(answer.octets.length <= EDNS_UDP_OCTETS, `${answer.octets.length} octets`);
  t.ok(answer.response.truncated);
  const [first] = world.upstream.asked;
  t.equal(first?.request.edns?.udpOctets, EDNS_UDP_OCTETS);
  const overTcp = await (await tcpClient(t, world.dns)).askOctets(query);
  t.equal(overTcp.response.truncated, false);
  t.equal(overTcp.response.message.answer.length, 200);
  t.same(overTcp.response.message.answer[199]?.rdata, addressOctets('198.18.0.199'));
});
