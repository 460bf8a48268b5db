import { test } from 'tap';
import { UpstreamError } from '../../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../../src/wire/codes.ts';
import { a, message, nodata, nxdomain, soa } from '../../support/messages.ts';
import type { Line } from '../../support/scripted-upstream.ts';
import { startStub } from '../../support/stub.ts';

const NAME = 'api.example.com.';

/** Stages outside a cluster, in front of an upstream that says what the test has it say. */
async function setup(line: Line, suffixes: readonly string[] = []) {
  let said = line;
  const stub = await startStub({
    script: () => said,
    suffixes,
    domain: undefined,
    conformance: false,
  });
  return {
    stub,
    say: (next: Line) => {
      said = next;
    },
    /** How often upstream is asked when NAME is asked now. */
    asks: async (qtype: number = RrType.TXT) => {
      stub.upstream.takeAsked();
      await stub.ask(NAME, qtype);
      return stub.upstream.takeAsked().length;
    },
  };
}

test('RFC 2308 §3, §5: a denial lives for the lower of the TTL and the MINIMUM of its SOA; without SOA it is not kept', async (t) => {
  for (const [ttl, minimum] of [
    [60, 30],
    [30, 60],
  ] as const) {
    const { stub, asks } = await setup(
      message({ rcode: Rcode.NXDOMAIN, authority: [soa('example.com.', { ttl, minimum })] }),
    );
    t.equal(await asks(), 1);
    await stub.clock.advance(29_000);
    t.equal(await asks(), 0);
    await stub.clock.advance(1_000);
    t.equal(await asks(), 1);
  }
  const bare = await setup(message({ rcode: Rcode.NXDOMAIN }));
  t.equal(await bare.asks(), 1);
  t.equal(await bare.asks(), 1);
});

test('RFC 8767 §4, §5: an answer whose life is over stands in for a failure, with a TTL of 30 s, for a day; never over fresh word', async (t) => {
  const { stub, say } = await setup(message({ answer: [a(NAME, '192.0.2.1', 60)] }));
  await stub.ask(NAME, RrType.A);
  await stub.clock.advance(61_000);
  say(message({ rcode: Rcode.SERVFAIL }));
  const stale = await stub.ask(NAME, RrType.A);
  t.equal(stale.message.answer[0]?.ttl, 30);
  t.equal(stale.ede?.code, EdeCode.STALE_ANSWER);
  say(nxdomain('example.com.', 0));
  await stub.clock.advance(31_000);
  t.equal((await stub.ask(NAME, RrType.A)).message.rcode, Rcode.NXDOMAIN);
  say(message({ rcode: Rcode.SERVFAIL }));
  t.equal(
    (await stub.ask(NAME, RrType.A)).message.rcode,
    Rcode.SERVFAIL,
    'what was denied since is not told',
  );
});

test('RFC 8914 §4.4, §4.14, §4.20, §4.23, §4.24: EDE 3, 13, 19, 22 and 23 say what happened', async (t) => {
  const failed = async (line: Line) => (await setup(line)).stub;
  const servfail = message({ rcode: Rcode.SERVFAIL });
  const data = message({ answer: [a(NAME, '192.0.2.1', 60)] });
  const told = async (stub: Awaited<ReturnType<typeof failed>>, qtype: number = RrType.TXT) =>
    (await stub.ask(NAME, qtype)).ede?.code;
  const known = await setup(data);
  await known.stub.ask(NAME, RrType.A);
  await known.stub.clock.advance(61_000);
  known.say(servfail);
  t.equal(await told(known.stub, RrType.A), 3, 'stale answer');
  const twice = await failed(servfail);
  await twice.ask(NAME, RrType.TXT);
  t.equal(await told(twice), 13, 'cached error');
  const denied = await setup(nxdomain('corp.example.', 60), ['corp.example.']);
  const expansion = `${NAME}corp.example.`;
  await denied.stub.ask(expansion, RrType.TXT);
  await denied.stub.clock.advance(120_000);
  denied.say(new UpstreamError('network', 'scripted'));
  t.equal((await denied.stub.ask(expansion, RrType.TXT)).ede?.code, 19, 'stale NXDOMAIN');
  t.equal(
    await told(await failed(new UpstreamError('timeout', 'scripted'))),
    22,
    'no reachable authority',
  );
  t.equal(await told(await failed(new UpstreamError('network', 'scripted'))), 23, 'network error');
});

test('RFC 9520 §3.2: a failure is remembered for 1 s at least and far below 5 min, longer when it repeats', async (t) => {
  const { stub, asks, say } = await setup(message({ rcode: Rcode.SERVFAIL }));
  t.equal(await asks(), 1);
  await stub.clock.advance(900);
  t.equal(await asks(), 0);
  await stub.clock.advance(100);
  t.equal(await asks(), 1);
  await stub.clock.advance(1_500);
  t.equal(await asks(), 0, 'twice as long the second time');
  await stub.clock.advance(30_000);
  say(nodata('example.com.'));
  t.equal(await asks(), 1);
  t.equal((await stub.ask(NAME, RrType.TXT)).message.rcode, Rcode.NOERROR);
});
