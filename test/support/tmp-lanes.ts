import type { Upstream } from '../../src/upstream/exchange.ts';
export function lanes(_order: unknown, upstream: Upstream, _clock: unknown): Upstream {
  const busy = new Map<string, Promise<unknown>>();
  return {
    name: 'x',
    close() {},
    ask(q, p) {
      const key = q.qname;
      const before = busy.get(key);
      const run = async () => {
        if (before) await before.catch(() => 0);
        return upstream.ask(q, p);
      };
      const r = run();
      busy.set(key, r);
      r.finally(() => {
        if (busy.get(key) === r) busy.delete(key);
      }).catch(() => 0);
      return r;
    },
  };
}
