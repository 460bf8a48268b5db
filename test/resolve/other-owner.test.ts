import { test } from 'tap';
import { OTHER_OWNER, underQname } from '../../src/resolve/other-owner.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { a, aaaa, cname, message, record } from '../support/messages.ts';
import { query } from './queries.ts';

const NAME = 'api.example.com.';
const OTHER = 'api.internal.example.';

test('C1: addresses of QTYPE under another owner are given under QNAME, with the lowest TTL on the way', (t) => {
  const given = message({
    answer: [
      cname('else.example.', OTHER, 7),
      a(OTHER, '192.0.2.1', 60),
      a(OTHER, '192.0.2.2', 30),
      aaaa(OTHER, '2001:db8::1', 5),
      record(OTHER, RrType.TXT, Uint8Array.of(1, 65)),
    ],
  });
  const own = underQname(given, query(NAME));
  t.same(own?.answer, [a(NAME, '192.0.2.1', 7), a(NAME, '192.0.2.2', 7)]);
  t.equal(own?.otherOwner, true);
  t.same(underQname(given, query(NAME, RrType.AAAA))?.answer, [aaaa(NAME, '2001:db8::1', 5)]);
  t.end();
});

test('C1: so are those behind a chain that leads elsewhere', (t) => {
  const given = message({ answer: [cname(NAME, 'gone.example.'), a(OTHER, '192.0.2.1')] });
  t.same(underQname(given, query(NAME))?.answer, [a(NAME, '192.0.2.1')]);
  t.end();
});

test('C1: nothing is renamed where an address stands on the chain, or may not be', (t) => {
  const foreign = message({ answer: [a(OTHER, '192.0.2.1')] });
  const chain = [cname(NAME, 'www.example.'), a('WWW.example.', '192.0.2.1')];
  const cases = [
    [
      'an address on the chain',
      message({ answer: [...chain, a(OTHER, '192.0.2.66')] }),
      query(NAME),
    ],
    ['a client that validates', foreign, query(NAME, RrType.A, { dnssecOk: true })],
    ['another type', foreign, query(NAME, RrType.TXT)],
    ['the other family alone', foreign, query(NAME, RrType.AAAA)],
    ['another class', foreign, query(NAME, RrType.A, { qclass: 3 })],
    [
      'an address of another class',
      message({ answer: [{ ...a(OTHER, '192.0.2.1'), klass: 3 }] }),
      query(NAME),
    ],
    ['a denial', { ...foreign, rcode: Rcode.NXDOMAIN }, query(NAME)],
    ['a failure', { ...foreign, rcode: Rcode.SERVFAIL }, query(NAME)],
    ['no data', message(), query(NAME)],
  ] as const;
  for (const [what, given, asked] of cases) t.equal(underQname(given, asked), undefined, what);
  t.end();
});

test('C1: the client is told by an EDE', (t) => {
  t.same(OTHER_OWNER, { code: 0, text: 'the addresses stood under another name' });
  t.end();
});
