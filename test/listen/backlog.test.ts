import fc from 'fast-check';
import { test } from 'tap';
import { Backlog } from '../../src/listen/backlog.ts';

function drain(backlog: Backlog<string>): string[] {
  const all: string[] = [];
  for (let next = backlog.shift(); next !== undefined; next = backlog.shift()) all.push(next);
  return all;
}

test('S1: each client has its oldest taken in its turn', (t) => {
  const backlog = new Backlog<string>(10);
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) backlog.push(item.charAt(0), item);
  t.equal(backlog.size, 6);
  t.same(drain(backlog), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  t.equal(backlog.size, 0);
  t.end();
});

test('S1: when it is full the client that has most in it gives its oldest up, whoever comes', (t) => {
  const backlog = new Backlog<string>(4);
  for (const item of ['a1', 'b1', 'b2', 'b3'])
    t.equal(backlog.push(item.charAt(0), item), undefined);
  t.equal(backlog.push('c', 'c1'), 'b1');
  t.equal(backlog.push('b', 'b4'), 'b2', 'its own, where it has most');
  t.equal(backlog.size, 4);
  t.same(drain(backlog), ['a1', 'b3', 'c1', 'b4']);
  t.end();
});

test('S1: nothing is lost, told twice or kept beyond the limit', (t) => {
  const step = fc.oneof(fc.constant('take'), fc.constantFrom('a', 'b', 'c'));
  const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const backlog = new Backlog<string>(5);
    const out: string[] = [];
    let pushed = 0;
    for (const each of steps) {
      const gone = each === 'take' ? backlog.shift() : backlog.push(each, String(pushed++));
      if (gone !== undefined) out.push(gone);
      if (backlog.size > 5) return false;
    }
    return new Set([...out, ...drain(backlog)]).size === pushed && backlog.size === 0;
  });
  t.doesNotThrow(() => fc.assert(property));
  t.end();
});
