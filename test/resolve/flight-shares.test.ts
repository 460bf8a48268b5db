import { test } from 'tap';
import { FlightShares } from '../../src/resolve/flight-shares.ts';

function setup() {
  const shares = new FlightShares();
  const add = (client: string | undefined, ...keys: string[]) => {
    for (const key of keys) shares.add(client, key);
  };
  return { shares, add };
}

test('S1: each client has its own questions, the oldest first, and the program has its own', async (t) => {
  const { shares, add } = setup();
  add('a', '1', '2');
  add(undefined, '3');
  t.same([...shares.of('a')], ['1', '2']);
  t.same([...shares.of(undefined)], ['3']);
  t.same([...shares.of('b')], []);
  shares.remove('a', '1');
  t.same([...shares.of('a')], ['2']);
});

test('S1: the largest share is one’s own where nobody has more', async (t) => {
  const { shares, add } = setup();
  add('a', '1', '2');
  add('b', '3', '4');
  t.same([...shares.largest('b')], ['3', '4'], 'as many is not more');
  t.same([...shares.largest('c')], ['1', '2']);
  add('a', '5');
  t.same([...shares.largest('b')], ['1', '2', '5']);
});

test('S1: who has nothing in flight any more takes no memory, and who never had needs no removal', async (t) => {
  const { shares, add } = setup();
  add('a', '1');
  shares.remove('a', '1');
  t.equal(shares.of('a'), shares.of('never'), 'forgotten');
  t.doesNotThrow(() => shares.remove('never', '1'));
});
