import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Milliseconds } from '../../src/clock.ts';
import { atEnd } from './lab-end.ts';
import { productEnv } from './product-env.ts';

/** How a process of the lab ended, and what it wrote about it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** A process in one of the lab's network namespaces. */
export interface LabProcess {
  readonly pid: number;
  /** Resolves when it is gone and its output has been read; never rejects. */
  readonly exited: Promise<Exit>;
  writeLine(line: string): void;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts `argv` in a network namespace, without tap's loader (it adds 45 ms and 15 MiB to every Node).
 *
 * `ip netns exec` and chrt replace themselves by the program, so the process has its own pid and takes signals.
 *
 * @param onLine - Called with each line of standard output.
 */
export function spawnIn(
  namespace: string,
  argv: readonly string[],
  onLine: (line: string) => void,
): LabProcess {
  return spawnHere(['ip', 'netns', 'exec', namespace, ...priority(), ...argv], onLine);
}

/**
 * Starts `argv` where the test itself is, likewise.
 *
 * @param more - What it finds in its environment beside that of the test.
 */
export function spawnHere(
  argv: readonly string[],
  onLine: (line: string) => void,
  more: Readonly<Record<string, string>> = {},
): LabProcess {
  const [program = '', ...words] = argv;
  const child = spawn(program, words, { env: { ...productEnv(), ...more } });
  const stderr: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  createInterface({ input: child.stdout }).on('line', onLine);
  // A child that dies takes its input with it: `exited` tells.
  child.stdin.on('error', () => {});
  const exited = exitOf(child, stderr);
  void exited.then(atEnd(() => child.kill('SIGKILL')));
  return {
    pid: child.pid ?? -1,
    exited,
    writeLine: (line) => void child.stdin.write(`${line}\n`),
    endInput: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
  };
}

let runFirst: readonly string[] | undefined;

/**
 * Runs what is measured before all else that this machine has to do: a time is then that of the program, not of its
 * neighbours. Without the permission (CAP_SYS_NICE) it takes its turn like everybody.
 */
function priority(): readonly string[] {
  const realTime = ['chrt', '--rr', '1'];
  runFirst ??= spawnSync('chrt', [...realTime.slice(1), 'true']).status === 0 ? realTime : [];
  return runFirst;
}

async function exitOf(child: ChildProcess, stderr: readonly string[]): Promise<Exit> {
  try {
    const [code, signal] = await once(child, 'close');
    return { code, signal, stderr: stderr.join('') };
  } catch (error) {
    return { code: null, signal: null, stderr: String(error) };
  }
}

/** A Node process that does one thing per line of JSON and answers each with one. */
export interface Worker {
  /** @throws {Error} If the worker ends, or does not answer within the bound. */
  call(command: object): Promise<unknown>;
  stop(): Promise<void>;
}

/** Nothing that a worker does takes longer, on a machine that others use too. */
const CALL_BOUND: Milliseconds = 15_000;

/**
 * Starts a Node script in a namespace as a {@link Worker}. It says `{"done":0}` when it is ready, and `{"done":n}` after
 * the n-th command, with whatever else it has to say.
 *
 * @param onEvent - Called with each line that answers no command.
 */
export async function startWorker(
  namespace: string,
  script: string,
  config: object,
  onEvent: (event: object) => void = () => {},
): Promise<Worker> {
  const pending = new Map<number, (answer: object) => void>();
  const onLine = (line: string) => {
    const event: object = JSON.parse(line);
    if ('done' in event && typeof event.done === 'number') pending.get(event.done)?.(event);
    else onEvent(event);
  };
  const argv = [process.execPath, script, JSON.stringify(config)];
  const child = spawnIn(namespace, argv, onLine);
  const answerTo = (number: number) => {
    const answer = new Promise<object>((resolve) => pending.set(number, resolve));
    return within(answer, child.exited, script).finally(() => pending.delete(number));
  };
  let commands = 0;
  await answerTo(0);
  return {
    call: (command) => {
      const answer = answerTo(++commands);
      child.writeLine(JSON.stringify(command));
      return answer;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

async function within<T>(answer: Promise<T>, exited: Promise<Exit>, what: string): Promise<T> {
  const bound = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    bound.reject(new Error(`no answer from ${what} in ${CALL_BOUND} ms`));
  }, CALL_BOUND);
  const died = exited.then(({ stderr }) => {
    throw new Error(`${what} ended: ${stderr}`);
  });
  try {
    return await Promise.race([answer, died, bound.promise]);
  } finally {
    clearTimeout(timer);
  }
}
