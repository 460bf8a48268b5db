import fc from 'fast-check';
import { test } from 'tap';
import type { Upstream } from '../../src/upstream/exchange.ts';
import { Routes } from '../../src/upstream/routes.ts';
import { isAtOrBelow } from '../../src/wire/name.ts';

const ZONES = ['.', 'local.', 'cluster.local.', 'corp.example.', 'deep.corp.example.', 'a\\046b.'];

interface Named extends Upstream {
  isClosed: boolean;
}

function upstream(name: string): Named {
  const named: Named = {
    name,
    isClosed: false,
    ask: () => Promise.reject(new Error('not asked')),
    close: () => {
      named.isClosed = true;
    },
  };
  return named;
}

function routesFor(zones: readonly string[]): Routes {
  return new Routes(zones.map((zone) => ({ zone, upstream: upstream(zone) })));
}

test('the longest zone that holds the name wins (U1)', (t) => {
  const routes = routesFor(ZONES);
  const cases: [string, string][] = [
    ['api.default.svc.cluster.local.', 'cluster.local.'],
    ['cluster.local.', 'cluster.local.'],
    ['local.', 'local.'],
    ['x.deep.corp.example.', 'deep.corp.example.'],
    ['mail.corp.example.', 'corp.example.'],
    ['example.', '.'],
    ['mycorp.example.', '.'],
    ['.', '.'],
    ['a\\046b.', 'a\\046b.'],
    ['b.', '.'],
  ];
  for (const [qname, zone] of cases) t.equal(routes.routeOf(qname).upstream.name, zone, qname);
  t.end();
});

test('the route is what trying every zone would find', (t) => {
  const label = fc.constantFrom('a', 'b', 'corp', 'example', 'cluster', 'local', 'deep', 'svc');
  const routes = routesFor(ZONES);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(label, { maxLength: 6 }), (labels) => {
        const qname = labels.length === 0 ? '.' : `${labels.join('.')}.`;
        const holding = ZONES.filter((zone) => isAtOrBelow(qname, zone));
        const longest = holding.reduce((best, zone) => (zone.length > best.length ? zone : best));
        return routes.routeOf(qname).zone === longest;
      }),
    ),
  );
  t.end();
});

test('every name has an upstream, and only one', (t) => {
  t.throws(() => routesFor(['corp.example.']), new Error('no route for zone: .'));
  t.throws(
    () => routesFor(['.', 'corp.example.', 'corp.example.']),
    new Error('two routes for zone: corp.example.'),
  );
  t.end();
});

test('closing closes every upstream', (t) => {
  const upstreams = ZONES.map(upstream);
  const routes = new Routes(upstreams.map((each) => ({ zone: each.name, upstream: each })));
  routes.close();
  t.ok(upstreams.every(({ isClosed }) => isClosed));
  t.same(
    [...routes].map(({ zone }) => zone),
    ZONES,
  );
  t.end();
});
