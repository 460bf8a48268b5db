import fc from 'fast-check';
import { test } from 'tap';
import {
  createLog,
  formatFor,
  LOG_LEVELS,
  type LogFields,
  type LogFormat,
  type LogLevel,
} from '../../src/observe/log.ts';
import { HandClock } from '../support/hand-clock.ts';

const EPOCH = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function setup({
  level = 'debug',
  format = 'json',
}: {
  level?: LogLevel;
  format?: LogFormat;
} = {}) {
  const lines: string[] = [];
  const clock = new HandClock();
  const log = createLog({
    level,
    format,
    clock,
    write: (line) => lines.push(line),
    wallClock: () => EPOCH + clock.now(),
  });
  return { log, clock, lines, events: () => lines.map((line) => JSON.parse(line)) };
}

test('an event is a line of JSON with its time, level, name and fields', (t) => {
  const { log, lines } = setup();
  log.info('listening', { address: '127.0.0.1:53', tcp: true, limit: 3, hosts: null });
  t.strictSame(lines, [
    '{"time":"2026-01-02T03:04:05.678Z","level":"info","event":"listening","address":"127.0.0.1:53","tcp":true,"limit":3,"hosts":null}\n',
  ]);
  t.end();
});

test('for people it is a line of words, quoted where they would run together', (t) => {
  const { log, lines } = setup({ format: 'text' });
  log.warn('upstream_dead', {
    upstream: 'udp://10.96.0.10',
    reason: 'no answer',
    tried: ['a', 'b'],
  });
  log.error('bug', { message: '' });
  t.strictSame(lines, [
    '2026-01-02T03:04:05.678Z WARN  upstream_dead upstream=udp://10.96.0.10 reason="no answer" tried=["a","b"]\n',
    '2026-01-02T03:04:05.678Z ERROR bug message=""\n',
  ]);
  t.end();
});

test('on a terminal colours are all that is added to the words', (t) => {
  const plain = setup({ format: 'text' });
  const coloured = setup({ format: 'coloured' });
  for (const { log } of [plain, coloured]) {
    log.warn('lookup_slow', { ms: 700, cause: 'upstream' });
    log.error('bug', { stack: 'Error: \u001b[2J' });
  }
  const escapes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
  t.ok(coloured.lines.every((line) => escapes.test(line)));
  t.strictSame(
    coloured.lines.map((line) => line.replace(escapes, '')),
    plain.lines,
  );
  t.end();
});

test('what is less important than the level is not written', (t) => {
  for (const [at, level] of LOG_LEVELS.entries()) {
    const { log, events } = setup({ level });
    for (const each of LOG_LEVELS) log[each](each);
    t.strictSame(
      events().map(({ event }) => event),
      LOG_LEVELS.slice(at),
      level,
    );
  }
  t.end();
});

test('a QNAME is written at debug only, however the field is spelt (S4)', (t) => {
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = setup({ format });
    for (const level of LOG_LEVELS) {
      log[level](level, { qname: 'secret.example.', QName: 'secret.example.', n: 1 });
    }
    t.strictSame(
      lines.map((line) => line.includes('secret')),
      [true, false, false, false],
      format,
    );
    t.ok(
      lines.every((line) => /n\b.{1,2}1/.test(line)),
      'the other fields stay',
    );
  }
  t.end();
});

test('a field without a value is left out, and none takes the place of what the line has', (t) => {
  const { log, events } = setup();
  log.info('reloaded', { reason: undefined, time: 'never', level: 'none', event: 'forged', n: 1 });
  t.strictSame(events(), [
    { time: '2026-01-02T03:04:05.678Z', level: 'info', event: 'reloaded', n: 1 },
  ]);
  t.end();
});

test('a long text is cut, so that a line is bounded (S1)', (t) => {
  const { log, events } = setup();
  log.info('odd', { reason: 'x'.repeat(100_000) });
  t.equal(events()[0].reason, `${'x'.repeat(4_096)}…`);
  t.end();
});

test('an event writes ten lines in ten seconds, and then says how many it left out (S1)', async (t) => {
  const { log, clock, events } = setup();
  for (let n = 0; n < 1_000; n++) log.warn('mismatched', { n });
  log.info('other');
  t.equal(events().length, 11, 'ten of the one, and the other is not affected');
  await clock.advance(9_999);
  t.equal(events().length, 11);
  await clock.advance(1);
  const { time, ...last } = events().at(-1);
  t.strictSame(last, { level: 'warn', event: 'mismatched', suppressed: 990, seconds: 10 });
  t.equal(time, '2026-01-02T03:04:15.678Z');
  log.warn('mismatched', { n: 1_000 });
  t.match(events().at(-1), { event: 'mismatched', n: 1_000 }, 'and writes again');
  await clock.advance(10_000);
  t.equal(events().length, 13, 'nothing is said where nothing was left out');
  t.equal(clock.timers, 0);
});

test('what is below the level takes nothing from the allowance', (t) => {
  const { log, lines } = setup({ level: 'info' });
  for (let n = 0; n < 100; n++) log.debug('query');
  log.info('query');
  t.equal(lines.length, 1);
  t.end();
});

test('even event names cannot fill the memory: past 256 they share an allowance (S1)', async (t) => {
  const { log, clock, events } = setup();
  for (let n = 0; n < 10_000; n++) log.info(`event_${n}`);
  t.equal(events().length, 256 + 10);
  t.equal(clock.timers, 257);
  await clock.advance(10_000);
  t.match(events().at(-1), { event: 'other_events', suppressed: 10_000 - 266 });
  t.equal(clock.timers, 0);
});

/** A terminal acts on these, or a reader is deceived by them. */
const HARMFUL = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

/** Strings that are mostly what an attacker would put into one. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r',
        '\x1b[2J',
        '\x9b',
        '\x7f',
        '"',
        '\\',
        ' ',
        '=',
        '\u2028',
        '\u202e',
      ),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(''));

test('no field, name or event breaks out of its line or reaches the terminal', (t) => {
  const hostileFields = fc.dictionary(
    hostile,
    fc.oneof(hostile, fc.array(hostile, { maxLength: 3 }), fc.double(), fc.boolean()),
    { maxKeys: 5 },
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.constantFrom('json' as const, 'text' as const),
        hostile,
        hostileFields,
        (format, event, fields: LogFields) => {
          const { log, lines } = setup({ format });
          log.error(event, fields);
          const [line = '', ...more] = lines;
          return more.length === 0 && line.endsWith('\n') && !HARMFUL.test(line.slice(0, -1));
        },
      ),
    ),
  );
  t.end();
});

test('what is escaped reads back as it was', (t) => {
  const { log, events } = setup();
  const odd = 'a\n\x1b[31m\x9b\u202e"\\b';
  log.info('odd', { odd });
  t.equal(events()[0].odd, odd);
  t.end();
});

test('a terminal gets text, a pipe JSON', (t) => {
  t.equal(formatFor({ isTTY: true }, {}), 'coloured');
  t.equal(formatFor({ isTTY: true }, { NO_COLOR: '1' }), 'text');
  t.equal(formatFor({ isTTY: true }, { TERM: 'dumb' }), 'text');
  t.equal(formatFor({}, {}), 'json');
  t.end();
});
