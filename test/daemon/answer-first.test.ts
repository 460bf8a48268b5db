import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'tap';
import { answerFirst } from '../../src/daemon/answer-first.ts';
import { HandClock } from '../support/hand-clock.ts';

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('what waits in a socket is taken first', async (t) => {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let asked = 0;
  let askedWhenDrained = 0;
  socket.on('message', () => asked++);
  await new Promise((resolve) => socket.send('?', socket.address().port, '127.0.0.1', resolve));
  const drained = () => {
    askedWhenDrained = asked;
    return Promise.resolve();
  };
  await answerFirst({ drained }, new HandClock());
  t.equal(askedWhenDrained, 1);
});

test('it goes on when all are answered', async (t) => {
  const answers = Promise.withResolvers<void>();
  const clock = new HandClock();
  const first = answerFirst({ drained: () => answers.promise }, clock);
  t.notOk(await isSettled(first));
  answers.resolve();
  t.ok(await isSettled(first));
  t.equal(clock.timers, 0, 'no timer is left');
});

test('a server that is slow or silent does not hold the start up', async (t) => {
  const clock = new HandClock();
  const first = answerFirst({ drained: () => new Promise(() => undefined) }, clock);
  t.notOk(await isSettled(first));
  await clock.advance(10);
  t.ok(await isSettled(first));
});
