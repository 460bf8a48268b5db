import { test } from 'tap';
import {
  denialKindOf,
  outerDenialLife,
  probedKindOf,
  withoutLife,
  zoneDenialLife,
} from '../../src/resolve/denial-life.ts';
import { SearchList } from '../../src/resolve/search-list.ts';
import type { DenialKind } from '../../src/resolve/stage.ts';
import { nxdomain } from '../support/messages.ts';
import { SUFFIXES } from '../support/stub.ts';

const list = new SearchList({
  suffixes: SUFFIXES,
  zone: 'cluster.local.',
  routedZones: ['lab.internal.'],
  isNamespace: (label) => label === 'dev' || label === 'shop',
});

const expansion = (base: string) => ({ base, suffix: 'job.svc.cluster.local.', inZone: true });

test('C2: what may be a service, an endpoint or a namespace is denied for a moment, what cannot for longer', (t) => {
  const bases: Readonly<Record<DenialKind, readonly string[]>> = {
    // One label, a TLD or not; two labels that nothing outside has; whatever ends in a namespace that is known.
    brief: [
      'fresh1.',
      'app.',
      'api.other.',
      'git.corp.',
      '_http._tcp.api.',
      '_x._tcp.web.other.',
    ].concat(['web-0.nginx.shop.', 'europe-docker.pkg.dev.', 'api.dev.']),
    tld: ['git.example.com.', 'example.com.', 'app.docs.', '_xmpp._tcp.example.com.'],
    usual: [
      'git.host.corp.',
      'wiki.corp.example.x.',
      'git.lab.internal.',
      'kubernetes.default.svc.',
    ].concat(['kubernetes.default.svc.cluster.local.']),
  };
  for (const [kind, own] of Object.entries(bases)) {
    for (const base of own) t.equal(denialKindOf(list, expansion(base)), kind, base);
  }
  t.end();
});

test('C2: two labels that are a name in a routed zone or under a suffix are no service', (t) => {
  const routed = new SearchList({
    suffixes: [...SUFFIXES, 'corp.'],
    zone: 'cluster.local.',
    routedZones: ['internal.'],
  });
  t.equal(denialKindOf(routed, expansion('git.corp.')), 'usual');
  t.equal(denialKindOf(routed, expansion('host.internal.')), 'usual');
  t.end();
});

test('N7: the probe of a sidestub is a question about all below its label', (t) => {
  t.equal(probedKindOf('com.job.svc.cluster.local.'), 'tld');
  t.equal(probedKindOf('backend.svc.cluster.local.'), 'usual');
  t.end();
});

test('C2: a denial that nobody is to keep has TTL 0 in each record of authority', (t) => {
  const denial = nxdomain('cluster.local.', 30);
  t.same(
    withoutLife(denial).authority.map(({ ttl }) => ttl),
    [0],
  );
  t.equal(withoutLife(denial).rcode, denial.rcode);
  t.end();
});

test('C2, N4: what may be made now is denied for 250 ms and not held for a walk; the rest for 5 s, and held', (t) => {
  t.same(zoneDenialLife('brief'), { alone: 250, besideAddresses: 5_000, isHeld: false });
  for (const kind of ['usual', 'tld'] as const) {
    t.same(zoneDenialLife(kind), { alone: 5_000, besideAddresses: 5_000, isHeld: true }, kind);
  }
  t.same(outerDenialLife(7), { alone: 7, besideAddresses: 7, isHeld: true });
  t.end();
});
