import { test } from 'tap';
import { LoopProbe } from '../../src/resolve/loop-probe.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { RrType } from '../../src/wire/codes.ts';
import { answer, below, promised, query } from './queries.ts';

test('U1: our own question at our own door is a loop; every other question passes', async (t) => {
  let loops = 0;
  const probe = new LoopProbe('cluster.local.', () => {
    loops++;
  });
  const upstream = below();
  probe.ask(upstream.next);
  const [out] = upstream.asked;
  t.equal(out?.query.qtype, RrType.TXT);
  t.match(out?.query.qname, /^[0-9a-f]{32}\.sidestub-probe\.cluster\.local\.$/);
  const door = below();
  const resolve = promised(probe.stage()(door.next));
  void resolve(query('git.example.com.'));
  void resolve(query('0'.repeat(32).concat('.sidestub-probe.cluster.local.'), RrType.TXT));
  t.equal(loops, 0);
  void resolve(query(out?.query.qname ?? '', RrType.TXT));
  t.equal(loops, 1);
  t.equal(door.asked.length, 3, 'all of them go on');
  t.doesNotThrow(() => out?.resolve(answer()));
});

test('U1: no two daemons ask the same name, and nobody minds that it is not answered', async (t) => {
  const names = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const { next, asked } = below();
    new LoopProbe('internal.', () => undefined).ask(next);
    names.add(asked[0]?.query.qname ?? '');
    t.doesNotThrow(() => asked[0]?.reject(new UpstreamError('timeout', 'no answer')));
  }
  t.equal(names.size, 100);
});
