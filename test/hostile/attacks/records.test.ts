import tap, { test } from 'tap';
import { Server } from '../../../src/upstream/server.ts';
import type { ServerAddress } from '../../../src/upstream/server-address.ts';
import { Rcode, RrType } from '../../../src/wire/codes.ts';
import { encodeName } from '../../../src/wire/name.ts';
import type { Rr } from '../../../src/wire/record.ts';
import { HandClock, settle } from '../../support/hand-clock.ts';
import { a, cname, message, nxdomain, queryOctets, record } from '../../support/messages.ts';
import { startStub } from '../../support/stub.ts';
import { createUpstreamTallies } from '../../support/upstream-tallies.ts';
import { begin } from '../../upstream/scripted-server.ts';
import { ScriptedTransport } from '../../upstream/scripted-transport.ts';
import { udpClient } from '../clients.ts';
import { LIE } from '../decoys.ts';
import { sharedWorld } from '../hostile-daemon.ts';
import { addressOf, tellTruth, truthAbout } from '../hostile-upstream.ts';
import { OPT_CASES, withOpt } from '../opt-cases.ts';

const anew = sharedWorld(tap);

const lastOctets = (records: readonly Rr[]) => records.map(({ rdata }) => rdata.join('.'));

test('foreign records: what an answer has beside its question never becomes the answer of another name', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) => {
    if (asked.qname !== 'lure.example.') {
      tellTruth(asked);
      return;
    }
    const foreign = a('bank.example.', LIE, 86_400);
    const ns = record('bank.example.', RrType.NS, encodeName('ns.evil.example.'));
    asked.answer(
      message({
        answer: [
          a('lure.example.', '198.18.0.1'),
          foreign,
          cname('www.bank.example.', 'evil.example.'),
        ],
        authority: [ns],
        additional: [a('ns.evil.example.', LIE), foreign],
      }),
    );
  };
  const lured = await client.ask('lure.example.');
  t.same(
    lastOctets(lured.response.message.answer),
    ['198.18.0.1'],
    'nothing foreign in the answer',
  );
  for (const name of ['bank.example.', 'www.bank.example.', 'ns.evil.example.']) {
    const { response } = await client.ask(name);
    t.same(lastOctets(response.message.answer), [addressOf(name)], name);
    t.ok(world.upstream.takeAsked().includes(`${name} A`), `${name} was asked`);
  }
});

test('ghost domains: a name that is revoked is gone when its TTL is over, however often it is asked; a day at most', async (t) => {
  const NAME = 'ghost.example.com.';
  let isThere = true;
  const stub = await startStub({
    script: () =>
      isThere ? message({ answer: [a(NAME, LIE, 604_800)] }) : nxdomain('example.com.'),
    suffixes: [],
    domain: undefined,
    conformance: false,
  });
  const first = await stub.ask(NAME);
  t.equal(first.message.answer[0]?.ttl, 86_400, 'a week is a day');
  isThere = false;
  // Once a minute: popular, so that it is renewed before its end; then the renewal tells that it is gone.
  for (let minute = 0; minute < 24 * 60 + 1; minute++) {
    await stub.ask(NAME);
    await stub.clock.advance(60_000);
    await settle();
  }
  t.equal((await stub.ask(NAME)).message.rcode, Rcode.NXDOMAIN);
});

test('KeyTrap, NSEC3: nothing is validated, so 500 keys and signatures cost no more than other octets', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const key = record('trap.example.', RrType.DNSKEY, new Uint8Array(68).fill(3));
  world.upstream.script = (asked) => {
    const keys = Array.from({ length: 500 }, (_, i) => ({
      ...key,
      rdata: key.rdata.map((o, at) => (at < 4 ? o : (o + i) & 0xff)),
    }));
    asked.answer(message({ answer: keys, authenticData: true }));
  };
  const { response } = await client.ask('trap.example.', RrType.DNSKEY, {
    edns: { dnssecOk: true },
  });
  t.equal(response.message.rcode, Rcode.NOERROR);
  t.ok(response.truncated, 'the rest over TCP');
  t.equal(await world.health(), 'well');
});

test('KeyTrap, NSEC3: AD is believed from a server that proves who it is or stands beside us, from no other', async (t) => {
  const endpoint = (address: string) => ({ address, port: 53 });
  const cases: readonly (readonly [ServerAddress, boolean])[] = [
    [{ transport: 'udp', endpoint: endpoint('192.0.2.53'), name: 'far' }, false],
    [{ transport: 'tcp', endpoint: endpoint('2001:db8::53'), name: 'far' }, false],
    [{ transport: 'udp', endpoint: endpoint('127.0.0.53'), name: 'near' }, true],
    [{ transport: 'udp', endpoint: endpoint('::1'), name: 'near' }, true],
  ];
  for (const [address, believed] of cases) {
    const clock = new HandClock();
    const transport = new ScriptedTransport(clock);
    const transports = { [address.transport]: transport };
    const tallies = createUpstreamTallies();
    const server = new Server({ address, transports, clock, tallies });
    const { heard } = begin(server);
    transport.nth(0).answer(message({ authenticData: true }));
    t.equal(
      heard.answer?.authenticData,
      believed,
      `${address.transport} ${address.endpoint.address}`,
    );
  }
});

test('EDNS smuggling: an OPT is built anew in both directions, whatever was in it', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) => {
    const truth = truthAbout({ qname: asked.qname, qtype: asked.qtype, qclass: 1 });
    const [, options] = OPT_CASES[Number(/^o(\d+)/.exec(asked.qname)?.[1])] ?? [];
    asked.reply(withOpt(asked.octets, truth, options ?? new Uint8Array()));
  };
  for (const [index, [what, options]] of OPT_CASES.entries()) {
    const name = `o${index}.example.`;
    const query = withOptions(queryOctets(name, RrType.TXT, { edns: { dnssecOk: true } }), options);
    const { octets, response } = await client.askOctets(query);
    t.equal(response.message.rcode, Rcode.NOERROR, what);
    // By its name: one before it may have been sent again.
    const asked = world.upstream.asked.find(({ qname }) => qname === name);
    const ownQuery = queryOctets(name, RrType.TXT, { edns: { dnssecOk: true } });
    t.same(
      asked?.octets.subarray(12),
      ownQuery.subarray(12),
      `${what}: upstream sees an OPT of ours`,
    );
    // OPT of ours is the last record: root, type, 1232, RCODE and version 0, DO, no options.
    const opt = [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0];
    t.same([...octets.subarray(-11)], opt, `${what}: the client sees an OPT of ours`);
  }
});

/** The query with these octets as the options of its OPT, which is its last record and empty. */
function withOptions(query: Uint8Array, options: Uint8Array): Uint8Array {
  const octets = Uint8Array.from([...query, ...options]);
  octets[query.length - 2] = options.length >> 8;
  octets[query.length - 1] = options.length;
  return octets;
}
