import { test } from 'tap';
import {
  HUGE_PAGE,
  HugePages,
  loadPageCalls,
  type PageCalls,
  WORTH_IT,
} from '../../src/daemon/huge-pages.ts';
import { EntryStore } from '../../src/memory/entry-store.ts';
import { PlainQuery } from '../../src/memory/plain-query.ts';
import { canCollapse, hugePages } from '../support/huge-pages.ts';
import { request } from '../support/messages.ts';
import { residentOctets } from '../support/resident.ts';

/** Where the fake buffers are: in the middle of a huge page. */
const START = 40.5 * HUGE_PAGE;

function startFake() {
  const collapsed: number[] = [];
  const addresses = new Map<ArrayBufferLike, number>();
  const calls: PageCalls = {
    addressOf: (buffer) => addresses.get(buffer) ?? START,
    collapse: (address) => void collapsed.push(address / HUGE_PAGE),
  };
  const buffer = new ArrayBuffer(8);
  const pages = new HugePages(() => calls);
  return { pages, buffer, addresses, take: () => collapsed.splice(0) };
}

test('huge pages that were written throughout are collapsed, one at a time and each once', (t) => {
  const { pages, buffer, take } = startFake();
  const next = (huge: number) => pages.collapseNext([{ buffer, octets: huge * HUGE_PAGE }]);
  t.ok(next(WORTH_IT / HUGE_PAGE));
  t.same(take(), [41]);
  while (next(8));
  t.same(take(), [42, 43, 44, 45, 46, 47], 'from 40.5 to 48.5');
  t.notOk(next(8.4), 'none is full');
  t.ok(next(8.5));
  t.same(take(), [48]);
  t.notOk(next(8.5));
  t.same(take(), []);
  t.end();
});

test('little memory is left alone, and so is a buffer that fills no huge page', (t) => {
  const { pages, buffer, addresses, take } = startFake();
  const [other, small] = [new ArrayBuffer(8), new ArrayBuffer(8)];
  addresses.set(other, 80 * HUGE_PAGE);
  const next = (octets: number, others: number) =>
    pages.collapseNext([
      { buffer: small, octets: 1 },
      { buffer, octets },
      { buffer: other, octets: others },
    ]);
  t.notOk(next(WORTH_IT / 2, WORTH_IT / 2 - 2));
  t.same(take(), []);
  while (next(WORTH_IT / 2, WORTH_IT / 2 - 1));
  t.same(take(), [41, 42, 43, 80, 81, 82], 'all of them count');
  t.end();
});

test('the C library is loaded once there is enough memory, and asked for once', (t) => {
  let loaded = 0;
  const pages = new HugePages(() => {
    loaded++;
    return undefined;
  });
  const buffer = new ArrayBuffer(8);
  t.notOk(pages.collapseNext([{ buffer, octets: WORTH_IT - 1 }]));
  t.equal(loaded, 0);
  for (let i = 0; i < 2; i++) t.notOk(pages.collapseNext([{ buffer, octets: WORTH_IT }]));
  t.equal(loaded, 1);
  t.end();
});

test('what the kernel and the owner of the machine say is followed', (t) => {
  const kernel = (enabled: string, size = HUGE_PAGE) => {
    const folder = t.testdir({ enabled: `${enabled}\n`, hpage_pmd_size: `${size}\n` });
    return loadPageCalls(folder) !== undefined;
  };
  const isLoaded = kernel('always [madvise] never');
  t.equal(kernel('[always] madvise never'), isLoaded);
  t.notOk(kernel('always madvise [never]'));
  t.notOk(kernel('always [madvise] never', 256 * HUGE_PAGE), 'arm64 with pages of 64 KiB');
  t.equal(loadPageCalls(`${t.testdir({})}/none`), undefined);
  t.end();
});

test('memory is as large as before', {
  skip: canCollapse() ? false : 'this kernel has no huge pages for us',
}, (t) => {
  const pages = new HugePages(loadPageCalls);
  const store = new EntryStore(64 * 1024 * 1024, { isUncounted: true });
  fill(store, WORTH_IT);
  const copy = store.octets.slice();
  const before = { resident: residentOctets(), huge: hugePages('self') };
  t.ok(pages.collapseNext(store.written));
  while (pages.collapseNext(store.written));
  t.ok(hugePages('self') > before.huge);
  t.ok(residentOctets() - before.resident < HUGE_PAGE / 2);
  t.equal(Buffer.compare(store.octets, copy), 0, 'and has what it had');
  t.end();
});

/** Puts entries of a kibibyte into it until they hold this many octets. */
function fill(store: EntryStore, octets: number): void {
  const query = new PlainQuery(1);
  for (let i = 0; store.used < octets; i++) {
    query.of(request(`n${i}.example`));
    store.insert(query, 1, 1_024, { storedAt: 0, fresh: 1e6, alone: 1e6, stale: 0 }, 0);
    const at = store.keptAt(store.find(query, 1));
    store.octets.fill(i & 0xff, at, at + 1_024);
  }
}
