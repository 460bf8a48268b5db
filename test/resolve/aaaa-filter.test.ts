import { test } from 'tap';
import { aaaaFilter } from '../../src/resolve/aaaa-filter.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { below, promised, query } from './queries.ts';

const NAME = 'git.example.com.';

test('F6: AAAA has nothing, for half a minute and without a remark, and nobody is asked', async (t) => {
  const { next, asked } = below();
  const got = await promised(aaaaFilter()(next))(query(NAME, RrType.AAAA));
  t.equal(got.message.rcode, Rcode.NOERROR);
  t.same(got.message.answer, []);
  t.match(got.message.authority, [{ type: RrType.SOA, ttl: 30 }]);
  t.same([got.source, got.age, got.ede], ['local', 0, undefined]);
  t.same(asked, []);
});

test('F6: other types, and AAAA of another class, go on as they came', async (t) => {
  const { next, asked } = below();
  const others = [query(NAME), query(NAME, RrType.TXT), query(NAME, RrType.AAAA, { qclass: 3 })];
  for (const each of others) void promised(aaaaFilter()(next))(each);
  t.ok(asked.length === others.length && asked.every((each, i) => each.query === others[i]));
});
