import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { EdeCode } from '../../src/wire/codes.ts';
import {
  EDNS_UDP_OCTETS,
  type Ede,
  NODATA_DENIED,
  optRecord,
  PROBE_OPTION,
  readEde,
  readOpt,
  SOURCE_OPTION,
  undelivered,
} from '../../src/wire/edns.ts';
import { spanRecord } from '../../src/wire/record.ts';
import { octets } from './arbitraries.ts';
import { viewOrWireError } from './view-or-wire-error.ts';

/** RFC 8914 §4.23, §4.24. */
const UNREACHED: ReadonlySet<number> = new Set([22, 23]);

test('an OPT that is built reads back as it was meant (RFC 6891 §6.1)', (t) => {
  const unreached = fc.constantFrom(EdeCode.NO_REACHABLE_AUTHORITY, EdeCode.NETWORK_ERROR);
  const code = fc.oneof(fc.nat(0xffff), unreached);
  const ede = fc.option(fc.record({ code, text: fc.string({ maxLength: 100 }) }), {
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
          ...(explained !== undefined && UNREACHED.has(explained.code) ? { unreached: true } : {}),
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

test('readEde finds the text of its INFO-CODE among other options, and none in options that do not fit', (t) => {
  const option = (code: number, ...data: number[]) => [
    code >> 8,
    code & 0xff,
    0,
    data.length,
    ...data,
  ];
  const ede = (info: number, text: string) =>
    option(15, info >> 8, info & 0xff, ...Buffer.from(text));
  const read = (options: readonly number[], rdlength = options.length) =>
    // Three octets of something else in front, and an EDE behind that is no part of the OPT.
    readEde(Uint8Array.of(0, 15, 9, ...options, ...ede(7, 'behind')), { rdataAt: 3, rdlength }, 7);
  t.equal(read(ede(7, 'text')), 'text');
  t.equal(read(ede(7, '')), '', 'an EDE may have no text');
  t.equal(read([...ede(8, 'other'), ...option(10, 0, 7, 1), ...ede(7, 'text')]), 'text');
  t.equal(read([...ede(7, 'first'), ...ede(7, 'second')]), 'first');
  t.equal(read([]), undefined);
  t.equal(read(ede(8, 'other')), undefined);
  t.equal(read(option(10, 0, 7)), undefined, 'a cookie that begins like it');
  t.equal(read([...option(15, 0), ...ede(7, 'text')]), 'text', 'too short for an INFO-CODE');
  t.equal(read([...option(15), ...option(7, 1)]), undefined, 'nor does the next option begin one');
  t.equal(read(ede(7, 'text'), 9), undefined, 'cut short');
  t.equal(read(ede(7, 'text'), 3), undefined, 'cut in its header');
  t.end();
});

test('an option of ours asks for the source, wherever it stands', (t) => {
  const read = (rdata: readonly number[]) =>
    readOpt(Uint8Array.from(rdata), { klass: 512, ttl: 0, rdataAt: 0, rdlength: rdata.length });
  const source = [SOURCE_OPTION >> 8, SOURCE_OPTION & 0xff, 0, 0];
  const cookie = [0, 10, 0, 1, 0];
  t.equal(read(source).asksSource, true);
  t.equal(read([...cookie, ...source, ...cookie]).asksSource, true);
  t.notOk('asksSource' in read(cookie));
  t.end();
});

test('N7: the mark of a probe reads back, and so does the denial of NODATA, octet for octet', (t) => {
  const read = (options: Parameters<typeof optRecord>[0]) => {
    const opt = optRecord(options);
    return readOpt(opt, spanRecord(opt, 0));
  };
  t.equal(read({ rcode: 0, dnssecOk: true, probe: true }).isProbe, true);
  t.equal(read({ rcode: 0, dnssecOk: true, probe: true }).dnssecOk, true);
  t.notOk('isProbe' in read({ rcode: 0, dnssecOk: false, probe: false }));
  t.ok(PROBE_OPTION >= 65_001 && PROBE_OPTION <= 65_534, 'for local use (RFC 6891 §9)');
  t.equal(read({ rcode: 3, dnssecOk: false, ede: NODATA_DENIED }).nodataDenied, true);
  for (const other of [
    { code: NODATA_DENIED.code + 1, text: NODATA_DENIED.text },
    { code: NODATA_DENIED.code, text: `${NODATA_DENIED.text}.` },
    { code: NODATA_DENIED.code, text: '' },
  ]) {
    t.notOk('nodataDenied' in read({ rcode: 3, dnssecOk: false, ede: other }), other.text);
  }
  t.same(
    NODATA_DENIED,
    { code: 0, text: 'exists without addresses, denied so that the search goes on' },
    'as versions that are out there say it and know it',
  );
  t.end();
});

test('F5: EDE 22 and 23 say that a server had no answer itself, whatever their text; others do not (RFC 8914 §4.23)', (t) => {
  const read = (code: number, text: string) => {
    const opt = optRecord({ rcode: 2, dnssecOk: false, ede: { code, text } });
    return readOpt(opt, spanRecord(opt, 0));
  };
  for (const code of [EdeCode.NO_REACHABLE_AUTHORITY, EdeCode.NETWORK_ERROR]) {
    for (const text of ['', 'no upstream answered in time']) {
      t.equal(read(code, text).unreached, true, `${code} ${text}`);
    }
  }
  for (const code of [EdeCode.OTHER, EdeCode.CACHED_ERROR, 21, 24]) {
    t.notOk('unreached' in read(code, 'timeout'), `${code}`);
  }
  const short = [0, 15, 0, 1, 22];
  const opt = Uint8Array.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, short.length, ...short]);
  t.notOk('unreached' in readOpt(opt, spanRecord(opt, 0)), 'an EDE without a code');
  t.end();
});

test('F5: what another sidestub could not send is known by how its EDE begins', (t) => {
  const read = (ede: Ede) => {
    const opt = optRecord({ rcode: 2, dnssecOk: false, ede });
    const { unreached, undelivered: isUndelivered } = readOpt(opt, spanRecord(opt, 0));
    return { unreached, isUndelivered };
  };
  t.same(read(undelivered('no room')), { unreached: true, isUndelivered: true });
  t.match(undelivered('no room').text, /^not delivered: /, 'as every version must say it');
  const others = { unreached: true, isUndelivered: undefined };
  t.same(read({ code: EdeCode.NETWORK_ERROR, text: 'upstream: not delivered: x' }), others);
  t.same(read({ code: EdeCode.NETWORK_ERROR, text: 'not delivered' }), others);
  const word = { unreached: undefined, isUndelivered: undefined };
  t.same(read({ code: EdeCode.OTHER, text: 'not delivered: x' }), word);
  t.end();
});

test('an OPT with an EDE has these octets (RFC 6891 §6.1.2, RFC 8914 §2)', (t) => {
  const hex = (options: Parameters<typeof optRecord>[0]) =>
    Buffer.from(optRecord(options)).toString('hex');
  t.equal(hex({ rcode: 0x10, dnssecOk: true }), '00002904d0010080000000');
  t.equal(
    hex({ rcode: 0, dnssecOk: false, ede: { code: 0x0103, text: 'hi' } }),
    '00002904d0000000000008000f000401036869',
  );
  t.end();
});
