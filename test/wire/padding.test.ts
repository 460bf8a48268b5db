import fc from 'fast-check';
import { test } from 'tap';
import { padQuery } from '../../src/wire/padding.ts';
import { readRequest } from '../../src/wire/request.ts';
import { queryOctets } from '../support/messages.ts';

test('a padded query is the same question with a multiple of the block (RFC 7830 §3, RFC 8467 §4.1)', (t) => {
  const name = fc
    .array(fc.stringMatching(/^[a-z0-9]{1,60}$/), { minLength: 1, maxLength: 4 })
    .map((labels) => `${labels.join('.')}.`);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(name, fc.constantFrom(1, 128, 468), fc.boolean(), (qname, block, dnssecOk) => {
        const query = queryOctets(qname, 1, { edns: { dnssecOk } });
        const padded = padQuery(query, block);
        const { question, edns } = readRequest(padded);
        return (
          padded.length % block === 0 &&
          padded.length - query.length - 4 < block &&
          question.qname === qname &&
          edns?.dnssecOk === dnssecOk
        );
      }),
    ),
  );
  t.end();
});

test('a query that fills its block gets an empty option', (t) => {
  const query = queryOctets('a.', 1, { edns: { dnssecOk: false } });
  const padded = padQuery(query, query.length + 4);
  t.same([...padded.subarray(query.length)], [0, 12, 0, 0]);
  t.end();
});
