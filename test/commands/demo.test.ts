import tap, { test } from 'tap';
import { type CommandContext, type Flags, UsageError } from '../../src/commands/command.ts';
import { command } from '../../src/commands/demo.ts';
import { jsonReport } from '../../src/demo/json-report.ts';
import { closing, headline, legend } from '../../src/demo/report.ts';
import { STORIES } from '../../src/demo/stories.ts';
import { storyTable } from '../../src/demo/table.ts';
import { LIBCS, PATHS, type Trial } from '../../src/demo/trial.ts';
import { brokenPromise } from '../../src/demo/trials.ts';
import { bar, waterfall } from '../../src/demo/waterfall.ts';
import { paintFor, spanText } from '../../src/terminal.ts';
import type { Walk } from '../../src/walk/walk.ts';
import { run } from './started.ts';

const PLAIN = paintFor({ write: () => true }, {});

/** Ends of 20 ms steps, as a cold walk has them. */
function walkOf(address: string | undefined): Walk {
  const steps = ['job.svc.cluster.local.', 'svc.cluster.local.', undefined].map((suffix, i) => ({
    name: `git.example.com.${suffix ?? ''}`,
    ...(suffix === undefined ? {} : { suffix }),
    started: 20 * i,
    ended: 20 * (i + 1),
    queries: 2,
    addresses: suffix === undefined && address !== undefined ? [address] : [],
    meaning: suffix === undefined ? ('addresses' as const) : ('no-such-name' as const),
  }));
  const outcome = address === undefined ? 'not-found' : 'found';
  return { outcome, addresses: address === undefined ? [] : [address], steps, elapsed: 60 };
}

function trialsOf(change: (trial: Trial) => Partial<Trial> = () => ({})): Trial[] {
  return STORIES.flatMap((story) =>
    LIBCS.flatMap((libc) =>
      PATHS.map((path) => {
        const asked = [0, 20, 40].map((at) => ({ at, qname: 'x.', qtype: 1 }));
        const trial = {
          story,
          libc,
          path,
          walk: walkOf(story.promise.address),
          elapsed: 60,
          asked: story.promise.questions === 0 ? [] : asked,
        };
        return { ...trial, ...change(trial) };
      }),
    ),
  );
}

function givenUp({ walk: _walk, ...trial }: Trial): Trial {
  return { ...trial, elapsed: 13_000 };
}

function only(story: string): Trial {
  const trial = trialsOf().find((each) => each.story.id === story && each.path === 'sidestub');
  if (trial === undefined) throw new Error(`no story ${story}`);
  return trial;
}

function contextOf(flags: Flags = {}): CommandContext & { readonly printed: string[] } {
  const printed: string[] = [];
  const stdout = { write: (text: string) => printed.push(text) };
  return { flags, positionals: [], env: {}, version: '0', stdout, stderr: stdout, printed };
}

// Both wait for timeouts most of the time.
tap.jobs = 2;

test('as a process it is 0 where sidestub keeps its promises', { buffered: true }, async (t) => {
  const { code, stdout, stderr } = await run(t, ['demo', '--json', '--patience', '2s']);
  t.equal(stderr, '');
  t.equal(code, JSON.parse(stdout).kept === true ? 0 : 1);
});

test('every story is told: rightly through sidestub, and directly as clients.md says', {
  buffered: true,
}, async (t) => {
  // Below the 5 s of the libcs, and far above what sidestub takes on a quiet machine.
  const context = contextOf({ json: true, patience: '4s' });
  const code = await command.main(context);
  const report = JSON.parse(context.printed.join(''));
  const of = (story: string, libc: string, path: string) =>
    report.trials.find(
      (each: { story: string; libc: string; path: string }) =>
        each.story === story && each.libc === libc && each.path === path,
    );
  t.equal(report.trials.length, STORIES.length * LIBCS.length * PATHS.length);
  t.equal(code, report.kept ? 0 : 1, 'the exit code says what the report says');
  for (const libc of LIBCS) {
    for (const { id, promise } of STORIES) {
      const { address } = promise;
      t.match(of(id, libc, 'sidestub'), {
        outcome: address === undefined ? 'not-found' : 'found',
        addresses: address === undefined ? [] : [address],
      });
    }
    t.match(of('cold', libc, 'directly'), { outcome: 'found', queries: 10 });
    for (const story of ['aaaa-silent', 'race', 'cold-start']) {
      t.match(of(story, libc, 'directly'), { outcome: null, capped: true }, story);
    }
  }
  t.equal(of('aaaa-nxdomain', 'musl', 'directly').outcome, 'not-found', 'M5');
  t.equal(of('aaaa-nxdomain', 'glibc', 'directly').outcome, 'found');
});

test('nothing is wider than the terminal, with 80 columns and with 100', async (t) => {
  const trials = trialsOf(({ path }) => (path === 'directly' ? { elapsed: 12_600 } : {}));
  for (const columns of [80, 100]) {
    const lines = [
      ...headline({ roundTrip: 20 }, PLAIN),
      ...waterfall(trials.slice(0, 2), columns, PLAIN),
      ...storyTable(trials, columns, PLAIN),
      ...legend([givenUp(only('cold'))], 13_000).map((each) => `  ${each}`),
      ...closing(trials, PLAIN),
    ];
    for (const line of lines) t.ok([...line].length <= columns, line);
  }
});

