import { LONGEST, type Story } from './stories.ts';
import { LIBCS, PATHS, runTrial, type Trial, type TrialOptions } from './trial.ts';

/**
 * Runs every story for both libcs on both paths.
 *
 * The few that wait for seconds run at the same time; the rest run one by one, so that no lookup slows another down on
 * a small machine.
 *
 * @param onTrial - Called with each trial as it ends.
 * @returns In the order of the stories, then `LIBCS`, then `PATHS`.
 */
export async function runTrials(
  stories: readonly Story[],
  options: TrialOptions,
  onTrial: (trial: Trial) => void,
): Promise<Trial[]> {
  const plan = stories.flatMap((story) =>
    LIBCS.flatMap((libc) => PATHS.map((path) => ({ story, libc, path }))),
  );
  const run = async ({ story, libc, path }: (typeof plan)[number]): Promise<Trial> => {
    const trial = await runTrial(story, libc, path, options);
    onTrial(trial);
    return trial;
  };
  const stalls = ({ story, path }: (typeof plan)[number]) => story.stalls && path === 'directly';
  const slow = Promise.all(plan.filter(stalls).map(run));
  // Awaited below; until then a rejection must not end the process.
  slow.catch(() => {});
  await warmUp(stories, options);
  const quick: Trial[] = [];
  for (const each of plan) if (!stalls(each)) quick.push(await run(each));
  const trials = [...quick, ...(await slow)];
  const place = ({ story, libc, path }: Pick<Trial, 'story' | 'libc' | 'path'>) =>
    plan.findIndex((each) => each.story === story && each.libc === libc && each.path === path);
  return trials.sort((a, b) => place(a) - place(b));
}

/**
 * Runs the first story once on both paths, unmeasured: the first lookup of a process includes compiling the program,
 * which is not what is shown. It also lets the stalling trials start without competition.
 */
async function warmUp(stories: readonly Story[], options: TrialOptions): Promise<void> {
  const [story] = stories;
  if (story === undefined) return;
  for (const path of PATHS) await runTrial(story, 'musl', path, options);
}

/**
 * Why a trial through sidestub broke its story's promise; `undefined` if it was kept.
 *
 * A question that was sent again counts once: on a busy machine its timer fires though nothing was lost (U2), which
 * says nothing about sidestub. The table shows every query.
 */
export function brokenPromise({ story, walk, elapsed, asked }: Trial): string | undefined {
  const { address, questions } = story.promise;
  if (walk === undefined) return `no answer in ${Math.round(elapsed)} ms`;
  const expected = address === undefined ? 'not-found' : 'found';
  if (walk.outcome !== expected) return `${walk.outcome} in place of ${expected}`;
  if (address !== undefined && !walk.addresses.includes(address)) {
    return `${walk.addresses.join(' ')} in place of ${address}`;
  }
  if (elapsed > LONGEST) return `${Math.round(elapsed)} ms, more than ${LONGEST} ms`;
  const different = new Set(asked.map(({ qname, qtype }) => `${qtype} ${qname}`)).size;
  if (questions !== undefined && different > questions) {
    return `${different} different questions, more than ${questions}`;
  }
  return undefined;
}
