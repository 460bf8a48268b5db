import { test } from 'tap';
import { RrClass, RrType } from '../../src/wire/codes.ts';
import { padQuery } from '../../src/wire/padding.ts';
import { spanRecord } from '../../src/wire/record.ts';
import { buildQuery, randomId, readRequest } from '../../src/wire/request.ts';

const question = { qname: 'a.b.', qtype: RrType.AAAA, qclass: RrClass.IN };
const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

test('a query of ours has these octets (RFC 1035 §4.1, RFC 6891 §6.1)', async (t) => {
  const name = '0161016200';
  const plain = { id: 0x1234, checkingDisabled: false, edns: undefined };
  t.equal(hex(buildQuery(question, plain)), `123401000001000000000000${name}001c0001`);
  t.equal(
    hex(buildQuery(question, { id: 7, checkingDisabled: true, edns: { dnssecOk: true } })),
    `000701100001000000000001${name}001c000100002904d0000080000000`,
  );
  t.equal(
    hex(
      buildQuery(question, {
        id: 7,
        checkingDisabled: false,
        edns: { dnssecOk: false, probe: true },
      }),
    ),
    `000701000001000000000001${name}001c000100002904d0000000000004ff1f0000`,
    'a probe, with its mark (N7)',
  );
});

test('a padded query is one message, whose OPT ends where it does (RFC 7830 §3)', async (t) => {
  const options = { id: 7, checkingDisabled: false, edns: { dnssecOk: false } };
  const query = buildQuery(question, options);
  const padded = padQuery(query, 128);
  t.equal(padded.length, 128);
  const opt = spanRecord(padded, query.length - 11);
  t.equal(opt.type, RrType.OPT);
  t.equal(opt.end, padded.length);
  t.equal(hex(padded.subarray(query.length, query.length + 4)), '000c005c', '92 octets of padding');
  t.equal(hex(padded.subarray(0, query.length - 2)), hex(query.subarray(0, -2)));
});

test('a padded probe keeps its mark, and the padding behind it (N7, RFC 7830 §3)', async (t) => {
  const edns = { dnssecOk: false, probe: true };
  const query = buildQuery(question, { id: 7, checkingDisabled: false, edns });
  const padded = padQuery(query, 128);
  t.equal(padded.length, 128);
  t.equal(spanRecord(padded, query.length - 15).end, padded.length);
  t.equal(readRequest(padded).edns?.isProbe, true);
});

test('IDs fill the sixteen bits', async (t) => {
  const ids = Array.from({ length: 1_000 }, randomId);
  t.ok(ids.every((id) => Number.isInteger(id) && id >= 0 && id <= 0xffff));
  // A thousand draws of 65,536 meet each other about eight times.
  t.ok(new Set(ids).size > 900);
});
