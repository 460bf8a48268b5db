import { test } from 'tap';
import { TransportChoice } from '../../src/upstream/transport-choice.ts';
import { HandClock } from '../support/hand-clock.ts';

/** A server over UDP, or over what is configured, and the probes that are sent to it. */
function scene(configured: 'udp' | 'tcp' = 'udp') {
  const clock = new HandClock();
  const probedAt: number[] = [];
  let open = 0;
  const choice = new TransportChoice(configured, clock, () => {
    probedAt.push(clock.now());
    open++;
    return { close: () => void open-- };
  });
  const silent = (times: number): void => {
    for (let i = 0; i < times; i++) choice.heard('tcp', true);
  };
  return { clock, choice, silent, probedAt, open: () => open };
}

test('U2: after three questions in a row without an answer over UDP, TCP is first', (t) => {
  const { choice, silent } = scene();
  silent(2);
  choice.heard('tcp', false);
  t.equal(choice.first, 'udp', 'TCP for another reason says nothing of UDP');
  choice.heard('udp', false);
  silent(2);
  t.equal(choice.first, 'udp', 'one answer over UDP starts the count again');
  silent(1);
  t.equal(choice.first, 'tcp');
  choice.close();
  t.end();
});

test('U2: probes go at once, after 1 s, 2 s, 4 s and so on, at most 30 s apart, one at a time', async (t) => {
  const { clock, choice, silent, probedAt, open } = scene();
  silent(2);
  t.strictSame(probedAt, [], 'none while UDP is alive');
  silent(3);
  for (let at = 0; at < 100; at++) {
    await clock.advance(1_000);
    t.equal(open(), 1, 'the one before is closed');
  }
  t.strictSame(
    probedAt,
    [0, 1, 3, 7, 15, 31, 61, 91].map((at) => 1_000 * at),
  );
  choice.close();
});

test('U2: an answer over UDP ends the probes, and three more silent questions bring them back', async (t) => {
  const { clock, choice, silent, probedAt, open } = scene();
  silent(3);
  await clock.advance(1_500);
  choice.heard('udp', false);
  t.equal(choice.first, 'udp');
  t.equal(open(), 0, 'the last probe is closed');
  t.equal(clock.timers, 0);
  silent(2);
  t.equal(choice.first, 'udp');
  silent(1);
  t.equal(choice.first, 'tcp');
  t.strictSame(probedAt, [0, 1_000, 1_500], 'probed at once again');
  choice.close();
  t.equal(open(), 0);
  t.equal(clock.timers, 0);
});

test('U2: a server that is asked over TCP by its configuration is never probed', (t) => {
  const { choice, silent, probedAt } = scene('tcp');
  silent(5);
  t.equal(choice.first, 'tcp');
  t.strictSame(probedAt, []);
  choice.close();
  t.end();
});

test('U2: a probe that cannot be sent is tried again like any other', async (t) => {
  const clock = new HandClock();
  let tried = 0;
  const choice = new TransportChoice('udp', clock, () => {
    tried++;
    return undefined;
  });
  for (let i = 0; i < 3; i++) choice.heard('tcp', true);
  await clock.advance(3_000);
  t.equal(tried, 3);
  choice.close();
  t.equal(clock.timers, 0);
});
