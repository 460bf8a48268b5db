import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { EDNS_UDP_OCTETS, optRecord, readOpt } from '../../src/wire/edns.ts';
import { spanRecord } from '../../src/wire/record.ts';
import { octets } from './arbitraries.ts';
import { viewOrWireError } from './view-or-wire-error.ts';

test('an OPT that is built reads back as it was meant (RFC 6891 §6.1)', (t) => {
  const ede = fc.option(fc.record({ code: fc.nat(0xffff), text: fc.string({ maxLength: 100 }) }), {
    nil: undefined,
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.nat(0xfff), fc.boolean(), ede, (rcode, dnssecOk, explained) => {
        const opt = optRecord({ rcode, dnssecOk, ede: explained });
        const span = spanRecord(opt, 0);
        assert.equal(span.end, opt.length);
        assert.deepEqual(readOpt(opt, span), {
          udpOctets: EDNS_UDP_OCTETS,
          version: 0,
          dnssecOk,
          rcodeHigh: rcode & 0xff0,
        });
      }),
    ),
  );
  t.end();
});

test('any options are read or refused', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(octets(40), (rdata) => {
        viewOrWireError(() =>
          readOpt(rdata, { klass: 512, ttl: 0, rdataAt: 0, rdlength: rdata.length }),
        );
      }),
    ),
  );
  t.end();
});

test('options that fit are passed over, and one that does not is refused (RFC 6891 §6.1.2)', (t) => {
  const read =
    (...rdata: number[]) =>
    () =>
      readOpt(Uint8Array.from(rdata), { klass: 512, ttl: 0, rdataAt: 0, rdlength: rdata.length });
  t.doesNotThrow(read());
  t.doesNotThrow(read(0, 10, 0, 2, 1, 2, 0, 12, 0, 0));
  t.throws(read(0, 10, 0, 3, 1, 2), /run past OPT/);
  t.throws(read(0, 10, 0), /runs past OPT/);
  t.end();
});

test('a UDP size below 512 counts as 512 (RFC 6891 §6.2.3)', (t) => {
  const size = (klass: number) =>
    readOpt(new Uint8Array(0), { klass, ttl: 0, rdataAt: 0, rdlength: 0 }).udpOctets;
  t.equal(size(0), 512);
  t.equal(size(511), 512);
  t.equal(size(513), 513);
  t.end();
});

test('version, DO and the upper RCODE bits stand in the TTL (RFC 6891 §6.1.3)', (t) => {
  const opt = readOpt(new Uint8Array(0), { klass: 512, ttl: 0xff018000, rdataAt: 0, rdlength: 0 });
  t.same(opt, { udpOctets: 512, rcodeHigh: 0xff0, version: 1, dnssecOk: true });
  t.end();
});
