import { test } from 'tap';
import { Readiness } from '../../src/resolve/readiness.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { answer, below } from './queries.ts';

function setup() {
  const clock = new HandClock();
  const { next, asked } = below();
  let told = 0;
  const failures: string[] = [];
  const readiness = new Readiness({
    probeName: 'kubernetes.default.svc.cluster.local.',
    ask: next,
    clock,
    onReady: () => {
      told++;
    },
    onFailure: (reason) => failures.push(reason),
  });
  return { failures, clock, asked, readiness, told: () => told };
}

test('it is ready with the first answer, whatever it says, and tells once', async (t) => {
  for (const rcode of [Rcode.NOERROR, Rcode.NXDOMAIN]) {
    const { readiness, asked, clock, told } = setup();
    readiness.start();
    t.equal(readiness.ready, false);
    await clock.advance(100);
    asked[0]?.resolve(answer({ rcode }));
    asked[1]?.resolve(answer({ rcode }));
    await settle();
    t.equal(readiness.ready, true);
    t.equal(told(), 1);
    t.equal(clock.timers, 0);
  }
});

test('a probe that is not answered holds the next one back by a second at most', async (t) => {
  const { readiness, asked, clock } = setup();
  readiness.start();
  const sent: number[] = [];
  for (let at = 0; at <= 4_000; at += 100) {
    while (sent.length < asked.length) sent.push(at);
    await clock.advance(100);
  }
  t.same(sent, [0, 100, 300, 700, 1_500, 2_500, 3_500]);
});

test('SERVFAIL and errors are no answer: a cluster DNS says SERVFAIL before it has heard of its cluster', async (t) => {
  const { readiness, asked, clock } = setup();
  readiness.start();
  asked[0]?.resolve(answer({ rcode: Rcode.SERVFAIL }));
  await clock.advance(100);
  asked[1]?.reject(new UpstreamError('timeout', 'no answer'));
  await clock.advance(0);
  t.equal(readiness.ready, false);
});

test('stop leaves no timer, and an answer that comes later begins nothing', async (t) => {
  const { readiness, asked, clock, told } = setup();
  readiness.start();
  readiness.stop();
  asked[0]?.resolve(answer());
  await clock.advance(10_000);
  t.equal(told(), 0);
  t.equal(clock.timers, 0);
  t.equal(asked.length, 1);
  t.doesNotThrow(() => setup().readiness.stop(), 'nor does it mind one that never began');
});

test('it tells why a probe failed, until one is answered', async (t) => {
  const { readiness, asked, clock, failures } = setup();
  readiness.start();
  await clock.advance(300);
  asked[0]?.resolve(answer({ rcode: Rcode.SERVFAIL }));
  await settle();
  asked[1]?.reject(new UpstreamError('malformed', 'no answer from udp://10.0.0.1:53: malformed'));
  await settle();
  t.same(failures, ['upstream says SERVFAIL', 'no answer from udp://10.0.0.1:53: malformed']);
  asked[2]?.resolve(answer({ rcode: Rcode.NXDOMAIN }));
  await settle();
  t.equal(readiness.ready, true);
  t.equal(failures.length, 2);
});
