import { test } from 'tap';
import { closest, didYouMean } from '../../src/config/closest.ts';

const words = ['upstreams', 'search', 'tcp', 'maxConnections', 'maxConnectionsPerClient', 'zone'];

test('a slip of the fingers finds the word that was meant', (t) => {
  t.equal(closest('upstraems', words), 'upstreams', 'two letters swapped');
  t.equal(closest('zoen', words), 'zone', 'swapped in a short word');
  t.equal(closest('maxConections', words), 'maxConnections', 'one left out');
  t.equal(closest('searchh', words), 'search', 'one too many');
  t.equal(closest('TCP', words), 'tcp', 'wrong case');
  t.end();
});

test('a word that is like none gets no suggestion', (t) => {
  t.equal(closest('cache', words), undefined);
  t.equal(closest('', words), undefined);
  t.equal(didYouMean('cache', words), '');
  t.equal(didYouMean('tpc', words), ' (did you mean tcp?)');
  t.end();
});

test('a word of a megabyte costs no more than one of a line', (t) => {
  t.equal(closest('x'.repeat(1_000_000), words), undefined);
  t.end();
});
