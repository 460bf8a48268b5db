import { monotonicClock } from '../clock.ts';
import { jsonReport } from '../demo/json-report.ts';
import { Progress } from '../demo/progress.ts';
import { closing, headline, legend, tableTitle, waterfallTitle } from '../demo/report.ts';
import { STORIES } from '../demo/stories.ts';
import { storyTable } from '../demo/table.ts';
import { LIBCS, PATHS, type Trial, type TrialOptions } from '../demo/trial.ts';
import { brokenPromise, runTrials } from '../demo/trials.ts';
import { waterfall } from '../demo/waterfall.ts';
import { type Paint, paintFor } from '../terminal.ts';
import { type Command, type CommandContext, ExitCode, isSet, printJson } from './command.ts';
import { durationFlag } from './duration-flag.ts';

const usage = `sidestub demo [--json] [--patience DURATION]

Looks names up directly and through sidestub, side by side, on a cluster DNS that it brings along: no root, no
cluster, no network but 127.0.0.1. Takes about 14 seconds, since asking directly waits for timeouts of 5 seconds.

  sidestub demo
  sidestub demo --patience 3s        sooner: what takes longer is shown as ">3.0 s"

Exits 0 when every lookup through sidestub went as promised, else 1.`;

/** About the distance of cluster DNS in a busy cluster, and wide enough to see in a chart. */
const ROUND_TRIP = 20;
/** glibc gives AAAA that never comes 15 s; every other stall ends before this. */
const STALL_LIMIT = '13s';

export const command: Command = {
  summary: 'the same lookups directly and through sidestub, side by side',
  usage,
  options: {
    json: { type: 'boolean', meaning: 'print one JSON document, times in milliseconds' },
    patience: {
      type: 'string',
      hint: 'DURATION',
      meaning: `when a lookup is given up (default ${STALL_LIMIT})`,
    },
  },
  main,
};

async function main(context: CommandContext): Promise<number> {
  const options: TrialOptions = {
    clock: monotonicClock,
    roundTrip: ROUND_TRIP,
    patience: durationFlag(context.flags, 'patience', STALL_LIMIT, { min: 1 }),
  };
  const trials = isSet(context.flags, 'json')
    ? await tellAsJson(context, options)
    : await tellInTerminal(context, options);
  const broken = trials.some(
    (trial) => trial.path === 'sidestub' && brokenPromise(trial) !== undefined,
  );
  return broken ? ExitCode.FAILURE : ExitCode.OK;
}

async function tellAsJson(context: CommandContext, options: TrialOptions): Promise<Trial[]> {
  const trials = await runTrials(STORIES, options, () => {});
  printJson(context, jsonReport(trials, options));
  return trials;
}

/** Prints the chart within the first second, and the table after the last timeout. */
async function tellInTerminal(
  { stdout, env }: CommandContext,
  options: TrialOptions,
): Promise<Trial[]> {
  const paint = paintFor(stdout, env);
  const columns = Math.min(100, Math.max(80, stdout.columns ?? 80));
  const print = (lines: readonly string[]) => stdout.write(`${lines.join('\n')}\n\n`);
  print(headline(options, paint));
  const progress = new Progress(stdout, STORIES.length * LIBCS.length * PATHS.length);
  const chart = new FirstLookup();
  const trials = await runTrials(STORIES, options, (trial) => {
    progress.clear();
    const pair = chart.add(trial);
    if (pair !== undefined) print(chartOf(pair, columns, paint));
    progress.step();
  });
  progress.clear();
  print([tableTitle(paint), '', ...storyTable(trials, columns, paint)]);
  print(legend(trials, options.patience).map((line) => paint.faint(`  ${line}`)));
  print(closing(trials, paint));
  return trials;
}

function chartOf(pair: readonly Trial[], columns: number, paint: Paint): string[] {
  return [
    waterfallTitle(pair[0]?.story.lookup ?? '', paint),
    '',
    ...waterfall(pair, columns, paint),
  ];
}

/** Collects the two trials that the chart compares: musl, the first story, both paths. */
class FirstLookup {
  private readonly trials: Trial[] = [];

  /** @returns Both trials, once the second one has been added. */
  add(trial: Trial): readonly Trial[] | undefined {
    if (trial.story !== STORIES[0] || trial.libc !== 'musl') return undefined;
    this.trials.push(trial);
    return this.trials.length === PATHS.length ? this.trials : undefined;
  }
}
