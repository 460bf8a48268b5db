import { test } from 'tap';
import * as labels from '../../src/observe/label-sets.ts';
import * as vocabulary from '../../src/vocabulary.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';

test('every type has one of the type labels (S4)', (t) => {
  t.equal(labels.typeClass(RrType.AAAA), 'AAAA');
  t.equal(labels.typeClass(RrType.MX), 'other');
  for (let qtype = 0; qtype <= 0xffff; qtype++) {
    if (!labels.TYPE_CLASSES.includes(labels.typeClass(qtype))) t.fail(`TYPE${qtype} has none`);
  }
  const named = labels.TYPE_CLASSES.filter((label) => label !== 'other');
  t.strictSame(
    named.map((label) => labels.typeClass(RrType[label as keyof typeof RrType])),
    named,
  );
  t.end();
});

test('every RCODE has one of the RCODE labels (S4)', (t) => {
  const known = Object.entries(Rcode).map(([name, code]) => [name, labels.rcodeClass(code)]);
  for (const [name, label] of known) t.equal(label, name);
  for (let rcode = 0; rcode <= 0xfff; rcode++) {
    if (!labels.RCODE_CLASSES.includes(labels.rcodeClass(rcode))) t.fail(`${rcode} has none`);
  }
  t.equal(labels.rcodeClass(9), 'other');
  t.end();
});

test('no set names a value twice', (t) => {
  for (const [name, values] of Object.entries({ ...labels, ...vocabulary })) {
    if (Array.isArray(values)) t.equal(new Set(values).size, values.length, name);
  }
  t.end();
});
