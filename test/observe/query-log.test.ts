import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import { createQueryLog, type LoggedQuery, openQueryLog } from '../../src/observe/query-log.ts';
import { Tally } from '../../src/observe/tally.ts';
import { scratch } from './running-sidestub.ts';

const QUERY: LoggedQuery = {
  qname: 'git.example.com.',
  type: 'A',
  client: '10.0.0.1',
  rcode: 'NOERROR',
  source: 'upstream',
  answers: 1,
  took: 12.34567,
};
const EPOCH = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function setup({ sample = 1, writableLength = 0, random = (): number => 0 } = {}) {
  const lines: string[] = [];
  const dropped = new Tally();
  const bounds: number[] = [];
  const log = createQueryLog({
    stream: { write: (line) => lines.push(line), writableLength },
    sample,
    wallClock: () => EPOCH,
    dropped,
    random: (bound) => {
      bounds.push(bound);
      return random();
    },
  });
  return { log, lines, dropped, bounds };
}

test('a query is one line of JSON', (t) => {
  const { log, lines } = setup();
  log.add({ ...QUERY, qname: 'a\nb.example.' });
  t.equal(lines.length, 1);
  t.match(lines[0], /^[^\n]+\n$/);
  const { took: _, ...told } = QUERY;
  const expected = {
    time: '2026-01-02T03:04:05.678Z',
    event: 'query',
    ...told,
    qname: 'a\nb.example.',
    ms: 12.346,
  };
  t.strictSame(JSON.parse(lines[0] ?? ''), expected);
  t.end();
});

test('of so many queries one is drawn, and where all are wanted nothing is drawn', (t) => {
  let drawn = 0;
  const { log, lines, bounds } = setup({ sample: 10, random: () => drawn++ % 10 });
  for (let n = 0; n < 100; n++) log.add(QUERY);
  t.equal(lines.length, 10);
  t.ok(bounds.every((bound) => bound === 10));
  const all = setup();
  all.log.add(QUERY);
  t.strictSame(all.bounds, []);
  t.end();
});

test('a stream that does not keep up costs lines, which are counted, and no memory (S1)', (t) => {
  const { log, lines, dropped } = setup({ writableLength: (1 << 20) + 1 });
  log.add(QUERY);
  t.equal(lines.length, 0);
  t.equal(dropped.value, 1);
  t.end();
});

test('a file is appended to, and its owner alone may read it (S4)', async (t) => {
  const path = join(scratch(t), 'queries.jsonl');
  for (const line of ['one\n', 'two\n']) {
    const stream = openQueryLog(path, (error) => t.fail(String(error)));
    stream.write(line);
    stream.close();
    // Written in another thread: the file is there, its content follows.
    for (let n = 0; n < 500 && !readFileSync(path, 'utf8').endsWith(line); n++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  t.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  t.equal(statSync(path).mode & 0o777, 0o600);
});

test('a file that cannot be opened is an error at once; a device that is full is told once', async (t) => {
  t.throws(() => openQueryLog(join(scratch(t), 'none', 'queries'), () => {}), { code: 'ENOENT' });
  try {
    writeFileSync('/dev/full', 'x');
    t.pass('no /dev/full', { skip: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return;
    const failures: Error[] = [];
    const told = Promise.withResolvers<void>();
    const stream = openQueryLog('/dev/full', (failure) => {
      failures.push(failure);
      told.resolve();
    });
    stream.write('one\n');
    await told.promise;
    stream.write('two\n');
    stream.close();
    await new Promise((resolve) => setImmediate(resolve));
    t.strictSame(failures.length, 1);
  }
});

test('after it was moved away a file is opened anew, and the old one keeps what it has (logrotate)', async (t) => {
  const path = join(scratch(t), 'queries.jsonl');
  const failures: Error[] = [];
  const stream = openQueryLog(path, (error) => failures.push(error));
  stream.write('before\n');
  renameSync(path, `${path}.1`);
  stream.reopen();
  stream.write('after\n');
  stream.close();
  await until(() => readFileSync(path, 'utf8') === 'after\n');
  await until(() => readFileSync(`${path}.1`, 'utf8') === 'before\n');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.strictSame(failures, []);
});

test('a file that cannot be opened anew is told, and the old one goes on', async (t) => {
  const folder = scratch(t);
  const path = join(folder, 'below', 'queries.jsonl');
  mkdirSync(dirname(path));
  const failures: Error[] = [];
  const stream = openQueryLog(path, (error) => failures.push(error));
  renameSync(dirname(path), join(folder, 'elsewhere'));
  stream.reopen();
  t.match(failures, [{ code: 'ENOENT' }]);
  stream.write('still\n');
  stream.close();
  await until(() => readFileSync(join(folder, 'elsewhere/queries.jsonl'), 'utf8') === 'still\n');
  t.pass('written');
});

/** Files are written in another thread: they are there, their content follows. */
async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 10_000 && !holds(); n++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!holds()) throw new Error('never');
}
