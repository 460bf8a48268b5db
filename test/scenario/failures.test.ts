import { test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import { ownQuery } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { a, aaaa, message, nodata } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const NAME = 'broken.example.com.';
const SERVFAIL = message({ rcode: Rcode.SERVFAIL });

async function setup(lines: Record<string, Line>) {
  const stub = await startStub({ script: (question) => answerFrom({ lines })(question) });
  const sends = () =>
    stub.upstream.takeAsked().filter((asked) => asked.startsWith(`${NAME} `)).length;
  /** Asks four times a second for `span`. @returns How often upstream was asked. */
  const insist = async (span: Milliseconds): Promise<number> => {
    const end = stub.clock.now() + span;
    while (stub.clock.now() < end) {
      await stub.ask(NAME, RrType.TXT);
      await stub.clock.advance(250);
    }
    return sends();
  };
  return { stub, sends, insist };
}

test('C6: a failure is remembered for a second, and the client is told so', async (t) => {
  const { stub, sends } = await setup({ [NAME]: SERVFAIL });
  await stub.ask(NAME, RrType.TXT);
  const again = await stub.ask(NAME, RrType.TXT);
  t.equal(again.message.rcode, Rcode.SERVFAIL);
  t.equal(again.ede?.code, EdeCode.CACHED_ERROR);
  t.ok(again.elapsed <= 1, `${again.elapsed} ms`);
  t.equal(sends(), 1);
  await stub.clock.advance(1_000);
  t.equal((await stub.ask(NAME, RrType.TXT)).ede, undefined);
  t.equal(sends(), 1, 'asked again');
});

test('C6: the memory grows to 30 s and no further, so that nobody can make a storm', async (t) => {
  const { insist } = await setup({ [NAME]: SERVFAIL });
  // At 0, 1, 3, 7, 15, 31 s; then every 30 s.
  const first = await insist(60_000);
  t.ok(first >= 5 && first <= 7, `${first} in the first minute`);
  const later = await insist(300_000);
  t.ok(later >= 9 && later <= 11, `${later} in the next five`);
});

test('C6: an answer ends the memory of failures', async (t) => {
  const lines: Record<string, Line> = { [NAME]: SERVFAIL };
  const { stub, insist, sends } = await setup(lines);
  await insist(10_000);
  lines[NAME] = nodata('.', 1);
  await stub.clock.advance(30_000);
  t.equal((await stub.ask(NAME, RrType.TXT)).message.rcode, Rcode.NOERROR);
  lines[NAME] = SERVFAIL;
  await stub.clock.advance(2_000);
  sends();
  const asked = await insist(3_000);
  t.ok(asked >= 2, `begins at 1 s again: ${asked}`);
});

test('C6: what an upstream that says nothing has left unanswered is asked again a second later, or after its first answer to another', async (t) => {
  const lines: Record<string, Line> = { [NAME]: new UpstreamError('timeout', 'silent') };
  const { stub, sends } = await setup(lines);
  await stub.ask(NAME, RrType.TXT);
  sends();
  lines[NAME] = nodata('.', 5);
  const again = await stub.ask(NAME, RrType.TXT);
  t.equal(again.message.rcode, Rcode.NOERROR, 'the client waits, and has its answer');
  t.equal(again.elapsed, 1_000 + stub.upstream.delay);
  t.equal(sends(), 1);
  lines[NAME] = new UpstreamError('timeout', 'silent');
  await stub.clock.advance(5_000);
  await stub.ask(NAME, RrType.TXT);
  lines[NAME] = nodata('.', 5);
  const waits = stub.resolve(ownQuery(NAME, RrType.TXT, { client: '127.0.0.1' }));
  const other = await stub.ask('other.example.com.', RrType.TXT);
  await stub.clock.advance(stub.upstream.delay);
  t.equal(
    (await waits).message.rcode,
    Rcode.NOERROR,
    'asked as soon as upstream has said something',
  );
  t.equal(other.elapsed, stub.upstream.delay);
});

test('U2: names that nobody knows wait for an upstream that is away, and are answered when it is back', async (t) => {
  const lines: Record<string, Line> = {};
  const names = Array.from({ length: 600 }, (_, i) => `n${i}.example.net.`);
  for (const qname of names) lines[qname] = 'silence';
  const { stub } = await setup(lines);
  const answers: (number | undefined)[] = [];
  const asked = stub.upstream.asked.length;
  for (const [i, qname] of names.entries()) {
    void stub
      .resolve(ownQuery(qname, RrType.TXT, { client: '127.0.0.1' }))
      .then(({ message: { rcode } }) => {
        answers[i] = rcode;
      });
    if (i % 6 === 0) await stub.clock.advance(20);
  }
  t.same(answers, [], 'nobody is told anything');
  // Each question that is out is sent again and again, and all others wait for it (S1).
  const isOut = stub.upstream.asked.length - asked;
  t.ok(isOut >= 128 && isOut < 200, `${isOut} out`);
  for (const qname of names) lines[qname] = message({ rcode: Rcode.NXDOMAIN });
  void stub.resolve(ownQuery('other.example.net.', RrType.TXT, { client: '10.0.0.9' }));
  await stub.clock.advance(20 * stub.upstream.delay);
  const held = answers.slice(isOut);
  t.same(held, Array(names.length - isOut).fill(Rcode.NXDOMAIN));
});

test('U2: the last of those that wait in vain has SERVFAIL 4.5 s after it came', async (t) => {
  const { stub } = await setup({ [NAME]: 'silence' });
  for (let i = 0; i < 3; i++) void stub.resolve(ownQuery(`${i}.${NAME}`, RrType.TXT));
  const first = await stub.ask(NAME, RrType.TXT);
  t.equal(first.elapsed, 4_500);
  t.equal(first.ede?.code, EdeCode.NO_REACHABLE_AUTHORITY);
  const second = await stub.ask(NAME, RrType.TXT);
  t.equal(second.elapsed, 4_500, 'also when it is asked at once again');
});

test('F5: while upstream says nothing to anybody, the other family is not asked for beside the one that is', async (t) => {
  const lines: Record<string, Line> = { [NAME]: 'silence' };
  const { stub, sends } = await setup(lines);
  const a = await stub.ask(NAME, RrType.A);
  t.equal(a.message.rcode, Rcode.SERVFAIL);
  t.equal(sends(), 1);
});

test('C6, F5: beside a family that has addresses a failure is never remembered for long', async (t) => {
  const lines: Record<string, Line> = {
    [`${NAME} A`]: message({ answer: [a(NAME, '192.0.2.1', 600)] }),
    [`${NAME} AAAA`]: SERVFAIL,
  };
  const { stub } = await setup(lines);
  for (let turn = 0; turn < 8; turn++) {
    const pair = await stub.askPair(NAME);
    t.equal(pair.a.message.answer.length, 1);
    t.equal(pair.aaaa.message.rcode, Rcode.NOERROR, 'NODATA in its place');
    await stub.clock.advance(1_000);
  }
  lines[`${NAME} AAAA`] = message({ answer: [aaaa(NAME, '2001:db8::1', 600)] });
  await stub.clock.advance(1_000);
  t.equal((await stub.askPair(NAME)).aaaa.message.answer.length, 1, 'mended within a second');
});
