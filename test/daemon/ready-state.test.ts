import { test } from 'tap';
import { type ReadyGate, ReadyState } from '../../src/daemon/ready-state.ts';
import { HandClock, settle } from '../support/hand-clock.ts';

function setup(withGate: boolean) {
  const clock = new HandClock();
  const opened = Promise.withResolvers<void>();
  const seen = { ready: 0, closed: 0 };
  const gate: ReadyGate = {
    opened: () => opened.promise,
    reasons: () => ['git.example.com does not resolve: NXDOMAIN'],
    close: () => {
      seen.closed++;
      opened.resolve();
    },
  };
  const onReady = () => {
    seen.ready++;
  };
  const state = new ReadyState({ clock, gate: withGate ? gate : undefined, onReady });
  return { state, clock, opened, seen };
}

test('it is ready when upstream has answered, and says so once', async (t) => {
  const { state, seen, clock } = setup(false);
  t.same(state.reasons(), ['no upstream has answered yet']);
  await clock.advance(40);
  void state.hear([]);
  t.equal(state.ready, true, 'at once');
  t.equal(state.readyAt, 40);
  await clock.advance(1_000);
  await state.hear([]);
  t.equal(seen.ready, 1);
  t.equal(state.readyAt, 40, 'a reload does not make jobs wait again');
  state.stop();
  t.same(state.reasons(), ['it is stopping']);
});

test('it says why upstream has not answered, and each reason once', async (t) => {
  const { state } = setup(false);
  t.equal(state.fail('no answer from udp://10.0.0.1:53: timeout'), true);
  t.equal(state.fail('no answer from udp://10.0.0.1:53: timeout'), false);
  t.equal(state.fail('no answer from udp://10.0.0.1:53: malformed'), true);
  t.same(state.reasons(), [
    'no upstream has answered yet: no answer from udp://10.0.0.1:53: malformed',
  ]);
  void state.hear([]);
  t.same(state.reasons(), []);
});

test('behind a gate it waits for that too, and tells its reasons', async (t) => {
  const { state, seen, opened } = setup(true);
  void state.hear([]);
  await settle();
  t.equal(state.ready, false);
  t.same(state.reasons(), ['git.example.com does not resolve: NXDOMAIN']);
  opened.resolve();
  await settle();
  t.equal(state.ready, true);
  t.same(state.reasons(), []);
  t.equal(seen.ready, 1);
});

test('who is stopped at the gate never becomes ready', async (t) => {
  const { state, seen } = setup(true);
  void state.hear([]);
  state.stop();
  await settle();
  t.same(seen, { ready: 0, closed: 1 });
  t.equal(state.ready, false);
});
