import fc from 'fast-check';
import { test } from 'tap';
import { searchOrder } from '../../src/walk/search-order.ts';
import { FACTS } from './scripted-sockets.ts';

const listFirst = { enoughDots: 'as-is-first' } as const;
const names = (text: string, facts = FACTS) =>
  searchOrder(text, facts, listFirst).map(({ name }) => name);

test('fewer dots than ndots: the list in its order, then the name as it is (M2, G5)', async (t) => {
  t.strictSame(names('nginx'), [
    'nginx.job.svc.cluster.local.',
    'nginx.svc.cluster.local.',
    'nginx.cluster.local.',
    'nginx.corp.example.',
    'nginx.',
  ]);
});

test('dots >= ndots: as it is first, or as it is and no more for musl (M2, G5)', async (t) => {
  const facts = { ...FACTS, ndots: 1 };
  t.equal(names('svc.ns', facts)[0], 'svc.ns.');
  t.equal(names('svc.ns', facts).length, 5);
  const musl = searchOrder('svc.ns', facts, { enoughDots: 'as-is-only' });
  t.strictSame(musl, [{ name: 'svc.ns.' }]);
});

test('a dot at the end means no search (M2)', async (t) => {
  t.strictSame(names('nginx.'), ['nginx.']);
});

test('ndots is read up to 15 (M1)', async (t) => {
  const deep = `${'a.'.repeat(15)}b`;
  t.equal(names(deep, { ...FACTS, ndots: 99 })[0], `${deep}.`);
});

test('the root in the list and names too long for the wire are left out (M7)', async (t) => {
  t.strictSame(names('nginx', { ...FACTS, search: ['.'] }), ['nginx.']);
  const long = `${'a'.repeat(60)}.`.repeat(4);
  t.strictSame(names(long.slice(0, -1)), [long]);
});

test('the name as it is stands in every order exactly once', async (t) => {
  const label = fc.stringMatching(/^[a-z]{1,8}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(name, fc.nat(20), fc.array(name), (text, ndots, search) => {
        const facts = { ...FACTS, ndots, search: search.map((suffix) => `${suffix}.`) };
        const order = searchOrder(text, facts, listFirst);
        return order.filter(({ suffix }) => suffix === undefined).length === 1;
      }),
    ),
  );
});
