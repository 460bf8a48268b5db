import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { a, message } from '../support/messages.ts';
import { startStub } from '../support/stub.ts';

const NAME = 'git.example.com.';

async function setup(ttl: number) {
  const stub = await startStub({
    conformance: false,
    script: () => message({ answer: [a(NAME, '192.0.2.1', ttl)] }),
  });
  await stub.ask(NAME);
  stub.upstream.takeAsked();
  return stub;
}

test('C5: a hit in the last tenth of the TTL renews the answer, once, and waits for nothing', async (t) => {
  const stub = await setup(60);
  await stub.clock.advance(53_900);
  await stub.ask(NAME);
  t.strictSame(stub.upstream.takeAsked(), [], 'not before');
  await stub.clock.advance(200);
  for (let hit = 0; hit < 5; hit++) {
    const answer = await stub.ask(NAME);
    t.equal(answer.source, 'cache');
    t.ok(answer.elapsed <= 1, `${answer.elapsed} ms`);
  }
  t.strictSame(stub.upstream.takeAsked(), [`${NAME} A`]);
  await stub.clock.advance(10_000);
  t.equal((await stub.ask(NAME)).source, 'cache', 'past the end of the first answer');
  t.strictSame(stub.upstream.takeAsked(), []);
});

test('C5: what nobody asks for ends', async (t) => {
  const stub = await setup(60);
  await stub.clock.advance(70_000);
  t.strictSame(stub.upstream.takeAsked(), []);
  t.equal((await stub.ask(NAME)).source, 'upstream');
});

test('C5: a renewal that fails costs nothing, and is not repeated', async (t) => {
  let rcode: number = Rcode.NOERROR;
  const stub = await startStub({
    conformance: false,
    script: () => message({ rcode, answer: rcode === 0 ? [a(NAME, '192.0.2.1', 60)] : [] }),
  });
  await stub.ask(NAME);
  rcode = Rcode.SERVFAIL;
  stub.upstream.takeAsked();
  await stub.clock.advance(55_000);
  for (let hit = 0; hit < 3; hit++) {
    t.equal((await stub.ask(NAME)).source, 'cache');
    await stub.clock.advance(1_500);
  }
  t.strictSame(stub.upstream.takeAsked(), [`${NAME} A`]);
});

test('C5: behind a cache whose TTLs shrink, renewals end', async (t) => {
  const stub = await setup(4);
  await stub.clock.advance(3_900);
  await stub.ask(NAME);
  t.strictSame(stub.upstream.takeAsked(), []);
});
