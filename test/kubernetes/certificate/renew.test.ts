import { X509Certificate } from 'node:crypto';
import { test } from 'tap';
import { renew } from '../../../src/kubernetes/certificate/renew.ts';

const NAMES = ['sidestub-injector.sidestub.svc'];
const NOW = new Date('2026-11-29T12:00:00Z');
const later = (days: number) => new Date(NOW.getTime() + days * 86_400_000);

test('an empty Secret gets a certificate, its key and its authority', (t) => {
  const { bundle, secret = {}, until } = renew({}, NAMES, NOW);
  t.strictSame(Object.keys(secret).sort(), ['ca.crt', 'tls.crt', 'tls.key']);
  t.equal(secret['ca.crt'], bundle);
  t.equal(bundle.match(/BEGIN/g)?.length, 1);
  t.strictSame(until, later(90));
  const certificate = new X509Certificate(secret['tls.crt'] ?? '');
  t.ok(certificate.verify(new X509Certificate(bundle).publicKey));
  t.end();
});

test('a certificate is kept for two thirds of its life, and renewed in the last', (t) => {
  const { bundle, secret = {} } = renew({}, NAMES, NOW);
  t.strictSame(renew(secret, NAMES, later(59)), { bundle, until: later(90) });
  t.not(renew(secret, NAMES, later(60)).secret, undefined);
  t.not(renew(secret, NAMES, later(200)).secret, undefined);
  t.end();
});

test('the bundle of a renewal has the authority before it, and no older one', (t) => {
  const first = renew({}, NAMES, NOW);
  const second = renew(first.secret ?? {}, NAMES, later(70));
  t.ok(second.bundle.endsWith(first.bundle), 'pods show the old certificate a while');
  t.equal(second.bundle.match(/BEGIN/g)?.length, 2);
  const third = renew(second.secret ?? {}, NAMES, later(140));
  t.equal(third.bundle.match(/BEGIN/g)?.length, 2);
  t.notMatch(third.bundle, first.bundle);
  t.end();
});

test('what is broken or for other names is replaced', (t) => {
  const { secret = {} } = renew({}, NAMES, NOW);
  const other = renew({}, NAMES, NOW).secret ?? {};
  for (const [what, data] of Object.entries({
    'not a certificate': { ...secret, 'tls.crt': 'nonsense' },
    'without its key': { 'tls.crt': secret['tls.crt'] ?? '', 'ca.crt': secret['ca.crt'] ?? '' },
    'another authority': { ...secret, 'ca.crt': other['ca.crt'] ?? '' },
  })) {
    t.not(renew(data, NAMES, NOW).secret, undefined, what);
  }
  t.not(renew(secret, ['sidestub-injector.dns.svc'], NOW).secret, undefined, 'another namespace');
  t.end();
});
