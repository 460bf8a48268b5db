import { test } from 'tap';
import { USES } from '../../src/memory/entry.ts';
import type { Replies } from '../../src/memory/replies.ts';
import { RrType } from '../../src/wire/codes.ts';
import { a, message, nxdomain, queryOctets, record } from '../support/messages.ts';
import { keep, ROOM, startReplies } from './ready-replies.ts';

const MIB = 1 << 20;
/** In one batch, of every kind several. */
const SIZE = 64;

/** Replies of which batches are looked up together if it is a large memory, and one by one if not. */
function startWith(isLarge: boolean): Replies {
  const replies = startReplies(32 * MIB, MIB);
  for (let i = 0; i < 40; i++) {
    keep(
      replies,
      queryOctets(`known${i}.example`),
      message({ answer: [a(`known${i}.example`, `192.0.2.${i}`)] }),
      { kind: i % 2 },
    );
    keep(replies, queryOctets(`denied${i}.example`), nxdomain('example', 60), { kind: 2 });
    keep(replies, queryOctets(`cut${i}.example`), nxdomain('example', 60), {
      kind: 3,
      isCut: true,
    });
    keep(replies, queryOctets(`over${i}.example`), message({ answer: [a('over', '192.0.2.1')] }), {
      until: 1_000,
    });
    const large = record(`large${i}.example`, RrType.TXT, new Uint8Array(600));
    keep(replies, queryOctets(`large${i}.example`, RrType.TXT), message({ answer: [large] }));
  }
  const text = new Uint8Array(1_000);
  for (let i = 0; isLarge && i < 5_000; i++) {
    const name = `text${i}.example`;
    const answer = [record(name, RrType.TXT, text)];
    keep(replies, queryOctets(name, RrType.TXT), message({ answer }));
  }
  replies.now = 5_000;
  return replies;
}

const queries = (i: number): Uint8Array => {
  const edns = { dnssecOk: false };
  const odd = queryOctets(`known${i}.example`);
  odd[2] = 0x7f;
  const all = [
    queryOctets(`kNown${i}.Example`, RrType.A, { id: i }),
    queryOctets(`known${i}.example`, RrType.A, { id: i, edns }),
    queryOctets(`denied${i}.example`, RrType.A, { id: i, edns }),
    queryOctets(`unknown${i}.example`),
    queryOctets(`cut${i}.example`, RrType.A, { id: i }),
    odd,
    queryOctets(`over${i}.example`),
    queryOctets(`large${i}.example`, RrType.TXT),
    new Uint8Array(0),
  ];
  return all[i % all.length] ?? odd;
};

/** Answers a batch; whatever follows the reply in its place is compared, too. */
function answerBatch(replies: Replies, count: number) {
  const octets = new Uint8Array(SIZE * ROOM);
  const lengths = new Int32Array(SIZE).fill(-1);
  for (let i = 0; i < count; i++) {
    const query = queries(i % 40);
    octets.set(query, i * ROOM);
    lengths[i] = query.length;
  }
  replies.answerAll(octets, ROOM, lengths, count);
  const hits: (readonly number[])[] = [];
  replies.takeHits((kind, hit) => hits.push([kind, hit]));
  return { octets, lengths: [...lengths], hits };
}

test('a batch that is looked up together has the replies that each query has by itself', (t) => {
  const [together, single] = [startWith(true), startWith(false)];
  for (const count of [SIZE, 2, 1, 0, SIZE - 1]) {
    const [one, other] = [answerBatch(together, count), answerBatch(single, count)];
    t.same(one.lengths, other.lengths, `${count} queries`);
    t.equal(Buffer.compare(one.octets, other.octets), 0);
    t.same(one.hits, other.hits);
    t.equal(usesOf(together), usesOf(single));
  }
  t.equal(together['batch'].queries.length, SIZE, 'it was looked up together');
  t.equal(single['batch'].queries.length, 0, 'a small memory is not');
  const { lengths, hits } = answerBatch(together, SIZE);
  t.ok(lengths.filter((length) => length > 0).length > SIZE / 4, 'hits among them');
  t.same(
    hits.map(([kind]) => kind),
    [0, 1, 2, 3],
  );
  together.dropCuts();
  single.dropCuts();
  const [one, other] = [answerBatch(together, SIZE), answerBatch(single, SIZE)];
  t.same(one.lengths, other.lengths);
  t.same(
    one.hits.map(([kind]) => kind),
    [0, 1, 2],
    'a cut is gone',
  );
  t.end();
});

/** How often its entries were asked for, each up to three times. */
function usesOf(replies: Replies): number {
  const { positive, negative } = replies['parts'];
  let uses = 0;
  for (const store of [positive, negative]) {
    store.forEach((at) => {
      uses += store.octets[at + USES] ?? 0;
    });
  }
  return uses;
}
