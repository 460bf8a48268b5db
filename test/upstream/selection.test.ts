import { test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import { type Selectable, Selection } from '../../src/upstream/selection.ts';
import { RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { outgoing } from './loopback.ts';

class FakeServer implements Selectable {
  readonly name: string;
  dead = false;
  doubtful = false;
  roundTrip: Milliseconds | undefined;

  constructor(name: string, roundTrip?: Milliseconds) {
    this.name = name;
    this.roundTrip = roundTrip;
  }

  expectedRoundTrip(): Milliseconds | undefined {
    return this.roundTrip;
  }
}

function setup(groups: readonly (readonly FakeServer[])[]) {
  const clock = new HandClock();
  const selection = new Selection(groups, clock);
  const order = (qname: string, qtype?: number) =>
    selection.candidates(outgoing(qname, qtype)).map(({ server }) => server.name);
  const firsts = () =>
    new Set(Array.from({ length: 200 }, (_, i) => order(`n${i}.example.`)[0] ?? ''));
  return { clock, selection, order, firsts };
}

test('groups are asked in their order, however slow the first is (U1)', (t) => {
  const { order, selection } = setup([
    [new FakeServer('first', 300)],
    [new FakeServer('second', 1)],
    [new FakeServer('third')],
  ]);
  t.same(order('api.example.'), ['first', 'second', 'third']);
  const groups = selection.candidates(outgoing('api.example.')).map(({ group }) => group);
  t.same(groups, [0, 1, 2]);
  t.end();
});

test('those known dead go behind all others, and none is left out (U1)', (t) => {
  const first = new FakeServer('first');
  const second = new FakeServer('second');
  const { order } = setup([[first], [second], [new FakeServer('third')]]);
  first.dead = true;
  t.same(order('api.example.'), ['second', 'third', 'first']);
  second.dead = true;
  t.same(order('api.example.'), ['third', 'first', 'second']);
  first.dead = false;
  t.same(order('api.example.'), ['first', 'third', 'second']);
  t.end();
});

test('one server alone is asked, dead or in doubt', (t) => {
  const server = new FakeServer('only');
  const { selection } = setup([[server]]);
  for (const state of ['alive', 'doubtful', 'dead'] as const) {
    if (state !== 'alive') server[state] = true;
    t.same(selection.candidates(outgoing('api.example.')), [{ server, group: 0 }], state);
  }
  t.end();
});

test('names are spread over equals that are about as near (U1)', (t) => {
  const { firsts } = setup([
    [new FakeServer('a', 10), new FakeServer('b', 12), new FakeServer('far', 80)],
  ]);
  t.same(firsts(), new Set(['a', 'b']));
  t.end();
});

test('an equal that is not measured gets its share until it is (U1)', (t) => {
  const far = new FakeServer('far');
  const { firsts } = setup([[new FakeServer('near', 10), far]]);
  t.same(firsts(), new Set(['near', 'far']));
  far.roundTrip = 200;
  const later = setup([[new FakeServer('near', 10), far]]);
  t.same(later.firsts(), new Set(['near']));
  t.end();
});

test('behind the chosen equal stand the others, nearest first', (t) => {
  const { order } = setup([
    [new FakeServer('c', 90), new FakeServer('a', 2), new FakeServer('b', 40)],
  ]);
  t.same(order('api.example.'), ['a', 'b', 'c']);
  t.end();
});

test('a pair stays on one server for 5 s, while it lives (U1, U6)', async (t) => {
  const a = new FakeServer('a', 10);
  const b = new FakeServer('b', 100);
  const { clock, order } = setup([[a, b]]);
  t.equal(order('api.example.')[0], 'a');
  a.roundTrip = 500;
  t.equal(order('api.example.', RrType.AAAA)[0], 'a', 'though b is nearer now');
  t.equal(order('other.example.')[0], 'b');
  await clock.advance(4_999);
  t.equal(order('api.example.', RrType.AAAA)[0], 'a');
  await clock.advance(5_000);
  t.equal(order('api.example.')[0], 'b', 'forgotten');
  b.dead = true;
  t.equal(order('api.example.', RrType.AAAA)[0], 'a', 'a dead one is not stayed with');
});

test('one in doubt stands behind its equals, and no pair stays on it (U6)', (t) => {
  const a = new FakeServer('a', 10);
  const b = new FakeServer('b', 100);
  const { order } = setup([[a, b], [new FakeServer('next')]]);
  t.equal(order('api.example.')[0], 'a');
  a.doubtful = true;
  t.same(order('api.example.', RrType.AAAA), ['b', 'a', 'next']);
  b.doubtful = true;
  t.same(order('other.example.'), ['a', 'b', 'next'], 'doubt does not leave the group');
  t.end();
});

test('equals that are all in doubt share the names, and equals that are all dead are all there (U6)', (t) => {
  const servers = [new FakeServer('a', 10), new FakeServer('b', 10)];
  const { order, firsts } = setup([servers]);
  for (const server of servers) server.doubtful = true;
  t.same(firsts(), new Set(['a', 'b']));
  for (const server of servers) server.dead = true;
  t.same(order('api.example.'), ['a', 'b']);
  t.end();
});

test('about as near is half as far again, and 5 ms (U1)', (t) => {
  for (const [roundTrip, firsts] of [
    [20, ['a', 'b']],
    [20.1, ['a']],
  ] as const) {
    const equals = [new FakeServer('a', 10), new FakeServer('b', roundTrip)];
    t.same(setup([equals]).firsts(), new Set(firsts), `${roundTrip} ms`);
  }
  t.end();
});

test('when the server of a pair dies, both questions stay on the next one', (t) => {
  const a = new FakeServer('a', 10);
  const b = new FakeServer('b', 50);
  const c = new FakeServer('c', 90);
  const { order } = setup([[a, b, c]]);
  t.equal(order('api.example.')[0], 'a');
  a.dead = true;
  t.equal(order('api.example.')[0], 'b');
  c.roundTrip = 1;
  t.equal(order('api.example.', RrType.AAAA)[0], 'b', 'though c is nearer now');
  t.end();
});

test('the same name goes to the same server: its cache has it', (t) => {
  const groups = [[new FakeServer('a', 10), new FakeServer('b', 10)]];
  for (let i = 0; i < 50; i++) {
    const name = `n${i}.example.`;
    t.same(setup(groups).order(name), setup(groups).order(name));
  }
  t.end();
});