test('the table has a line for each story, and the title stays apart from the cells', async (t) => {
  const lines = storyTable(trialsOf(), 80, PLAIN);
  t.equal(lines.length, STORIES.length + 2);
  for (const line of lines.slice(2)) {
    t.match(line, /^ {2}\S.{0,20} ✓ {3}60 ms {2}[03]q ✓ {3}60 ms/);
  }
});

test('a lookup that failed and one that was given up are marked without colours', async (t) => {
  const failed = trialsOf(() => ({ walk: walkOf(undefined) }));
  t.match(storyTable(failed, 80, PLAIN)[2], /✗ {3}60 ms/);
  const capped = trialsOf().map(givenUp);
  t.match(storyTable(capped, 80, PLAIN)[2], /… >13\.0 s/);
  t.match(legend(capped, 13_000).join('\n'), /given up after 13\.0 s/);
  t.notMatch(legend(failed, 13_000).join('\n'), /given up/);
});

test('bars stand where their time is, on a scale that both paths share', async (t) => {
  const scale = { columns: 10, span: 100 };
  t.equal(bar({ started: 0, ended: 100 }, scale), '█'.repeat(10));
  t.equal(bar({ started: 20, ended: 40 }, scale), '  ██      ');
  t.equal(bar({ started: 40, ended: 45 }, scale), '    ▌     ');
  t.equal(bar({ started: 50, ended: 50 }, scale).trim(), '▏');
  t.equal(bar({ started: 99.9, ended: 99.9 }, scale).trim().length, 1, 'a short step is a line');
  const [direct, through] = trialsOf();
  if (direct === undefined || through === undefined) throw new Error('no trials');
  const lines = waterfall([{ ...direct, elapsed: 120 }, through], 80, PLAIN);
  const widest = (path: string[]) => Math.max(...path.map((line) => line.lastIndexOf('█')));
  const middle = lines.indexOf('');
  t.equal(widest(lines.slice(0, middle)), widest(lines.slice(middle)), 'same 60 ms, same place');
});

test('times have their unit and no more digits than they deserve', async (t) => {
  const written = [0.04, 0.64, 9.96, 44.4, 999.4, 999.6, 12_610].map(spanText);
  t.strictSame(written, ['0.0 ms', '0.6 ms', '10 ms', '44 ms', '999 ms', '1.0 s', '12.6 s']);
});

test('colours only on a terminal, and not against the user (NO_COLOR)', async (t) => {
  const terminal = { write: () => true, isTTY: true };
  t.equal(paintFor(terminal, {}).good('x'), '\x1b[32mx\x1b[39m');
  t.equal(paintFor(terminal, { NO_COLOR: '1' }).good('x'), 'x');
  t.equal(paintFor(terminal, { NO_COLOR: '' }).good('x'), '\x1b[32mx\x1b[39m', 'empty is unset');
  t.equal(paintFor(terminal, { TERM: 'dumb' }).good('x'), 'x');
  t.equal(PLAIN.good('x'), 'x');
});

test('a promise is broken by a wrong answer, by a second, and by one question too many', async (t) => {
  const cold = only('cold');
  t.equal(brokenPromise(cold), undefined);
  t.equal(
    brokenPromise({ ...cold, walk: walkOf('203.0.113.66') }),
    '203.0.113.66 in place of 198.51.100.7',
  );
  t.equal(brokenPromise({ ...cold, walk: walkOf(undefined) }), 'not-found in place of found');
  t.equal(brokenPromise({ ...cold, elapsed: 1_001 }), '1001 ms, more than 1000 ms');
  const asked = Array.from({ length: 8 }, (_, i) => ({ at: 0, qname: `x${i}.`, qtype: 1 }));
  t.equal(brokenPromise({ ...cold, asked }), '8 different questions, more than 7');
  const again = [...asked.slice(0, 7), ...asked.slice(0, 7)];
  t.equal(brokenPromise({ ...cold, asked: again }), undefined, 'resent by a busy machine (U2)');
  t.equal(
    brokenPromise({ ...only('warm'), asked: asked.slice(0, 1) }),
    '1 different questions, more than 0',
  );
  t.equal(
    brokenPromise({ ...only('cold-start'), asked }),
    undefined,
    'no limit where packets are lost',
  );
});

test('a broken promise is named in the closing and in the report', async (t) => {
  const trials = trialsOf(({ story, path }) =>
    story.id === 'race' && path === 'sidestub' ? { elapsed: 2_000 } : {},
  );
  t.match(closing(trials, PLAIN).join('\n'), /2 of 18 .*\n✗ conntrack race, musl: 2000 ms/);
  t.match(closing(trialsOf(), PLAIN)[0], /^All 18 lookups/);
  t.match(jsonReport(trials, { roundTrip: 20, patience: 13_000 }), { kept: false });
});

test('a patience that is no duration is a usage error', async (t) => {
  for (const patience of ['soon', '0']) {
    await t.rejects(command.main(contextOf({ patience })), UsageError);
  }
});
