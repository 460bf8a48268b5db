import { test } from 'tap';
import { type LineOutputOptions, lineOutput } from '../../src/observe/line-output.ts';
import { HandClock } from '../support/hand-clock.ts';

type Write = (octets: Uint8Array) => number;

/** An output whose descriptor the test plays. */
function setup(write: Write, more: Partial<LineOutputOptions> = {}) {
  const clock = new HandClock();
  const calls: string[] = [];
  const descriptor = {
    write,
    /** What went through. */
    text: '',
  };
  let told = 0;
  const output = lineOutput({
    stream: { fd: 1, write: () => calls.push('stream') },
    clock,
    onDropped: () => told++,
    write: (_, octets) => {
      const taken = descriptor.write(octets);
      descriptor.text += Buffer.from(octets.subarray(0, taken)).toString();
      return taken;
    },
    ...more,
  });
  return { clock, output, descriptor, told: () => told, calls };
}

const all: Write = (octets) => octets.length;
const fails =
  (code: string): Write =>
  () => {
    throw Object.assign(new Error(code), { code });
  };

test('a line is written when it comes', (t) => {
  const { clock, output, descriptor, calls } = setup(all);
  output.write('one\n');
  output.write('zwei ü\n');
  t.equal(descriptor.text, 'one\nzwei ü\n');
  t.match([clock.timers, output.writableLength, output.dropped, calls], [0, 0, 0, []]);
  t.end();
});

test('what has no descriptor is written to as it is', async (t) => {
  let text = '';
  const write = (line: string) => {
    text += line;
  };
  const output = lineOutput({ stream: { write }, clock: new HandClock() });
  output.write('one\n');
  await output.end(100);
  t.equal(text, 'one\n');
});

test('a line that fails is dropped and told of, and the next one is tried (S5)', (t) => {
  for (const code of ['ENOSPC', 'EPIPE', 'EIO', 'EDQUOT']) {
    const { clock, output, descriptor, told } = setup(fails(code));
    output.write('lost\n');
    output.write('lost too\n');
    t.match([told(), output.dropped, output.writableLength, clock.timers], [2, 2, 0, 0], code);
    descriptor.write = all;
    output.write('there is room again\n');
    t.equal(descriptor.text, 'there is room again\n');
    t.equal(told(), 2);
  }
  t.end();
});

test('for a late reader lines wait in their order, and none is cut in two', async (t) => {
  const { clock, output, descriptor } = setup((octets) => Math.min(2, octets.length));
  output.write('abc\n');
  descriptor.write = fails('EAGAIN');
  output.write('def\n');
  output.write('ghi\n');
  t.match([descriptor.text, output.writableLength, clock.timers], ['abc\n', 8, 1]);
  let taken = 0;
  descriptor.write = (octets) =>
    taken++ === 0 ? Math.min(3, octets.length) : fails('EAGAIN')(octets);
  await clock.advance(10);
  t.match([descriptor.text, output.writableLength, clock.timers], ['abc\ndef', 5, 1]);
  descriptor.write = all;
  output.write('jkl\n');
  await clock.advance(10);
  t.equal(descriptor.text, 'abc\ndef\nghi\njkl\n');
  t.match([output.writableLength, output.dropped, clock.timers], [0, 0, 0]);
});

test('what waits is bounded: 2 MiB, then lines are dropped (S1, S5)', async (t) => {
  const { clock, output, descriptor, told } = setup(fails('EAGAIN'));
  const line = `${'x'.repeat(1_023)}\n`;
  for (let i = 0; i < 2_048; i++) output.write(line);
  t.match([output.writableLength, told()], [2 << 20, 0]);
  output.write('x\n');
  t.match([output.writableLength, told()], [2 << 20, 1]);
  descriptor.write = all;
  await clock.advance(10);
  output.write('x\n');
  t.match([descriptor.text.length, told()], [(2 << 20) + 2, 1]);
});

test('the end waits for a reader, for so long and no longer', async (t) => {
  const { clock, output, descriptor } = setup(fails('EAGAIN'));
  output.write('last\n');
  let ended = 0;
  void output.end(100).then(() => ended++);
  await clock.advance(99);
  t.equal(ended, 0);
  await clock.advance(1);
  t.equal(ended, 1);
  void output.end(100).then(() => ended++);
  descriptor.write = all;
  await clock.advance(10);
  t.match([ended, descriptor.text, clock.timers], [2, 'last\n', 0]);
  await output.end(100);
});
